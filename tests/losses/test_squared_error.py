"""The squared error of logits."""

import pytest
import torch
from losses_under_test import K, batch
from torch.nn import functional as F

from ltseg.losses import SquaredErrorLoss


def test_the_least_squares_classifier_is_the_optimum():
    """Proposition 1 of the NCR paper: W = Sigma_T^+ M Lambda, b = shares - W mean, under unequal counts."""
    features, labels = torch.randn(60, 7, dtype=torch.float64), torch.arange(60) % 11 % K
    counts = labels.bincount(minlength=K).double()
    mean = features.mean(0)
    centred = features - mean
    means = torch.stack([centred[labels == k].mean(0) for k in range(K)], 1)  # (D, K)
    weight = torch.linalg.pinv(centred.T @ centred) @ means * counts
    bias = counts / 60 - mean @ weight
    leaves = [weight.requires_grad_(), bias.requires_grad_()]
    value = SquaredErrorLoss()(features @ weight + bias, labels)
    for gradient in torch.autograd.grad(value, leaves):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-12, rtol=0)
    assert counts.unique().numel() > 1 and value > 0


def test_released_code_is_a_matter_of_the_weight():
    logits, labels = batch(2, 3, 4, ignored=False)
    one_hot = F.one_hot(labels, K).movedim(-1, 1).double()
    torch.testing.assert_close(SquaredErrorLoss(loss_weight=2 / K)(logits, labels), F.mse_loss(logits, one_hot))


@pytest.mark.parametrize('share', [0.0, 0.3, 1.0])
def test_mixed_labels_have_the_gradient_of_mixed_losses(share):
    logits, labels = batch(20, ignored=False)
    logits.requires_grad_()
    others = labels.flip(0)
    mixed = share * F.one_hot(labels, K).double() + (1 - share) * F.one_hot(others, K).double()
    loss = SquaredErrorLoss()
    of_mixed, of_losses = (
        torch.autograd.grad(value, logits)[0]
        for value in (loss(logits, mixed), share * loss(logits, labels) + (1 - share) * loss(logits, others))
    )
    torch.testing.assert_close(of_mixed, of_losses)
