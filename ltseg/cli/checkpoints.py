"""The checkpoint to go on from."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from ltseg.checkpoint_files.content import check_content, meta_of
from ltseg.checkpoint_files.loading import UNKNOWN, CheckpointError, RefusedFileError, load_checkpoint_file
from ltseg.core.errors import UsageError
from ltseg.core.json_values import is_number
from ltseg.reports.runs import logged_points

__all__ = ['check_checkpoint', 'check_resumable', 'newest_checkpoint', 'trained_checkpoint']

LAST = 'last_checkpoint'  # which mmengine writes behind each checkpoint that is whole
LOGGED = {'iter': 'step', 'epoch': 'epoch'}  # what logs count, by the unit in the names of checkpoints


def check_checkpoint(path: str) -> dict[str, Any]:
    """What the checkpoint ``path`` says about its training, such as 'seed' and 'iter'.

    Raises:
        UsageError: If it is no file, or cannot be read.
    """
    return _content_of(path).get('meta') or {}


def _content_of(path: str) -> dict[str, Any]:
    if '://' not in path and not Path(path).expanduser().is_file():
        raise UsageError('checkpoint', 'a file', repr(path), _others(Path(path)))
    content, problem = _read(path)
    if problem is not None:
        raise UsageError('checkpoint', 'a file that torch can load', repr(path), f'{problem} {_others(Path(path))}')
    return content


def newest_checkpoint(work_dir: str) -> str | None:
    """The checkpoint in a work dir that has been trained longest; what cannot be loaded is named and passed over.

    What counts is the iteration inside the files: their times change where a folder is copied or a clock is set back.

    None where there is none, or a run was killed while it wrote its first one: nothing is lost by starting over.

    Raises:
        UsageError: If checkpoints had been written and none can be loaded.
    """
    problems: dict[Path, CheckpointError] = {}
    for path in sorted(_not_best(Path(work_dir)), key=_progress, reverse=True):
        content, problem = _read(str(path))
        if problem is None and 'message_hub' in content:
            return str(path)
        if problem is not None:
            problems[path] = problem
            print_log(f'Passed over, cannot be loaded: {path} ({problem})', logger='current', level=logging.WARNING)
    if problems and _went_on(Path(work_dir), list(problems)):
        raise _none_can_be_loaded(problems)
    what = 'No checkpoint in' if not problems else 'No whole checkpoint had been written in'
    print_log(f'{what} {work_dir}: training starts at the beginning.', logger='current')
    return None


def _none_can_be_loaded(problems: Mapping[Path, CheckpointError]) -> UsageError:
    """Files that are refused are whole: what helps is to trust them, not to move them away."""
    refused = any(isinstance(problem, RefusedFileError) for problem in problems.values())
    hint = UNKNOWN if refused else 'Move them away, or train without --resume.'
    got = ', '.join(f'{path} ({problem.got})' for path, problem in problems.items())
    return UsageError('--resume', 'a checkpoint that can be loaded', got, hint)


def _went_on(work_dir: Path, damaged: list[Path]) -> bool:
    """Whether training went on behind its first checkpoint, which had been whole then and was damaged later.

    The file ``last_checkpoint``, a second checkpoint, a record or a log says so: any may be missing in a copy.
    """
    if len(damaged) > 1 or (work_dir / LAST).exists() or any((work_dir / 'records').glob('*.json')):
        return True
    unit, _, number = damaged[0].stem.rpartition('_')
    if unit not in LOGGED or not number.isdecimal():
        return False
    points = (point for log in work_dir.glob('*/vis_data/scalars.json') for point in logged_points(log))
    reached: list[Any] = [point.get(LOGGED[unit]) for point in points]
    return any(is_number(value) and value > int(number) for value in reached)


def trained_checkpoint(work_dir: Path, iteration: int | None) -> Path | None:
    """The checkpoint in a work dir that was written at ``iteration``, else the one that has been trained longest.

    Files that no training run has left, such as those that ``ltseg adjust`` folds tau into, do not count.
    """
    found = sorted((path for path in _not_best(work_dir) if _is_of_training(path)), key=_progress)
    return next((path for path in found if _progress(path)[0] == iteration), found[-1] if found else None)


def _not_best(work_dir: Path) -> list[Path]:
    return [path for path in work_dir.glob('*.pth') if not path.stem.startswith('best_')]


def _is_of_training(path: Path) -> bool:
    """Whether a training run could go on from it; of what cannot be loaded, too, which loading names."""
    try:
        return 'message_hub' in meta_of(path)[1]
    except CheckpointError:
        return True


def _progress(path: Path) -> tuple[float, int, str]:
    """Iteration and epoch that a checkpoint was written at; of what cannot be loaded the highest, to be named."""
    try:
        meta, _ = meta_of(path)
    except CheckpointError:
        return float('inf'), 0, path.name
    return meta.get('iter') or 0, meta.get('epoch') or 0, path.name


def check_resumable(path: str, config: Config) -> None:
    """Says what a training run that goes on from the checkpoint ``path`` does not find in it.

    Raises:
        UsageError: If it cannot be read, or has no training to go on with.
    """
    content = _content_of(path)
    meta = content.get('meta') or {}
    if 'message_hub' not in content or 'iter' not in meta or 'epoch' not in meta:
        hint = f"To start from its weights: --cfg-options load_from='{path}'"
        raise UsageError('--resume', 'a checkpoint that a training run wrote', f'{path!r}, weights only', hint)
    for warning in (*_missing_states(content, config), *_lost_gradients(meta['iter'], config)):
        print_log(f'--resume {path}: {warning}', logger='current', level=logging.WARNING)


def _missing_states(content: dict[str, Any], config: Config) -> list[str]:
    warnings = []
    if not content.get('optimizer'):
        warnings.append('no state of the optimizer; its momentum starts anew.')
    wanted, kept = config.get('param_scheduler') or [], content.get('param_schedulers') or []
    number = len(wanted) if isinstance(wanted, list | tuple) else 1
    if len(kept) < number and not isinstance(kept, dict):
        warnings.append(f'states of {len(kept)} of {number} schedules (param_scheduler); the others start anew.')
    averages = any(hook.get('type') == 'EMAHook' for hook in config.get('custom_hooks') or ())
    if averages and 'ema_state_dict' not in content:
        warnings.append('no averaged weights for EMAHook; the average starts anew from these weights.')
    return warnings


def _lost_gradients(iteration: int, config: Config) -> list[str]:
    """Gradients that were summed up for an update are in no checkpoint."""
    every = (config.get('optim_wrapper') or {}).get('accumulative_counts', 1)
    since = iteration % every if isinstance(every, int) and every > 0 else 0
    if not since:
        return []
    return [
        f'iteration {iteration} lies between two updates of the weights (accumulative_counts={every}); the gradients '
        f'of the last {since} are lost, and the result differs from that of an uninterrupted run. '
        f'Save at multiples of {every} iterations (default_hooks.checkpoint.interval).'
    ]


def _read(path: str) -> tuple[dict[str, Any], CheckpointError | None]:
    """The content of a checkpoint, and what is wrong with it."""
    try:
        return check_content(load_checkpoint_file(path), path), None
    except CheckpointError as error:
        return {}, error


def _others(path: Path) -> str:
    names = sorted(other.name for other in path.parent.glob('*.pth') if other != path)
    return f'In its folder: {", ".join(names)}.' if names else ''
