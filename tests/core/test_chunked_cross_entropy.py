"""The chunks give what PyTorch's cross entropy of the biased logits gives, up to the second derivative."""

import pytest
import torch
from torch.nn import functional as F

from ltseg.core import chunked_cross_entropy as module
from ltseg.core.chunked_cross_entropy import chunked_cross_entropy

IGNORED = 255


@pytest.fixture(autouse=True)
def small_bands(monkeypatch):
    monkeypatch.setattr(module, 'CHUNK_BYTES', 400)


def batch(shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()
    labels = torch.randint(shape[1], (shape[0], *shape[2:]), generator=generator)
    labels.flatten()[::3] = IGNORED
    return logits, labels, torch.randn(shape[1], generator=generator, dtype=dtype)


def reference(logits, labels, bias):
    biased = logits if bias is None else logits + bias.view(1, -1, *[1] * (logits.ndim - 2))
    return F.cross_entropy(biased, labels, reduction='none', ignore_index=IGNORED)


def gradient_of(losses, logits, weights):
    return torch.autograd.grad((losses * weights).sum(), logits)[0]


@pytest.mark.parametrize('with_bias', [False, True])
@pytest.mark.parametrize(
    'shape', [(5, 4), (0, 4), (2, 3, 7), (2, 3, 7, 5), (1, 3, 1, 200), (2, 3, 4, 2, 3), (0, 3, 4, 4)]
)
def test_equals_the_cross_entropy(shape, with_bias):
    logits, labels, bias = batch(shape, torch.float32)
    bias = bias if with_bias else None
    losses, expected = chunked_cross_entropy(logits, labels, bias, IGNORED), reference(logits, labels, bias)
    torch.testing.assert_close(losses, expected)
    weights = torch.rand(losses.shape)
    torch.testing.assert_close(gradient_of(losses, logits, weights), gradient_of(expected, logits, weights))


@pytest.mark.parametrize('layout', ['channels last', 'a part of other rows'])
def test_any_layout_of_the_logits(layout):
    logits, labels, bias = batch((2, 3, 6, 5))
    stored = logits.contiguous(memory_format=torch.channels_last) if layout == 'channels last' else logits[:, :, 1:5]
    labels = labels if layout == 'channels last' else labels[:, 1:5]
    losses, expected = chunked_cross_entropy(stored, labels, bias, IGNORED), reference(stored, labels, bias)
    torch.testing.assert_close(losses, expected)
    torch.testing.assert_close(gradient_of(losses, logits, 2.0), gradient_of(expected, logits, 2.0))


def test_first_and_second_derivatives():
    logits, labels, bias = batch((2, 3, 4, 2))
    torch.autograd.gradcheck(lambda z: chunked_cross_entropy(z, labels, bias, IGNORED), logits)
    torch.autograd.gradgradcheck(lambda z: chunked_cross_entropy(z, labels, bias, IGNORED), logits)


def test_a_second_derivative_that_meets_nothing_else():
    logits, labels, bias = batch((2, 3, 4, 2))
    found = [
        torch.autograd.grad(gradient.square().sum(), logits)[0]
        for loss in (chunked_cross_entropy(logits, labels, bias, IGNORED), reference(logits, labels, bias))
        for gradient in torch.autograd.grad(loss.sum(), logits, create_graph=True)
    ]
    torch.testing.assert_close(*found)


def test_a_class_outside_the_softmax():
    logits, labels, bias = batch((2, 3, 4, 2))
    labels[labels == 2] = 0
    bias[2] = -torch.inf
    losses = chunked_cross_entropy(logits, labels, bias, IGNORED)
    gradient = gradient_of(losses, logits, 1.0)
    torch.testing.assert_close(losses, reference(logits[:, :2], labels, bias[:2]))
    assert gradient.isfinite().all() and (gradient[:, 2] == 0).all()


def test_going_back_twice_gives_the_same():
    logits, labels, bias = batch((2, 3, 4, 2))
    loss = chunked_cross_entropy(logits, labels, bias, IGNORED).sum()
    first, second = (torch.autograd.grad(loss, logits, retain_graph=True)[0] for _ in range(2))
    assert first.equal(second)


def test_a_learnt_bias_gets_its_gradient():
    logits, labels, bias = batch((2, 3, 4, 2))
    bias.requires_grad_()
    found = torch.autograd.grad(chunked_cross_entropy(logits, labels, bias, IGNORED).sum(), bias)[0]
    torch.testing.assert_close(found, torch.autograd.grad(reference(logits, labels, bias).sum(), bias)[0])


def test_keeps_one_tensor_of_the_size_of_the_logits():
    logits, labels, bias = batch((2, 8, 4, 4))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        chunked_cross_entropy(logits, labels, bias, IGNORED)
    assert sum(tensor.numel() >= logits.numel() for tensor in kept) == 1


def test_a_label_outside_the_classes_is_an_error():
    logits, labels, bias = batch((2, 3, 4, 2))
    with pytest.raises(IndexError, match='out of bounds'):
        chunked_cross_entropy(logits, labels + 300, bias, IGNORED)
