"""Numbers and lists as sentences have them."""

import math
from collections.abc import Sequence

__all__ = ['listed', 'points', 'shortened', 'signed']

NONE = '–'


def points(value: float) -> str:
    """One decimal; a dash for nan."""
    return NONE if math.isnan(value) else f'{value:.1f}'.replace('-', '−')


def signed(value: float) -> str:
    """One decimal with its sign; a dash for nan, and 0.0 for what rounds to it."""
    if math.isnan(value):
        return NONE
    text = f'{value:+.1f}'.replace('-', '−')
    return '0.0' if text[1:] == '0.0' else text


def listed(words: Sequence[str], limit: int = 6) -> str:
    """'a, b and c'; what is beyond the limit is counted."""
    if len(words) > limit + 1:
        words = [*words[:limit], f'{len(words) - limit} more']
    return words[0] if len(words) == 1 else f'{", ".join(words[:-1])} and {words[-1]}'


def shortened(name: str, size: int = 22) -> str:
    """A name that fits beside a figure."""
    return name if len(name) <= size else f'{name[: size - 1]}…'
