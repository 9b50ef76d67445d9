"""Files that are there whole or not at all."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

__all__ = ['atomic_write']


@contextmanager
def atomic_write(path: str | PathLike) -> Iterator[Path]:
    """The name to write a file under, in its folder, which is made; it becomes ``path`` when all has gone well.

    A reader never sees half a file, and whoever writes at the same time has another draft. After an error nothing is
    left of it, and a file that was there before is as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f'{path.name}.{secrets.token_hex(4)}.part')
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
