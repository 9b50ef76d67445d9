"""Features behind the projections of contrastive terms."""

import torch
from torch import nn
from torch.nn import functional as F

from ltseg.core.class_sample import ClassSample
from ltseg.regularizers import BalancedContrastiveLoss, CenterLoss
from ltseg.trained.projecting import projected_samples

LABELS = torch.arange(3).repeat(4)


def sample_of(rows: torch.Tensor) -> ClassSample:
    return ClassSample.of(rows, LABELS[: len(rows)], LABELS[: len(rows)], per_class=9)


def term(**options: object) -> BalancedContrastiveLoss:
    made = BalancedContrastiveLoss(**options)
    made.build(num_classes=3, feature_dim=5)
    return made


def test_they_are_what_the_loss_compares_in_the_order_of_the_sample() -> None:
    torch.manual_seed(0)
    one, other = term(hidden_channels=8, out_channels=2, loss_name='loss_one'), term(hidden_channels=4, out_channels=3)
    sample = sample_of(torch.randn(12, 5))
    found = projected_samples(nn.ModuleList([one, nn.Sequential(other), nn.Linear(2, 2)]), sample)
    assert list(found) == ['loss_one', 'loss_balanced_contrastive']
    for each, projected in zip((one, other), found.values(), strict=True):
        torch.testing.assert_close(projected.rows, F.normalize(each.projection(sample.rows), dim=1))
        assert torch.equal(projected.labels, sample.labels) and not projected.rows.requires_grad


def test_terms_without_a_projection_and_single_samples_have_none() -> None:
    plain = term(hidden_channels=None)
    assert projected_samples(nn.ModuleList([plain, CenterLoss()]), sample_of(torch.randn(12, 5))) == {}
    assert projected_samples(term(hidden_channels=8, out_channels=2), sample_of(torch.randn(1, 5))) == {}
