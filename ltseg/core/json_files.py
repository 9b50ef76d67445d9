"""JSON of others: no deeper, longer or larger than what it is read for."""

import json
import math
from os import PathLike
from pathlib import Path
from typing import Any

from ltseg.core.errors import InvalidValueError, MissingFileError

__all__ = ['parse_json', 'read_json']

LARGEST = 10**8  # bytes of a file
DEEPEST = 20  # lists and dicts inside each other
INT64 = 2**63


def read_json(path: str | PathLike, where: str, hint: str = '') -> Any:
    """The content of a JSON file.

    Args:
        path: The file.
        where: What messages call it.
        hint: What to do where it is missing or no such file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As :func:`parse_json`, or if the file is too large.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST:
            raise InvalidValueError(where, f'a file of at most {LARGEST:,} bytes', f'{path.stat().st_size:,}', hint)
        return parse_json(path.read_text(encoding='utf-8'))
    except FileNotFoundError as error:
        raise MissingFileError(where, 'a file', 'none', hint) from error
    except InvalidValueError:
        raise
    except (OSError, ValueError) as error:
        raise InvalidValueError(where, 'a JSON file', str(error), hint) from error


def parse_json(text: str, nan: bool = False) -> Any:
    """The values of a JSON text.

    Args:
        text: The text.
        nan: Whether NaN and Infinity are numbers, as Python writes them and JSON does not know them.

    Raises:
        ValueError: If it is no JSON, is nested more than 20 times, or has numbers beyond 64 bits.
    """
    number = float if nan else _finite
    try:
        content = json.loads(text, parse_constant=number, parse_float=number, parse_int=_integer)
    except RecursionError:
        raise ValueError(f'lists inside each other, more than {DEEPEST}') from None
    _check_depth(content)
    return content


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f'{text[:40]}, which is no finite number')
    return value


def _integer(text: str) -> int:
    if len(text) > 20 or not -INT64 <= int(text) < INT64:
        raise ValueError(f'{text[:40]}, which has more than 64 bits')
    return int(text)


def _check_depth(content: Any) -> None:
    level = [content]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, list | dict)
        ]
        if not level:
            return
    raise ValueError(f'lists inside each other, more than {DEEPEST}')
