"""Images per second that loading and augmentation can give a training run on CIFAR, beside mmpretrain's own pipeline.

    python benchmarks/cifar_pipeline.py --workers 0 2

Both pipelines read the same official batches (random pixels), shuffle, crop with padding 4, flip, collate, normalise on
the CPU, and give batches of 128. Rounds of the two alternate; the best round of each counts.

One run on two CPU cores, at real-time priority, gave 18.7 and 124.4 thousand images a second in one process (ratio
6.66), and 4.9 and 41.7 with two workers (ratio 8.50): with workers, handing over is what takes long.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
import pickle
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from ltseg.compat import quietly

ROOT = Path(__file__).parents[1]
STOCK_PIPELINE = [
    {'type': 'RandomCrop', 'crop_size': 32, 'padding': 4},
    {'type': 'RandomFlip', 'prob': 0.5, 'direction': 'horizontal'},
    {'type': 'PackInputs'},
]


def write_batches(root: Path, images: int) -> None:
    """Writes the training batches of CIFAR-10 with random pixels, five files."""
    random = np.random.default_rng(0)
    folder = root / 'cifar-10-batches-py'
    folder.mkdir()
    for number in range(1, 6):
        data = random.integers(0, 256, (images // 5, 3072), np.uint8)
        content = {'data': data, 'labels': random.integers(0, 10, images // 5).tolist()}
        (folder / f'data_batch_{number}').write_bytes(pickle.dumps(content))


def pipelines(root: Path) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, data loader and data preprocessor of each pipeline."""
    config = Config.fromfile(ROOT / 'configs/_base_/datasets/cifar10_lt.py')
    loader = config.train_dataloader.to_dict()
    ours = loader['dataset']['dataset'] | {'data_root': str(root)}
    stock = {'type': 'CIFAR10', 'data_root': str(root), 'split': 'train', 'pipeline': STOCK_PIPELINE}
    preprocessor = config.data_preprocessor.to_dict()
    plain = {key: preprocessor[key] for key in ('num_classes', 'mean', 'std')} | {'type': 'ClsDataPreprocessor'}
    yield 'mmpretrain', loader | {'dataset': stock}, plain
    yield 'ltseg', loader | {'dataset': ours}, preprocessor


def images_per_second(loader: Any, preprocessor: Any) -> float:
    """Speed of one pass over the data, workers already running."""
    iterator = iter(loader)
    preprocessor(next(iterator), training=True)
    start, images = time.perf_counter(), 0
    for batch in iterator:
        images += len(preprocessor(batch, training=True)['inputs'])
    return images / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--workers', type=int, nargs='+', default=[0], help='processes that load')
    parser.add_argument('--images', type=int, default=10000, help='images in the data set')
    parser.add_argument('--repeats', type=int, default=5, help='rounds')
    options = parser.parse_args()
    with quietly():
        from mmpretrain.datasets import CIFAR10
        from mmpretrain.registry import MODELS
        from mmpretrain.utils import register_all_modules

        register_all_modules(init_default_scope=True)
    CIFAR10._check_integrity = lambda self: True  # random pixels have other check sums
    torch.set_num_threads(1)
    print(f'{"workers":>7} {"mmpretrain":>12} {"ltseg":>12} {"ratio":>6}   images / s')
    with tempfile.TemporaryDirectory() as folder:
        write_batches(Path(folder), options.images)
        for workers in options.workers:
            parts = {}
            for name, loader, preprocessor in pipelines(Path(folder)):
                settings = {'num_workers': workers, 'persistent_workers': workers > 0}
                parts[name] = Runner.build_dataloader(loader | settings, seed=0), MODELS.build(preprocessor)
            best = dict.fromkeys(parts, 0.0)
            for _ in range(options.repeats):
                for name, part in parts.items():
                    best[name] = max(best[name], images_per_second(*part))
            stock, ours = best['mmpretrain'], best['ltseg']
            print(f'{workers:>7} {stock:>12.0f} {ours:>12.0f} {ours / stock:>6.2f}')


if __name__ == '__main__':
    main()
