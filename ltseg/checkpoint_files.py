"""Loading checkpoint files: the same on every version of PyTorch and mmengine, and without running what is in them.

A checkpoint is a pickle, and a pickle may name any function to be called while it is loaded. PyTorch before 2.6 calls
it; PyTorch 2.6 and newer refuse it, and with it the logs that mmengine puts into every checkpoint, such that mmengine
0.10.7 cannot load its own files. Here exactly the types are allowed that PyTorch, numpy and mmengine write.
"""

import pickle
import zipfile
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from ltseg.core.errors import InvalidValueError, MissingFileError

__all__ = ['CheckpointError', 'load_checkpoint_file', 'use_for_local_files']

DAMAGED = 'The file is damaged or incomplete: copy it again, or take another checkpoint.'
UNKNOWN = 'Only load files that you trust; save the tensors alone (a state_dict) to share them.'

# What checkpoints are made of, by module. None of it does more than build a value.
ALLOWED = {
    'builtins': {'bytearray', 'complex', 'dict', 'float', 'frozenset', 'int', 'list', 'range', 'set', 'slice', 'tuple'},
    'collections': {'Counter', 'OrderedDict', 'defaultdict', 'deque'},
    '_codecs': {'encode'},  # how bytes are written
    'numpy': {'dtype', 'ndarray'},
    'numpy.core.multiarray': {'_reconstruct', 'scalar'},
    'numpy.core.numeric': {'_frombuffer'},
    'torch': {'Size', 'Tensor', 'device'},
    'torch._tensor': {'_rebuild_from_type_v2'},
    'torch._utils': {
        '_rebuild_parameter',
        '_rebuild_parameter_with_state',
        '_rebuild_qtensor',
        '_rebuild_sparse_tensor',
        '_rebuild_tensor',
        '_rebuild_tensor_v2',
        '_rebuild_tensor_v3',
    },
    'torch.nn.parameter': {'Parameter'},
    'torch.serialization': {'_get_layout'},
    'torch.storage': {'TypedStorage', 'UntypedStorage'},
    'mmengine.logging.history_buffer': {'HistoryBuffer'},
}
OLD_MODULES = {'__builtin__': 'builtins', 'copy_reg': 'copyreg'}  # of Python 2, which pickle's protocol 2 writes


class CheckpointError(InvalidValueError):
    """A checkpoint file that is damaged, is none, or holds more than values."""


def load_checkpoint_file(path: str | PathLike, map_location: Any = 'cpu') -> Any:
    """The content of a checkpoint file.

    Args:
        path: A file of ``torch.save``, in its zip format or in the one before PyTorch 1.6. mmengine loads what is not
            on this machine, such as 'open-mmlab://NAME'.
        map_location: As in ``torch.load``.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If the file is damaged, or names a function or type that no checkpoint needs.
    """
    if '://' in str(path):
        return CheckpointLoader.load_checkpoint(str(path), map_location, logger='silent')
    path = Path(path).expanduser()
    if not path.is_file():
        raise MissingFileError('checkpoint', 'a file', repr(str(path)))
    try:
        _check_archive(path)
        return torch.load(path, map_location=map_location, pickle_module=_SafePickle, weights_only=False)
    except CheckpointError:
        raise
    except _Refused as error:
        raise CheckpointError(str(path), 'tensors, numbers and text', str(error), UNKNOWN) from error
    except Exception as error:  # torch, zipfile and pickle each have their own
        first_line = (str(error).splitlines() or [''])[0]
        problem = f'{type(error).__name__}: {first_line}'
        raise CheckpointError(str(path), 'a checkpoint', problem, DAMAGED) from error


def use_for_local_files() -> None:
    """Lets mmengine load local files by :func:`load_checkpoint_file` in this process, a Runner's included."""
    CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)


def load_from_local(filename: str, map_location: Any = None) -> Any:  # mmengine logs this name
    return load_checkpoint_file(filename, map_location)


def _check_archive(path: Path) -> None:
    """Raises CheckpointError where a zip file's checksums do not hold, or it is a TorchScript program."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if any(name.rpartition('/')[2] == 'constants.pkl' for name in archive.namelist()):
            raise CheckpointError(str(path), 'a checkpoint', 'a TorchScript program', UNKNOWN)
        size = sum(entry.file_size for entry in archive.infolist())
        if size > path.stat().st_size:  # torch compresses nothing
            raise CheckpointError(str(path), 'a checkpoint', f'a compressed file of {size / 2**20:,.0f} MiB', UNKNOWN)
        damaged = archive.testzip()
    if damaged is not None:
        raise CheckpointError(str(path), 'a checkpoint', f'a wrong checksum of {damaged}', DAMAGED)


class _Refused(pickle.UnpicklingError):
    """What a checkpoint has no use for."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module = OLD_MODULES.get(module, module)
        if (module, name) == ('builtins', 'getattr'):
            return _statistic
        known = module.replace('numpy._core', 'numpy.core')  # numpy 2 moved it
        is_type = name.isidentifier() and (
            (module == 'torch' and _is_value_type(name)) or (module == 'numpy.dtypes' and name.endswith('DType'))
        )
        if not is_type and name not in ALLOWED.get(known, ()):
            raise _Refused(f'{module}.{name}')
        for place in (module, known, known.replace('numpy.core', 'numpy._core')):
            try:
                return super().find_class(place, name)
            except ModuleNotFoundError:
                continue
        raise _Refused(f'{module}.{name}, which is not installed')


def _is_value_type(name: str) -> bool:
    """Whether torch has a dtype or a type of storage of this name."""
    return name.endswith('Storage') or isinstance(getattr(torch, name, None), torch.dtype)


def _statistic(owner: Any, name: str) -> Callable:
    """Stands for ``getattr``, by which mmengine's log buffers refer to their statistics."""
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise _Refused(f'getattr({owner}, {name!r})')
    return getattr(owner, name)


class _SafePickle:
    """Takes the place of the module ``pickle`` in ``torch.load``."""

    __name__ = 'pickle'
    Unpickler = _Unpickler

    @staticmethod
    def load(file: Any, **options: Any) -> Any:
        return _Unpickler(file, **options).load()
