"""A single image left at the end of an epoch is a fault of the first iteration, where it is one."""

from pathlib import Path

import pytest
import torch
from hinted import hinted
from small_training import Network, training
from torch import Tensor, nn

from ltseg.core.errors import InvalidValueError
from ltseg.hooks.last_batch import CheckLastBatch


class Wide(Network):
    """Normalises maps of several values."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(3, 4), nn.Unflatten(1, (2, 2)), nn.BatchNorm1d(2), nn.Flatten())

    def forward(self, inputs: Tensor, label: Tensor, mode: str = 'loss') -> dict[str, Tensor]:
        return {'loss': self.head.loss_module(self.head.fc(self.trunk(inputs)), label)}


def run(folder: Path, model: nn.Module, batch_size: int = 4, **settings: object) -> int:
    """Trains on 9 samples; the iterations that were done."""
    runner = training(folder, model, epochs=1, **({'iterations': 3} if settings.pop('endless', False) else {}))
    runner._train_dataloader.update(batch_size=batch_size, **settings)
    runner.register_hook(CheckLastBatch())
    runner.train()
    return runner.iter


def test_it_is_known_in_the_first_iteration(tmp_path: Path) -> None:
    model = Network()
    with pytest.raises(InvalidValueError, match='train_dataloader: expected no single image left of 9 by batches of 4'):
        run(tmp_path, model)
    assert len(model.steps) == 1


def test_the_hints_work(tmp_path: Path) -> None:
    hinted(
        'Set train_dataloader.drop_last=True, or another train_dataloader.batch_size.', lambda: run(tmp_path, Network())
    )
    assert run(tmp_path / 'a', Network(), drop_last=True) == 2
    assert run(tmp_path / 'b', Network(), batch_size=3) == 3


def test_no_fault_where_layers_see_several_values_or_batches_never_end(tmp_path: Path) -> None:
    assert run(tmp_path / 'a', Wide()) == 3
    assert run(tmp_path / 'b', Network(), endless=True) == 3


def test_layers_are_watched_once(tmp_path: Path) -> None:
    model = Wide()
    run(tmp_path, model)
    assert not model.trunk[2]._forward_pre_hooks and torch.isfinite(model.trunk[2].running_mean).all()
