"""The checkpoint to go on from."""

import logging
from pathlib import Path

from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader

from ltseg.core.checks import fault
from ltseg.launch.errors import UserError

__all__ = ['check_checkpoint', 'newest_checkpoint']


def check_checkpoint(path: str) -> None:
    """Raises UserError unless ``path`` is a checkpoint that can be read."""
    if '://' in path:
        return
    if not Path(path).is_file():
        raise UserError(fault('checkpoint', 'a file', path, _others(Path(path))))
    problem = _problem(path)
    if problem:
        raise UserError(fault('checkpoint', 'a file that torch can load', path, f'{problem} {_others(Path(path))}'))


def newest_checkpoint(work_dir: str) -> str | None:
    """The newest checkpoint in a work dir that can be loaded; one that was cut short is named and passed over."""
    found = sorted(Path(work_dir).glob('*.pth'), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found:
        if path.stem.startswith('best_'):
            continue
        problem = _problem(str(path))
        if problem is None:
            return str(path)
        print_log(f'{path} cannot be loaded and is passed over: {problem}', logger='current', level=logging.WARNING)
    return None


def _problem(path: str) -> str | None:
    try:
        CheckpointLoader.load_checkpoint(path, map_location='cpu')
    except Exception as error:  # torch, zipfile and pickle each have their own
        return f'{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ""}'
    return None


def _others(path: Path) -> str:
    names = sorted(other.name for other in path.parent.glob('*.pth') if other != path)
    return f'In its folder: {", ".join(names)}.' if names else ''
