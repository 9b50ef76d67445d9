"""What the command line says of an error: one message for what a user can mend; faults of the code keep a traceback."""

import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ltseg.cli.output import forgiving_output
from ltseg.core.errors import LtsegError, UsageError, describe
from ltseg.core.files import NOT_WRITTEN

__all__ = ['known_message', 'message_of', 'one_message_errors', 'usage_errors']

PACKAGE = str(Path(__file__).resolve().parents[1])
# How the traceback of a data loader's worker, which comes as text, names an error of ours.
FROM_WORKER = re.compile(r'^ltseg\.[\w.]+Error: ', re.MULTILINE)
# What mmengine's registries and Python say where a config names a type or an argument that does not exist.
UNKNOWN_TYPE = re.compile(r'(\S+ is not in the \S+ registry)')
UNKNOWN_ARGUMENT = re.compile(r'\w+\.__init__\(\) (got an unexpected keyword argument|missing \d+ required)')
# What Python says where a class gives its base an argument that the config gives, too.
FIXED_ARGUMENT = re.compile(r"got multiple values for (?:keyword )?argument '(\w+)'")
# Packages whose constructors refuse values that a config gives them.
BUILT = {'torch', 'mmengine', 'mmcv', 'mmseg', 'mmpretrain'}
KILLED_WORKER = re.compile(r'DataLoader worker \(pid.*?\) (exited unexpectedly|is killed by signal: [\w ]+)')
# What torch says of a normalisation layer that sees one value of each channel.
ONE_VALUE = 'Expected more than 1 value per channel when training'
# What torch and MMSegmentation say of a batch of images of different sizes; the second one, torch in a worker.
UNEQUAL = re.compile(
    r'stack expects each tensor to be equal size(?:, but got (\[[\d, ]+\]) at entry \d+ and (\[[\d, ]+\]))?'
    r'|Trying to resize storage that is not resizable|The image size in a batch should be the same'
)
ONE_SIZE = (
    "Let the pipeline give images of one size, by dict(type='RandomCrop', crop_size=(H, W)) or dict(type='Resize', "
    "scale=(W, H)), pad them in training by size_divisor in place of size in MMSegmentation's data_preprocessor, or "
    'set batch_size=1.'
)
FEWER_WORKERS = 'It may have run out of memory: set the num_workers of the data loaders lower, or to 0.'
NO_REST = 'Leave out the rest of an epoch, train_dataloader.drop_last=True, or change train_dataloader.batch_size.'


def message_of(error: BaseException) -> str | None:
    """The text for the user where ltseg raised ``error``, or one that ``error`` wraps; None otherwise."""
    seen: BaseException | None = error
    while seen is not None:  # from the outside in: our outer errors name the file that our inner ones are about
        text = str(seen)
        if 'DataLoader worker' in text:
            *_, outermost = FROM_WORKER.split(text)  # a traceback prints the outer error last
            return outermost.strip() if outermost != text else _fault_of_worker(text)
        if isinstance(seen, LtsegError):
            return text
        if (message := _fault_around(seen)) is not None:
            return message
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return _fault_of_config(error)


def known_message(error: Exception) -> str:
    """As :func:`message_of`; an error without a text for the user is raised again."""
    message = message_of(error)
    if message is None:
        raise error
    return message


def _fault_of_worker(text: str) -> str | None:
    if 'collate' in text and (message := _fault_of_sizes(text)) is not None:
        return message
    ended = KILLED_WORKER.search(text)
    return describe('data loader', 'workers that live', f'one that {ended[1]}', FEWER_WORKERS) if ended else None


def _fault_around(error: BaseException) -> str | None:
    """What files, disks and batches of one image, or of several sizes, are to blame for, in whatever package."""
    if isinstance(error, OSError) and error.strerror and (error.filename is not None or error.errno in NOT_WRITTEN):
        return f'{error.filename or "writing"}: {error.strerror}.'
    if isinstance(error, ValueError) and ONE_VALUE in str(error):
        return describe('batch', 'two images or more, for normalisation layers over single values', 'one', NO_REST)
    frames = traceback.extract_tb(error.__traceback__)
    makes_batch = any('collate' in frame.filename or 'preprocessor' in frame.filename for frame in frames)
    return _fault_of_sizes(str(error)) if makes_batch else None


def _fault_of_sizes(text: str) -> str | None:
    found = UNEQUAL.search(text)
    if found is None:
        return None
    got = f'{found[1]} and {found[2]}' if found[1] else 'several'
    return describe('batch', 'images of one size', got, ONE_SIZE)


def _fault_of_config(error: BaseException) -> str | None:
    """What is wrong with a type or an argument, of whatever package, that the config names."""
    text = str(error.args[0]) if error.args else ''
    if isinstance(error, KeyError) and (found := UNKNOWN_TYPE.search(text)):
        hint = 'Check the spelling of this type.'
        return f'config: {found[1]}. {hint}'
    frames = traceback.extract_tb(error.__traceback__)
    built = any('registry' in Path(frame.filename).parts for frame in frames)
    if built and isinstance(error, TypeError) and (fixed := FIXED_ARGUMENT.search(text)):
        hint = f'Leave {fixed[1]} out, or take the general type, e.g. ltseg.LongTailLoss.'
        return describe('config', f'no {fixed[1]} for a type that sets it itself', text, hint)
    if not built or frames[-1].filename.startswith(PACKAGE):
        return None
    if isinstance(error, KeyError) and 'must contain the key "type"' in text:
        return f'config: {text.splitlines()[0]}.'
    if isinstance(error, TypeError) and UNKNOWN_ARGUMENT.search(text):
        return f'config: {text}.'
    refused = isinstance(error, ValueError | AssertionError) and frames[-1].name == '__init__' and text
    known = BUILT.intersection(Path(frames[-1].filename).parts)
    return f'config: {text.rstrip(".")}.' if refused and known else None


@contextmanager
def usage_errors(where: str, expected: str) -> Iterator[None]:
    """Turns any error of a dry pass into a UsageError: with its own message, or with what was expected at ``where``."""
    try:
        yield
    except Exception as error:
        message = message_of(error)
        raise UsageError(message or describe(where, expected, f'{type(error).__name__}: {error}')) from error


@contextmanager
def one_message_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turns what ltseg raises, and errors of these kinds, into one message and exit code 1; all else passes."""
    forgiving_output()
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
