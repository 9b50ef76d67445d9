"""Faults of the user end in one message, faults of the code keep their traceback."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.config import ConfigDict
from mmengine.registry import OPTIMIZERS
from PIL import Image
from torch._utils import ExceptionWrapper
from torch.utils.data import DataLoader, TensorDataset

from ltseg.cli.errors import known_message, message_of, one_message_errors
from ltseg.core.checks import check_positive
from ltseg.core.errors import UsageError
from ltseg.core.reduction import reduce_losses
from ltseg.counts.table import CountsTable
from ltseg.registry import DATASETS, MODELS


def raised(action: Callable[[], Any]) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011  any of them
        action()
    return caught.value


def wrapped() -> None:
    """What mmengine does: another error around ours, with a text of their own."""
    try:
        check_positive('tau', -1.0)
    except ValueError as error:
        raise RuntimeError('class `LogitAdjustedLoss` cannot be built') from error


def replaced() -> None:
    try:
        check_positive('tau', -1.0)
    except ValueError:
        raise TypeError('raised while the first one was handled')  # noqa: B904


@pytest.mark.parametrize('action', [lambda: check_positive('tau', -1.0), wrapped, replaced])
def test_message_of_what_ltseg_raises(action: Callable[[], Any]) -> None:
    assert message_of(raised(action)) == 'tau: expected a number above 0, got -1.0.'


def test_message_of_mmengine_that_passes_it_on(tmp_path: Path) -> None:
    """mmengine builds the data set, ltseg finds the fault."""
    config = {'type': 'ltseg.MiniCityDataset', 'generate': {'sed': 3}}
    assert "Did you mean 'seed'" in str(message_of(raised(lambda: DATASETS.build(config))))
    assert 'none.json' in str(message_of(raised(lambda: CountsTable.load(tmp_path / 'none.json'))))


def torch_in_our_lines() -> None:
    reduce_losses(torch.ones(2), torch.tensor(2), sample_weights=torch.ones(3))


def test_faults_of_the_code_have_no_message() -> None:
    assert message_of(raised(torch_in_our_lines)) is None
    assert message_of(raised(lambda: int('x'))) is None
    assert message_of(raised(lambda: [][0])) is None
    assert message_of(raised(lambda: ConfigDict().absent)) is None


def test_an_error_without_a_message_is_raised_again() -> None:
    assert known_message(raised(wrapped)) == message_of(raised(wrapped))
    error = raised(lambda: int('x'))
    assert raised(lambda: known_message(error)) is error


def from_worker(action: Callable[[], Any]) -> str | None:
    """The message of an error in a data loader's worker, which comes as text."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        try:
            action()
        except Exception:
            ExceptionWrapper(where='in DataLoader worker process 0').reraise()
    return message_of(Exception(str(caught.value)))


def test_message_from_a_worker_is_only_ours() -> None:
    message = from_worker(lambda: check_positive('label file a.png\nsecond line', -1.0))
    assert message == 'label file a.png\nsecond line: expected a number above 0, got -1.0.'
    assert from_worker(lambda: int('x')) is None
    assert from_worker(torch_in_our_lines) is None


def wrapped_twice() -> None:
    try:
        check_positive('inside', -1.0)
    except ValueError as error:
        raise UsageError('outside', 'a', 'b') from error


def test_of_two_messages_from_a_worker_the_outer_one_names_the_file() -> None:
    assert from_worker(wrapped_twice) == 'outside: expected a, got b.'


@pytest.mark.parametrize(
    'text',
    [
        'DataLoader worker (pid(s) 12, 13) exited unexpectedly',
        'DataLoader worker (pid 12) is killed by signal: Killed. ',
        'DataLoader worker (pid 12) exited unexpectedly with exit code 1. Details are lost due to multiprocessing.',
        "DataLoader worker (pid 12) is killed by signal: Bus error. It is possible that dataloader's workers are out "
        'of shared memory. Please try to raise your shared memory limit.',
    ],
)
def test_a_worker_that_was_killed(text: str) -> None:
    message = message_of(RuntimeError(text))
    assert message is not None and message.startswith('data loader: expected workers that live, got one that ')
    assert ('is killed by signal' in text) == ('killed by signal' in message) and 'num_workers' in message


def test_files_and_disks(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    absent = message_of(raised(lambda: (tmp_path / 'absent').read_text()))
    assert absent == f'{tmp_path}/absent: No such file or directory.'
    assert message_of(raised((tmp_path / 'file' / 'a').read_text)) == f'{tmp_path}/file/a: Not a directory.'
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # writing to an open file names none
    assert message_of(full) == 'writing: No space left on device.'
    assert message_of(OSError(errno.EIO, 'of anything')) is None and message_of(OSError('text')) is None


def test_normalisation_of_a_single_value() -> None:
    message = message_of(raised(lambda: torch.nn.BatchNorm2d(3)(torch.ones(1, 3, 1, 1))))
    assert message is not None and 'train_dataloader.drop_last=True' in message
    hinted('Leave out the rest of an epoch, train_dataloader.drop_last=True, or change', message)
    for batch_size, drop_last in ((4, True), (3, False)):
        for (images,) in DataLoader(TensorDataset(torch.ones(9, 3, 1, 1)), batch_size, drop_last=drop_last):
            assert torch.nn.BatchNorm2d(3)(images).isfinite().all()


@pytest.mark.parametrize(
    ('config', 'expected'),
    [
        ({'type': 'SGD', 'lr': -1}, 'config: Invalid learning rate: -1.'),
        ({'type': 'SGD', 'lr': 1, 'momentum': -1}, 'config: Invalid momentum value: -1.'),
        ({'lr': 1}, 'config: `cfg` or `default_args` must contain the key "type"'),
    ],
)
def test_values_that_constructors_refuse(config: dict, expected: str) -> None:
    message = message_of(raised(lambda: OPTIMIZERS.build(config | {'params': [torch.ones(1)]})))
    assert message is not None and message.startswith(expected)


@pytest.mark.usefixtures('mmseg_registered')
def test_unknown_types_and_arguments_of_mmengine() -> None:
    message = message_of(raised(lambda: MODELS.build({'type': 'mmseg.FCNHeadd'})))
    assert message is not None and message.startswith('config: mmseg.FCNHeadd is not in the mmseg::model registry')
    hinted('Check the spelling of this type.', message)
    assert MODELS.build({'type': 'mmseg.FCNHead', 'in_channels': 4, 'channels': 4, 'num_classes': 2}) is not None
    message = message_of(raised(lambda: MODELS.build({'type': 'mmseg.EncoderDecoder', 'bakbone': 1})))
    assert message is not None and "unexpected keyword argument 'bakbone'" in message
    assert message_of(raised(lambda: Image.Image(size=3))) is None  # not from a config  # type: ignore


def test_an_argument_that_a_type_sets_itself() -> None:
    error = raised(lambda: MODELS.build(dict(type='ltseg.ARBLoss', rules=[])))
    hinted('out, or take the general type, e.g. ltseg.LongTailLoss.', message_of(error) or '')
    assert 'Leave rules out' in (message_of(error) or '')
    MODELS.build(dict(type='ltseg.ARBLoss'))
    MODELS.build(dict(type='ltseg.LongTailLoss', rules=[]))


def test_one_line_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, one_message_errors():
        raise UsageError('--tta: none')
    assert ended.value.code == 1
    assert capsys.readouterr() == ('', 'error: --tta: none\n')
    with pytest.raises(SystemExit) as ended, one_message_errors():
        raise KeyboardInterrupt
    assert ended.value.code == 130
    with pytest.raises(ZeroDivisionError), one_message_errors():
        print(1 / 0)
