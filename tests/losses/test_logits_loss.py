"""What every loss on logits has from its base."""

import pytest
import torch
from losses_under_test import batch
from mmengine.logging import MessageHub

from ltseg.registry import MODELS

SCHEDULED = {'schedule': {'shape': 'linear', 'start': 5, 'unit': 'iter'}}


def test_a_schedule_is_a_factor_that_follows_the_runner() -> None:
    logits, labels = batch(2, 3)
    plain, scheduled = (MODELS.build(dict(type='ltseg.CrossEntropyLoss', **options)) for options in ({}, SCHEDULED))
    hub = MessageHub.get_current_instance()
    try:
        for iteration, factor in ((0, 0), (5, 1), (7, 0.6)):
            hub.update_info_dict({'iter': iteration, 'max_iters': 10})
            value = scheduled(logits, labels, ignore_index=255)
            torch.testing.assert_close(value, factor * plain(logits, labels, ignore_index=255))
    finally:
        for name in ('iter', 'max_iters'):
            hub.runtime_info.pop(name)


INTERVAL = 50


@pytest.mark.parametrize('device', ['cpu', 'meta'])
def test_values_are_looked_at_now_and_then_where_looking_makes_a_device_wait(device: str) -> None:
    """The meta device stands for an accelerator: on the first call, and on every fiftieth after it."""
    loss, logits = MODELS.build(dict(type='ltseg.CrossEntropyLoss')), torch.zeros(1, 2, device=device)
    looked = [call for call in range(3 * INTERVAL + 1) if loss.may_synchronize(logits)]
    assert looked == list(range(0, 3 * INTERVAL + 1, 1 if device == 'cpu' else INTERVAL))


def test_every_loss_counts_its_own_calls() -> None:
    logits = torch.zeros(1, 2, device='meta')
    first, second = (MODELS.build(dict(type='ltseg.CrossEntropyLoss')) for _ in range(2))
    assert first.may_synchronize(logits) and second.may_synchronize(logits)
    assert not first.may_synchronize(logits)
