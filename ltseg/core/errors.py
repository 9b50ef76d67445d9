"""Errors that a user can do something about: each says where, what was expected, what came, and what to do.

Every error that ltseg raises on purpose is a :class:`LtsegError`; the command line shows its text alone. Each is a
builtin exception, too, such that ``except ValueError`` works as everywhere in Python. All other exceptions are faults
of the code and keep their traceback.
"""

from typing import Any

__all__ = [
    'ExistingFileError',
    'FileWriteError',
    'InvalidValueError',
    'LtsegError',
    'MissingFileError',
    'MissingPackageError',
    'NotFiniteError',
    'UnusableLabelsError',
    'UsageError',
    'WrongStateError',
    'describe',
]


def describe(where: str, expected: str = '', got: str = '', hint: str = '') -> str:
    """The text of an error.

    Args:
        where: The class or function and the argument, e.g. 'LDAMLoss.scale'; or the whole text.
        expected: What was expected, as the rest of a sentence that starts with "expected".
        got: What came; values as their ``repr``.
        hint: What to do, in whole sentences.
    """
    if not expected:
        return where
    return f'{where}: expected {expected}, got {got}.' + (f' {hint}' if hint else '')


class LtsegError(Exception):
    """What ltseg raises for a fault outside of its code.

    Args:
        where, expected, got, hint: As for :func:`describe`.

    Example:
        >>> from ltseg.core.errors import InvalidValueError
        >>> str(InvalidValueError('LDAMLoss.scale', 'a number above 0', repr(-1), 'Leave it at 30.'))
        'LDAMLoss.scale: expected a number above 0, got -1. Leave it at 30.'
    """

    def __init__(self, where: str, expected: str = '', got: str = '', hint: str = '') -> None:
        super().__init__(describe(where, expected, got, hint))
        self.where, self.expected, self.got, self.hint = where, expected, got, hint

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:  # errors of worker processes arrive whole
        return type(self), (self.where, self.expected, self.got, self.hint)


class InvalidValueError(LtsegError, ValueError):
    """An argument, a label, a table or a config that does not fit."""


class UnusableLabelsError(InvalidValueError):
    """Labels that nothing can learn: a file that cannot be read as labels, values of no class, or all ignored."""


class MissingFileError(LtsegError, FileNotFoundError):
    """A file or folder that is not there."""


class ExistingFileError(LtsegError, FileExistsError):
    """A file or folder that is there, and must not be overwritten."""


class FileWriteError(LtsegError, OSError):
    """A file that cannot be written."""


class MissingPackageError(LtsegError, ImportError):
    """A package that is not installed, or cannot be imported."""


class WrongStateError(LtsegError, RuntimeError):
    """Something that was asked for too early, too late, or where it cannot be had."""


class NotFiniteError(LtsegError, FloatingPointError):
    """A loss or a gradient that is no number."""


class UsageError(LtsegError):
    """A command line that asks for what cannot be done."""
