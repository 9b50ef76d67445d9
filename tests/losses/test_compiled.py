"""Losses under ``torch.compile``."""

import logging
import warnings

import pytest
import torch
import torch._dynamo
from losses_under_test import COUNTS, LOSSES, REGION_LOSSES, UNFUSED_LOSSES, batch, name_of
from mmengine.logging import MessageHub
from torch._dynamo.testing import CompileCounter

from ltseg.losses import ARBLoss
from ltseg.registry import MODELS


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


OTHERS = [
    dict(type='ltseg.DotRegressionLoss'),
    dict(type='ltseg.ExpertDiversityLoss', experts=2, begin=2, counts=COUNTS),
    dict(type='ltseg.FocalLoss', schedule=dict(shape='parabolic')),
    dict(type='ltseg.FocalLoss', schedule=dict(start=3, unit='epoch')),
    dict(type='ltseg.SeesawLoss', counts='ema'),
]


@pytest.mark.usefixtures('no_runner')
@pytest.mark.skipif(torch.__version__ < '2.7', reason='compilers before torch 2.7 do not trace contextlib')
@pytest.mark.parametrize('config', LOSSES + REGION_LOSSES + UNFUSED_LOSSES + OTHERS, ids=name_of)
def test_every_loss_is_compiled_as_a_whole_and_not_anew_for_every_iteration(config: dict) -> None:
    """Training goes on meanwhile, as schedules see it."""
    torch._dynamo.reset()
    logits, labels = batch(2, 6, dtype=torch.float32)
    options = {'feature_norm': torch.ones(2, 6)} if 'DotRegression' in config['type'] else {}
    counter = CompileCounter()
    plain, loss = MODELS.build(config), MODELS.build(config)
    compiled = torch.compile(loss, backend=counter, fullgraph=True)
    hub = MessageHub.get_current_instance()
    compiled_at, values = [], []
    for iteration in range(4):
        for name, value in (('iter', iteration), ('max_iters', 4), ('epoch', iteration), ('max_epochs', 4)):
            hub.update_info(name, value)
        found = []
        for function in (compiled, plain):
            torch.manual_seed(iteration)
            leaf = logits.clone().requires_grad_()
            value = function(leaf, labels, ignore_index=255, **options)
            found.append((value, *torch.autograd.grad(value, leaf)))
        torch.testing.assert_close(*found)
        compiled_at.append(counter.frame_count)
        values.append(found[0][0].item())
    assert compiled_at[0] == 1 and compiled_at[1] == compiled_at[-1] <= 2  # the second sees constants on the device
    assert len(set(values)) > 1 or 'schedule' not in config


def test_a_label_outside_the_classes_is_still_an_error() -> None:
    torch._dynamo.reset()
    compiled = torch.compile(ARBLoss(), backend='eager')
    with pytest.raises((ValueError, IndexError, RuntimeError), match='out of bounds|labels: expected classes'):
        compiled(torch.zeros(2, 3), torch.tensor([0, 7]))
