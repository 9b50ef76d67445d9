"""Faults of the user end in one message; faults of the code keep their traceback."""

import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ['UserError', 'message_of', 'one_message_errors']

PACKAGE = str(Path(__file__).resolve().parents[1])


class UserError(Exception):
    """A fault that the user can mend: its text says how."""


def message_of(error: BaseException) -> str | None:
    """The text for the user where ltseg raised ``error``, or an error that a host wrapped in it; None otherwise."""
    seen: BaseException | None = error
    message = None
    while seen is not None:
        if isinstance(seen, UserError) or _raised_by_us(seen):
            message = str(seen)
        seen = seen.__cause__ or seen.__context__
    return message or _from_worker(str(error))


def _raised_by_us(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    meant = isinstance(error, ValueError | OSError | RuntimeError | FloatingPointError)
    return bool(frames) and meant and frames[-1].filename.startswith(PACKAGE)


def _from_worker(text: str) -> str | None:
    """A data loader's worker sends the traceback of its error as text; the last frame says whose it was."""
    frames = list(re.finditer(r'^  File "(.+)", line \d+', text, re.MULTILINE))
    if 'DataLoader worker' not in text or not frames or not frames[-1][1].startswith(PACKAGE):
        return None
    last = re.search(r'^\w+(?:\.\w+)*(?:Error|Exception): (.*)', text[frames[-1].end() :], re.MULTILINE | re.DOTALL)
    return last[1].strip() if last else None


@contextmanager
def one_message_errors() -> Iterator[None]:
    """Turns what ltseg raises into one message on stderr and exit code 1; all else passes."""
    try:
        yield
    except Exception as error:
        message = message_of(error)
        if message is None:
            raise
        print(f'error: {message}', file=sys.stderr)
        sys.exit(1)
