"""What a record of a run may hold: people send each other records, and files get damaged, so each field is checked.

Each check knows the field alone; whether all of them fit each other, the values that are made of them check.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ltseg.core.calibration import BINS
from ltseg.core.errors import InvalidValueError
from ltseg.core.json_values import (
    check_count,
    check_kind,
    check_number,
    check_text,
    check_total,
    is_number,
    shown,
)

__all__ = ['check_fields', 'check_known_fields']

MOST_CLASSES = 10_000  # of which a matrix takes 0.8 GB


def check_fields(content: Mapping[str, Any]) -> None:
    """Checks the fields of a record as JSON gives them; of those that are missing or unknown nothing is said.

    Raises:
        KeyError: If there are no class names.
        ValueError: If a field is of another type, or a number or text in it cannot be right; names it.
    """
    names = content['class_names']
    check_known_fields(content, len(names) if isinstance(names, list) else 0)


def check_known_fields(content: Mapping[str, Any], size: int = 0) -> None:
    """Raises ValueError where one of the fields that are there cannot be right; ``size`` is the number of classes."""
    for field, check in CHECKS.items():
        if field in content:
            check(field, content[field], size)


def _text(where: str, value: Any, _: int) -> None:
    check_text(where, value)


def _text_or_none(where: str, value: Any, _: int) -> None:
    if value is not None:
        check_text(where, value)


def _count_or_none(where: str, value: Any, _: int) -> None:
    if value is not None:
        check_count(where, value)


def _list(where: str, value: Any) -> list:
    check_kind(where, value, list, 'a list')
    return value


def _dict(where: str, value: Any) -> dict:
    check_kind(where, value, dict, 'a dict')
    return value


def _texts(where: str, value: Any, _: int) -> None:
    for key, text in _dict(where, value).items():
        check_text(f'{where}, a key', key)
        check_text(f'{where}.{key}', text)


def _settings(where: str, value: Any, _: int) -> None:
    for key in _dict(where, value):
        check_text(f'{where}, a key', key)
    if 'posthoc' in value:
        _dict(f'{where}.posthoc', value['posthoc'])


def _class_names(where: str, value: Any, _: int) -> None:
    if not 0 < len(_list(where, value)) <= MOST_CLASSES:
        raise InvalidValueError(where, f'1 to {MOST_CLASSES:,} names', f'{len(value):,}')
    for index, name in enumerate(value):
        check_text(f'{where}.{index}', name)


def _class_counts(where: str, value: Any, _: int) -> None:
    for index, number in enumerate(_list(where, value)):
        if not is_number(number) or number < 0:
            raise InvalidValueError(f'{where}.{index}', 'a number of at least 0', shown(number))
    check_total(where, sum(value))


def _groups(where: str, value: Any, size: int) -> None:
    for key, classes in _dict(where, value).items():
        if key == 'rule':
            check_text(f'{where}.rule', classes)
            continue
        for index, each in enumerate(_list(f'{where}.{key}', classes)):
            check_count(f'{where}.{key}.{index}', each, max(size, 1))


def _matrix(where: str, value: Any, size: int) -> None:
    for index, row in enumerate(_list(where, value)):
        if len(_list(f'{where}.{index}', row)) != size or len(value) != size:
            got = f'{len(value)} rows, one of {len(row)}'
            raise InvalidValueError(where, f'({size}, {size}) int64 counts, a row for each class', got)
        for count in row:
            check_count(where, count)
    check_total(where, sum(map(sum, value)))


def _matrix_entries(where: str, value: Any, size: int) -> None:
    cells = set()
    for index, entry in enumerate(_list(where, value)):
        place = f'{where}.{index}'
        if len(_list(place, entry)) != 3:
            raise InvalidValueError(place, 'truth, prediction and count', shown(entry))
        for number, below in zip(entry, (size, size, 2**63), strict=True):
            check_count(place, number, below)
        cells.add(tuple(entry[:2]))
    if len(cells) < len(value):
        raise InvalidValueError(where, 'each cell once', f'{len(value)} entries of {len(cells)} cells')
    check_total(where, sum(entry[2] for entry in value))


def _calibration(where: str, value: Any, size: int) -> None:
    for index, row in enumerate(_list(where, value)):
        place = f'{where}.{index}'
        if len(_list(place, row)) != 5:
            raise InvalidValueError(place, 'class, bin, samples, correct ones and confidence', shown(row))
        for number, below in zip(row, (size, BINS, 2**63, 2**63), strict=False):
            check_count(place, number, below)
        if row[4] is not None:
            check_number(place, row[4])
    check_total(where, sum(row[2] for row in value))


def _points(where: str, value: Any, _: int) -> None:
    for index, point in enumerate(_list(where, value)):
        for key, number in _dict(f'{where}.{index}', point).items():
            check_text(f'{where}.{index}, a key', key)
            check_number(f'{where}.{index}.{key}', number)


def _curves(where: str, value: Any, _: int) -> None:
    for key, curve in _dict(where, value).items():
        check_text(f'{where}, a key', key)
        _points(f'{where}.{key}', curve, 0)


def _numbers(where: str, value: Any, _: int) -> None:
    for key, number in _dict(where, value).items():
        check_text(where, key)
        check_number(f'{where}.{key}', number)


CHECKS: Mapping[str, Callable[[str, Any, int], None]] = {
    **dict.fromkeys(('name', 'method', 'model', 'dataset', 'split', 'config', 'date'), _text),
    **dict.fromkeys(('task', 'class_counts_from'), _text),
    'commit': _text_or_none,
    **dict.fromkeys(('seed', 'iterations'), _count_or_none),
    'settings': _settings,
    'setup': _settings,
    'other_metrics': _numbers,
    'versions': _texts,
    'curves': _curves,
    'tau_curve': _points,
    'class_names': _class_names,
    'class_counts': _class_counts,
    'groups': _groups,
    'matrix': _matrix,
    'matrix_entries': _matrix_entries,
    'calibration': _calibration,
}
