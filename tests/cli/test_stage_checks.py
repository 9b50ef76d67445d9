"""Checks before training: each data set is built once, by one process, and each warning is said once."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS
from plain_segmentation import stripes, write_images, write_plain_config
from tiny_training import forget_runs, quick_tools, tool
from torch import distributed, multiprocessing

from ltseg.cli import check, checks, stage_checks, training_labels
from ltseg.cli import train as training
from ltseg.cli.built_datasets import BuiltDatasets
from ltseg.cli.dry_run import dry_run, rules_of_validation

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')

STAGES = [{'name': 'first'}, {'name': 'second', 'model.decode_head.dropout_ratio': 0.3}]
BUILT: Counter[str] = Counter()  # by the folder of images


@pytest.fixture(scope='module')
def quick() -> Any:
    with quick_tools():
        yield


@pytest.fixture(scope='module', autouse=True)
def counted_dataset(mmseg_registered: None) -> None:
    from mmseg.datasets import BaseSegDataset

    @DATASETS.register_module(force=True)
    class CountedDataset(BaseSegDataset):
        def load_data_list(self) -> list[dict]:
            BUILT[Path(self.data_prefix['img_path']).name] += 1
            return super().load_data_list()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images without a pixel of 'rider', which is saved as 255, the ignored label."""
    write_images(tmp_path / 'data', stripes((0.6, 0.3, 0.1), (0, 1, 255)))
    BUILT.clear()
    forget_runs()
    return tmp_path


def write_config(folder: Path, **changes: Any) -> str:
    types = {f'{split}_dataloader__dataset__type': 'mmengine.CountedDataset' for split in ('train', 'val', 'test')}
    types['default_hooks__checkpoint__save_best'] = 'IoU/car'
    return str(write_plain_config(folder, **types | changes))


@pytest.mark.parametrize('stages', [None, STAGES])
def test_each_data_set_is_built_once(folder: Path, stages: list | None) -> None:
    """``save_best`` and absent classes let training and validation be counted, too."""
    config = write_config(folder, stages=stages, default_hooks__checkpoint__save_best='IoU/rider')
    with pytest.raises(SystemExit):
        tool('train')([config, '--dry-run'])
    assert BUILT == {'train': 1, 'val': 1}
    BUILT.clear()
    tool('train')([config, '--dry-run', '--cfg-options', 'default_hooks.checkpoint.save_best=IoU/car'])
    assert BUILT == {'train': 1, 'val': 1}
    BUILT.clear()
    with pytest.raises(SystemExit):
        check.main([config])
    assert BUILT == {'train': 1, 'val': 1, 'test': 1}


def test_splits_with_the_same_data_set_share_it(folder: Path) -> None:
    config = Config.fromfile(write_config(folder))
    config.test_dataloader.dataset = config.val_dataloader.dataset
    config.dump(folder / 'shared.py')
    check.main([str(folder / 'shared.py')])
    assert BUILT == {'train': 1, 'val': 1}


def test_a_pipeline_that_cannot_be_built_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And not the data, which can be read without it."""
    config = Config.fromfile(write_config(folder))
    config.val_dataloader.dataset.pipeline[1].type = 'LoadAnnotationz'
    config.dump(folder / 'wrong.py')
    with pytest.raises(SystemExit):
        tool('train')([str(folder / 'wrong.py'), '--dry-run'])
    error = capsys.readouterr().err
    assert 'LoadAnnotationz is not in the' in error and 'data that can be read' not in error


@pytest.mark.parametrize('main', [check.main, training.main])
def test_warnings_are_said_once_over_all_stages(main: Any, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([write_config(folder, stages=STAGES, model__data_preprocessor__seg_pad_val=7)])
    shown = capsys.readouterr().out
    assert shown.count('seg_pad_val=7, but the ignored label is 255') == 1
    assert shown.count('The training labels have no pixel of rider') == 1
    assert shown.count('CountClasses: no pixel of rider') == (main is training.main)
    logs = [path.read_text() for path in folder.rglob('*.log')]
    assert [log.count('CountClasses: no pixel of rider') for log in logs] == [1] * len(logs)


def test_the_processes_that_do_not_check_know_the_rules(folder: Path) -> None:
    config = Config.fromfile(write_config(folder))
    assert rules_of_validation(config, BuiltDatasets()) == dry_run(config).rules
    config.val_dataloader = None
    assert rules_of_validation(config, BuiltDatasets()) == {}


def in_process(rank: int, config: str, folder: Path) -> None:
    """``ltseg train`` in a process of a launcher; in the place of training it meets the others, as mmengine does."""
    os.environ.update(LOCAL_RANK=str(rank), RANK=str(rank), WORLD_SIZE='2')

    def note(name: str, function: Any) -> Any:
        def called(*arguments: Any) -> Any:
            (folder / f'{name}-{rank}').touch()
            return function(*arguments)

        return called

    def meet(stage: Config, *_: Any) -> None:
        meeting = f'file://{folder / "meeting"}'
        distributed.init_process_group('gloo', init_method=meeting, rank=rank, world_size=2)
        distributed.barrier()
        (folder / f'trained-{rank}-{stage.default_hooks.checkpoint.rule[0]}').touch()
        distributed.barrier()
        os._exit(0)  # destroying the group can hang with torch 2.1

    checks.get_device = lambda: 'cuda'
    training_labels.count_split = note('counted', training_labels.count_split)
    stage_checks.dry_model, training.train = note('dry_model', stage_checks.dry_model), meet
    training.main([config, '--launcher', 'pytorch'])


@pytest.mark.parametrize('sound', [True, False])
def test_of_two_processes_one_checks(sound: bool, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A fault is said once and ends both, since a launcher ends all processes when one has failed."""
    best = {} if sound else {'default_hooks__checkpoint__save_best': 'IoU/cra'}
    arguments = write_config(folder, **best), folder
    if sound:
        multiprocessing.start_processes(in_process, arguments, nprocs=2, start_method='fork')
        noted = {path.name for path in folder.glob('*-*')}
        assert noted == {'counted-0', 'dry_model-0', 'trained-0-greater', 'trained-1-greater'}
    else:
        with pytest.raises(multiprocessing.ProcessExitedException, match='process 0 terminated with exit code 1'):
            multiprocessing.start_processes(in_process, arguments, nprocs=2, start_method='fork')
        assert not list(folder.glob('trained-*'))
    printed = capfd.readouterr()
    assert printed.err.count("got 'IoU/cra'") == (not sound)
    assert printed.out.count('The training labels have no pixel of rider') == 1
