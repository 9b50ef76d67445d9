"""Which checkpoint a training goes on from, and which ones are refused."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.logging import MMLogger

from ltseg.cli.checkpoints import check_checkpoint, newest_checkpoint
from ltseg.core.errors import UsageError


def save(path: Path, age: int = 0, cut: bool = False, **content: Any) -> Path:
    """A checkpoint that is ``age`` seconds old."""
    torch.save({'meta': {'iter': 5, 'seed': 3}, 'state_dict': {}, 'message_hub': {}} | content, path)
    if cut:
        path.write_bytes(path.read_bytes()[:-200])
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged."""
    logged: list[str] = []
    monkeypatch.setattr(MMLogger, 'log', lambda self, level, text: level >= logging.INFO and logged.append(text))
    return logged


def test_newest_by_time_that_can_be_loaded(tmp_path: Path, messages: list[str]) -> None:
    assert newest_checkpoint(str(tmp_path)) is None
    assert 'at the beginning' in messages.pop()
    oldest = save(tmp_path / 'iter_900.pth', age=30)  # of an earlier training in the same folder
    older = save(tmp_path / 'iter_10.pth', age=20)
    assert newest_checkpoint(str(tmp_path)) == str(older)
    newest = save(tmp_path / 'iter_20.pth', age=10, cut=True)
    save(tmp_path / 'best_mIoU_iter_20.pth')
    torch.save({'meta': {}, 'state_dict': {}}, tmp_path / 'adjusted.pth')  # weights only
    assert newest_checkpoint(str(tmp_path)) == str(older)
    assert len(messages) == 1 and str(newest) in messages[0] and 'Passed over' in messages[0]
    older.unlink()
    oldest.unlink()
    (tmp_path / 'last_checkpoint').write_text(str(older))
    with pytest.raises(UsageError, match=r'--resume.*iter_20\.pth.*without --resume'):
        newest_checkpoint(str(tmp_path))


def test_a_kill_during_the_first_checkpoint_loses_nothing(tmp_path: Path, messages: list[str]) -> None:
    """mmengine writes last_checkpoint behind the first whole one."""
    save(tmp_path / 'iter_20.pth', cut=True)
    assert newest_checkpoint(str(tmp_path)) is None
    assert 'iter_20.pth' in messages[0] and 'No whole checkpoint' in messages[1] and 'at the beginning' in messages[1]


def test_what_a_checkpoint_says_of_its_training(tmp_path: Path) -> None:
    assert check_checkpoint(str(save(tmp_path / 'a.pth'))) == {'iter': 5, 'seed': 3}
    assert check_checkpoint('https://example.org/a.pth') == {}
    torch.save({'weight': torch.ones(1)}, tmp_path / 'bare.pth')  # a state dict alone
    assert check_checkpoint(str(tmp_path / 'bare.pth')) == {}


def test_no_checkpoint(tmp_path: Path) -> None:
    save(tmp_path / 'iter_1.pth')
    with pytest.raises(UsageError, match=r'expected a file.*iter_2\.pth.*In its folder: iter_1\.pth'):
        check_checkpoint(str(tmp_path / 'iter_2.pth'))
    with pytest.raises(UsageError, match=r'torch can load.*cut\.pth'):
        check_checkpoint(str(save(tmp_path / 'cut.pth', cut=True)))
    (tmp_path / 'text.pth').write_text('no checkpoint')
    with pytest.raises(UsageError, match=r'torch can load.*text\.pth'):
        check_checkpoint(str(tmp_path / 'text.pth'))
    torch.save([1], tmp_path / 'list.pth')
    with pytest.raises(UsageError, match=r'a list, no checkpoint'):
        check_checkpoint(str(tmp_path / 'list.pth'))
