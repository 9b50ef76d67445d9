"""Checks of values that were read from JSON files, with one wording."""

import unicodedata
from typing import Any

from ltseg.core.errors import InvalidValueError

__all__ = ['check_count', 'check_kind', 'check_number', 'check_text', 'check_total', 'is_number', 'shown']

LONGEST = 1000  # characters of a name
INT64 = 2**63


def shown(value: Any) -> str:
    """``value`` as messages show it."""
    text = repr(value)
    return text if len(text) <= 80 else f'{text[:80]}…'


def check_kind(where: str, value: Any, kind: type, name: str) -> None:
    """Raises ValueError unless ``value`` is of the type that JSON calls ``name``."""
    if not isinstance(value, kind):
        raise InvalidValueError(where, name, shown(value))


def check_text(where: str, value: Any) -> None:
    """Raises ValueError unless ``value`` can be a name: short, without control characters, and printable."""
    check_kind(where, value, str, 'a text')
    if len(value) > LONGEST:
        raise InvalidValueError(where, f'at most {LONGEST:,} characters', f'{len(value):,}')
    # Control characters would move the cursor of a terminal; surrogates cannot be written.
    if any(unicodedata.category(character) in ('Cc', 'Cs') for character in value):
        raise InvalidValueError(where, 'a text without control characters', shown(value))


def is_number(value: Any) -> bool:
    """Whether ``value`` is a number; True and False, which Python takes for 1 and 0, are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_number(where: str, value: Any, largest: float = 1e30) -> None:
    """Raises ValueError unless ``value`` is a number between ``-largest`` and ``largest``."""
    if not is_number(value) or not abs(value) <= largest:
        raise InvalidValueError(where, 'a finite number', shown(value))


def check_count(where: str, value: Any, below: int = INT64) -> None:
    """Raises ValueError unless ``value`` is a whole number in [0, below)."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < below:
        limit = '' if below == INT64 else f' below {below}'
        raise InvalidValueError(where, f'a whole number of at least 0{limit}', shown(value))


def check_total(where: str, total: float) -> None:
    """Raises ValueError where counts add up to more than 64 bits hold."""
    if not total < INT64:
        raise InvalidValueError(where, f'counts that add up to less than {INT64:,}', shown(total))
