"""Training runs of several stages, each on what the one before has learned: one config, one command.

A config lists what each stage changes, in the order of training::

    stages = [
        dict(name='representation'),
        dict(name='classifier', train_cfg=dict(max_epochs=10), custom_hooks=[...]),
    ]

The changes are merged as those of a config that inherits another; ``extra_hooks`` are hooks beside the config's. Each
stage trains in WORK_DIR/NAME and starts from the last checkpoint of the stage before. Settings of the command line
change all stages, as far as a stage does not set them itself; ``--cfg-options stages.1.train_cfg.max_epochs=5`` changes
one.
"""

import gc
import inspect
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import barrier
from mmengine.logging import print_log
from mmengine.runner import Runner

from ltseg.cli.checkpoints import check_checkpoint, newest_checkpoint
from ltseg.cli.run_records import is_record_of, leaves_record
from ltseg.cli.setting_types import check_setting_types
from ltseg.core.checks import near
from ltseg.core.errors import UsageError

__all__ = ['stages_of', 'stages_to_train']


def stages_of(config: Config) -> list[Config]:
    """The config of each stage with its own work dir; the config itself where it lists no stages.

    Raises:
        UsageError: If the list is none, or stages lack names of their own or change what does not exist.
    """
    listed = config.get('stages')
    if listed is None:
        return [config]
    names = [stage.get('name') if isinstance(stage, dict) else None for stage in _checked_list(listed)]
    if any(not isinstance(name, str) or Path(name).name != name for name in names) or len({*names}) < len(names):
        raise UsageError('stages', 'a name of its own for each stage, which becomes a folder', repr(names))
    return [_stage(config, deepcopy(dict(stage))) for stage in listed]


def _checked_list(listed: Any) -> Sequence[Any]:
    if not isinstance(listed, list | tuple) or not listed:
        raise UsageError('stages', 'a list of what each stage changes', repr(listed))
    return listed


def _stage(config: Config, changes: dict[str, Any]) -> Config:
    name, known = changes.pop('name'), {*config, *inspect.signature(Runner).parameters}
    extra_hooks = changes.pop('extra_hooks', [])
    for key in changes:
        if key.split('.')[0] not in known:
            raise UsageError(f'stage {name!r}', 'changes of parts of the config', repr(key), near(key, known))
    stage = deepcopy(config)
    stage.pop('stages')
    try:
        stage.merge_from_dict(changes)
    except Exception as error:  # mmengine's own, of several types
        raise UsageError(f'stage {name!r}', 'changes that fit the config', str(error)) from error
    check_setting_types(stage)
    if extra_hooks:
        stage.custom_hooks = [*(stage.get('custom_hooks') or []), *extra_hooks]
    stage.work_dir = str(Path(config.work_dir) / name)
    stage.experiment_name = f'{config.get("experiment_name") or Path(config.filename or "config").stem}_{name}'
    return stage


def stages_to_train(stages: Sequence[Config], resume: str | None) -> Iterator[tuple[Config, str | None]]:
    """The stages that are left to train, each with what to resume it from; ask for the next when one has ended.

    Args:
        stages: All stages.
        resume: None to train all of them, 'auto' to go on with the one that was interrupted, or a checkpoint of the
            stage to go on with.

    Raises:
        UsageError: If the checkpoint is of none of them, or a stage has left no checkpoint.
    """
    if resume is None and stages[0].get('resume') and not stages[0].get('load_from'):
        resume = 'auto'
    first = 0 if resume in (None, 'auto') or len(stages) == 1 else _stage_of(str(resume), stages)
    for index, stage in enumerate(stages):
        name = Path(stage.work_dir).name
        if len(stages) > 1 and (index < first or (resume == 'auto' and _has_ended(stage))):
            print_log(f'Stage {name!r} has ended before.', logger='current')
            continue
        if index:
            gc.collect()  # the runner before, its model and its loaders' workers
            barrier()  # the first process writes the checkpoints
            stage.resume, stage.load_from = False, newest_checkpoint(stages[index - 1].work_dir)
            if stage.load_from is None:
                hint = 'Keep default_hooks.checkpoint as it is.'
                raise UsageError(f'stage {name!r}', 'a checkpoint of the stage before', 'none', hint)
        yield stage, resume if resume == 'auto' or index == first else None


def _stage_of(checkpoint: str, stages: Sequence[Config]) -> int:
    folders = [Path(stage.work_dir).resolve() for stage in stages]
    folder = Path(checkpoint).resolve().parent
    if folder not in folders:
        expected = f'a checkpoint in the folder of a stage: {", ".join(map(str, folders))}'
        raise UsageError('--resume', expected, repr(checkpoint))
    return folders.index(folder)


def _has_ended(stage: Config) -> bool:
    """Whether nothing of a stage is left to do, its record included."""
    path = newest_checkpoint(stage.work_dir)
    meta = {} if path is None else check_checkpoint(path)
    unit = 'epoch' if 'max_epochs' in stage.train_cfg else 'iter'
    if meta.get(unit, 0) < stage.train_cfg[f'max_{unit}s']:
        return False
    return not leaves_record(stage) or is_record_of(meta, Path(stage.work_dir))
