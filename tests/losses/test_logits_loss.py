"""What every loss on logits has from its base."""

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
