"""Which checkpoint a training run resumes from, and which ones are refused."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import load_checkpoint

from ltseg.checkpoint_files.loading import trusted_files
from ltseg.cli.checkpoints import check_checkpoint, check_resumable, newest_checkpoint, trained_checkpoint
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


def test_newest_by_what_it_says_inside(tmp_path: Path, messages: list[str]) -> None:
    """Never by the time of the file, which a copy or a clock that was set back changes, or by its name."""
    assert newest_checkpoint(str(tmp_path)) is None
    assert 'at the beginning' in messages.pop()
    longest = save(tmp_path / 'a.pth', age=30, meta={'iter': 900, 'epoch': 9})
    older = save(tmp_path / 'iter_1000.pth', age=20, meta={'iter': 90, 'epoch': 0})
    assert newest_checkpoint(str(tmp_path)) == str(longest)
    newest = save(tmp_path / 'iter_20.pth', age=10, cut=True)
    save(tmp_path / 'best_mIoU_iter_20.pth', meta={'iter': 2000, 'epoch': 0})
    torch.save({'meta': {'iter': 5000}, 'state_dict': {}}, tmp_path / 'adjusted.pth')  # weights only
    assert newest_checkpoint(str(tmp_path)) == str(longest)
    assert len(messages) == 1 and str(newest) in messages[0] and 'Passed over' in messages[0]
    longest.unlink()
    assert newest_checkpoint(str(tmp_path)) == str(older)
    older.unlink()
    (tmp_path / 'last_checkpoint').write_text(str(older))
    with pytest.raises(UsageError, match=r'--resume.*iter_20\.pth.*without --resume'):
        newest_checkpoint(str(tmp_path))
    hinted('Move them away, or train without --resume.', lambda: newest_checkpoint(str(tmp_path)))
    newest.rename(tmp_path.with_name('moved.pth'))
    assert newest_checkpoint(str(tmp_path)) is None


def test_refused_files_are_whole_and_can_be_trusted(tmp_path: Path) -> None:
    save(tmp_path / 'iter_20.pth', meta={'iter': 20, 'function': os.mkdir})
    (tmp_path / 'last_checkpoint').write_text('iter_20.pth')
    with pytest.raises(UsageError, match=r'iter_20\.pth \(\w+\.mkdir\)\. Only load files.*--trust-files') as caught:
        newest_checkpoint(str(tmp_path))
    assert 'without --resume' not in str(caught.value)
    hinted('Only load files that you trust: ', str(caught.value))
    with trusted_files():
        assert newest_checkpoint(str(tmp_path)) == str(tmp_path / 'iter_20.pth')


def test_the_checkpoint_of_a_record_is_one_of_training(tmp_path: Path) -> None:
    """A folded one says the same iteration; its predictions are not those of the record."""
    assert trained_checkpoint(tmp_path, 20) is None
    torch.save({'meta': {'iter': 20}, 'state_dict': {}}, tmp_path / 'adjusted.pth')
    save(tmp_path / 'best_mIoU_iter_20.pth', meta={'iter': 20})
    assert trained_checkpoint(tmp_path, 20) is None
    first, last = (save(tmp_path / f'iter_{number}.pth', meta={'iter': number}) for number in (20, 100))
    assert trained_checkpoint(tmp_path, 20) == first
    assert trained_checkpoint(tmp_path, 30) == trained_checkpoint(tmp_path, None) == last
    damaged = save(tmp_path / 'iter_200.pth', cut=True)
    assert trained_checkpoint(tmp_path, 30) == damaged  # which loading names


def test_a_kill_during_the_first_checkpoint_loses_nothing(tmp_path: Path, messages: list[str]) -> None:
    """mmengine writes last_checkpoint behind the first whole one."""
    save(tmp_path / 'iter_20.pth', cut=True)
    assert newest_checkpoint(str(tmp_path)) is None
    assert 'iter_20.pth' in messages[0] and 'No whole checkpoint' in messages[1] and 'at the beginning' in messages[1]


@pytest.mark.parametrize(
    ('name', 'logged', 'others'),
    [
        ('iter_20', [{'step': 10}, {'step': 40}], ()),
        ('epoch_2', [{'epoch': 2, 'step': 900}, {'epoch': 3, 'step': 901}], ()),
        ('iter_20', [], ('iter_40.pth',)),
        ('iter_20', [], ('records/val.json',)),
        ('iter_20', [], ('last_checkpoint',)),
    ],
)
def test_a_checkpoint_that_was_whole_is_missed(
    name: str, logged: list, others: tuple[str, ...], tmp_path: Path
) -> None:
    """A copy of a work dir may lack last_checkpoint: whatever else shows that training went on counts, too."""
    save(tmp_path / f'{name}.pth', cut=True)
    log = tmp_path / '20260101_000000/vis_data/scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('\n'.join(json.dumps(point) for point in logged[:1]))
    assert newest_checkpoint(str(tmp_path)) is None
    log.write_text('\n'.join(json.dumps(point) for point in logged))
    for other in others:
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_text('x')
    with pytest.raises(UsageError, match=rf'--resume.*{name}\.pth.*without --resume'):
        newest_checkpoint(str(tmp_path))


def test_a_damaged_newest_is_passed_over(tmp_path: Path, messages: list[str]) -> None:
    """A flipped bit in the weights leaves the meta data as they were."""
    good = save(tmp_path / 'iter_10.pth', meta={'iter': 10, 'epoch': 0})
    weights = torch.arange(100.0)
    damaged = save(tmp_path / 'iter_20.pth', meta={'iter': 20, 'epoch': 0}, state_dict={'weight': weights})
    content = bytearray(damaged.read_bytes())
    content[content.index(weights.numpy().tobytes()) + 7] ^= 1
    damaged.write_bytes(content)
    assert newest_checkpoint(str(tmp_path)) == str(good)
    assert 'wrong checksum' in messages[0]
    with pytest.raises(UsageError, match='wrong checksum'):
        check_checkpoint(str(damaged))


def test_what_is_missing_to_resume_is_said(tmp_path: Path, messages: list[str]) -> None:
    whole = {'optimizer': {'state': {}, 'param_groups': [{}]}, 'param_schedulers': [{}, {}]}
    config = Config({'param_scheduler': [{'type': 'LinearLR'}, {'type': 'PolyLR'}], 'optim_wrapper': {}})
    meta = {'iter': 6, 'epoch': 0}
    check_resumable(str(save(tmp_path / 'a.pth', meta=meta, **whole)), config)
    assert messages == []
    check_resumable(str(save(tmp_path / 'a.pth', meta=meta)), config)
    assert 'no state of the optimizer' in messages[0] and 'states of 0 of 2 schedules' in messages[1]
    messages.clear()
    check_resumable(str(save(tmp_path / 'a.pth', meta=meta, **whole | {'param_schedulers': [{}]})), config)
    assert len(messages) == 1 and 'states of 1 of 2 schedules' in messages[0]
    messages.clear()
    config.custom_hooks = [{'type': 'EMAHook'}]
    check_resumable(str(save(tmp_path / 'a.pth', meta=meta, **whole)), config)
    assert len(messages) == 1 and 'no averaged weights for EMAHook' in messages[0]


@pytest.mark.parametrize(('every', 'lost'), [(1, 0), (2, 0), (3, 0), (4, 2), (5, 1)])
def test_a_checkpoint_between_two_updates_is_said(every: int, lost: int, tmp_path: Path, messages: list[str]) -> None:
    path = save(tmp_path / 'a.pth', meta={'iter': 6, 'epoch': 0}, optimizer={'state': {}})
    check_resumable(str(path), Config({'optim_wrapper': {'accumulative_counts': every}}))
    assert len(messages) == (lost > 0)
    assert not lost or f'accumulative_counts={every}); the gradients of the last {lost} are lost' in messages[0]


def test_weights_alone_cannot_be_resumed(tmp_path: Path) -> None:
    torch.save({'weight': torch.ones(1)}, tmp_path / 'bare.pth')
    with pytest.raises(UsageError, match=r'weights only\. To start from its weights: --cfg-options load_from='):
        check_resumable(str(tmp_path / 'bare.pth'), Config({}))
    hinted(
        "To start from its weights: --cfg-options load_from='",
        lambda: check_resumable(str(tmp_path / 'bare.pth'), Config({})),
    )
    model = torch.nn.ParameterDict({'weight': torch.zeros(1)})
    load_checkpoint(model, str(tmp_path / 'bare.pth'))  # what load_from makes a Runner do
    assert model.weight.item() == 1


def test_what_a_checkpoint_says_of_its_training(tmp_path: Path) -> None:
    assert check_checkpoint(str(save(tmp_path / 'a.pth'))) == {'iter': 5, 'seed': 3}
    torch.save({'weight': torch.ones(1)}, tmp_path / 'bare.pth')  # a state dict alone
    assert check_checkpoint(str(tmp_path / 'bare.pth')) == {}


def test_no_checkpoint(tmp_path: Path) -> None:
    save(tmp_path / 'iter_1.pth')
    with pytest.raises(UsageError, match=r'expected a file.*iter_2\.pth.*In its folder: iter_1\.pth'):
        check_checkpoint(str(tmp_path / 'iter_2.pth'))
    hinted('In its folder: ', lambda: check_checkpoint(str(tmp_path / 'iter_2.pth')))
    check_checkpoint(str(tmp_path / 'iter_1.pth'))
    with pytest.raises(UsageError, match=r'torch can load.*cut\.pth'):
        check_checkpoint(str(save(tmp_path / 'cut.pth', cut=True)))
    (tmp_path / 'text.pth').write_text('no checkpoint')
    with pytest.raises(UsageError, match=r'torch can load.*text\.pth'):
        check_checkpoint(str(tmp_path / 'text.pth'))
    torch.save([1], tmp_path / 'list.pth')
    with pytest.raises(UsageError, match=r'a list, no checkpoint'):
        check_checkpoint(str(tmp_path / 'list.pth'))
