"""What the command line says of an error: one message for what a user can mend; faults of the code keep a traceback."""

import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ltseg.core.errors import LtsegError

__all__ = ['message_of', 'one_message_errors']

PACKAGE = str(Path(__file__).resolve().parents[1])
# How the traceback of a data loader's worker, which comes as text, names an error of ours.
FROM_WORKER = re.compile(r'^ltseg\.[\w.]+Error: (.*)', re.MULTILINE | re.DOTALL)
# What mmengine's registries and Python say where a config names a type or an argument that does not exist.
UNKNOWN_TYPE = re.compile(r'(\S+ is not in the \S+ registry)')
UNKNOWN_ARGUMENT = re.compile(r'\w+\.__init__\(\) (got an unexpected keyword argument|missing \d+ required)')


def message_of(error: BaseException) -> str | None:
    """The text for the user where ltseg raised ``error``, or one that ``error`` wraps; None otherwise."""
    seen: BaseException | None = error
    while seen is not None:  # from the outside in: our outer errors name the file that our inner ones are about
        text = str(seen)
        if 'DataLoader worker' in text:
            found = FROM_WORKER.search(text)
            return found[1].strip() if found else None
        if isinstance(seen, LtsegError):
            return text
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return _fault_of_config(error)


def _fault_of_config(error: BaseException) -> str | None:
    """What is wrong with a type or an argument, of whatever package, that the config names."""
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
