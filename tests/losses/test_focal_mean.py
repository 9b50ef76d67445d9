"""Focal loss at the mean of cross entropy: the value of one, and the weights of samples of the other."""

import pytest
import torch
from losses_under_test import COUNTS, batch

from ltseg.losses import ClassBalancedLoss, CrossEntropyLoss, FocalLoss
from ltseg.losses.fused import fused_losses


def value_and_gradient(loss, logits, labels, **arguments):
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, labels, ignore_index=255, **arguments)
    return value.detach(), torch.autograd.grad(value.sum(), logits)[0]


def unequal():
    logits, labels = batch(2, 6, 5)
    return 4 * logits, labels


@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_value_of_cross_entropy_and_gradient_of_focal_loss(gamma, reduction):
    options = dict(reduction=reduction, loss_weight=0.5)
    expected, _ = value_and_gradient(CrossEntropyLoss(**options), *unequal())
    focal, of_focal = value_and_gradient(FocalLoss(gamma, **options), *unequal())
    value, gradient = value_and_gradient(FocalLoss(gamma, keep_mean=True, **options), *unequal())
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, of_focal * expected / focal)


def test_single_losses_have_the_ratios_of_focal_loss_and_the_sum_of_cross_entropy():
    losses, focal, plain = (
        value_and_gradient(loss, *unequal(), reduction_override='none')[0]
        for loss in (FocalLoss(keep_mean=True), FocalLoss(), CrossEntropyLoss())
    )
    torch.testing.assert_close(losses.sum(), plain.sum())
    torch.testing.assert_close(losses / losses.sum(), focal / focal.sum())


def test_class_and_sample_weights_are_in_the_sums():
    logits, labels = unequal()
    weight = torch.rand(2, 6, 5, dtype=torch.float64)
    plain, loss = (
        ClassBalancedLoss(beta=0.9, counts=COUNTS, **more) for more in ({}, dict(focusing=2.0, keep_mean=True))
    )
    found, expected = (value_and_gradient(each, logits, labels, weight=weight)[0] for each in (loss, plain))
    torch.testing.assert_close(found, expected)
    without = loss(logits, labels, ignore_index=255)
    assert (without - found).abs() > 1e-3


@pytest.mark.parametrize('gamma', [0.5, 5.0, 20.0])
def test_samples_without_loss_have_no_infinite_factor(gamma):
    _, labels = batch(2, 4, 4)
    own = labels.where(labels != 255, 0).unsqueeze(1)
    for certain in (1.0, 9.0, 16.0, 1e4):
        logits = torch.zeros(2, 5, 4, 4).scatter(1, own, certain)
        value, gradient = value_and_gradient(FocalLoss(gamma, keep_mean=True), logits, labels)
        assert value.isfinite() and gradient.isfinite().all()


def test_mixed_labels():
    logits, labels = batch(2, 4, 4)[0], batch(2, 4, 4)[0].softmax(1)
    found, expected = (loss(logits, labels) for loss in (FocalLoss(keep_mean=True), CrossEntropyLoss()))
    torch.testing.assert_close(found, expected)


def test_several_are_fused_in_any_order():
    logits, labels = unequal()
    losses = [FocalLoss(1.0, keep_mean=True), CrossEntropyLoss(), FocalLoss(3.0, keep_mean=True), FocalLoss()]
    for order in (losses, losses[::-1]):
        found, _ = fused_losses(order, logits, labels, ignore_index=255, band_rows=2)
        torch.testing.assert_close(found, [loss(logits, labels, ignore_index=255) for loss in order])
