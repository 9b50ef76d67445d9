"""A disk without space for one checkpoint is named before training; what is asked for is what one takes."""

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hinted import hinted
from torch import nn

from ltseg.cli import checkpoint_space
from ltseg.cli.checkpoint_space import check_space, checkpoint_bytes
from ltseg.core.errors import FileWriteError

# All of torch in this version, but for LBFGS, which needs a closure, and Muon, which takes nothing but matrices.
NAMES = {name for name, kind in vars(torch.optim).items() if inspect.isclass(kind)} - {'Optimizer', 'LBFGS', 'Muon'}


def model() -> nn.Module:
    made = nn.Sequential(nn.Linear(300, 300), nn.BatchNorm1d(300), nn.Linear(300, 200))
    made[2].requires_grad_(False)
    return made


@pytest.mark.parametrize(
    'optimizer',
    [
        *({'type': name, 'lr': 0.1} for name in sorted(NAMES)),
        {'type': 'SGD', 'lr': 0.1, 'momentum': 0.9},
        {'type': 'Adam', 'lr': 0.1, 'amsgrad': True},
        {'type': 'AdamW', 'lr': 0.1, 'foreach': True},
        {'type': 'RMSprop', 'lr': 0.1, 'momentum': 0.9, 'centered': True},
    ],
    ids=lambda optimizer: f'{optimizer["type"]}-{len(optimizer)}',
)
@pytest.mark.parametrize('averaged', [False, True])
@pytest.mark.parametrize('kept', [False, True])
def test_it_is_what_a_file_takes(optimizer: dict[str, Any], averaged: bool, kept: bool, tmp_path: Path) -> None:
    made = model()
    given = {key: value for key, value in optimizer.items() if key != 'type'}
    built = getattr(torch.optim, optimizer['type'])([p for p in made.parameters() if p.requires_grad], **given)
    made(torch.rand(4, 300)).sum().backward()
    for parameter in made.parameters():
        if optimizer['type'] == 'SparseAdam' and parameter.grad is not None:
            parameter.grad = parameter.grad.to_sparse()
    built.step()
    copy = {key: value.clone() for key, value in made.state_dict().items()}
    content = {'state_dict': made.state_dict()}
    content |= ({'ema_state_dict': copy} if averaged else {}) | ({'optimizer': built.state_dict()} if kept else {})
    torch.save(content, tmp_path / 'a.pth')
    config = {
        'optim_wrapper': {'optimizer': optimizer},
        'custom_hooks': [{'type': 'EMAHook'}] if averaged else [],
        'default_hooks': {'checkpoint': {'save_optimizer': kept}},
    }
    needed, taken = checkpoint_bytes(made, config), (tmp_path / 'a.pth').stat().st_size
    assert needed <= taken < needed + 20_000  # names and frames


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {'work_dir': str(tmp_path), 'optim_wrapper': {'optimizer': {'type': 'AdamW'}}, 'custom_hooks': None}
    needed = checkpoint_bytes(model(), config)
    for free in (needed, needed - 1):
        monkeypatch.setattr(checkpoint_space.shutil, 'disk_usage', lambda path, free=free: SimpleNamespace(free=free))
        if free == needed:
            check_space(model(), config)
        else:
            with pytest.raises(FileWriteError, match=r'1 MiB of free space for the first checkpoint.*--work-dir'):
                check_space(model(), config)
            hinted('Give another --work-dir.', lambda: check_space(model(), config))
    large = lambda path: SimpleNamespace(free=needed - (Path(path) == tmp_path))  # noqa: E731
    monkeypatch.setattr(checkpoint_space.shutil, 'disk_usage', large)
    (tmp_path / 'mounted').mkdir()
    check_space(model(), {**config, 'work_dir': str(tmp_path / 'mounted')})


@pytest.mark.parametrize('optimizer', [{'type': 'LBFGS', 'lr': 1}, {'type': 'NoSuchOptimizer'}, {}])
def test_what_cannot_be_known_of_an_optimizer_counts_nothing(optimizer: dict[str, Any]) -> None:
    """The check is about the disk: training says what is wrong with an optimizer."""
    bare = checkpoint_bytes(model(), {'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.1}}})
    assert checkpoint_bytes(model(), {'optim_wrapper': {'optimizer': optimizer}}) == bare
