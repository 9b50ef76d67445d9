"""What is loaded from checkpoint files, and what is refused before it does anything."""

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import load_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader
from small_training import Network, training
from torch import nn

from ltseg.checkpoint_files import CheckpointError, load_checkpoint_file, use_for_local_files


class Calls:
    """Pickles as a call of ``function``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple:
        return self.function, self.arguments


@pytest.fixture
def local_files_loaded_safely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CheckpointLoader, '_schemes', CheckpointLoader._schemes.copy())
    use_for_local_files()


def same(first: Any, second: Any) -> bool:
    if isinstance(first, dict):
        return (
            isinstance(second, dict) and first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
        )
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, HistoryBuffer):
        return all(map(np.array_equal, first.data, second.data)) and first.current() == second.current()
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second) and first.dtype == second.dtype
    return bool(np.array_equal(first, second))


def test_a_checkpoint_of_a_runner_is_loaded_whole(tmp_path: Path) -> None:
    hooks = {'type': 'EMAHook'}, {'type': 'ltseg.ExactResume'}
    training(tmp_path, Network(), *hooks, epochs=1, param_scheduler={'type': 'LinearLR', 'end': 3}).train()
    path = tmp_path / 'epoch_1.pth'
    expected = torch.load(path, weights_only=False)
    assert {'message_hub', 'optimizer', 'param_schedulers', 'ema_state_dict'} <= expected.keys()
    assert expected['message_hub']['log_scalars']
    assert same(load_checkpoint_file(path), expected)


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'before-1.6'])
def test_values_of_every_kind_come_back(zipped: bool, tmp_path: Path) -> None:
    content = {
        'state_dict': nn.Linear(2, 3).half().state_dict(),
        'parameter': nn.Parameter(torch.ones(2)),
        'tensors': [torch.zeros(2, dtype=torch.bfloat16), torch.arange(3), torch.eye(2).to_sparse().to_dense()],
        'sparse': torch.eye(3, dtype=torch.float64).to_sparse(),
        'array': np.arange(3, dtype=np.int16),
        'number': np.float64(0.5),
        'plain': [1, 2.5, 1j, True, None, 'text', b'bytes', (1,), {1, 2}, frozenset([3]), slice(1, 2)],
        'dtype': torch.float16,
        'size': torch.Size([1, 2]),
    }
    path = tmp_path / 'a.pth'
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    loaded = load_checkpoint_file(str(path))
    assert isinstance(loaded['parameter'], nn.Parameter)
    assert torch.equal(loaded.pop('sparse').to_dense(), content.pop('sparse').to_dense())
    for key in ('plain', 'dtype', 'size'):
        assert loaded.pop(key) == content.pop(key)
    assert same(loaded, content)


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'before-1.6'])
@pytest.mark.parametrize(
    ('function', 'arguments'),
    [
        (os.mkdir, ()),
        (eval, ('__import__("os").mkdir({!r})',)),
        (getattr, (os, 'mkdir')),
        (getattr, (HistoryBuffer, '__init__')),
        (torch.load, ()),
        (np.load, ()),
        (torch.hub.load_state_dict_from_url, ()),
    ],
    ids=lambda value: getattr(value, '__name__', None),
)
def test_calls_are_refused_before_they_are_made(function: Any, arguments: tuple, zipped: bool, tmp_path: Path) -> None:
    path, made = tmp_path / 'a.pth', tmp_path / 'made'
    given = [value.format(str(made)) if isinstance(value, str) else value for value in arguments] or [str(made)]
    content = Calls(function, *given)
    if given[0] is os:  # a module has no pickle
        content = Calls(getattr, Calls(__import__, 'os'), 'mkdir')
    torch.save({'state_dict': {}, 'meta': content}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        CheckpointError, match=r'a\.pth: expected tensors, numbers and text, got .*files that you trust'
    ):
        load_checkpoint_file(path)
    assert not made.exists()


def test_dotted_names_of_a_newer_protocol_are_refused(tmp_path: Path) -> None:
    """Protocol 4 can name what is inside of an object that is allowed."""
    for module, name in (('torch', 'serialization.os.system'), ('torch', 'hub.os.Storage'), ('numpy', 'ndarray.dump')):
        codes = b'\x80\x04' + b''.join(pickle.SHORT_BINUNICODE + bytes([len(x)]) + x.encode() for x in (module, name))
        path = tmp_path / 'a.pth'
        torch.save({}, path)
        with zipfile.ZipFile(path) as archive:
            members = {each: archive.read(each) for each in archive.namelist()}
        with zipfile.ZipFile(path, 'w') as archive:
            for each, value in members.items():
                archive.writestr(each, codes + pickle.STACK_GLOBAL + b'.' if each.endswith('data.pkl') else value)
        with pytest.raises(CheckpointError, match='expected tensors, numbers and text'):
            load_checkpoint_file(path)


def test_a_compressed_file_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    """torch writes none."""
    path = tmp_path / 'a.pth'
    torch.save({'state_dict': {'weight': torch.zeros(2**20)}}, path)
    with zipfile.ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for each, value in members.items():
            archive.writestr(each, value)
    with pytest.raises(CheckpointError, match=r'a\.pth: expected a checkpoint, got a compressed file of 4 MiB'):
        load_checkpoint_file(path)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / 'a.pth'
    torch.save({'state_dict': {'weight': torch.arange(1000.0)}}, path)
    content = bytearray(path.read_bytes())
    position = content.index(torch.arange(1000.0).numpy().tobytes()) + 2000
    content[position] ^= 1
    (tmp_path / 'flipped.pth').write_bytes(content)
    (tmp_path / 'cut.pth').write_bytes(content[:-100])
    (tmp_path / 'text.pth').write_text('no checkpoint')
    (tmp_path / 'empty.pth').touch()
    torch.jit.script(nn.Linear(1, 1)).save(tmp_path / 'program.pth')
    for name in ('flipped', 'cut', 'text', 'empty', 'program'):
        with pytest.raises(CheckpointError, match=rf'{name}\.pth: expected a checkpoint, got'):
            load_checkpoint_file(tmp_path / f'{name}.pth')
    with pytest.raises(FileNotFoundError, match='expected a file'):
        load_checkpoint_file(tmp_path / 'none.pth')


@pytest.mark.usefixtures('local_files_loaded_safely')
def test_mmengine_loads_local_files_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where ``torch.load`` loads weights only by default, which mmengine 0.10.7 does not know."""
    runner = training(tmp_path, Network(), epochs=1)
    runner.train()
    original = torch.load
    monkeypatch.setattr(torch, 'load', lambda *args, **options: original(*args, **{'weights_only': True} | options))
    resumed = training(tmp_path, Network(), epochs=2, resume=True, load_from=str(tmp_path / 'epoch_1.pth'))
    resumed.train()
    assert resumed.epoch == 2
    torch.save({'state_dict': {}, 'meta': Calls(os.mkdir, str(tmp_path / 'made'))}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError):
        load_checkpoint(nn.Linear(1, 1), str(tmp_path / 'a.pth'))
    assert not (tmp_path / 'made').exists()
