"""Loading checkpoint files: the same on every version of PyTorch and mmengine, and without running what is in them.

A checkpoint is a pickle, and a pickle may name any function to be called while it is loaded. PyTorch before 2.6 calls
it; PyTorch 2.6 and newer refuse it, and with it the logs that mmengine puts into every checkpoint, such that mmengine
0.10.7 cannot load its own files and newer versions fall back to calling it.
"""

import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import torch
from mmengine.runner import CheckpointLoader

from ltseg.checkpoint_files.safe_pickle import Refused, SafePickle
from ltseg.core.errors import InvalidValueError, MissingFileError

__all__ = [
    'CheckpointError',
    'RefusedFileError',
    'files_are_trusted',
    'load_checkpoint_file',
    'loads_safely',
    'trusted_files',
]

DAMAGED = 'The file is damaged or incomplete: copy it again, or take another checkpoint.'
TRUST_FLAG = '--trust-files'
UNKNOWN = (
    f'Only load files that you trust: {TRUST_FLAG} loads this one and runs what is in it. '
    'To share weights, save the tensors alone (a state_dict).'
)
_trust: ContextVar[bool] = ContextVar('trust', default=False)


class CheckpointError(InvalidValueError):
    """A checkpoint file that is damaged, is none, or holds more than values."""


class RefusedFileError(CheckpointError):
    """A checkpoint file that holds more than values, and is loaded only where it is trusted."""


@contextmanager
def trusted_files(trust: bool = True) -> Iterator[None]:
    """Lets files that are loaded within run code, where ``trust`` is true: what ``--trust-files`` asks for."""
    token = _trust.set(trust)
    try:
        yield
    finally:
        _trust.reset(token)


def files_are_trusted() -> bool:
    """Whether files may run code: within :func:`trusted_files` only."""
    return _trust.get()


def load_checkpoint_file(path: str | PathLike, map_location: Any = 'cpu') -> Any:
    """The content of a checkpoint file.

    Args:
        path: A file of ``torch.save``, in its zip format or in the one before PyTorch 1.6; or what mmengine finds
            elsewhere, such as 'https://...' and 'open-mmlab://NAME'.
        map_location: As in ``torch.load``.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If the file is damaged, cannot be had, or names a function or type that no checkpoint needs.
    """
    if '://' in str(path):
        try:
            with loads_safely(str(path)):
                return CheckpointLoader.load_checkpoint(str(path), map_location, logger='silent')
        except (OSError, KeyError, ImportError) as error:  # no network; no such name; no package for this scheme
            raise CheckpointError(str(path), 'weights that can be loaded', _reason(error)) from error
    path = Path(path).expanduser()
    if not path.is_file():
        raise MissingFileError('checkpoint', 'a file', repr(str(path)))
    return _loaded(path, str(path), map_location)


def _loaded(source: str | Path | BinaryIO, name: str, map_location: Any, hint: str = DAMAGED) -> Any:
    """The content of a file, which messages call ``name``; ``hint`` says what to do where it is damaged."""
    try:
        _check_archive(source, name, hint)
        module = pickle if files_are_trusted() else SafePickle
        # torch.load by its other name, which loads_safely leaves alone
        return torch.serialization.load(source, map_location, pickle_module=module, weights_only=False)
    except CheckpointError:
        raise
    except Refused as error:
        raise RefusedFileError(name, 'tensors, numbers and text', str(error), UNKNOWN) from error
    except Exception as error:  # torch, zipfile and pickle each have their own
        raise CheckpointError(name, 'a checkpoint', _reason(error), hint) from error


def _reason(error: Exception) -> str:
    first_line = (str(error).splitlines() or [''])[0]
    return f'{type(error).__name__}: {first_line}'


@contextmanager
def loads_safely(name: str) -> Iterator[None]:
    """Makes ``torch.load`` safe for what mmengine calls in between; messages call the file ``name``.

    mmengine's loaders of addresses, such as 'https://' and 'open-mmlab://', download to PyTorch's cache and call
    ``torch.load`` themselves, each in its own way.
    """

    def load(file: Any, map_location: Any = None, *_: Any, **__: Any) -> Any:
        if not isinstance(file, str | Path):
            return _loaded(file, name, map_location)
        return _loaded(file, name, map_location, f'Remove {str(file)!r}, such that it is downloaded again.')

    original = torch.load
    torch.load = load  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.load = original


def _check_archive(source: str | Path | BinaryIO, name: str, hint: str) -> None:
    """Raises CheckpointError where a zip file's checksums do not hold, or ``torch.save`` has not written it."""
    is_archive = zipfile.is_zipfile(source)
    if not isinstance(source, str | Path):
        source.seek(0)
    if not is_archive:
        return
    with zipfile.ZipFile(source) as archive:
        members = archive.infolist()
        if any(member.filename.rpartition('/')[2] == 'constants.pkl' for member in members):
            raise CheckpointError(name, 'a checkpoint', 'a TorchScript program', UNKNOWN)
        # PyTorch compresses nothing; a small file may otherwise become as large as it likes.
        if any(member.file_size > member.compress_size for member in members):
            raise CheckpointError(name, 'a checkpoint', 'a compressed zip file', 'Save it with torch.save.')
        damaged = archive.testzip()
    if not isinstance(source, str | Path):
        source.seek(0)
    if damaged is not None:
        raise CheckpointError(name, 'a checkpoint', f'a wrong checksum of {damaged}', hint)
