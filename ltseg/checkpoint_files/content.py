"""What is in a checkpoint: the types of its parts, and what it says of its training run."""

import zipfile
from os import PathLike
from pathlib import Path
from typing import Any

from ltseg.checkpoint_files.loading import DAMAGED, CheckpointError, load_checkpoint_file
from ltseg.checkpoint_files.safe_pickle import MetaUnpickler

__all__ = ['check_content', 'meta_of']

PARTS = {'meta': dict, 'message_hub': dict, 'optimizer': dict, 'param_schedulers': list | dict, 'ema_state_dict': dict}


def check_content(content: Any, path: str | PathLike) -> dict[str, Any]:
    """``content`` if it can be that of a checkpoint: a state dict alone, or one with what mmengine writes beside it.

    Raises:
        CheckpointError: If it, or a part of it, is of another type.
    """
    if not isinstance(content, dict):
        raise CheckpointError(str(path), 'a checkpoint', f'a {type(content).__name__}, no checkpoint')
    weights = content.get('state_dict', content)
    if not isinstance(weights, dict) or not all(isinstance(key, str) for key in weights):
        raise CheckpointError(str(path), 'a state_dict with weights by their names', _type_of(weights), DAMAGED)
    for part, kind in PARTS.items() if 'state_dict' in content else ():
        if part in content and not isinstance(content[part], kind):
            raise CheckpointError(f'{path}, {part}', 'a dict', _type_of(content[part]), DAMAGED)
    meta = content.get('meta', {}) if 'state_dict' in content else {}
    for key in ('iter', 'epoch', 'seed'):
        if not isinstance(meta.get(key), int | None) or (meta.get(key) or 0) < 0:
            raise CheckpointError(f'{path}, {key}', 'a number of at least 0', repr(meta[key])[:80], DAMAGED)
    return content


def _type_of(value: Any) -> str:
    return f'a {type(value).__name__}'


def meta_of(path: Path) -> tuple[dict[str, Any], frozenset[str]]:
    """What a checkpoint says of its training run, and the names of all its parts, in little time and memory.

    The tensors of a file in the zip format are left out; checksums of them are not looked at.

    Raises:
        CheckpointError: If the file is damaged or holds more than values.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            (pickled,) = (name for name in archive.namelist() if name.rpartition('/')[2] == 'data.pkl')
            with archive.open(pickled) as stream:
                content = MetaUnpickler(stream).load()
    except Exception:  # the format before PyTorch 1.6, or a fault, which loading all of it names
        content = load_checkpoint_file(path)
    content = check_content(content, path)
    return content.get('meta') or {}, frozenset(content)
