"""What an iteration on CIFAR takes beside the network: ltseg's config and MMPretrain's pipeline in mmengine's loop.

    python benchmarks/training_loop.py [--device cuda]

The network averages pixels and classifies them, so that nearly all of the time is loading, augmentation, data samples,
hooks and logging. Both sides train on random pixels in batches of 128, in turns, an epoch at a time.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import torch
from cifar_pipeline import pipelines, write_batches
from harness import SIDES, Pairs, Result, arguments_of, show
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ltseg.compat import quietly

CONFIG = Path(__file__).parents[1] / 'configs/classification/resnet32_ce_cifar10lt100.py'
CHANNELS = 48  # 4 x 4 average pixels of 3 colours


class AveragePixels(torch.nn.Module):
    """Takes the place of a backbone."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        return (torch.nn.functional.avg_pool2d(images, 8).flatten(1)[:, :, None, None],)


class Stopwatch(Hook):
    """Seconds of an iteration of the last epoch."""

    seconds = 0.0

    def before_train_epoch(self, runner: Runner) -> None:
        """Starts."""
        _wait()
        self._begin = time.perf_counter()

    def after_train_epoch(self, runner: Runner) -> None:
        """Stops, before logging and checkpoints of the epoch."""
        _wait()
        self.seconds = (time.perf_counter() - self._begin) / len(runner.train_dataloader)


def _wait() -> None:
    if get_device() != 'cpu':
        torch.cuda.synchronize()


def config_of(side: str, root: Path, loading: dict[str, tuple[dict, dict]]) -> Config:
    """The config of cross entropy on CIFAR-10-LT with the network, loader and data preprocessor of a side."""
    config = Config.fromfile(CONFIG)
    loader, preprocessor = loading['ltseg' if side == 'ltseg' else 'mmpretrain']
    config.merge_from_dict({'train_cfg.max_epochs': 2, 'log_level': 'ERROR', 'work_dir': str(root / 'work')})
    config.train_dataloader, config.data_preprocessor = loader, preprocessor
    config.model.backbone, config.model.head.in_channels = dict(type=AveragePixels), CHANNELS
    if side == 'reference':
        config.custom_hooks, config.model.type = [], 'ImageClassifier'
        config.model.head.update(type='LinearClsHead', loss=dict(type='CrossEntropyLoss'))
        config.model.head.pop('head_type')
    for part in ('val', 'test'):
        for kind in ('dataloader', 'evaluator', 'cfg'):
            config[f'{part}_{kind}'] = None
    config.default_hooks.pop('visualization')
    config.default_hooks.pop('checkpoint')
    return config


def seconds_of(config: Config, name: str) -> float:
    """Seconds of an iteration in the second epoch of a training run."""
    watch = Stopwatch()
    runner = Runner.from_cfg(Config({**config, 'experiment_name': name}))
    runner.register_hook(watch, priority='LOWEST')
    runner.train()
    return watch.seconds


def measure(arguments: argparse.Namespace) -> Pairs:
    """Seconds of an iteration of both sides in turns."""
    found: dict[str, list[float]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_batches(root, 640 if arguments.quick else 12800)
        loading = {name: (loader, preprocessor) for name, loader, preprocessor in pipelines(root)}
        for turn in range(arguments.pairs):
            for side in SIDES if turn % 2 == 0 else SIDES[::-1]:
                found[side].append(seconds_of(config_of(side, root, loading), f'{side}-{turn}'))
    return Pairs(*(tuple(found[side]) for side in SIDES))


def main(given: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    arguments = arguments_of(__doc__, given, pairs=5)
    with quietly():
        from mmpretrain.datasets import CIFAR10
        from mmpretrain.utils import register_all_modules

        register_all_modules(init_default_scope=True)
    with patch.object(CIFAR10, '_check_integrity', lambda self: True):  # random pixels have other check sums
        results = [Result("ltseg's / MMPretrain's pipeline, batches of 128", 'time', measure(arguments), 0.5)]
    show('Iteration on CIFAR beside the network', results, arguments)


if __name__ == '__main__':
    main()
