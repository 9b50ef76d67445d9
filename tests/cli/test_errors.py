"""Faults of the user end in one message, faults of the code keep their traceback."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import ConfigDict
from PIL import Image
from torch._utils import ExceptionWrapper

from ltseg.cli.errors import message_of, one_message_errors
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


@pytest.mark.usefixtures('mmseg_registered')
def test_unknown_types_and_arguments_of_mmengine() -> None:
    message = message_of(raised(lambda: MODELS.build({'type': 'mmseg.FCNHeadd'})))
    assert message is not None and message.startswith('config: mmseg.FCNHeadd is not in the mmseg::model registry')
    message = message_of(raised(lambda: MODELS.build({'type': 'mmseg.EncoderDecoder', 'bakbone': 1})))
    assert message is not None and "unexpected keyword argument 'bakbone'" in message
    assert message_of(raised(lambda: Image.Image(size=3))) is None  # not from a config  # type: ignore


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
