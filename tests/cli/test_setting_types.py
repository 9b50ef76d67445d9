"""A number where all expect a dict, or a type that nobody has, ends in one message and never in a traceback."""

from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from tiny_training import quick_tools, write_training

from ltseg.cli import check
from ltseg.cli.setting_types import DICTS, DICTS_OR_LISTS, LISTS, check_setting_types
from ltseg.cli.stages import stages_of
from ltseg.core.errors import UsageError


@pytest.fixture(scope='module')
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_training(tmp_path_factory.mktemp('training'))


def fault(settings: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        check_setting_types(Config(settings))
    return str(caught.value)


def test_sound_types_pass(path: Path) -> None:
    check_setting_types(Config.fromfile(path))
    empty = dict.fromkeys((*LISTS, *DICTS_OR_LISTS, *(key for key in DICTS if '.' not in key)))
    check_setting_types(Config({**empty, 'work_dir': 'a', 'log_level': 'INFO', 'load_from': None}))
    check_setting_types(Config({'log_level': 10, 'default_hooks': {'visualization': None}, 'param_scheduler': []}))


@pytest.mark.parametrize('key', [*(key for key in DICTS if '.' not in key), *LISTS, *DICTS_OR_LISTS, 'work_dir'])
def test_a_part_that_is_a_number(key: str) -> None:
    assert fault({key: 5}).startswith(f'{key}: expected a ') and fault({key: 5}).endswith(', got 5.')


@pytest.mark.parametrize('key', [*LISTS, *DICTS_OR_LISTS])
def test_a_list_of_numbers(key: str) -> None:
    assert f'{key}: expected a ' in fault({key: [{'type': 'A'}, 5]})


def test_every_such_part_is_in_one_message() -> None:
    text = fault({'model': 5, 'val_dataloader': {'dataset': 5}, 'log_level': 'FOO', 'optim_wrapper': {'optimizer': 5}})
    assert [line.split(':')[0] for line in text.splitlines()] == [
        'model',
        'optim_wrapper.optimizer',
        'val_dataloader.dataset',
        'log_level',
    ]


def test_a_stage_is_checked_too(path: Path) -> None:
    config = Config.fromfile(path)
    config.stages = [{'name': 'a'}, {'name': 'b', 'optim_wrapper': 5}]
    with pytest.raises(UsageError, match='optim_wrapper: expected a dict, got 5'):
        stages_of(config)


@pytest.mark.parametrize(
    ('setting', 'said'),
    [
        ('train_dataloader.sampler.type=InfinteSampler', 'InfinteSampler is not in the'),
        ('log_level=FOO', "got 'FOO'"),
        ('model.decode_head.ignore_index=abc', 'model.decode_head.ignore_index: expected a label'),
        ('model.decode_head=5', 'model.decode_head: expected a dict or a list of dicts, got 5.'),
        ('model.decode_head.loss_decode=5', 'model.decode_head.loss_decode: expected a dict'),
        ('train_dataloader.dataset.metainfo=5', 'train_dataloader.dataset.metainfo: expected a dict, got 5.'),
        ('train_dataloader.dataset.pipeline=5', 'train_dataloader.dataset.pipeline: expected a list'),
        ('train_dataloader.dataset.data_prefix=5', 'train_dataloader.dataset.data_prefix: expected a dict, got 5.'),
        ('default_hooks.checkpoint=5', 'default_hooks.checkpoint: expected a dict'),
        ('default_hooks.checkpoint.save_best=5', '"save_best" should be a str'),
        ('train_dataloader.sampler=5', 'train_dataloader.sampler: expected a dict, got 5.'),
        ('optim_wrapper.optimizer.momentum=nan', 'momentum'),
    ],
)
def test_the_command_says_it_in_one_message(
    path: Path, setting: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with quick_tools(), pytest.raises(SystemExit) as ended:
        check.main([str(path), '--cfg-options', setting])
    assert ended.value.code == 1 and said in capsys.readouterr().err
