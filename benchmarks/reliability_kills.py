"""A training run that is killed at random moments and resumed, against one that is not: equal bit for bit."""

import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from ltseg.checkpoint_files.loading import load_checkpoint_file
from ltseg.reports.record import RunRecord

__all__ = ['Variant', 'check_kills']

ROOT = Path(__file__).parents[1]
SCENES = {'height': 64, 'width': 64, 'train': 6, 'val': 2, 'test': 1}
EMA = {'type': 'EMAHook', 'momentum': 0.1}
KILLS = 3  # at most
SCHEDULES: tuple[dict[str, Any], ...] = (
    {'type': 'PolyLR', 'power': 0.9, 'eta_min': 0.0, 'end': 6},
    {'type': 'CosineAnnealingLR', 'T_max': 6},
    {'type': 'ExponentialLR', 'gamma': 0.8},
)


@dataclass(frozen=True)
class Variant:
    """What is trained.

    Args:
        task: 'segmentation', 'classification' or 'stages'.
        averaged: Whether EMAHook averages the weights.
        schedule: Index of the schedule of the learning rate.
        workers: Of the data loaders.
    """

    task: str
    averaged: bool
    schedule: int
    workers: int

    @classmethod
    def of(cls, random: Random) -> 'Variant':
        """One of all there are."""
        task = random.choice(('segmentation', 'classification', 'stages'))
        return cls(task, random.random() < 0.5, random.randrange(len(SCHEDULES)), random.randrange(2))

    @property
    def name(self) -> str:
        return f'{self.task}{"-ema" * self.averaged}-schedule{self.schedule}-workers{self.workers}'


def check_kills(number: int, folder: Path) -> str:
    """Trains a variant whole, once for each folder, and with one to three kills.

    Returns:
        What was trained, and how often it was killed.

    Raises:
        AssertionError: If a run cannot be resumed, or ends with other weights, states or metrics.
    """
    random = Random(number)
    variant = Variant.of(random)
    config, whole = folder / f'{variant.name}.py', folder / variant.name
    seconds_file = whole / 'seconds'
    if not seconds_file.is_file():
        write_config(variant, config, folder)
        start = time.monotonic()
        _train(config, whole)
        seconds_file.write_text(str(time.monotonic() - start))
    seconds, work_dir, kills = float(seconds_file.read_text()), folder / f'killed-{number}', 0
    for _ in range(random.randint(1, KILLS)):
        kills += _killed(config, work_dir, seconds * random.random())
    _train(config, work_dir)
    _compare(whole, work_dir, variant)
    return f'{variant.name}, {kills} kills'


def write_config(variant: Variant, path: Path, folder: Path) -> None:
    """Writes the config of a variant, and its data where they are not generated in training."""
    if variant.task == 'segmentation':
        config = Config.fromfile(ROOT / 'configs/unet_arb_minicity.py')
        config.model.backbone.base_channels = 8
        config.merge_from_dict({'model.decode_head': {'in_channels': 8, 'channels': 8}})
        if config.model.get('auxiliary_head'):
            config.model.auxiliary_head = None
        config.train_cfg.update(max_iters=6, val_interval=3)
        config.default_hooks.checkpoint.update(interval=1, max_keep_ckpts=2)
        schedule = {**SCHEDULES[variant.schedule], 'by_epoch': False}
    else:
        name = 'resnet32_ce_cifar10lt100' if variant.task == 'classification' else 'resnet32_crt_cifar10lt100'
        config = Config.fromfile(ROOT / f'configs/classification/{name}.py')
        config.model.backbone.depth = 20
        config.train_cfg.update(max_epochs=6, val_interval=3)
        config.default_hooks.checkpoint.update(interval=1, max_keep_ckpts=2)
        schedule = {**SCHEDULES[variant.schedule], 'by_epoch': True}
        for stage in config.get('stages') or ():
            stage.setdefault('train_cfg', {}).update(max_epochs=3)
            stage.pop('param_scheduler', None)
        _write_cifar(folder / 'cifar')
    config.param_scheduler = [schedule]
    config.custom_hooks = [*config.custom_hooks, *([EMA] if variant.averaged else [])]
    _cut_down(config._cfg_dict, variant, folder)
    config.dump(path)


def _cut_down(value: Any, variant: Variant, folder: Path) -> None:
    """Small batches, crops and data, wherever a config sets them."""
    cut = {
        'batch_size': 2 if variant.task == 'segmentation' else 30,
        'num_workers': variant.workers,
        'persistent_workers': variant.workers > 0,
        'crop_size': (32, 32),
        'scale': (64, 64),
        'imbalance_factor': 6,
    }
    if isinstance(value, dict):
        for key in list(value):
            if key in cut:
                value[key] = cut[key]
            elif key == 'data_root':
                value[key] = str(folder / ('minicity' if variant.task == 'segmentation' else 'cifar'))
            elif key == 'generate' and value[key]:
                value[key].update(SCENES)
            elif key == 'size' and 'type' in value and variant.task == 'segmentation':
                value[key] = (32, 32)
            else:
                _cut_down(value[key], variant, folder)
    elif isinstance(value, list | tuple):
        for entry in value:
            _cut_down(entry, variant, folder)


def _write_cifar(root: Path) -> None:
    """The official batches with ten images of noise of each class."""
    folder = root / 'cifar-10-batches-py'
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate([*(f'data_batch_{index}' for index in range(1, 6)), 'test_batch']):
        data = np.random.default_rng(seed).integers(0, 256, (20, 3072), np.uint8)
        (folder / name).write_bytes(pickle.dumps({'data': data, 'labels': [index % 10 for index in range(20)]}))


def _start(config: Path, work_dir: Path) -> subprocess.Popen:
    command = [sys.executable, '-m', 'ltseg', 'train', str(config), '--work-dir', str(work_dir), '--resume']
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    with (work_dir.with_suffix('.log')).open('a') as log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, cwd=work_dir.parent, start_new_session=True
        )


def _train(config: Path, work_dir: Path) -> None:
    process = _start(config, work_dir)
    try:
        code = process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    log = work_dir.with_suffix('.log').read_text(errors='replace').strip().splitlines()
    assert code == 0, f'exit code {code}: {" / ".join(log[-2:])}'


def _killed(config: Path, work_dir: Path, seconds: float) -> bool:
    """Trains for some seconds; whether it had not ended by itself before."""
    process = _start(config, work_dir)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with the workers of its loaders
        process.wait()
        return True
    return False


def _compare(whole: Path, work_dir: Path, variant: Variant) -> None:
    last = {path.relative_to(whole) for path in whole.rglob('*.pth')}
    assert last, 'the whole run has left no checkpoint'
    for name in last:
        assert (work_dir / name).is_file(), f'{name} is missing'
        one, other = (load_checkpoint_file(folder / name) for folder in (whole, work_dir))
        for part in ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers'):
            assert (part in one) == (part in other) and _same(one.get(part), other.get(part)), f'{name}: another {part}'
        assert not variant.averaged or 'ema_state_dict' in one, f'{name}: no averaged weights'
    for path in whole.rglob('records/val.json'):
        assert (work_dir / path.relative_to(whole)).is_file(), f'{path.relative_to(whole)} is missing'
        records = [RunRecord.load(folder / path.relative_to(whole)) for folder in (whole, work_dir)]
        assert torch.equal(*(record.evaluation.matrix for record in records)), 'another confusion matrix'
        assert records[0].curves == records[1].curves, 'another curve'


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)
