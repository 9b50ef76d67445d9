"""A training run that was killed and resumed ends with the weights of one that was not, bit for bit."""

import logging
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import InfiniteSampler
from tiny_training import quick_tools, tool, write_training
from torch.utils.data import BatchSampler, DataLoader

from ltseg.datasets.exact_sampling import seed_everything
from ltseg.hooks import ExactResume
from ltseg.reports.record import RunRecord

ITERATIONS = 7
AT = {'train_cfg.max_iters': ITERATIONS, 'train_cfg.val_interval': 3, 'param_scheduler.0.end': ITERATIONS}
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('mmseg_registered', 'quick')]


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


def train(config: Path, work_dir: Path, *options: str) -> None:
    tool('train')([str(config), '--work-dir', str(work_dir), *options])


def killed(config: Path, work_dir: Path, iteration: int) -> None:
    """Trains in a process that ends by SIGKILL at the start of an iteration."""

    def run() -> None:
        before = ExactResume.before_train_iter

        def kill(self: Any, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
            if runner.iter == iteration:
                os.kill(os.getpid(), signal.SIGKILL)
            before(self, runner, batch_idx, data_batch)

        ExactResume.before_train_iter = kill  # type: ignore[method-assign]
        train(config, work_dir)

    process = multiprocessing.get_context('fork').Process(target=run)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def final(work_dir: Path) -> dict[str, Any]:
    return torch.load(work_dir / f'iter_{ITERATIONS}.pth', map_location='cpu', weights_only=False)


def equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    weights = one['state_dict'], other['state_dict']
    momenta = ([state['momentum_buffer'] for state in end['optimizer']['state'].values()] for end in (one, other))
    pairs = [(weights[0][key], weights[1][key]) for key in weights[0] if isinstance(weights[0][key], torch.Tensor)]
    pairs += list(zip(*momenta, strict=True))
    assert weights[0].keys() == weights[1].keys() and len(pairs) > 50
    return all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize(('workers', 'iteration'), [(0, 5), (2, 3)])
def test_killed_and_resumed_equals_uninterrupted(workers: int, iteration: int, tmp_path: Path) -> None:
    """RandomCrop, PhotoMetricDistortion and dropout are on; the checkpoint cut short by the kill is passed over."""
    loading = {'num_workers': workers, 'persistent_workers': workers > 0}
    config = write_training(tmp_path, ITERATIONS, **AT, train_dataloader=loading)
    train(config, tmp_path / 'whole')
    work_dir = tmp_path / 'killed'
    killed(config, work_dir, iteration)
    newest = work_dir / f'iter_{iteration - 1}.pth'
    (work_dir / 'iter_6.pth').write_bytes(newest.read_bytes()[:1000])
    train(config, work_dir, '--resume')
    whole, resumed = final(tmp_path / 'whole'), final(work_dir)
    assert equal(whole, resumed)
    log = sorted(work_dir.glob('*/*.log'))[-1].read_text()
    assert f'resumed epoch: 0, iter: {iteration - 1}' in log

    records = [RunRecord.load(folder / 'records' / 'val.json') for folder in (tmp_path / 'whole', work_dir)]
    assert records[0].curves == records[1].curves
    assert [point['iteration'] for point in records[0].curves['val']] == [3, 6, 7]
    assert [point['iteration'] for point in records[0].curves['train']] == list(range(1, 8))


def test_without_the_hook_the_weights_differ(tmp_path: Path) -> None:
    """Otherwise the test above could not fail."""
    config = write_training(tmp_path, ITERATIONS, **AT, custom_hooks=[])
    train(config, tmp_path / 'whole')
    cut = tmp_path / 'cut'
    cut.mkdir()
    (tmp_path / 'whole' / 'iter_6.pth').rename(cut / 'iter_6.pth')
    train(config, cut, '--resume')
    assert not equal(final(tmp_path / 'whole'), final(cut))


@pytest.mark.parametrize('best', [None, 'mIoU'])
def test_lost_validation_is_made_up_for(best: str | None, tmp_path: Path) -> None:
    """A kill between the last checkpoint and its validation leaves a record all the same."""
    train(write_training(tmp_path, 2), tmp_path / 'run')
    record = tmp_path / 'run/records/val.json'
    before = RunRecord.load(record)
    record.unlink()
    config = write_training(tmp_path, 2, **{'default_hooks.checkpoint.save_best': best})
    train(config, tmp_path / 'run', '--resume')
    assert len(list((tmp_path / 'run').glob('best_*.pth'))) == (best is not None)
    after = RunRecord.load(record)
    assert torch.equal(after.evaluation.matrix, before.evaluation.matrix)
    assert after.curves == before.curves


def test_epochs_resume_exactly(tmp_path: Path) -> None:
    """Loops that count epochs, with a sampler that ends."""
    loop = {'_delete_': True, 'type': 'EpochBasedTrainLoop', 'max_epochs': 3, 'val_interval': 3}
    changes = {
        'train_cfg': loop,
        'train_dataloader.sampler': {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True},
        'default_hooks.checkpoint': {'by_epoch': True, 'interval': 1, 'max_keep_ckpts': 3},
        'param_scheduler': [{'type': 'ExponentialLR', 'gamma': 0.5, 'by_epoch': True}],
        'log_processor.by_epoch': True,
    }
    config = write_training(tmp_path, 2, **changes)
    train(config, tmp_path / 'whole')
    cut = tmp_path / 'cut'
    cut.mkdir()
    end = torch.load(tmp_path / 'whole' / 'epoch_3.pth', weights_only=False)
    (tmp_path / 'whole' / 'epoch_2.pth').rename(cut / 'epoch_2.pth')
    train(config, cut, '--resume')
    assert equal(end, torch.load(cut / 'epoch_3.pth', weights_only=False))


def test_rare_class_sampling_and_class_crops_resume_exactly(tmp_path: Path) -> None:
    """In the middle of an epoch of the sampler, with the odds of the classes handed to the crops anew."""
    config = Config.fromfile(write_training(tmp_path, 4))
    config.train_dataloader.sampler = {'type': 'ltseg.RareClassSampler', 'temperature': 0.1}
    for step in config.train_dataloader.dataset.pipeline:
        if step.type == 'RandomCrop':
            step.update(type='ltseg.ClassCrop', crop_size=(20, 20), share=1.0)
    config.dump(tmp_path / 'rare.py')
    train(tmp_path / 'rare.py', tmp_path / 'whole')
    cut = tmp_path / 'cut'
    cut.mkdir()
    (tmp_path / 'whole' / 'iter_2.pth').rename(cut / 'iter_2.pth')
    train(tmp_path / 'rare.py', cut, '--resume')
    ends = (torch.load(folder / 'iter_4.pth', weights_only=False) for folder in (tmp_path / 'whole', cut))
    assert equal(*ends)


@pytest.mark.parametrize('own', ['sampler', 'batch_sampler'])
def test_samplers_of_unknown_order_are_kept_with_a_warning(own: str, caplog: pytest.LogCaptureFixture) -> None:
    class Own(InfiniteSampler if own == 'sampler' else BatchSampler):  # type: ignore[misc]
        """In whatever order."""

    data = list(range(6))
    sampler = {'sampler': Own(data, seed=0)} if own == 'sampler' else {'batch_sampler': Own(data, 2, drop_last=False)}
    loop = SimpleNamespace(dataloader=DataLoader(data, **sampler), iter=3)
    before = loop.dataloader
    ExactResume().before_train(SimpleNamespace(train_loop=loop, seed=0, logger=logging.getLogger('exact')))
    assert loop.dataloader is before
    assert 'Own' in caplog.text and 'not exact' in caplog.text


def test_what_the_model_draws_depends_on_seed_iteration_and_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not what samples draw, whose generators are seeded from (seed, position)."""

    def drawn(seed: int, iteration: int, rank: int) -> float:
        monkeypatch.setattr('ltseg.hooks.exact_resume.get_rank', lambda: rank)
        ExactResume().before_train_iter(SimpleNamespace(seed=seed, iter=iteration), 0)
        return float(torch.rand(()))

    states = [(0, 3, 0), (0, 3, 1), (0, 4, 0), (1, 3, 0)]
    values = [drawn(*state) for state in states]
    assert len({*values}) == 4 and values == [drawn(*state) for state in states]
    seed_everything(0, 3)
    assert float(torch.rand(())) != values[0]
