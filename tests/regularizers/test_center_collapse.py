"""The center collapse regularizer: its formula, its optimum, and where its counts come from."""

import pytest
import torch
from hinted import hinted
from regularizers_under_test import COUNTS, D, K, batch, built, value_and_gradients
from torch.nn import functional as F

from ltseg.core.features import FeatureBatch
from ltseg.counts.class_counts import ClassCounts
from ltseg.regularizers import CenterCollapseRegularizer

CECO = dict(type='ltseg.CenterCollapseRegularizer', counts=COUNTS)
N = torch.tensor(COUNTS, dtype=torch.float64)


def by_hand(term, given, counts):
    """The mean over present classes of the cross entropy of their means, one class after the other."""
    rows, labels = given.rows
    losses = []
    for k in labels.unique():
        mean = rows[labels == k].mean(0)
        if term.projection is not None:
            mean = term.projection.double() @ mean
        scores = term.weight.double() @ mean + (0 if term.bias is None else term.bias.double())
        losses.append(torch.log((counts / counts[k] * (scores - scores[k]).exp()).sum()))
    return torch.stack(losses).mean()


@pytest.mark.parametrize('options', [{}, dict(channels=6), dict(classifier='linear')], ids=str)
@pytest.mark.parametrize('classes', [K, 3], ids=['all classes', 'absent classes'])
def test_formula(options, classes):
    term, given = built(CECO, **options), batch(classes=classes)
    if term.bias is not None:
        torch.nn.init.normal_(term.bias), torch.nn.init.normal_(term.weight)
    torch.testing.assert_close(term(given), by_hand(term, given, N))


def test_classes_count_once_and_absent_ones_send_no_gradient():
    given = batch(classes=3)
    labels = torch.cat([given.labels, given.labels[given.labels == 0]])
    features = torch.cat([given.features, given.features[given.labels == 0]])
    value, gradient, _ = value_and_gradients(built(CECO), given)
    more, *_ = value_and_gradients(built(CECO), FeatureBatch(features, labels, K, given.class_vectors))
    torch.testing.assert_close(more, value)
    per_class = torch.stack([gradient[given.labels == k].flatten(0, 1).unique(dim=0) for k in range(3)])
    assert per_class.shape == (3, 1, D)  # each sample of a class gets the same share
    assert value_and_gradients(built(CECO), batch(0))[0] == 0


@pytest.mark.parametrize('counts', [[7] * K, COUNTS], ids=['equal', 'long-tailed'])
def test_optimum_is_the_simplex_where_counts_are_equal(counts):
    """Of means of norm 3. Unequal counts move them away from the vertices of frequent classes."""
    term, labels = built(CECO, counts=counts), torch.arange(K)
    vertices = term.weight.double()
    free = torch.randn(K, D, dtype=torch.float64).requires_grad_()
    optimizer = torch.optim.LBFGS([free], max_iter=200, tolerance_grad=1e-10, line_search_fn='strong_wolfe')

    def step():
        optimizer.zero_grad()
        value = term(FeatureBatch(3 * F.normalize(free)[:, None], labels, K))
        value.backward()
        return value

    optimizer.step(step)
    cosines = F.normalize(free.detach()) @ vertices.T
    if len(set(counts)) == 1:
        torch.testing.assert_close(cosines, vertices @ vertices.T, rtol=0, atol=1e-4)
        expected = torch.log(1 + (K - 1) * torch.exp(torch.tensor(-3 * K / (K - 1), dtype=torch.float64)))
        torch.testing.assert_close(step().detach(), expected)
    else:
        assert (cosines[1:, 0] < -1 / (K - 1) - 0.01).all() and cosines.diagonal().min() < 0.99


def test_the_linear_form_learns_its_classifier_and_the_simplex_stays():
    linear, simplex = built(CECO, classifier='linear', channels=6), built(CECO, channels=6)
    assert [name for name, _ in linear.named_parameters()] == ['weight', 'bias']
    assert not list(simplex.parameters()) and set(simplex.state_dict()) == {'weight', 'projection'}
    gradients = torch.autograd.grad(linear(batch()), list(linear.parameters()))
    assert all(gradient.any() for gradient in gradients)
    gram = simplex.weight @ simplex.weight.T
    torch.testing.assert_close(gram, torch.eye(K) - (1 - torch.eye(K)) / (K - 1))


def test_the_seed_is_of_the_simplex_alone():
    torch.manual_seed(3)
    first, state = built(CECO), torch.get_rng_state()
    other, again = built(CECO, seed=1), built(CECO)
    assert torch.equal(first.weight, again.weight) and not torch.allclose(first.weight, other.weight)
    assert torch.equal(torch.get_rng_state(), state)


def test_counts_of_images_where_there_are_some():
    given, images = batch(), torch.tensor([30, 30, 20, 9, 1])
    term = built(CECO, counts='dataset')
    term.counts.fill(ClassCounts(torch.tensor(COUNTS), images))
    torch.testing.assert_close(term(given), by_hand(term, given, images.double()))
    of_batch = built(CECO, counts='batch')
    sizes = torch.bincount(given.labels, minlength=K).double()  # one count for a sample, whatever its views
    torch.testing.assert_close(of_batch(given), by_hand(of_batch, given, sizes))


def test_a_class_without_images_is_taken_to_have_one():
    term = built(CECO, counts=[*COUNTS[:-1], 0])
    torch.testing.assert_close(term(batch()), built(CECO, counts=[*COUNTS[:-1], 1])(batch()))


def test_uncounted_data_are_named():
    term = built(CECO, counts='dataset')
    with pytest.raises(RuntimeError, match='CountClasses'):
        term(batch())


def test_more_classes_than_a_simplex_has_room_for():
    term = CenterCollapseRegularizer(counts=[1] * 9)
    hinted('Use wider features or a learned classifier.', lambda: term.build(9, 7))
    for options in (dict(channels=8), dict(classifier='linear')):  # wider by a projection, or learned
        CenterCollapseRegularizer(counts=[1] * 9, **options).build(9, 7)
    with pytest.raises(ValueError, match=r"classifier: expected one of 'etf', 'linear'"):
        CenterCollapseRegularizer(classifier='cosine')
    with pytest.raises(ValueError, match='channels: expected'):
        CenterCollapseRegularizer(channels=0)
