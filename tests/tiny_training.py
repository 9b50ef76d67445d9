"""The tools on a config of the project that is cut down to a few iterations on a few tiny pictures."""

import runpy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.utils import ManagerMixin
from tiny_images import write_cifar_batches
from tiny_runs import cut_down, parts, quick_runners, write_camvid, write_sample

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / 'configs' / 'unet_arb_camvid.py'


def tool(name: str) -> Callable[..., None]:
    """The function ``main`` of tools/``name``.py, with mmengine's global state as a new process has it."""
    forget_runs()
    return runpy.run_path(str(ROOT / 'tools' / f'{name}.py'))['main']


def forget_runs() -> None:
    """Takes away loggers, metrics and visualizers, which mmengine keeps by names that runs of one second share."""
    for kind in below(ManagerMixin):
        if kind is not DefaultScope:
            kind._instance_dict.clear()


@contextmanager
def quick_tools() -> Iterator[None]:
    """Leaves out what takes longer than a tiny run."""
    with quick_runners(), pytest.MonkeyPatch.context() as patch:
        # Workers of a loader that the garbage collector ends do not hear of it, and each is waited for.
        patch.setattr('torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL', 0.1)
        yield


def below(kind: type) -> Iterator[Any]:
    """All classes that are derived from ``kind``."""
    for derived in kind.__subclasses__():
        yield derived
        yield from below(derived)


def write_training(folder: Path, iterations: int = 2, **settings: Any) -> Path:
    """Writes data and a config for ``iterations`` of training; ``settings`` change it as --cfg-options does."""
    data = write_camvid(folder / 'camvid')
    for index in range(2, 5):  # an epoch is not a whole number of batches
        image, labels = data / f'images/train/{index}.jpg', data / f'labels/train/{index}.png'
        write_sample(image, labels, num_classes=11, void=11, size=(36, 48), seed=index)
    config = Config.fromfile(CONFIG)
    cut_down(config, data, folder / 'work_dirs' / 'training')
    config.train_cfg.update(max_iters=iterations, val_interval=iterations)
    config.default_hooks.checkpoint.interval = 2
    config.merge_from_dict(settings)
    path = folder / CONFIG.name
    config.dump(path)
    return path


def write_classification(folder: Path, name: str = 'resnet32_ce_cifar10lt100', **settings: Any) -> Path:
    """Writes CIFAR of a few noisy pictures and a config of the project for one epoch of ResNet-20 on it."""
    config = Config.fromfile(ROOT / f'configs/classification/{name}.py')
    data = folder / 'cifar'
    write_cifar_batches(data, config.model.head.num_classes, per_class=6)
    cut = {'batch_size': 60, 'max_epochs': 1, 'val_interval': 1, 'interval': 1, 'depth': 20, 'imbalance_factor': 6}
    for part in parts(config._cfg_dict):
        part.update({key: cut[key] for key in cut if key in part})
        if 'data_root' in part:
            part['data_root'] = str(data)
    config.work_dir = str(folder / 'work_dirs' / 'training')
    config.merge_from_dict(settings)
    path = folder / 'classification' / f'{name}.py'
    path.parent.mkdir()
    config.dump(path)
    return path
