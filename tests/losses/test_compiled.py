"""Losses under ``torch.compile``."""

import logging
import warnings

import pytest
import torch
import torch._dynamo

from ltseg.losses import ARBLoss


@pytest.mark.parametrize('counts', ['batch', [50, 30, 15, 5]], ids=['batch', 'list'])
def test_a_compiled_loss_is_the_plain_one(counts: str | list[int], caplog: pytest.LogCaptureFixture) -> None:
    """Value and gradient, with ignored pixels; and the compiler finds nothing to complain about."""
    torch._dynamo.reset()
    logits = torch.randn(2, 4, 6, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels = torch.arange(60).reshape(2, 6, 5) % 4
    labels[0, 0] = 255
    loss = ARBLoss(counts=counts)
    expected = loss(logits, labels, ignore_index=255)
    (expected_gradient,) = torch.autograd.grad(expected, logits)
    compiled = torch.compile(loss, backend='eager')
    with caplog.at_level(logging.WARNING), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter('always')
        for _ in range(12):
            value = compiled(logits, labels, ignore_index=255)
    (gradient,) = torch.autograd.grad(value, logits)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []
    # Files that other tests left open are closed, with a warning, whenever memory is collected.
    assert [str(each.message) for each in warned if each.category is not ResourceWarning] == []


def test_a_label_outside_the_classes_is_still_an_error() -> None:
    torch._dynamo.reset()
    compiled = torch.compile(ARBLoss(), backend='eager')
    with pytest.raises((ValueError, IndexError, RuntimeError), match='out of bounds|labels: expected classes'):
        compiled(torch.zeros(2, 3), torch.tensor([0, 7]))
