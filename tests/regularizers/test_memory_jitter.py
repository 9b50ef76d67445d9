"""Memory-based jitter: what the memory holds, and what the classifier learns from it."""

import copy

import pytest
import torch
from torch.nn import functional as F

from ltseg.core.features import FeatureBatch
from ltseg.registry import MODELS
from ltseg.regularizers import MemoryJitter, RegularizerGroup

K, D = 3, 4
COUNTS = [60, 30, 10]


def group(**options):
    return RegularizerGroup([dict(type='ltseg.MemoryJitter', **{'counts': COUNTS, **options})], K, D)


def batch(seed=0, number=20, **more):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(number, 1, D, generator=generator, dtype=torch.float64)
    labels = torch.multinomial(torch.tensor(COUNTS) / 100, number, True, generator=generator)
    vectors, bias = torch.randn(K, D, generator=generator).double(), torch.randn(K, generator=generator).double()
    return FeatureBatch(features, labels, K, vectors.requires_grad_(), bias=bias.requires_grad_(), **more)


def value(terms, given):
    (found,) = terms(given).values()
    return found


@pytest.mark.parametrize('size', [40, 25])
def test_value_by_the_formula(size):
    """On the last features of earlier batches, not on those of this one."""
    terms = group(exponent=0.0, size=size)
    assert value(terms, batch(1)) == 0
    value(terms, batch(2))
    given = batch(3)
    found = value(terms, given)
    rows = torch.cat([batch(seed).rows[0] for seed in (1, 2)])[-size:].float().double()
    labels = torch.cat([batch(seed).rows[1] for seed in (1, 2)])[-size:]
    expected = F.cross_entropy(rows @ given.class_vectors.T + given.bias, labels)
    torch.testing.assert_close(found, expected)
    for leaf in (given.class_vectors, given.bias):
        mine, theirs = (torch.autograd.grad(each, leaf, retain_graph=True)[0] for each in (found, expected))
        torch.testing.assert_close(mine, theirs)


def test_a_memory_of_one_batch_is_its_cross_entropy():
    terms, given = group(exponent=0.0, size=20), batch()
    logits = given.rows[0].float().double() @ given.class_vectors.T + given.bias
    assert value(terms, given) == 0
    torch.testing.assert_close(value(terms, given), F.cross_entropy(logits, given.labels))


def test_features_have_no_gradient():
    terms, given = group(exponent=0.0), batch()
    features = given.features.clone().requires_grad_()
    for _ in range(2):
        found = value(terms, FeatureBatch(features, given.labels, K, given.class_vectors))
        (gradient,) = torch.autograd.grad(found, features)
        assert not gradient.any()
    assert found > 0


def test_all_classes_come_in_equally_often():
    torch.manual_seed(0)
    shares = {}
    for exponent in (1.0, 0.0):
        terms = group(exponent=exponent, size=20000)
        for seed in range(200):
            value(terms, batch(seed, 400))
        labels = terms.terms[0].queue.labels
        shares[exponent] = torch.bincount(labels[labels >= 0], minlength=K).double()
        shares[exponent] /= shares[exponent].sum()
    torch.testing.assert_close(shares[1.0], torch.full((K,), 1 / 3).double(), atol=0.01, rtol=0)
    torch.testing.assert_close(shares[0.0], torch.tensor(COUNTS).double() / 100, atol=0.01, rtol=0)


def test_the_rarest_class_comes_in_whole():
    terms = group(size=1000)
    for seed in range(5):
        value(terms, batch(seed))
    memory = terms.terms[0].queue
    given = torch.cat([batch(seed).labels for seed in range(5)])
    assert (memory.labels == 2).sum() == (given == 2).sum()
    assert 0 < (memory.labels == 0).sum() < (given == 0).sum() / 2


def test_more_pixels_than_the_memory_has_places_are_drawn_from_those_that_are_taken():
    terms = group(size=30, counts=[10**6, 10**6, 1])
    given = batch(0, 500)
    value(terms, given)
    labels = terms.terms[0].queue.labels
    assert labels.tolist().count(2) == min(30, int((given.labels == 2).sum())) == 30
    terms = group(size=300, counts=[10**6, 10**6, 1])
    value(terms, given)
    assert terms.terms[0].queue.labels.tolist().count(2) == int((given.labels == 2).sum())


def test_ignored_pixels_do_not_come_in():
    valid = torch.arange(20) % 2 == 0
    terms = group(exponent=0.0)
    value(terms, batch(valid=valid))
    assert (terms.terms[0].queue.labels >= 0).sum() == 10


def test_resumes_exactly():
    whole, parts = group(), group()
    for seed in range(4):
        torch.manual_seed(seed)
        expected = value(whole, batch(seed))
        if seed == 2:
            state, parts = copy.deepcopy(parts.state_dict()), group()
            parts.load_state_dict(state)
        torch.manual_seed(seed)
        assert torch.equal(value(parts, batch(seed)), expected)


@pytest.mark.usefixtures('mmpretrain_registered')
def test_a_head_hands_its_bias_over():
    from mmpretrain.structures import DataSample

    torch.manual_seed(0)
    terms = [dict(type='ltseg.MemoryJitter', exponent=0.0, counts=COUNTS)]
    loss = dict(type='ltseg.CrossEntropyLoss')
    head = MODELS.build(dict(type='ltseg.LongTailClsHead', in_channels=D, num_classes=K, loss=loss, regularizers=terms))
    head.fc.bias.data = torch.tensor([3.0, -1.0, 0.5])
    features, samples = torch.randn(6, D), [DataSample().set_gt_label(k % K) for k in range(6)]
    for _ in range(2):
        losses = head.loss((features,), samples)
    torch.testing.assert_close(losses['loss_memory_jitter'], losses['loss'])  # the same features, which are remembered


def test_options_are_checked():
    for option, wrong in (('size', 0), ('exponent', -1.0)):
        with pytest.raises(ValueError, match=f'MemoryJitter.{option}'):
            MemoryJitter(**{option: wrong})
