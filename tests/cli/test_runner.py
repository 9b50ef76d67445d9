"""What reaches the terminal and what only the log file."""

import logging
import warnings

import pytest
from mmengine.config import Config
from mmengine.registry import RUNNERS

from ltseg.cli.runner import PATIENCE, CalmRunner, ReportingRunner, build_runner, calm_warnings

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
