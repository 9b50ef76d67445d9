"""A model, a hook or a schedule that cannot be built, and a batch that cannot be predicted, fail before training."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import VISUALIZERS
from mmengine.utils import ManagerMixin
from PIL import Image
from tiny_training import quick_tools, tool, write_classification, write_training

from ltseg.cli import check
from ltseg.cli.config_files import register_modules
from ltseg.cli.dry_model import dry_model
from ltseg.core.errors import UsageError


@pytest.fixture(scope='module')
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_training(tmp_path_factory.mktemp('training'))


@pytest.fixture
def config(path: Path) -> Config:
    made = Config.fromfile(path)
    register_modules(made)
    return made


def fault(config: Config, training: bool = True, **changes: Any) -> str:
    config.merge_from_dict({key.replace('__', '.'): value for key, value in changes.items()})
    with quick_tools(), pytest.raises(UsageError) as caught:
        dry_model(config, training)
    return str(caught.value)


@pytest.mark.parametrize('training', [True, False])
def test_a_sound_config_passes_and_nothing_is_changed(config: Config, training: bool) -> None:
    random.seed(1), np.random.seed(2), torch.manual_seed(3)
    states, logger = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()), current_logger()
    instances = {kind: [*kind._instance_dict] for kind in ManagerMixin.__subclasses__()}
    text, folder = str(config._cfg_dict), Path(config.work_dir)
    with quick_tools():
        dry_model(config, training)
    assert random.getstate() == states[0] and np.random.get_state()[1].tolist() == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])
    assert str(config._cfg_dict) == text and not folder.exists()
    assert current_logger() is logger
    assert {kind: [*kind._instance_dict] for kind in instances} == instances


def test_a_visualizer_of_an_earlier_run_is_left_alone(config: Config, tmp_path: Path) -> None:
    """It would write the config, in which data sets are built already."""
    backend = {'type': 'LocalVisBackend', 'save_dir': str(tmp_path / 'kept')}
    VISUALIZERS.build({'type': 'SegLocalVisualizer', 'name': 'visualizer', 'vis_backends': [backend]})
    config.visualizer.name = 'visualizer'
    dry_model(config)
    assert not list(tmp_path.glob('kept/**/*.py'))


def current_logger() -> MMLogger:
    return MMLogger.get_current_instance()


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'optim_wrapper__optimizer__type': 'SGDD'}, "got 'SGDD'. Near it: "),
        ({'optim_wrapper__optimizer__momentm': 0.9}, 'momentm'),
        ({'model__decode_head__type': 'FCNHeadd'}, 'FCNHeadd is not in the'),
        ({'model__decode_head__in_channels': 99}, '99'),
        ({'custom_hooks': [{'type': 'EMAHok'}]}, 'EMAHok is not in the'),
        ({'param_scheduler': [{'type': 'PolyLRR'}]}, 'PolyLRR is not in the'),
        ({'param_scheduler': [{'type': 'PolyLR', 'powr': 1}]}, 'powr'),
        ({'train_cfg__type': 'IterBasedTrainLop'}, 'IterBasedTrainLop is not in the'),
        ({'model__test_cfg__mode': 'slied'}, 'slied'),
        ({'model__test_cfg__mode': 'slide'}, 'stride'),
    ],
)
def test_what_cannot_be_built_or_predict_is_said_in_one_message(config: Config, changes: dict, said: str) -> None:
    text = fault(config, **changes)
    assert said in text and 'Traceback' not in text


@pytest.mark.parametrize('split', ['val', 'test'])
def test_a_batch_of_images_of_two_sizes(config: Config, split: str, tmp_path: Path) -> None:
    for kind, mode in (('images', 'RGB'), ('labels', 'L')):
        for index, size in enumerate([(48, 32), (64, 32)]):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.new(mode, size, 1 if mode == 'L' else 'red').save(tmp_path / kind / f'{index}.png')
    loader = {'type': 'mmseg.BaseSegDataset', 'data_root': str(tmp_path), 'img_suffix': '.png'}
    loader |= {'data_prefix': {'img_path': 'images', 'seg_map_path': 'labels'}, '_delete_': True}
    loader['metainfo'] = {'classes': [f'{k}' for k in range(11)]}
    loader['pipeline'] = [{'type': kind} for kind in ('LoadImageFromFile', 'LoadAnnotations', 'PackSegInputs')]
    changes = {f'{split}_dataloader__dataset': loader, 'model__data_preprocessor__test_cfg': None}
    training = split == 'val'
    text = fault(config, training, **changes, **{f'{split}_dataloader__batch_size': 2})
    assert text.startswith(f'{split}_dataloader, batch: expected images of one size') and 'batch_size=1' in text
    config.merge_from_dict({f'{split}_dataloader.batch_size': 1})
    dry_model(config, training)


def test_predictions_are_not_written(config: Config, tmp_path: Path) -> None:
    config.merge_from_dict({'val_evaluator.output_dir': str(tmp_path / 'out')})
    dry_model(config)
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('write', [write_training, write_classification])
def test_the_commands_say_it_before_any_training(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where only a later stage is at fault."""
    stages = [{'name': 'first'}, {'name': 'second', 'extra_hooks': [{'type': 'EMAHok'}]}]
    config = write(tmp_path, stages=stages)
    for main in (check.main, tool('train')):
        with quick_tools(), pytest.raises(SystemExit) as ended:
            main([str(config)])
        assert ended.value.code == 1 and 'EMAHok is not in the' in capsys.readouterr().err
    assert {path.name for path in tmp_path.rglob('work_dirs/training/*')} <= {'class_counts', 'records'}
