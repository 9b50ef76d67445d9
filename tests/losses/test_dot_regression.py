"""Dot regression on a simplex."""

import pytest
import torch
from hinted import hinted

from ltseg.heads import simplex_vectors
from ltseg.losses import DotRegressionLoss
from ltseg.registry import MODELS

K, D = 5, 8
VECTORS = simplex_vectors(K, D, torch.Generator().manual_seed(0))


def loss_of(features, labels, **options):
    loss = DotRegressionLoss(**options)
    return loss(features @ VECTORS.T, labels, feature_norm=features.norm(dim=1), ignore_index=255)


def test_zero_exactly_where_features_point_along_their_class():
    labels = torch.tensor([0, 1, 1, 4])
    aligned = VECTORS[labels] * torch.tensor([[0.5], [1.0], [2.0], [7.0]])
    assert loss_of(aligned, labels).abs() < 1e-14
    assert loss_of(aligned.roll(1, 0), labels) > 0.1


def test_by_the_formula():
    torch.manual_seed(0)
    features, labels = torch.randn(12, D, dtype=torch.float64), torch.randint(0, K, (12,))
    counts = torch.bincount(labels, minlength=K).double()
    per_class = 12 / (counts > 0).sum() / counts
    terms = []
    for h, y in zip(features, labels, strict=True):
        m = per_class[y].sqrt() * VECTORS[y]
        terms.append(0.5 * (m @ h - m.norm() * h.norm()) ** 2 / h.norm())
    torch.testing.assert_close(loss_of(features, labels), torch.stack(terms).mean())


def test_gradient_only_pulls():
    """d loss / d h = -(1 - cos) m_y / N."""
    torch.manual_seed(0)
    features = torch.randn(6, D, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, K, (6,))
    (gradient,) = torch.autograd.grad(loss_of(features, labels, balanced=False), features)
    cosines = (features * VECTORS[labels]).sum(1) / features.norm(dim=1)
    torch.testing.assert_close(gradient, -(1 - cosines).unsqueeze(1) * VECTORS[labels] / 6)


def test_ignored_and_zero_features():
    features = torch.zeros(3, D, dtype=torch.float64, requires_grad=True)
    value = loss_of(features, torch.tensor([255, 255, 1]))
    value.backward()
    assert value.isfinite() and features.grad.isfinite().all()


@pytest.mark.usefixtures('mmpretrain_registered')
def test_says_what_it_needs():
    from mmpretrain.structures import DataSample

    with pytest.raises(ValueError, match='ETFClassifier'):
        DotRegressionLoss()(torch.zeros(2, K), torch.tensor([0, 1]))
    hinted(
        "Use LongTailSegHead or LongTailClsHead with classifier=dict(type='ltseg.ETFClassifier').",
        lambda: DotRegressionLoss()(torch.zeros(2, K), torch.tensor([0, 1])),
    )
    simplex, loss = dict(type='ltseg.ETFClassifier'), dict(type='ltseg.DotRegressionLoss')
    head = MODELS.build(dict(type='ltseg.LongTailClsHead', num_classes=K, in_channels=D, classifier=simplex, loss=loss))
    samples = [DataSample().set_gt_label(k) for k in range(K)]
    assert head.loss((torch.randn(K, D),), samples)['loss'].isfinite()


@pytest.mark.parametrize('balanced', [True, False])
def test_mixed_labels_mix_the_losses(balanced):
    torch.manual_seed(0)
    features, labels, partner = torch.randn(12, D, dtype=torch.float64), torch.randint(0, K, (12,)), torch.randperm(12)
    hot = torch.nn.functional.one_hot(labels, K).double()
    mixed = loss_of(features, 0.3 * hot + 0.7 * hot[partner], balanced=balanced)
    expected = [loss_of(features, y, balanced=balanced) for y in (labels, labels[partner])]
    torch.testing.assert_close(mixed, 0.3 * expected[0] + 0.7 * expected[1])


def test_scales_are_of_the_mean_over_the_present_classes():
    features = torch.randn(4, D, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels, scale = torch.tensor([0, 0, 0, 1]), torch.tensor([2 / 3, 2 / 3, 2 / 3, 2.0])  # (4 / 2) / n
    norm = features.norm(dim=1)
    expected = 0.5 * scale * ((features * VECTORS[labels]).sum(1) - norm) ** 2 / norm
    torch.testing.assert_close(loss_of(features, labels), expected.mean(), rtol=1e-6, atol=0)
