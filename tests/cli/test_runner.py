"""What reaches the terminal and what only the log file."""

import errno
import logging
import os
import warnings
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import loops
from mmengine.runner.loops import _InfiniteDataloaderIterator
from small_training import Network, training
from torch.utils.data import DataLoader

from ltseg.cli.runner import PATIENCE, CalmRunner, ReportingRunner, build_runner, calm_warnings
from ltseg.core.errors import FileWriteError

PROGRESS = 'Iter(val) [ 50/500]    eta: 0:00:20  time: 0.1'


def shown(kind: type[CalmRunner], *messages: str, seconds: float = 1) -> list[str]:
    """Those of ``messages``, logged ``seconds`` after each other, that the terminal gets."""
    runner, kept = kind.__new__(kind), []
    for number, text in enumerate(messages):
        record = logging.LogRecord('mmengine', logging.INFO, '', 0, text, None, None)
        record.created = 1000.0 + number * seconds
        if runner._is_shown(record):
            kept.append(text)
    return kept


def test_dumps_are_for_the_log_file() -> None:
    dumps = (
        'Config:\nmodel = dict()',
        '\n------\nSystem environment:',
        'Hooks will be executed in the following order',
    )
    line = 'Iter(train) [50/80]  lr: 1e-2  eta: 0:00:20  loss: 1'
    assert shown(CalmRunner, *dumps, line) == [line]


def test_that_the_data_begin_anew_is_for_the_log_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """mmengine advises another sampler then, which no sampler by class can follow."""
    said = list[str]()
    monkeypatch.setattr(loops, 'print_log', lambda message, **_: said.append(message))
    data = _InfiniteDataloaderIterator(DataLoader([0, 1]))
    assert [next(data).item() for _ in range(3)] == [0, 1, 0]
    assert len(said) == 1 and shown(CalmRunner, *said) == []


def test_per_class_values_are_shown_once() -> None:
    table, summary = 'per class results:\n+---+', 'Iter(val) [5/5]    mIoU: 50.0  IoU/car: 50.0'
    assert shown(CalmRunner, table, summary) == [table]
    assert shown(ReportingRunner, table, summary.replace('val', 'test')) == []
    of_classes = 'Epoch(val) [5/5]    accuracy/top1: 50.0  accuracy/mean_class: 50.0  accuracy/cat: 9.0'
    mmpretrain_accuracy = 'Epoch(val) [5/5]    accuracy/top1: 50.0  accuracy/top5: 90.0'
    assert shown(CalmRunner, of_classes, mmpretrain_accuracy) == [mmpretrain_accuracy]
    reference = 'Iter(test) [5/5]    mIoU: 50.0'
    assert shown(ReportingRunner, reference) == [reference]


def test_progress_of_an_evaluation_breaks_a_long_silence_only() -> None:
    messages = ('loss: 1', *[PROGRESS] * 5)
    assert shown(CalmRunner, *messages) == ['loss: 1']
    assert len(shown(CalmRunner, *messages, seconds=PATIENCE)) == 6
    assert len(shown(CalmRunner, *messages, seconds=PATIENCE / 2)) == 3
    training = PROGRESS.replace('val', 'train')
    assert shown(CalmRunner, training, training) == [training] * 2


def test_a_runner_of_the_users_own_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RUNNERS, 'build', lambda config: config.runner_type)
    assert build_runner(Config({'runner_type': 'Mine'})) == 'Mine'


def test_warnings_of_libraries_are_silent_and_others_are_not() -> None:
    with warnings.catch_warnings(record=True) as given:
        warnings.resetwarnings()
        warnings.simplefilter('always')
        calm_warnings()
        for module in ('mmengine.runner', 'torch', 'torchx', 'ltseg.rules'):
            warnings.warn_explicit('text', UserWarning, 'file', 1, module=module)
    assert len(given) == 2


@pytest.fixture
def runner(tmp_path: Path) -> CalmRunner:
    """One that has not trained yet."""
    plain = training(tmp_path, Network(), epochs=1)
    plain.__class__ = CalmRunner
    plain.train()
    return plain  # type: ignore[return-value]


def test_a_checkpoint_is_there_whole_or_not_at_all(runner: CalmRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk is full, the one before stays, and the message names the file."""
    folder, name = Path(runner.work_dir), 'epoch_1.pth'
    before = (folder / name).read_bytes()

    def full(obj: object, filepath: str, *_: object) -> None:
        Path(filepath).write_bytes(b'half')
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr('mmengine.fileio.LocalBackend.put', lambda self, content, path: full(content, path))
        with pytest.raises(FileWriteError, match=rf'{name}: .*No space left on device'):
            runner.save_checkpoint(str(folder), name)
    assert (folder / name).read_bytes() == before and not list(folder.glob('*.part'))
    runner.save_checkpoint(str(folder), name)
    assert set(torch.load(folder / name, weights_only=False)) == {'meta', 'state_dict', 'message_hub', 'optimizer'}
    assert not list(folder.glob('*.part'))


class AsciiHandler(logging.FileHandler):
    """As in a locale without other letters."""

    def __init__(self, path: str, mode: str) -> None:
        super().__init__(path, mode, encoding='ascii')


def test_a_log_file_takes_letters_that_the_locale_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('logging.FileHandler', AsciiHandler)
    runner = CalmRunner.__new__(CalmRunner)
    runner._experiment_name = str(tmp_path)
    logger = runner.build_logger('INFO', str(tmp_path / 'a.log'))
    logger.info('Straße')
    assert 'Straße' in (tmp_path / 'a.log').read_text(encoding='utf-8')
