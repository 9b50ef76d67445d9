"""Training runs on a device: a small one with each hook, and a whole one of each task with validation."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import pytest
import torch
from allowed_events import TRAINING as ALLOWED
from device_events import Events
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from plain_training import write_plain_training
from registered_types import registered
from side_by_side import Device, Part, SideBySide
from small_training import COUNTS, Network, training, validation
from tiny_runs import quick_runners, write_experts
from tiny_training import forget_runs, write_classification

from ltseg.hooks.last_batch import CheckLastBatch
from ltseg.hooks.sync_statistics import SyncRunningStatistics
from ltseg.losses import CrossEntropyLoss, RecallLoss

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('mmseg_registered', 'quick')]

SGD = {'type': 'SGD', 'lr': 0.1, 'momentum': 0.9}
LOOKED_UP = 'subclasses._extra_state'  # on the CPU, by numbers of images that are there
LAST = 3  # the iteration that is watched: neither do monitors look at it, nor is anything saved before or behind it
MONITORS = [
    dict(type='ltseg.CollapseMonitor', interval=3, batches=1),
    dict(type='ltseg.GradientMonitor', interval=3),
]
HOOKS = [
    dict(type='ltseg.DeferredRules', begin=1),
    dict(type='ltseg.ExactResume'),
    dict(type='ltseg.MaxNorm'),
    dict(type='ltseg.StopOnNaN'),
    dict(type='ltseg.TrainOnly', parameters=['head.fc']),
]
OF_FEATURES = [('ltseg.MeasureClasses', 'ltseg.RISDALoss'), ('ltseg.MetaCovariances', 'ltseg.ISDALoss')]
SUBCLASSES = dict(type='ltseg.ClusterSubclasses', begin=LAST - 1, interval=8, by_epoch=False)
UNREGISTERED = [CheckLastBatch, SyncRunningStatistics]


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_runners():
        yield


class Watch(Hook):
    """Collects the events from the end of one iteration to the end of the next."""

    priority = 'LOWEST'

    def __init__(self, device: Device | None) -> None:
        self.device, self.noted, self._open = device, Events(), ExitStack()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._open.close()
        if self.device is not None and runner.iter == LAST - 1:
            self.noted = self._open.enter_context(self.device.watch())


@dataclass(frozen=True)
class TrainingRun(Part):
    """A part that is a Runner, which ``make`` builds in a folder."""

    make: Callable[[Path], Runner]
    real_tolerance: float = 3e-2  # after steps that amplify rounding

    def computed(self, place: str, device: Device | None = None) -> tuple[Any, Events]:
        """The trained model with its losses and metrics, and the events of one iteration."""
        watch = Watch(device)
        with TemporaryDirectory() as folder, mock.patch('mmengine.device.utils.DEVICE', place):
            forget_runs()
            torch.manual_seed(0)
            runner = self.make(Path(folder))
            runner.register_hook(watch)
            runner.train()
        assert {parameter.device.type for parameter in runner.model.parameters()} == {place}
        scalars = {name: value.data[0] for name, value in runner.message_hub.log_scalars.items()}
        known = {
            name: value for name, value in scalars.items() if 'loss' in name or 'IoU' in name or 'accuracy' in name
        }
        state = {name: x for name, x in runner.model.state_dict().items() if x is not None}
        return (known, {name: x.to(place) if name.endswith(LOOKED_UP) else x for name, x in state.items()}), watch.noted


def with_hook(folder: Path, *hooks: Any, **settings: Any) -> Runner:
    return training(folder, Network(CrossEntropyLoss(counts=COUNTS)), *hooks, **settings)


def skipping(folder: Path) -> Runner:
    return with_hook(folder, optim_wrapper={'type': 'ltseg.SkippingOptimWrapper', 'optimizer': SGD})


def following_validation(folder: Path) -> Runner:
    return training(folder, Network(RecallLoss()), dict(type='ltseg.ValidationRecall'), **validation())


def named(folder: Path, config: Config) -> Runner:
    """mmengine names runs by the second otherwise, and keeps the registries of the first one of a name."""
    config.experiment_name = folder.name
    return Runner.from_cfg(config)


def segmentation(folder: Path) -> Runner:
    """Three classes, every kind of term, and all that watches."""
    head = {
        'type': 'ltseg.LongTailSegHead',
        'head_type': 'FCNHead',
        'dropout_ratio': 0,
        'regularizers': [dict(type='ltseg.WithinClassRegularizer'), dict(type='ltseg.CenterLoss')],
    }
    path = write_plain_training(
        folder,
        **{'train_cfg.max_iters': 6, 'train_cfg.val_interval': 6, 'default_hooks.checkpoint.interval': 6},
        **{f'model.decode_head.{name}': value for name, value in head.items()},
    )
    config = Config.fromfile(path)
    config.custom_hooks += [*MONITORS, dict(type='ltseg.StopOnNaN'), dict(type='EMAHook')]
    return named(folder, config)


def classification(folder: Path) -> Runner:
    """ResNet-20, augmented on the device."""
    config = Config.fromfile(write_classification(folder))
    config.train_dataloader.update(batch_size=5, num_workers=0, persistent_workers=False)
    config.val_dataloader.update(num_workers=0, persistent_workers=False)
    config.custom_hooks += MONITORS
    return named(folder, config)


def classifying_subclasses(folder: Path) -> Runner:
    """ResNet-20 beside a term whose classes are divided in the iteration before the one that is watched."""
    config = Config.fromfile(write_classification(folder))
    config.train_dataloader.update(batch_size=5, num_workers=0, persistent_workers=False)
    config.val_dataloader.update(num_workers=0, persistent_workers=False)
    config.model.head.regularizers = [dict(type='ltseg.SubclassBalancedContrastiveLoss', least_size=2)]
    config.custom_hooks += [SUBCLASSES]
    return named(folder, config)


def segmenting_subclasses(folder: Path) -> Runner:
    """The same with pixels."""
    head = {
        'type': 'ltseg.LongTailSegHead',
        'head_type': 'FCNHead',
        'dropout_ratio': 0,
        'regularizers': [dict(type='ltseg.SubclassBalancedContrastiveLoss', least_size=2)],
    }
    config = Config.fromfile(
        write_plain_training(
            folder,
            **{'train_cfg.max_iters': 5, 'train_cfg.val_interval': 5, 'default_hooks.checkpoint.interval': 5},
            **{f'model.decode_head.{name}': value for name, value in head.items()},
        )
    )
    config.custom_hooks += [SUBCLASSES]
    return named(folder, config)


def of_features(folder: Path, hook: str, loss: str) -> Runner:
    """ResNet-20 under a loss that sees features, with the hook that it works with."""
    config = Config.fromfile(write_classification(folder))
    config.train_dataloader.update(batch_size=5, num_workers=0, persistent_workers=False)
    config.val_dataloader.update(num_workers=0, persistent_workers=False)
    config.model.head.loss = dict(type=loss, ramp=(1.0, 1.0))
    config.custom_hooks += [dict(type=hook)]
    return named(folder, config)


def of_experts(folder: Path) -> Runner:
    """ResNet-20 that learns from two experts."""
    config = Config.fromfile(write_classification(folder))
    config.train_dataloader.update(batch_size=5, num_workers=0, persistent_workers=False)
    config.val_dataloader.update(num_workers=0, persistent_workers=False)
    config.model.head.loss = dict(type='ltseg.LFMELoss')
    hook = dict(type='ltseg.LearnFromExperts', experts=['', ''])
    config.custom_hooks += [dict(type='ltseg.ValidationRecall', rate='Acc'), hook]
    write_experts(config, folder)
    return named(folder, config)


PARTS = [
    *(TrainingRun(hook['type'], lambda folder, hook=hook: with_hook(folder, hook)) for hook in HOOKS),
    *(TrainingRun(kind.__name__, lambda folder, kind=kind: with_hook(folder, kind())) for kind in UNREGISTERED),
    TrainingRun('ltseg.SkippingOptimWrapper', skipping),
    TrainingRun('ltseg.ValidationRecall', following_validation),
    *(TrainingRun(hook, lambda folder, pair=(hook, loss): of_features(folder, *pair)) for hook, loss in OF_FEATURES),
    TrainingRun('ltseg.ClusterSubclasses', classifying_subclasses),
    TrainingRun('subclasses of pixels', segmenting_subclasses),
    TrainingRun('ltseg.LearnFromExperts', of_experts),
    TrainingRun('segmentation', segmentation),
    TrainingRun('classification', classification),
]


@pytest.mark.parametrize('part', PARTS, ids=str)
def test_the_model_is_the_cpus(side_by_side: SideBySide, part: TrainingRun) -> None:
    side_by_side.compare(part)


def test_events_are_those_allowed(side_by_side: SideBySide) -> None:
    side_by_side.check_events(PARTS, ALLOWED)


def test_every_hook_is_here() -> None:
    known = {f'ltseg.{name}' for name, made in registered().items() if made.__module__.startswith('ltseg.hooks')}
    # AutocastOptimWrapper: autocast has no effect on the simulated device.
    of_whole_runs = {'ltseg.CountClasses', 'ltseg.AutocastOptimWrapper', *(hook['type'] for hook in MONITORS)}
    assert known == {str(part) for part in PARTS if str(part).startswith('ltseg')} | of_whole_runs
