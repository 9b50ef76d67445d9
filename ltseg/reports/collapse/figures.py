"""Figures as data: pictures, spreadsheets and pages show what one JSON file holds.

``WORK_DIR/collapse/*.json`` are such files; :func:`figure_files` finds them. Their form::

    {"kind": "ltseg figures", "title": TEXT, "note": TEXT, "figures": [FIGURE, ...]}

    FIGURE = {"kind": KIND, "name": WORD, "title": TEXT, "caption": TEXT, ...}      and, by KIND,

    "values"   "rows": [{"name": TEXT, "value": NUMBER, "ideal": NUMBER, "meaning": TEXT}, ...]
    "bars"     "labels": [TEXT, ...], "series": {TEXT: [NUMBER, ...], ...}, "axis": TEXT, "ideal": NUMBER
    "lines"    "x": [NUMBER, ...], "x_axis": TEXT, "series": {TEXT: [NUMBER, ...], ...}, "axis": TEXT,
               "ideal": NUMBER, "logarithmic": BOOLEAN
    "matrix"   "labels": [TEXT, ...], "values": [[NUMBER, ...], ...], "axis": TEXT, "ideal": NUMBER
    "points"   "series": {TEXT: [[NUMBER, NUMBER], ...], ...}, "marks": {TEXT: [NUMBER, NUMBER], ...}

A NUMBER is null where there is none: an undefined figure, or no ideal value. Labels are classes from frequent to rare
where they are classes; rows and columns of a matrix have the same labels, and its diagonal has no meaning. ``name`` is
that of the picture and of the table beside the file: ``<file's stem>_<name>.png`` and ``.csv``.
"""

import csv
import json
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from ltseg.core.checks import fault

__all__ = ['Bars', 'Figure', 'FigureFile', 'Lines', 'Matrix', 'Points', 'Value', 'Values', 'figure_files']

KIND = 'ltseg figures'
Number = float | None
Series = Mapping[str, Sequence[Number]]


@dataclass(frozen=True, kw_only=True)
class Figure(ABC):
    """What all figures have.

    Args:
        name: Of the files, e.g. 'angles_of_means'.
        title: One line.
        caption: What to see in it, whole sentences.
    """

    kind: ClassVar[str]
    name: str
    title: str
    caption: str = ''

    @abstractmethod
    def table(self) -> list[list[Any]]:
        """The figure as rows of a table, the header first."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """A number with its ideal value, and what it measures."""

    name: str
    value: Number
    ideal: Number = None
    meaning: str = ''


@dataclass(frozen=True, kw_only=True)
class Values(Figure):
    """Single numbers."""

    kind = 'values'
    rows: Sequence[Value]

    def table(self) -> list[list[Any]]:
        return [['figure', 'value', 'ideal', 'meaning'], *([r.name, r.value, r.ideal, r.meaning] for r in self.rows)]


@dataclass(frozen=True, kw_only=True)
class Bars(Figure):
    """A number of each class, in one or more series."""

    kind = 'bars'
    labels: Sequence[str]
    series: Series
    axis: str = ''
    ideal: Number = None

    def table(self) -> list[list[Any]]:
        return [['class', *self.series], *map(list, zip(self.labels, *self.series.values(), strict=True))]


@dataclass(frozen=True, kw_only=True)
class Lines(Figure):
    """Series of numbers over training."""

    kind = 'lines'
    x: Sequence[float]
    x_axis: str = 'iteration'
    series: Series
    axis: str = ''
    ideal: Number = None
    logarithmic: bool = False

    def table(self) -> list[list[Any]]:
        return [[self.x_axis, *self.series], *map(list, zip(self.x, *self.series.values(), strict=True))]


@dataclass(frozen=True, kw_only=True)
class Matrix(Figure):
    """A number of each pair of classes."""

    kind = 'matrix'
    labels: Sequence[str]
    values: Sequence[Sequence[Number]]
    axis: str = ''
    ideal: Number = None

    def table(self) -> list[list[Any]]:
        rows = zip(self.labels, self.values, strict=True)
        return [['class', *self.labels], *([label, *row] for label, row in rows)]


@dataclass(frozen=True, kw_only=True)
class Points(Figure):
    """Samples of each class in the plane, and a mark for the class."""

    kind = 'points'
    series: Mapping[str, Sequence[Sequence[float]]]
    marks: Mapping[str, Sequence[float]]

    def table(self) -> list[list[Any]]:
        marks = [[name, 'mean', *mark] for name, mark in self.marks.items()]
        points = ([name, 'sample', *point] for name, rows in self.series.items() for point in rows)
        return [['class', 'what', 'x', 'y'], *marks, *points]


KINDS: dict[str, Any] = {kind.kind: kind for kind in (Values, Bars, Lines, Matrix, Points)}


@dataclass(frozen=True, kw_only=True)
class FigureFile:
    """Figures that belong together.

    Args:
        title: One line.
        figures: In the order to show them in.
        note: Where they come from, whole sentences.
    """

    title: str
    figures: Sequence[Figure]
    note: str = ''

    def save(self, path: Path) -> None:
        """Writes the JSON file; a reader never sees half of it."""
        content = {'kind': KIND, 'title': self.title, 'note': self.note, 'figures': list(map(_plain, self.figures))}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f'{path.name}.{os.getpid()}.part')
        try:
            partial.write_text(json.dumps(content, indent=1, allow_nan=False) + '\n', encoding='utf-8')
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike) -> 'FigureFile':
        """Reads a file that ``save`` wrote.

        Raises:
            ValueError: If it is something else.
        """
        where = f'figures {str(path)!r}'
        try:
            content = json.loads(Path(path).read_text(encoding='utf-8'))
        except (OSError, ValueError) as error:
            raise ValueError(fault(where, 'a JSON file', str(error))) from error
        if not isinstance(content, dict) or content.get('kind') != KIND:
            raise ValueError(
                fault(where, 'figures that tools/analyze_collapse.py wrote', 'a JSON file of another kind')
            )
        try:
            figures = [_figure(dict(part)) for part in content['figures']]
            return cls(title=content['title'], figures=figures, note=content.get('note', ''))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(fault(where, 'the parts of figures', str(error))) from error

    def save_tables(self, folder: Path, prefix: str) -> list[Path]:
        """Writes each figure as CSV."""
        paths = [folder / f'{prefix}_{figure.name}.csv' for figure in self.figures]
        folder.mkdir(parents=True, exist_ok=True)
        for path, figure in zip(paths, self.figures, strict=True):
            with path.open('w', newline='', encoding='utf-8') as stream:
                csv.writer(stream, lineterminator='\n').writerows(figure.table())
        return paths


def figure_files(folder: Path) -> list[FigureFile]:
    """The figures in a folder such as WORK_DIR/collapse, sorted by file name; other JSON files are passed over."""
    return [FigureFile.load(path) for path in sorted(folder.glob('*.json')) if _is_figure_file(path)]


def _is_figure_file(path: Path) -> bool:
    with path.open(encoding='utf-8', errors='replace') as stream:
        return f'"kind": "{KIND}"' in stream.read(200)


def _plain(value: Any) -> Any:
    """Plain JSON values of figures; what is not finite becomes null."""
    if isinstance(value, Figure | Value):
        kind = {'kind': value.kind} if isinstance(value, Figure) else {}
        return kind | {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _figure(content: dict[str, Any]) -> Figure:
    kind = KINDS[content.pop('kind')]
    if kind is Values:
        content['rows'] = [Value(**row) for row in content['rows']]
    return kind(**content)
