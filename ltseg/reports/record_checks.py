"""What a record of a run may hold: people send each other records, and files get damaged, so each field is checked.

Each check knows the field alone; whether all of them fit each other, the values that are made of them check.
"""

from collections.abc import Callable, Iterator, Mapping
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

__all__ = ['check_known_fields']

MOST_CLASSES = 10_000  # of which a matrix takes 0.8 GB
OPTIONAL = ('commit', 'seed', 'iterations')  # null in the file of a record that lacks them


def check_known_fields(content: Mapping[str, Any]) -> None:
    """Checks the fields of a record as JSON gives them; of those that are missing or unknown nothing is said.

    Raises:
        ValueError: If a field is of another type, or a number or text in it cannot be right; names it.
    """
    given = {field: value for field, value in content.items() if value is not None or field not in OPTIONAL}
    for field, check in CHECKS.items():
        if field in given:
            check(field, given[field])
    for field, check_of_classes in CHECKS_OF_CLASSES.items():
        if field in given and 'class_names' in given:
            check_of_classes(field, given[field], len(given['class_names']))


def _list(where: str, value: Any) -> list:
    check_kind(where, value, list, 'a list')
    return value


def _dict(where: str, value: Any) -> dict:
    check_kind(where, value, dict, 'a dict')
    return value


def _of_list(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The place and the value of each entry of a list."""
    return ((f'{where}.{index}', entry) for index, entry in enumerate(_list(where, value)))


def _of_dict(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The place and the value of each entry of a dict, whose keys have to be texts."""
    for key, entry in _dict(where, value).items():
        check_text(f'{where}, a key', key)
        yield f'{where}.{key}', entry


def _texts(where: str, value: Any) -> None:
    for place, text in _of_dict(where, value):
        check_text(place, text)


def _numbers(where: str, value: Any) -> None:
    for place, number in _of_dict(where, value):
        check_number(place, number)


def _points(where: str, value: Any) -> None:
    for place, point in _of_list(where, value):
        _numbers(place, point)


def _curves(where: str, value: Any) -> None:
    for place, curve in _of_dict(where, value):
        _points(place, curve)


def _settings(where: str, value: Any) -> None:
    for place, entry in _of_dict(where, value):
        if place == f'{where}.posthoc':
            _dict(place, entry)


def _class_names(where: str, value: Any) -> None:
    if not 0 < len(_list(where, value)) <= MOST_CLASSES:
        raise InvalidValueError(where, f'1 to {MOST_CLASSES:,} names', f'{len(value):,}')
    for place, name in _of_list(where, value):
        check_text(place, name)


def _class_counts(where: str, value: Any) -> None:
    for place, number in _of_list(where, value):
        if not is_number(number) or number < 0:
            raise InvalidValueError(place, 'a number of at least 0', shown(number))
    check_total(where, sum(value))


def _groups(where: str, value: Any, size: int) -> None:
    for place, classes in _of_dict(where, value):
        if place == f'{where}.rule':
            check_text(place, classes)
            continue
        for inside, index in _of_list(place, classes):
            check_count(inside, index, size)


def _matrix(where: str, value: Any, size: int) -> None:
    for place, row in _of_list(where, value):
        if len(_list(place, row)) != size or len(value) != size:
            got = f'{len(value)} rows, one of {len(row)}'
            raise InvalidValueError(where, f'({size}, {size}) int64 counts, a row for each class', got)
        for count in row:
            check_count(where, count)
    check_total(where, sum(map(sum, value)))


def _matrix_entries(where: str, value: Any, size: int) -> None:
    cells = set()
    for place, entry in _of_list(where, value):
        if len(_list(place, entry)) != 3:
            raise InvalidValueError(place, 'truth, prediction and count', shown(entry))
        for number, below in zip(entry, (size, size, 2**63), strict=True):
            check_count(place, number, below)
        cells.add(tuple(entry[:2]))
    if len(cells) < len(value):
        raise InvalidValueError(where, 'each cell once', f'{len(value)} entries of {len(cells)} cells')
    check_total(where, sum(entry[2] for entry in value))


def _calibration(where: str, value: Any, size: int) -> None:
    for place, row in _of_list(where, value):
        if len(_list(place, row)) != 5:
            raise InvalidValueError(place, 'class, bin, samples, correct ones and confidence', shown(row))
        for number, below in zip(row, (size, BINS, 2**63, 2**63), strict=False):
            check_count(place, number, below)
        if row[4] is not None:
            check_number(place, row[4])
    check_total(where, sum(row[2] for row in value))


CHECKS: Mapping[str, Callable[[str, Any], None]] = {
    **dict.fromkeys(('name', 'method', 'model', 'dataset', 'split', 'config', 'date'), check_text),
    **dict.fromkeys(('task', 'class_counts_from', 'commit'), check_text),
    **dict.fromkeys(('seed', 'iterations'), check_count),
    'settings': _settings,
    'setup': _settings,
    'other_metrics': _numbers,
    'versions': _texts,
    'curves': _curves,
    'tau_curve': _points,
    'class_names': _class_names,
    'class_counts': _class_counts,
}
CHECKS_OF_CLASSES: Mapping[str, Callable[[str, Any, int], None]] = {
    'groups': _groups,
    'matrix': _matrix,
    'matrix_entries': _matrix_entries,
    'calibration': _calibration,
}
