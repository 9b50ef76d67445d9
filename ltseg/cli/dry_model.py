"""A dry pass of the model: what a run would build, and one batch of images through the model to the evaluator.

The runner builds in a folder that is deleted afterwards. No pretrained weights are loaded, since mmengine loads them
when training begins, and nothing is trained.
"""

import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import OPTIMIZERS
from mmengine.runner import Runner, autocast
from mmengine.runner.base_loop import BaseLoop
from mmengine.utils import ManagerMixin
from torch import nn

from ltseg.cli.built_datasets import BuiltDatasets
from ltseg.cli.errors import usage_errors
from ltseg.cli.image_sizes import check_image_sizes
from ltseg.cli.monitored import give_any_rule
from ltseg.cli.runner import CalmRunner
from ltseg.config_parts import parts_of
from ltseg.core.checks import near
from ltseg.core.errors import UsageError
from ltseg.nested_datasets import dataset_config

__all__ = ['dry_model']

IN_THE_FIRST_BATCH = 'images that the model can segment or classify, and whose predictions can be evaluated'


class _DryRunner(CalmRunner):
    """Leaves out what takes long and decides nothing."""

    def _log_env(self, env_cfg: dict) -> None:
        """Asks no compiler for its version."""

    def dump_config(self) -> None:
        """Keeps no config."""


def dry_model(config: Config, training: bool = True, datasets: BuiltDatasets | None = None) -> None:
    """Builds model, hooks, loops, optimizer and schedules, and takes one batch through the model to the evaluator.

    Random states, the config and what mmengine takes for its current logger or visualizer stay as they are. A config
    with a runner of its own is passed over.

    Args:
        config: Of a run in whose data :func:`ltseg.cli.dry_run.dry_run` has found no fault.
        training: Whether to look at training and validation, or at the test split.
        datasets: Where those of the config are built.

    Raises:
        UsageError: If a part cannot be built, or the batch cannot be predicted or evaluated.
    """
    if 'runner_type' in config:
        return
    with TemporaryDirectory() as folder, _as_before():
        small = _small(config, folder)
        if not training:
            give_any_rule(small)
        with usage_errors('config', 'a model and hooks that can be built'):
            _put_built(small, ('train', 'val') if training else ('test',), datasets or BuiltDatasets())
            runner = _DryRunner.from_cfg(small)
        if training:
            with usage_errors('train_cfg, optim_wrapper and param_scheduler', 'parts that can be built'):
                _build_training(runner)
            _check_sizes(runner, runner.train_loop, 'train')
        split = 'val' if training else 'test'
        if config.get(f'{split}_dataloader') is not None:
            with usage_errors(f'{split}_dataloader, its first batch', IN_THE_FIRST_BATCH):
                loop = runner.val_loop if training else runner.test_loop
                _check_sizes(runner, loop, split)
                _predict_batch(runner, loop, split)


def _small(config: Config, folder: str) -> Config:
    """The config of a run in one process that leaves nothing outside of ``folder``."""
    config = deepcopy(config)
    config.update(work_dir=folder, experiment_name=folder, launcher='none', log_level='CRITICAL')
    config.update(load_from=None, resume=False)
    config.visualizer = {**(config.get('visualizer') or {'type': 'Visualizer'}), 'vis_backends': None}
    config.visualizer.update(name=folder, save_dir=folder)  # not one of an earlier run, which mmengine keeps by name
    for split in ('train', 'val', 'test'):
        for _, part in parts_of(config.get(f'{split}_evaluator'), ''):
            if 'output_dir' in part:
                part['output_dir'] = str(Path(folder, 'predictions'))
        loader = config.get(f'{split}_dataloader')
        if isinstance(loader, dict):
            loader.update(num_workers=0, persistent_workers=False)
            loader.pop('prefetch_factor', None)
    return config


def _put_built(config: Config, splits: Sequence[str], datasets: BuiltDatasets) -> None:
    """Lets mmengine take the data sets that are built already."""
    for split in splits:
        if dataset_config(config, split) is not None:
            config[f'{split}_dataloader'].dataset = {'type': _giving(datasets.loading(config, split))}


def _giving(dataset: Any) -> Callable[[], Any]:
    return lambda: dataset  # a function: copies of the config hold the data set itself


def _build_training(runner: Runner) -> None:
    """What :meth:`mmengine.runner.Runner.train` builds, in its order."""
    _ = runner.train_loop  # the schedules ask it for the length of an epoch
    _check_optimizer((runner.cfg.optim_wrapper.get('optimizer') or {}).get('type'))
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    if runner.param_schedulers is not None:
        runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers)


def _check_optimizer(kind: Any) -> None:
    """Names an optimizer that does not exist; mmengine says of it that None is not callable."""
    if isinstance(kind, str) and OPTIMIZERS.get(kind) is None:
        where, expected = 'optim_wrapper.optimizer.type', 'an optimizer of the registry'
        raise UsageError(where, expected, repr(kind), near(kind, OPTIMIZERS.module_dict, 3))


def _check_sizes(runner: Runner, loop: BaseLoop, split: str) -> None:
    if isinstance(preprocessor := getattr(runner.model, 'data_preprocessor', None), nn.Module):
        check_image_sizes(loop.dataloader, preprocessor, split)


def _predict_batch(runner: Runner, loop: BaseLoop, split: str) -> None:
    model, evaluator = runner.model.eval(), getattr(loop, 'evaluator', None)
    batch = next(iter(loop.dataloader))
    with torch.no_grad(), autocast(enabled=bool(getattr(loop, 'fp16', False))):
        predictions = getattr(model, f'{split}_step')(batch)
    if evaluator is not None:
        evaluator.process(data_samples=predictions, data_batch=batch)


@contextmanager
def _as_before() -> Iterator[None]:
    """Random states and mmengine's instances by name, such as the current logger, are afterwards as they were."""
    states = random.getstate(), np.random.get_state()
    instances = {kind: dict(kind._instance_dict) for kind in _below(ManagerMixin)}
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # given again when the run builds its parts
        try:
            yield
        finally:
            for kind in _below(ManagerMixin):
                _forget(kind, instances.get(kind, {}))
            random.setstate(states[0])
            np.random.set_state(states[1])


def _forget(kind: Any, before: dict[str, Any]) -> None:
    for name in kind._instance_dict.keys() - before.keys():
        for handler in getattr(kind._instance_dict.pop(name), 'handlers', ()):
            handler.close()  # log files


def _below(kind: type) -> Iterator[Any]:
    """All classes that are derived from ``kind``."""
    subclasses: list[Any] = kind.__subclasses__()
    for derived in subclasses:
        yield derived
        yield from _below(derived)
