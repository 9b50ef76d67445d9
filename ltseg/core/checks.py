"""Checks of arguments, with one wording."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from ltseg.core.errors import InvalidValueError

__all__ = ['check_choice', 'check_integer', 'check_positive', 'check_range', 'near']


def near(value: object, known: Iterable[str], most: int = 1) -> str:
    """A sentence with what ``value`` may have been meant to be, up to ``most`` names; empty where none is near."""
    found = get_close_matches(str(value), list(known), n=most, cutoff=0.6 if most == 1 else 0.4)
    if not found:
        return ''
    return f'Did you mean {found[0]!r}?' if most == 1 else f'Near it: {", ".join(found)}.'


def check_choice(where: str, value: object, choices: Sequence[object]) -> None:
    """Raises InvalidValueError, with the nearest choice, unless ``value`` is one of ``choices``."""
    if value not in choices:
        expected = 'one of ' + ', '.join(map(repr, choices))
        raise InvalidValueError(where, expected, repr(value), near(value, map(str, choices)))


def check_range(where: str, value: float, low: float, high: float = float('inf')) -> None:
    """Raises InvalidValueError unless ``low <= value <= high`` (nan is out of every range)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidValueError(where, f'a number in [{low}, {high}]', repr(value))


def check_positive(where: str, value: float) -> None:
    """Raises InvalidValueError unless ``value`` is a finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float('inf'):
        raise InvalidValueError(where, 'a number above 0', repr(value))


def check_integer(where: str, value: int, low: int) -> None:
    """Raises InvalidValueError unless ``value`` is a whole number of at least ``low``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise InvalidValueError(where, f'a whole number of at least {low}', repr(value))
