"""mmengine's loading of checkpoints, replaced by the safe one in this process."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from mmengine.runner import CheckpointLoader

from ltseg.checkpoint_files.loading import files_are_trusted, load_checkpoint_file, loads_safely
from ltseg.core.literals import literal_settings

__all__ = ['use_for_all_files']


def use_for_all_files() -> None:
    """Lets mmengine load files and addresses by :func:`load_checkpoint_file` in this process, a Runner's included.

    ``Runner.resume`` runs the text of the config in a checkpoint as Python; of that text only what it looks at is left.
    """
    for prefix, loader in list(CheckpointLoader._schemes.items()):
        if prefix and not hasattr(loader, '__wrapped__'):
            CheckpointLoader.register_scheme(prefixes=prefix, loader=_safe(loader), force=True)
    CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)


def load_from_local(filename: str, map_location: Any = None) -> Any:  # mmengine logs this name
    return _without_program(load_checkpoint_file(filename, map_location))


def _safe(loader: Callable) -> Callable:
    @wraps(loader)  # mmengine logs its name
    def load(filename: str, map_location: Any = None) -> Any:
        with loads_safely(filename):
            return _without_program(loader(filename, map_location))

    return load


def _without_program(content: Any) -> Any:
    """The content with the config in its meta data cut down to the number of GPUs."""
    meta = content.get('meta') if isinstance(content, dict) else None
    if files_are_trusted() or not isinstance(meta, dict) or 'config' not in meta:
        return content
    gpu_ids = literal_settings(meta['config']).get('gpu_ids')
    kept = {key: value for key, value in meta.items() if key != 'config'}
    if isinstance(gpu_ids, list | range) and all(isinstance(each, int) for each in gpu_ids):
        kept['config'] = f'gpu_ids = {list(gpu_ids)}'
    return {**content, 'meta': kept}
