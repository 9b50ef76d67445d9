"""What a table of counts says of where it came from, checked as it is read."""

import re
from typing import Any

from ltseg.core.errors import InvalidValueError
from ltseg.core.json_values import check_count, check_kind, check_text, shown

__all__ = ['check_provenance']

LABEL = re.compile(r'-?[0-9]{1,10}')  # a value of label files, as a key of JSON
LARGEST_LABEL = 2**31  # no file has one as high


def check_provenance(provenance: Any) -> None:
    """Raises ValueError where a field has another type, sign or size than ``count_dataset`` writes.

    Args:
        provenance: That of a file; no field has to be there.
    """
    check_kind('provenance', provenance, dict, 'a dict')
    for key in ('files', 'total_pixels', 'valid_pixels'):
        if key in provenance:
            check_count(f'provenance.{key}', provenance[key])
    for key in ('dataset', 'fingerprint', 'date', 'ltseg_version'):
        if key in provenance:
            check_text(f'provenance.{key}', provenance[key])
    if 'ignore_index' in provenance:
        _check_label('provenance.ignore_index', provenance['ignore_index'])
    if 'parts' in provenance:
        _check_parts(provenance['parts'])
    if 'ignored_values' in provenance:
        _check_ignored_values(provenance['ignored_values'])
    _check_sum(provenance)


def _check_label(where: str, label: Any) -> None:
    if not isinstance(label, int) or isinstance(label, bool) or not abs(label) < LARGEST_LABEL:
        raise InvalidValueError(where, 'a label', shown(label))


def _check_parts(parts: Any) -> None:
    check_kind('provenance.parts', parts, list, 'a list')
    for index, part in enumerate(parts):
        where = f'provenance.parts.{index}'
        check_kind(where, part, dict, 'a dict')
        reduced = part.get('reduce_zero_label')
        if reduced is not None:
            check_kind(f'{where}.reduce_zero_label', reduced, bool, 'true or false')


def _check_ignored_values(values: Any) -> None:
    check_kind('provenance.ignored_values', values, dict, 'a dict')
    for value, pixels in values.items():
        if not LABEL.fullmatch(value):
            raise InvalidValueError('provenance.ignored_values', 'labels as keys', shown(value))
        check_count(f'provenance.ignored_values.{value}', pixels)


def _check_sum(provenance: dict[str, Any]) -> None:
    """Shares of the pixels lie between 0 and 1."""
    total = provenance.get('total_pixels')
    if total is None:
        return
    parts = {
        'valid_pixels': provenance.get('valid_pixels', 0),
        'ignored_values': sum(provenance.get('ignored_values', {}).values()),
    }
    for key, pixels in parts.items():
        if pixels > total:
            raise InvalidValueError(f'provenance.{key}', f'at most {total} pixels, total_pixels', shown(pixels))
