"""The checkpoint to go on from."""

import logging
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from ltseg.checkpoint_files import CheckpointError, load_checkpoint_file
from ltseg.core.errors import UsageError

__all__ = ['check_checkpoint', 'newest_checkpoint']

LAST = 'last_checkpoint'  # which mmengine writes behind each checkpoint that is whole


def check_checkpoint(path: str) -> dict[str, Any]:
    """What the checkpoint ``path`` says about its training, such as 'seed' and 'iter'.

    Raises:
        UsageError: If it is no file, or cannot be read.
    """
    if '://' in path:
        return {}
    if not Path(path).is_file():
        raise UsageError('checkpoint', 'a file', repr(path), _others(Path(path)))
    content, problem = _read(path)
    if problem:
        raise UsageError('checkpoint', 'a file that torch can load', repr(path), f'{problem} {_others(Path(path))}')
    return content.get('meta') or {}


def newest_checkpoint(work_dir: str) -> str | None:
    """The newest checkpoint in a work dir to go on from; what cannot be loaded is named and passed over.

    None where a run was killed while it wrote its first one: then nothing is lost by starting over.

    Raises:
        UsageError: If checkpoints had been written and none can be loaded.
    """
    found = [path for path in Path(work_dir).glob('*.pth') if not path.stem.startswith('best_')]
    problems = []
    for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True):
        content, problem = _read(str(path))
        if problem is None and 'message_hub' in content:
            return str(path)
        if problem is not None:
            problems.append(f'{path} ({problem})')
            print_log(f'Passed over, cannot be loaded: {problems[-1]}', logger='current', level=logging.WARNING)
    if problems and (Path(work_dir) / LAST).exists():
        hint = 'Move them away, or train without --resume.'
        raise UsageError('--resume', 'a checkpoint that can be loaded', ', '.join(problems), hint)
    what = 'No checkpoint in' if not problems else 'No whole checkpoint had been written in'
    print_log(f'{what} {work_dir}: training starts at the beginning.', logger='current')
    return None


def _read(path: str) -> tuple[dict[str, Any], str | None]:
    """The content of a checkpoint, and what is wrong with it."""
    try:
        content = load_checkpoint_file(path)
    except CheckpointError as error:
        return {}, str(error)
    return (content, None) if isinstance(content, dict) else ({}, f'a {type(content).__name__}, no checkpoint')


def _others(path: Path) -> str:
    names = sorted(other.name for other in path.parent.glob('*.pth') if other != path)
    return f'In its folder: {", ".join(names)}.' if names else ''
