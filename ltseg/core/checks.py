"""One wording for errors: what was expected, what came, what to do."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

__all__ = ['check_choice', 'check_positive', 'check_range', 'check_whole', 'fault', 'near']


def fault(where: str, expected: str, got: object, cure: str = '') -> str:
    """The sentence that every check raises with.

    Args:
        where: The class or function, and the argument, that found the fault, e.g. ``'LDAMLoss.scale'``.
        expected: What was expected, as the rest of a sentence that starts with "expected".
        got: What came.
        cure: What to do about it, a whole sentence.
    """
    return f'{where}: expected {expected}, got {got!r}.' + (f' {cure}' if cure else '')


def near(value: object, known: Iterable[str], most: int = 1) -> str:
    """A sentence with what ``value`` may have been meant to be, up to ``most`` names; empty where none is near."""
    found = get_close_matches(str(value), list(known), n=most, cutoff=0.6 if most == 1 else 0.4)
    if not found:
        return ''
    return f'Did you mean {found[0]!r}?' if most == 1 else f'Near it: {", ".join(found)}.'


def check_choice(where: str, value: object, choices: Sequence[str]) -> None:
    """Raises ValueError, with the nearest choice, unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(fault(where, 'one of ' + ', '.join(map(repr, choices)), value, near(value, choices)))


def check_range(where: str, value: float, low: float, high: float = float('inf')) -> None:
    """Raises ValueError unless ``low <= value <= high`` (nan is out of every range)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(fault(where, f'a number in [{low}, {high}]', value))


def check_positive(where: str, value: float) -> None:
    """Raises ValueError unless ``value`` is a finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float('inf'):
        raise ValueError(fault(where, 'a number above 0', value))


def check_whole(where: str, value: int, low: int) -> None:
    """Raises ValueError unless ``value`` is a whole number of at least ``low``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ValueError(fault(where, f'a whole number of at least {low}', value))
