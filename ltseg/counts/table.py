"""Class counts of a data set as a file: what was counted, how often each class occurs, and where it came from."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ltseg.core.errors import InvalidValueError
from ltseg.core.files import atomic_write
from ltseg.core.json_files import read_json
from ltseg.core.json_values import check_kind, check_text, check_total, is_number, shown
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.ignored_pixels import cause_of_empty_classes, describe_ignored
from ltseg.counts.provenance import check_provenance

__all__ = ['CountsTable', 'check_class_names', 'check_table']

FORMAT = 'ltseg class counts 1'
REMEDY = 'Write it again with ltseg count.'


@dataclass(frozen=True, eq=False)
class CountsTable:
    """Class counts of a data set with the names of the classes and the provenance.

    Args:
        counts: The counts, (K,) each.
        class_names: The K names in the order of the labels.
        provenance: What was counted, as plain JSON values; ``count_dataset`` writes 'dataset', 'parts', 'files',
            'total_pixels', 'valid_pixels', 'ignore_index', 'ignored_values' (pixels by value), 'fingerprint',
            'ltseg_version' and 'date'.

    Raises:
        ValueError: If the lengths differ, a class occurs in more files than there are, or the counts add up to more
            pixels than the files have.

    Example:
        >>> from ltseg.counts.class_counts import ClassCounts
        >>> from ltseg.counts.table import CountsTable
        >>> names, counts = ('background', 'road', 'pole'), ClassCounts.from_list([0, 900, 100])
        >>> CountsTable(counts, names).empty_classes
        [0]
        >>> table = CountsTable(counts, names, provenance={'ignore_index': 0})
        >>> table.empty_classes, table.learned.samples.tolist()
        ([], [900.0, 900.0, 100.0])
    """

    counts: ClassCounts
    class_names: tuple[str, ...]
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.class_names) != self.counts.num_classes:
            raise InvalidValueError(
                'CountsTable.class_names', f'{self.counts.num_classes} names', repr(self.class_names)
            )
        total, pixels = self.counts.samples.sum().item(), self.provenance.get('total_pixels')
        if pixels is not None and total > pixels:
            raise InvalidValueError('CountsTable', f'at most {pixels} samples, files x height x width', repr(total))
        images, files = self.counts.images, self.provenance.get('files')
        if files is not None and images is not None and images.max().item() > files:
            raise InvalidValueError('CountsTable', f'at most {files} images of a class', repr(images.max().item()))

    @property
    def ignored_class(self) -> int | None:
        """The class that is the ignored label, e.g. 0 where the background has a place in the head but no pixel."""
        label = self.provenance.get('ignore_index')
        is_class = isinstance(label, int) and 0 <= label < self.counts.num_classes
        return label if is_class and not self.counts.samples[label] else None

    @property
    def empty_classes(self) -> list[int]:
        """Classes without a sample, apart from the ignored one."""
        return [k for k, n in enumerate(self.counts.samples.tolist()) if not n and k != self.ignored_class]

    @property
    def learned(self) -> ClassCounts:
        """The counts for losses and adjustments.

        The ignored class counts as the most frequent one: no label is of it, and no rule may favour it for being rare.
        """
        index, counts = self.ignored_class, self.counts
        if index is None:
            return counts
        most = int(counts.samples.argmax())
        others = (counts.images, counts.samples_of_images)
        copied = (None if each is None else _copied(each, most, index) for each in others)
        return ClassCounts(_copied(counts.samples, most, index), *copied)

    @property
    def ignored(self) -> str:
        """A sentence with the share of ignored pixels and their values; empty where images were counted."""
        return describe_ignored(self.provenance)

    @property
    def cause_of_empty_classes(self) -> str:
        """Why classes have no pixel, and what to do, where it seems to be because of what is ignored; else empty."""
        return cause_of_empty_classes(self.empty_classes, self.class_names, self.provenance)

    def save(self, path: str | os.PathLike) -> None:
        """Writes the table as JSON with one class per line."""
        header = {'format': FORMAT, 'provenance': self.provenance}
        text = json.dumps(header, indent=2)[:-2] + ',\n  "classes": [\n    '
        text += ',\n    '.join(json.dumps(row) for row in self._rows()) + '\n  ]\n}\n'
        with atomic_write(path) as draft:
            draft.write_text(text, encoding='utf-8')

    def _rows(self) -> list[dict[str, Any]]:
        counts = self.counts
        columns = {'name': list(self.class_names), 'samples': counts.samples.tolist()}
        if counts.images is not None:
            columns['images'] = counts.images.tolist()
        if counts.samples_of_images is not None:
            columns['samples_of_images'] = counts.samples_of_images.tolist()
        columns['share'] = [float(f'{share:.4g}') for share in counts.prior.tolist()]
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    @classmethod
    def load(cls, path: str | os.PathLike) -> 'CountsTable':
        """Reads a table that ``save`` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is not such a table, or its numbers cannot be right.
        """
        where = f'counts table {str(path)!r}'
        content = read_json(path, where, REMEDY)
        if not isinstance(content, dict) or content.get('format') != FORMAT:
            got = content.get('format') if isinstance(content, dict) else type(content).__name__
            raise InvalidValueError(where, f'the format {FORMAT!r}', repr(got), REMEDY)
        try:
            rows, provenance = content['classes'], content['provenance']
            _check_fields(rows, provenance)
            held = [key for key in ('images', 'samples_of_images') if any(key in row for row in rows)]
            counts = ClassCounts(_column(rows, 'samples'), **{key: _column(rows, key) for key in held})
            return cls(counts, tuple(row['name'] for row in rows), provenance)
        except (KeyError, ValueError) as error:
            reason = f'no {error}.' if isinstance(error, KeyError) else str(error)
            raise InvalidValueError(f'{where}: {reason} {REMEDY}') from error


def _copied(values: torch.Tensor, source: int, target: int) -> torch.Tensor:
    values = values.clone()
    values[target] = values[source]
    return values


def _check_fields(rows: Any, provenance: Any) -> None:
    """Checks the types of what a file holds beside the counts."""
    check_kind('classes', rows, list, 'a list')
    for index, row in enumerate(rows):
        check_kind(f'classes.{index}', row, dict, 'a dict')
        check_text(f'classes.{index}.name', row['name'])
    check_provenance(provenance)


def _column(rows: list[dict[str, Any]], key: str) -> torch.Tensor:
    values = [row[key] for row in rows]
    if not values or not all(is_number(value) for value in values):
        raise InvalidValueError(f'{key} of the classes', 'one number for each class', shown(values))
    check_total(f'{key} of the classes', sum(values))
    exact = all(isinstance(value, int) for value in values)
    return torch.tensor(values, dtype=torch.int64 if exact else torch.float64)


def check_table(
    table: CountsTable, num_classes: int, class_names: Sequence[str] | None = None, name: str = '', owner: str = 'head'
) -> None:
    """Raises ValueError unless ``table`` fits the model and the data set.

    Args:
        table: The table.
        num_classes: Classes of the head.
        class_names: Classes of the data set, where they are known.
        name: How messages call the table, e.g. its path.
        owner: How messages call what has ``num_classes``.
    """
    label = f'counts: the table {name!r}' if name else 'counts: the table'
    found = len(table.class_names)
    if found != num_classes:
        message = f'{label} lists {found} classes but the {owner} has {num_classes}.'
        hint = 'Count the training data set of this config: ltseg count CONFIG --out TABLE.json.'
        if class_names and len(class_names) != num_classes:  # another table of this data set would not fit either
            hint = f'The data set has {len(class_names)}: set num_classes={len(class_names)} in the {owner}.'
        raise InvalidValueError(f'{message} {hint}')
    check_class_names(label, table.class_names, class_names)


def check_class_names(label: str, counted: Sequence[str] | None, class_names: Sequence[str] | None) -> None:
    """Raises ValueError where counts, called ``label``, name a class otherwise than the data set, if both name any."""
    for index, (ours, theirs) in enumerate(zip(counted or (), class_names or (), strict=False)):
        if ours != theirs:
            message = f'{label} calls class {index} {ours!r} but the data set calls it {theirs!r}.'
            hint = 'Count the training data of this config (ltseg count), and give all its data sets the same names.'
            raise InvalidValueError(f'{message} {hint}')
