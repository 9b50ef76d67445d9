"""Masks of context by the class activation, and images on contexts."""

import pytest
import torch
from torch.nn import functional as F

from ltseg.core.context_shift import context_masks, on_contexts


def activations(number=6, channels=5, height=4, width=3):
    torch.manual_seed(0)
    return torch.randn(number, channels, height, width, dtype=torch.float64).relu(), torch.randn(7, channels).double()


def test_masks_are_those_of_grad_cam():
    """With the gradient of the label's logit by autograd, through average pooling and a linear layer."""
    maps, weight = activations()
    maps.requires_grad_()
    labels = torch.tensor([0, 6, 2, 3, 3, 1])
    logits = F.linear(maps.mean((2, 3)), weight, torch.randn(7).double())
    (gradient,) = torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), maps)
    expected = []
    for image, slope in zip(maps.detach(), gradient, strict=True):
        cam = (slope.mean((1, 2))[:, None, None] * image).sum(0).relu()
        cam = (cam - cam.min()) / (cam - cam.min()).max()
        cam = F.interpolate(cam[None, None], (16, 12), mode='bicubic', align_corners=False).clamp(0, 1)
        expected.append((1 - cam[0]) ** 2)
    masks, shaped = context_masks(maps.detach(), weight[labels], (16, 12))
    assert shaped.all()
    torch.testing.assert_close(masks, torch.stack(expected))


def test_the_length_of_a_class_vector_does_not_matter():
    maps, weight = activations()
    masks, _ = context_masks(maps, weight[:6], (9, 9))
    torch.testing.assert_close(context_masks(maps, 30 * weight[:6], (9, 9))[0], masks)


def test_masks_are_shares_and_0_at_the_peak_of_the_activation():
    maps, weight = activations()
    masks, shaped = context_masks(maps, weight[:6], (4, 3))  # without upsampling
    assert masks.min() >= 0 and masks.max() <= 1 and shaped.all()
    peaks = torch.einsum('nd,ndhw->nhw', weight[:6], maps).flatten(1).argmax(1, keepdim=True)
    assert masks.flatten(1).gather(1, peaks).abs().max() == 0


@pytest.mark.parametrize('value', [-1.0, 0.0, 2.0])
def test_an_activation_without_shape_is_told(value):
    masks, shaped = context_masks(torch.full((2, 1, 3, 3), value), torch.ones(2, 1), (6, 6))
    assert not shaped.any() and torch.equal(masks, torch.ones(2, 1, 6, 6))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_does_not_overflow(dtype):
    maps, weight = (each.to(dtype) for each in activations())
    masks, shaped = context_masks(300 * maps, 300 * weight[:6], (8, 6))
    assert masks.dtype == torch.float32 and masks.isfinite().all() and shaped.all()
    torch.testing.assert_close(masks, context_masks(maps, weight[:6], (8, 6))[0], rtol=1e-2, atol=1e-2)


def test_pasted_pixels_are_those_of_their_source():
    torch.manual_seed(0)
    images, contexts = torch.randn(2, 4, 3, 5, 5)
    masks = torch.randint(2, (4, 1, 5, 5)).float()
    found = on_contexts(images, contexts, masks, share=1.0)
    assert torch.equal(found, torch.where(masks.bool(), contexts, images))
    assert torch.equal(on_contexts(images, contexts, masks, share=0.0), images)
    half = on_contexts(images, contexts, masks, share=0.5)
    torch.testing.assert_close(half, (images + found) / 2)
