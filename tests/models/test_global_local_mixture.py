"""GLMC: two views of a mixture with one label, heads that share the features, and the loss of the whole."""

import numpy as np
import pytest
import torch
from hinted import hinted
from mmengine.logging import MessageHub
from torch.nn import functional as F

from ltseg.models import AugmentingClsPreprocessor, GlobalLocalMixture
from ltseg.registry import MODELS

COUNTS = [900, 300, 120, 40, 8]
K = len(COUNTS)


def batch(number=32, side=8):
    """Two views of images, each with a number of its own in all pixels, and one-hot labels."""
    torch.manual_seed(0)
    labels = torch.randint(0, K, (number,))
    values = torch.arange(float(number)).view(-1, 1, 1, 1)
    return values.expand(number, 6, side, side), F.one_hot(labels, K)


def mixed(seed=0, **options):
    np.random.seed(seed)
    torch.manual_seed(seed)
    images, scores = batch()
    return images, scores, *GlobalLocalMixture(counts=COUNTS, **options)(images, scores)


@pytest.mark.parametrize('seed', range(5))
def test_one_share_and_one_partner_for_both_views_and_the_label(seed):
    images, scores, found, labels = mixed(seed)
    first, second = found[:, :3], found[:, 3:]
    own = torch.arange(32.0)
    assert (first == first[:, :1, :1, :1]).all()  # mixup, of the whole image
    partner = (second - own.view(-1, 1, 1, 1)).flatten(1).abs().max(1).indices  # a pixel of the box
    partner = second.flatten(1).gather(1, partner[:, None]).squeeze(1)
    for i, (mine, other) in enumerate(zip(own, partner, strict=True)):
        assert set(second[i].unique().tolist()) <= {mine.item(), other.item()}
        if mine == other:
            assert torch.equal(labels[i], scores[i].float())
            continue
        share = (second[i] == mine).float().mean()
        torch.testing.assert_close(first[i, 0, 0, 0], share * mine + (1 - share) * other)
        torch.testing.assert_close(labels[i], share * scores[i] + (1 - share) * scores[int(other)])
        box = (second[i, 0] == other).nonzero()
        sides = box.amax(0) - box.amin(0) + 1
        assert sides.prod() == len(box) and sides[0] == sides[1]  # a square of a square image


def test_boxes_lie_anywhere_inside_and_have_the_shares_of_the_beta_distribution():
    corners, shares = [], []
    for seed in range(200):
        images, scores, found, _ = mixed(seed)
        changed = (found[:, 3] != images[:, 3]).any(0)
        shares.append(1 - changed.float().mean().item())
        corners += changed.nonzero().tolist()
    assert {tuple(corner) for corner in corners} == {(row, column) for row in range(8) for column in range(8)}
    assert np.mean(shares) == pytest.approx(0.5, abs=0.07) and np.std(shares) == pytest.approx(12**-0.5, abs=0.05)


@pytest.mark.parametrize('exponent', [0.0, 1.0])
def test_partners_are_drawn_by_the_counts_of_their_classes(exponent):
    scores = F.one_hot(torch.tensor([0] * 90 + [1] * 10))
    augment = GlobalLocalMixture(exponent=exponent, counts=[90, 10])
    torch.manual_seed(0)
    partners = torch.cat([augment._partners(scores) for _ in range(50)])
    share = (partners >= 90).double().mean().item()
    assert share == pytest.approx(0.1 if exponent == 0 else 0.5, abs=0.03)
    assert len(partners.unique()) == 100


def test_faults_are_named():
    images, scores = batch()
    augment = GlobalLocalMixture(counts=COUNTS)
    hinted('Give two views: data_preprocessor=dict(views=[[...], [...]]).', lambda: augment(images[:, :3], scores))
    views = AugmentingClsPreprocessor(
        views=[[], []],
        num_classes=K,
        batch_augments=dict(augments=dict(type='ltseg.GlobalLocalMixture', counts=COUNTS)),
    )
    from mmpretrain.structures import DataSample

    samples = [DataSample().set_gt_label(int(label)) for label in scores.argmax(1)]
    done = views({'inputs': images[:, :3].byte(), 'data_samples': samples}, training=True)
    assert done['inputs'].shape == (32, 2, 3, 8, 8) and done['data_samples'][0].gt_score.sum() == pytest.approx(1)
    for options, expected in (({'alpha': 0}, 'alpha'), ({'exponent': -1}, 'exponent')):
        with pytest.raises(ValueError, match=f'GlobalLocalMixture.{expected}'):
            GlobalLocalMixture(**options)


@pytest.mark.usefixtures('mmpretrain_registered')
def test_the_loss_is_the_papers():
    """alpha times cross entropy, the rest weighted cross entropy, each of both views, and the similarity."""
    from mmpretrain.structures import DataSample

    torch.manual_seed(0)
    schedule = dict(shape='cumulative', unit='epoch')
    plain = dict(type='ltseg.CrossEntropyLoss', loss_weight=2.0, schedule=schedule)
    weighted = dict(
        type='ltseg.ReweightedLoss', scheme='generalized', rho=1.2, average='count', counts=COUNTS, loss_weight=2.0,
        schedule=dict(schedule, complement=True),
    )  # fmt: skip
    head = dict(type='ltseg.LongTailClsHead', num_classes=K, in_channels=16, classified_views=[0, 1])
    similar = [dict(type='ltseg.MixtureConsistencyRegularizer', loss_weight=4.0)]
    model = MODELS.build(
        dict(
            type='ltseg.MultiViewClassifier',
            backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=4),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(head, loss=weighted, regularizers=similar),
            auxiliary_head=dict(head, loss=plain),
        )
    )
    images, scores = torch.rand(6, 2, 3, 16, 16), torch.rand(6, K).softmax(1)
    samples = [DataSample().set_gt_label(i % K).set_gt_score(score) for i, score in enumerate(scores)]
    hub = MessageHub.get_current_instance()
    for name, value in (('epoch', 4), ('max_epochs', 10), ('iter', 40), ('max_iters', 100)):
        hub.update_info(name, value)
    found = model(images, samples, mode='loss')
    alpha = 1 - (5 / 10) ** 2
    (features,) = model.extract_feat(images)
    counts = torch.tensor(COUNTS, dtype=torch.float64)
    weights = (counts**-1.2 / (counts**-1.2).sum() * K).float()
    expected = {'loss': 0.0, 'aux.loss': 0.0}
    for view in features.unbind(1):
        expected['aux.loss'] += alpha * F.cross_entropy(model.auxiliary_head.fc(view), scores)
        logs = model.head.fc(view).log_softmax(1)
        expected['loss'] += (1 - alpha) * -(weights * scores * logs).sum(1).mean()
    term = model.head.regularizers.terms[0]
    z = [term.projection(view) for view in features.unbind(1)]
    u = [term.prediction(each) for each in z]
    similarity = sum(F.cosine_similarity(u[i], z[1 - i].detach()).mean() for i in range(2))
    expected['loss_mixture_consistency'] = -4 * similarity
    assert found.keys() == expected.keys()
    torch.testing.assert_close(found, {name: torch.as_tensor(value) for name, value in expected.items()})
    sum(found.values()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    torch.testing.assert_close(model.eval()(images[:, 0]), model.head.fc(model.extract_feat(images[:, 0])[0]))
