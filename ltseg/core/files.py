"""Files that are there whole or not at all, and a word, with the file, where one cannot be written."""

import errno
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from ltseg.core.errors import FileWriteError, LtsegError

__all__ = ['NOT_WRITTEN', 'atomic_write', 'check_writable', 'naming_folder']

NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)  # what only writing ends in
PROBE = 64 * 1024  # bytes: a full disk still makes empty files
FULL = (errno.ENOSPC, errno.EDQUOT)
NO_FOLDER = (errno.ENOTDIR, errno.EEXIST)  # EEXIST: where a folder is to be made


@contextmanager
def atomic_write(path: str | PathLike) -> Iterator[Path]:
    """The name to write a file under, in its folder, which is made; it becomes ``path`` when all has gone well.

    A reader never sees half a file, and whoever writes at the same time has another draft. After an error nothing is
    left of it, and a file that was there before is as it was.

    Raises:
        FileWriteError: If the folder cannot be made or the file not be written; names the file.
    """
    path = Path(path)
    draft = path.with_name(f'{path.name}.{secrets.token_hex(4)}.part')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        draft.replace(path)
    except LtsegError:
        raise
    except OSError as error:
        if error.filename is not None and Path(error.filename) not in (draft, path, *path.parents):
            raise  # of what is written into the file
        raise _not_written(path, error) from error
    finally:
        _remove(draft)


def check_writable(*paths: str | PathLike) -> None:
    """Finds out before hours of work whether files can be written, or folders be made, in a place.

    Writes to the nearest folder above each path that is there, and takes it away again.

    Raises:
        FileWriteError: If that is no folder, is read-only or full; names the path.
    """
    for path in map(Path, paths):
        folder = next(above for above in path.absolute().parents if above.exists())
        try:
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(bytes(PROBE))
        except OSError as error:
            raise _not_written(path, error) from error


@contextmanager
def naming_folder(folder: str | PathLike) -> Iterator[None]:
    """Names the folder that is written to in errors that name no file, as those of a full disk do.

    Raises:
        FileWriteError: In their place.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, LtsegError) or error.filename is not None or error.errno not in NOT_WRITTEN:
            raise
        raise _not_written(Path(folder), error) from error


def _not_written(path: Path, error: OSError) -> FileWriteError:
    return FileWriteError(str(path), 'a file that can be written', error.strerror or str(error), _hint(path, error))


def _hint(path: Path, error: OSError) -> str:
    if error.errno in FULL:
        return 'Free some space, or give another folder.'
    if error.errno == errno.EISDIR:
        return f'{path} is a folder: give the name of a file.'
    blocking = next((above for above in path.absolute().parents if above.exists()), None)
    if error.errno in NO_FOLDER and blocking is not None and not blocking.is_dir():
        return f'{blocking} is a file, no folder: give another folder, or move the file away.'
    return 'Give another folder.'


def _remove(draft: Path) -> None:
    try:
        draft.unlink(missing_ok=True)
    except OSError:  # its folder is none, or has become read-only: what went wrong before is said
        return
