"""Faults of the user end in one message; faults of the code keep their traceback."""

import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ['UserError', 'message_of', 'one_message_errors']

PACKAGE = str(Path(__file__).resolve().parents[1])
# What mmengine's registries and Python say where a config names a type or an argument that does not exist.
UNKNOWN_TYPE = re.compile(r'(\S+ is not in the \S+ registry)')
UNKNOWN_ARGUMENT = re.compile(r'\w+\.__init__\(\) (got an unexpected keyword argument|missing \d+ required)')


class UserError(Exception):
    """A fault that the user can mend: its text says how."""


def message_of(error: BaseException) -> str | None:
    """The text for the user where ltseg raised ``error``, or an error that a host wrapped in it; None otherwise."""
    seen: BaseException | None = error
    while seen is not None:  # from the outside in: our outer errors name the file that our inner ones are about
        if isinstance(seen, UserError) or _raised_by_us(seen):
            return str(seen)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return _from_worker(str(error)) or _fault_of_config(error)


def _raised_by_us(error: BaseException) -> bool:
    """Whether a ``raise`` in ltseg made the error: what torch or Python raises in our lines is a fault of the code."""
    frames = traceback.extract_tb(error.__traceback__)
    meant = isinstance(error, ValueError | OSError | RuntimeError | FloatingPointError)
    return bool(frames) and meant and _is_ours(frames[-1].filename, frames[-1].line or '')


def _is_ours(file: str, line: str) -> bool:
    return file.startswith(PACKAGE) and line.strip().startswith('raise ')


def _from_worker(text: str) -> str | None:
    """A data loader's worker sends the traceback of its error as text; the last frame says whose it was."""
    frames = list(re.finditer(r'^  File "(.+)", line \d+.*\n(.*)', text, re.MULTILINE))
    if 'DataLoader worker' not in text or not frames or not _is_ours(*frames[-1].groups()):
        return None
    last = re.search(r'^\w+(?:\.\w+)*(?:Error|Exception): (.*)', text[frames[-1].end() :], re.MULTILINE | re.DOTALL)
    return last[1].strip() if last else None


def _fault_of_config(error: BaseException) -> str | None:
    """What is wrong with a type or an argument of a host that the config names."""
    frames = traceback.extract_tb(error.__traceback__)
    built = any('registry' in Path(frame.filename).parts for frame in frames)
    if not built or frames[-1].filename.startswith(PACKAGE):
        return None
    text = str(error.args[0]) if error.args else ''
    if isinstance(error, KeyError) and (found := UNKNOWN_TYPE.search(text)):
        return f'config: {found[1]}. Check the spelling of this type.'
    return f'config: {text}.' if isinstance(error, TypeError) and UNKNOWN_ARGUMENT.search(text) else None


@contextmanager
def one_message_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turns what ltseg raises, and errors of these kinds, into one message and exit code 1; all else passes."""
    try:
        yield
    except KeyboardInterrupt:
        print('stopped', file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        message = message_of(error) or (str(error) if isinstance(error, kinds) else None)
        if message is None:
            raise
        print(f'error: {message}', file=sys.stderr)
        sys.exit(1)
