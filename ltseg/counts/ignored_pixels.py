"""What a count of labels has ignored, in words, and why classes may be without pixels because of it."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ['MMSEG_IGNORED', 'cause_of_empty_classes', 'describe_ignored', 'ignored_share', 'ignored_values']

MMSEG_IGNORED = 255  # what MMSegmentation's reduce_zero_label and label_map write for "ignored"
MUCH = 0.2  # share of pixels ignored as several values beside which a class without pixels is suspect
SHOWN = 5  # values that are listed


def ignored_values(provenance: Mapping[str, Any]) -> dict[int, int]:
    """Ignored pixels by their value in the label files, the most frequent first; none where nothing is known."""
    values = provenance.get('ignored_values')
    if values is None:  # a table of an earlier version
        left = provenance.get('total_pixels', 0) - provenance.get('valid_pixels', 0)
        return {provenance.get('ignore_index', MMSEG_IGNORED): left} if left else {}
    return {int(value): pixels for value, pixels in sorted(values.items(), key=lambda pair: -pair[1]) if pixels}


def ignored_share(provenance: Mapping[str, Any]) -> float:
    """Share of the pixels that is ignored; 0 for counts of images."""
    total = provenance.get('total_pixels')
    return sum(ignored_values(provenance).values()) / total if total else 0.0


def describe_ignored(provenance: Mapping[str, Any]) -> str:
    """A sentence with the share of ignored pixels and their values in the files; empty for counts of images."""
    total = provenance.get('total_pixels')
    if not total:
        return ''
    values = ignored_values(provenance)
    if not values:
        return f'Ignored: none of {total:,} pixels.'
    listed = [f'value {value} ({pixels / total:.1%})' for value, pixels in [*values.items()][:SHOWN]]
    more = f' and {len(values) - SHOWN} more' if len(values) > SHOWN else ''
    return f'Ignored: {sum(values.values()) / total:.1%} of {total:,} pixels: {", ".join(listed)}{more}.'


def cause_of_empty_classes(empty: Sequence[int], names: Sequence[str], provenance: Mapping[str, Any]) -> str:
    """Why classes have no pixel, and what to do, where it seems to be because of what is ignored; else empty.

    Args:
        empty: Classes without a pixel.
        names: Of the K classes.
        provenance: Of the table of counts.
    """
    values, total = ignored_values(provenance), provenance.get('total_pixels')
    if not total or not values or not empty:
        return ''
    reduced = any(part.get('reduce_zero_label') for part in provenance.get('parts', ()))
    if reduced and 0 in values and len(names) - 1 in empty:
        return (
            f'reduce_zero_label=True ignores the value 0, {values[0] / total:.1%} of the pixels, and makes value 1 '
            f'{names[0]!r}. If the value 0 in the files is {names[0]!r}, set reduce_zero_label=False in the data sets.'
        )
    if not reduced and len(names) == 2 and set(values) == {MMSEG_IGNORED} and 1 in empty:
        return (
            f'The masks have the values 0 and 255, and 255 ({values[MMSEG_IGNORED] / total:.1%} of the pixels) is '
            f'ignored. Save them with 0 and 1, or use a data set whose get_label_map returns {{255: 1}}, to make 255 '
            f'{names[1]!r}.'
        )
    if set(values) != {MMSEG_IGNORED} and sum(values.values()) < MUCH * total:
        return ''  # 255 alone may be a class, however rare
    if not reduced and set(values) == {MMSEG_IGNORED} and len(empty) == 1:
        return (
            f'{describe_ignored(provenance)} If the value {MMSEG_IGNORED} in the files is {names[empty[0]]!r}, save it '
            f'as {empty[0]}, or use a data set whose get_label_map returns {{{MMSEG_IGNORED}: {empty[0]}}}.'
        )
    return f'{describe_ignored(provenance)} Check ignore_index, reduce_zero_label and label_map of the data sets.'
