"""A misspelt setting is refused with the right name, and no name of a config that works is."""

import logging
from pathlib import Path

import pytest
from hinted import hinted
from mmengine.config import Config
from mmengine.logging import MMLogger
from tiny_training import ROOT

from ltseg.cli.setting_names import check_setting_names
from ltseg.core.errors import UsageError

BASE = "optim_wrapper = dict(type='OptimWrapper')\ndefault_hooks = dict(a=1)\ncrop_size = (32, 32)\n"


def written(folder: Path, text: str = '') -> Config:
    (folder / 'base.py').write_text(BASE)
    (folder / 'config.py').write_text("_base_ = './base.py'\n" + text)
    return Config.fromfile(folder / 'config.py')


@pytest.mark.parametrize(
    ('key', 'meant'),
    [
        ('optim_wraper.optimizer.lr', 'optim_wrapper'),
        ('train_dataloder.batch_size', 'train_dataloader'),
        ('resum', 'resume'),
        ('model_wrapper_cgf.type', 'model_wrapper_cfg'),
        ('cropsize', 'crop_size'),
    ],
)
def test_a_change_of_what_nobody_reads_is_refused(tmp_path: Path, key: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_setting_names(written(tmp_path), {key: 5.0})
    assert str(caught.value) == f'--cfg-options: expected a part of the config, got {key!r}. Did you mean {meant!r}?'
    hinted('Did you mean', str(caught.value))
    check_setting_names(written(tmp_path), {key.replace(key.split('.')[0], meant): 5.0})


def test_a_change_of_a_variable_is_said_to_come_too_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(MMLogger, 'log', lambda self, level, text: level >= logging.WARNING and logged.append(text))
    config = written(tmp_path)
    check_setting_names(config, {'optim_wrapper.clip_grad': 1, 'tta_pipeline': [], 'resume': True})
    assert not logged
    check_setting_names(config, {'crop_size': (1, 2)})
    assert len(logged) == 1 and 'crop_size' in logged[0]
    hinted('Change them there, e.g. optim_wrapper.optimizer.lr.', logged.pop())
    check_setting_names(config, {'optim_wrapper.optimizer.lr': 1})
    assert not logged


@pytest.mark.parametrize('text', ['optim_wraper = dict(clip_grad=1)', 'default_hoks = dict()', 'custom_hoks = [1]'])
def test_a_misspelt_part_of_a_config_is_refused(tmp_path: Path, text: str) -> None:
    wrong = text.split()[0]
    with pytest.raises(UsageError, match=rf"expected parts that mmengine reads, got '{wrong}'. Did you mean '"):
        check_setting_names(written(tmp_path, text), {})
    hinted(
        'Give a variable of your own a name that is less alike.',
        lambda: check_setting_names(written(tmp_path, text), {}),
    )
    check_setting_names(written(tmp_path, text.replace(wrong, 'mine')), {})


@pytest.mark.parametrize(
    'text',
    [
        'custom_hook = dict(a=1)\ncustom_hooks = [custom_hook]',  # a variable that the file uses
        "custom_hoks = [dict(type='A')]\ncustom_hooks = [*custom_hoks]",
        'custom_hooks = [1]\ncustom_hook = [2]',
        'train_loader = dict(a=1)',
        'optim_wraper = 3',
    ],
)
def test_variables_of_a_config_are_its_own(tmp_path: Path, text: str) -> None:
    check_setting_names(written(tmp_path, text), {})


@pytest.mark.slow
def test_every_config_of_the_project_passes() -> None:
    leaves = [path for path in (ROOT / 'configs').rglob('*.py') if '_base_' not in path.parts]
    assert leaves
    for leaf in leaves:
        check_setting_names(Config.fromfile(leaf), {})
