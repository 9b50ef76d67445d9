"""A misspelt setting of what mmengine hands on unseen is refused before training, with the right name."""

from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.optim import OptimWrapper

from ltseg.cli.setting_keys import CHECKPOINT, CLIPPING, RANDOMNESS, key_faults

SOUND = {
    'randomness': {'seed': 1, 'deterministic': True, 'diff_rank_seed': False},
    'optim_wrapper': {'type': 'OptimWrapper', 'clip_grad': {'max_norm': 1, 'norm_type': 2, 'error_if_nonfinite': True}},
    'default_hooks': {'checkpoint': {'interval': 2, 'max_keep_ckpts': 3, 'published_keys': ['meta']}, 'logger': None},
    'custom_hooks': [
        {'type': 'CheckpointHook', 'save_best': 'mIoU', 'priority': 'LOW'},
        {'type': 'MyCheckpointHook', 'intervall': 2},
    ],
}


def faults(training: bool = True, **changes: Any) -> list[str]:
    config = Config(SOUND)
    config.merge_from_dict({key.replace('__', '.'): value for key, value in changes.items()})
    return list(key_faults(config, training))


def test_sound_settings_pass() -> None:
    assert not faults() and not faults(training=False) and not list(key_faults(Config({}), True))
    assert not faults(optim_wrapper__clip_grad={'_delete_': True, 'type': 'value', 'clip_value': 0.2})


@pytest.mark.parametrize(
    ('setting', 'meant'),
    [
        ('default_hooks.checkpoint.intervall', 'interval'),
        ('default_hooks.checkpoint.max_keep_ckpt', 'max_keep_ckpts'),
        ('optim_wrapper.clip_grad.max_nrm', 'max_norm'),
        ('randomness.sed', 'seed'),
    ],
)
def test_a_misspelt_setting(setting: str, meant: str) -> None:
    (fault,) = faults(**{setting: 1})
    path, _, key = setting.rpartition('.')
    assert fault.startswith(f'{path}: expected the settings ') and f'got {key!r}. Did you mean {meant!r}?' in fault
    hinted('Did you mean', fault)
    assert not faults(**{f'{path}.{meant}': 1})


def test_a_hook_beside_the_default_ones() -> None:
    (fault,) = faults(custom_hooks=[{'type': 'mmengine.CheckpointHook', 'save_bst': 'mIoU'}])
    assert fault.startswith('custom_hooks.0: ') and "'save_best'" in fault


def test_an_evaluation_is_about_the_seed_alone() -> None:
    wrong = {'default_hooks.checkpoint.intervall': 1, 'randomness.sed': 1}
    assert len(faults(**wrong)) == 2 and len(faults(training=False, **wrong)) == 1


def test_settings_are_those_that_mmengine_takes() -> None:
    assert CheckpointHook(max_keep_ckpt=1).args == {'max_keep_ckpt': 1}  # which it meets later
    assert {'interval', 'save_best', 'rule', 'by_epoch'} < CHECKPOINT and 'kwargs' not in CHECKPOINT
    assert {'seed', 'deterministic', 'diff_rank_seed'} == RANDOMNESS
    weight = torch.nn.Parameter(torch.ones(2))
    for kind, settings in (('norm', {'max_norm': 1.0}), ('value', {'clip_value': 1.0})):
        assert settings.keys() < CLIPPING[kind]
        wrapper = OptimWrapper(torch.optim.SGD([weight], 0.1), clip_grad={'type': kind, **settings})
        wrapper.update_params((weight**2).sum())
