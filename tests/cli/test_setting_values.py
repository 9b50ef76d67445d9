"""Values that can never be right are named before anything is built, and their hints work."""

from typing import Any

import pytest
from hinted import hinted
from mmengine.config import Config

from ltseg.cli.setting_values import value_faults

SOUND = {
    'train_dataloader': {'batch_size': 2, 'num_workers': 1, 'persistent_workers': True, 'dataset': {}},
    'val_dataloader': {'batch_size': 1, 'num_workers': 0, 'persistent_workers': False, 'sampler': {}},
    'test_dataloader': {'num_batch_per_epoch': 1, 'batch_sampler': {'batch_size': 3}},
    'train_cfg': {'max_iters': 5, 'val_interval': 2},
    'optim_wrapper': {'optimizer': {'lr': 0}},
    'randomness': {'seed': 2**32 - 1},
    'default_hooks': {'checkpoint': {'interval': -1}, 'mine': {'type': 'A'}, 'logger': None},
}


def faults(training: bool = True, **changes: Any) -> list[str]:
    config = Config(SOUND)
    config.merge_from_dict(changes)
    return list(value_faults(config, training))


def test_sound_values_pass() -> None:
    assert not faults() and not faults(training=False) and not list(value_faults(Config({}), True))


@pytest.mark.parametrize(
    ('setting', 'value', 'expected'),
    [
        ('randomness.seed', -1, 'randomness.seed (--seed): expected a whole number of at least 0, got -1.'),
        ('randomness.seed', 2**32, 'expected a whole number up to 4294967295'),
        ('train_dataloader.batch_size', 0, 'train_dataloader.batch_size: expected a whole number of at least 1, got 0'),
        ('val_dataloader.batch_size', 'two', "at least 1, got 'two'"),
        ('train_dataloader.num_workers', -1, 'train_dataloader.num_workers: expected a whole number of at least 0'),
        ('train_dataloader.batchsize', 2, "got 'batchsize'. Did you mean 'batch_size'?"),
        ('val_dataloader.persistent_workers', True, 'Set val_dataloader.persistent_workers=False'),
        ('val_dataloader.prefetch_factor', 2, 'Set val_dataloader.prefetch_factor=None'),
        ('train_cfg.max_iters', 0, 'train_cfg.max_iters: expected a whole number of at least 1, got 0.'),
        ('train_cfg.val_interval', 0, 'train_cfg.val_interval: '),
        ('optim_wrapper.optimizer.lr', -1, 'optim_wrapper.optimizer.lr: expected a number in [0, inf], got -1.'),
        ('optim_wrapper.optimizer.momentum', float('nan'), 'momentum: expected a number in [0, inf], got nan.'),
        ('optim_wrapper.clip_grad.max_norm', -1, 'clip_grad.max_norm: expected a number in [0, inf], got -1.'),
        ('optim_wrapper.optimizer.lr', '1e-3x', "got '1e-3x'"),
        ('default_hooks.checkpont.interval', 3, "got 'checkpont'. Did you mean 'checkpoint'?"),
    ],
)
def test_a_value_that_can_never_be_right(setting: str, value: Any, expected: str) -> None:
    (found,) = faults(**{setting: value})
    assert expected in found


def test_what_the_hints_say_is_right() -> None:
    hinted(', or more workers.', lambda: faults(**{'val_dataloader.prefetch_factor': 2}))
    assert not faults(**{'val_dataloader.prefetch_factor': None})
    assert not faults(**{'val_dataloader.prefetch_factor': 2, 'val_dataloader.num_workers': 1})
    assert not faults(**{'val_dataloader.persistent_workers': True, 'val_dataloader.num_workers': 1})
    hinted('Give it a type; mmengine knows those of ', lambda: faults(**{'default_hooks.zzz': {'interval': 3}}))
    assert not faults(**{'default_hooks.zzz': {'type': 'mmengine.EMAHook'}})
    hinted('Did you mean', lambda: faults(**{'default_hooks.checkpont': {'interval': 3}}))
    assert not faults(**{'default_hooks.checkpoint': {'interval': 3}})
    hinted('Did you mean', lambda: faults(**{'train_dataloader.batchsize': 2}))
    assert not faults(**{'train_dataloader.batch_size': 2})


def test_testing_looks_at_what_it_uses() -> None:
    wrong = {'train_dataloader.batch_size': 0, 'train_cfg.max_iters': 0}
    assert not faults(training=False, **wrong) and len(faults(**wrong)) == 2
    assert len(faults(training=False, **{'test_dataloader.num_workers': -1})) == 1
