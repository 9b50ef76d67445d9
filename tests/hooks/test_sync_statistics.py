"""What several processes validate is what the checkpoint holds."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from small_training import Network, training
from two_processes import in_two_processes

from ltseg.hooks.sync_statistics import SyncRunningStatistics, running_statistics

# The last iteration is no whole interval.
SAVED = {'logger': None, 'checkpoint': {'type': 'CheckpointHook', 'by_epoch': False, 'interval': 2}}


class Look(Hook):
    """Keeps the running statistics that this process would validate with, behind EMAHook."""

    priority = 'VERY_LOW'

    def before_val_epoch(self, runner: Runner) -> None:
        kept = [value.clone() for value in running_statistics(runner.model)]
        torch.save(kept, Path(runner.work_dir) / f'validated{get_rank()}.pt')


class Nothing:
    """A validation without data, as far as hooks see it."""

    def __init__(self, runner: Runner) -> None:
        runner.call_hook('before_val')
        runner.call_hook('before_val_epoch')


def train(rank: int, folder: Path, settings: dict) -> None:
    """Two processes, each with other samples, validate after the last iteration."""
    hooks = [{'type': 'EMAHook', **settings['ema']}] if 'ema' in settings else []
    runner = training(folder, Network(), *hooks, **settings['length'])
    runner.register_hook(SyncRunningStatistics())
    runner.register_hook(Look())
    runner.train()
    torch.save(list(running_statistics(runner.model)), folder / f'trained{rank}.pt')
    Nothing(runner)


@pytest.mark.parametrize(
    'length', [{'iterations': 3, 'default_hooks': SAVED}, {'epochs': 2}], ids=['iterations', 'epochs']
)
@pytest.mark.parametrize('ema', [None, {}, {'update_buffers': True}], ids=['plain', 'ema', 'ema of buffers'])
@pytest.mark.slow
def test_every_process_validates_with_the_statistics_of_the_checkpoint(
    tmp_path: Path, length: dict, ema: dict | None
) -> None:
    in_two_processes(train, tmp_path, {'length': length} | ({} if ema is None else {'ema': ema}))
    first, second = (torch.load(tmp_path / f'validated{rank}.pt') for rank in range(2))
    saved = torch.load(max(tmp_path.glob('*_[23].pth')), weights_only=False)['state_dict']  # EMAHook swaps it in
    expected = [saved['trunk.1.running_mean'], saved['trunk.1.running_var']]
    for mine, other, wanted in zip(first, second, expected, strict=True):
        assert torch.equal(mine, other)
        torch.testing.assert_close(mine, wanted, rtol=0, atol=0)


def average(rank: int, folder: Path) -> None:
    model = Network()
    model.trunk[1].running_mean.fill_(float(rank))
    model.trunk[1].num_batches_tracked.fill_(7)
    runner = SimpleNamespace(model=model, hooks=[])
    SyncRunningStatistics().after_train_epoch(runner)
    torch.save(model.state_dict(), folder / f'{rank}.pt')


@pytest.mark.slow
def test_the_mean_over_the_processes_of_nothing_but_running_statistics(tmp_path: Path) -> None:
    in_two_processes(average, tmp_path)
    before = Network().state_dict()
    for rank in range(2):
        after = torch.load(tmp_path / f'{rank}.pt')
        changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
        assert changed == {'trunk.1.running_mean', 'trunk.1.num_batches_tracked'}
        assert after['trunk.1.running_mean'].tolist() == [0.5] * 4 and after['trunk.1.num_batches_tracked'] == 7


def test_one_process_keeps_its_own(tmp_path: Path) -> None:
    plain, synced = Network(), Network()
    training(tmp_path / 'a', plain, epochs=1).train()
    runner = training(tmp_path / 'b', synced, epochs=1)
    runner.register_hook(SyncRunningStatistics())
    runner.train()
    for name, value in plain.state_dict().items():
        assert torch.equal(value, synced.state_dict()[name])
