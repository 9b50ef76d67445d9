"""What a sweep found: a table, a figure for each metric, and the page of its runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ltseg.cli.sweeping.axes import Axis, value_text
from ltseg.cli.sweeping.runs import Point
from ltseg.core.files import atomic_write
from ltseg.reports.comparison import Comparison, compare
from ltseg.reports.figures.figure import Figure, Series
from ltseg.reports.figures.renderer import save_figure
from ltseg.reports.method import DEVIATION_FROM, Method, measured
from ltseg.reports.page.page import render_page, write_page
from ltseg.reports.runs import find_runs
from ltseg.reports.settings import short_key
from ltseg.reports.text_table import Cell, TextTable

__all__ = ['SweepResults', 'results_of']

WIDE = 50  # times the smallest value that the largest is, from which on the axis is logarithmic


@dataclass(frozen=True, eq=False)
class SweepResults:
    """The runs that have ended.

    Args:
        axes: The options with their values.
        found: The values of each combination, and its runs as one method.
        comparison: The same runs as reports compare them.
    """

    axes: Sequence[Axis]
    found: Sequence[tuple[Sequence[Any], Method]]
    comparison: Comparison

    def table(self) -> TextTable:
        """A row for each combination: its values, its seeds and all means."""
        keys = [*self.comparison.reference.means(), *self.comparison.other_keys]
        header = (*(short_key(axis.key) for axis in self.axes), 'seeds', *keys)
        rows: list[list[Cell]] = [
            [*map(value_text, values), str(len(method.runs)), *map(method.cell, keys)] for values, method in self.found
        ]
        notes = [f'± is the standard deviation (n - 1) over the seeds, from {DEVIATION_FROM} on.']
        return TextTable('Validation over the options, in percent', header, rows, notes, labels=len(self.axes))

    def figure(self, metric: str) -> Figure:
        """A metric against the first option, a line for each combination of the others."""
        first, *others = self.axes
        lines: dict[str, list[tuple[Any, Method]]] = {}
        for (value, *rest), method in self.found:
            pairs = zip(others, rest, strict=True)
            name = ', '.join(f'{short_key(axis.key)} {value_text(each)}' for axis, each in pairs)
            lines.setdefault(name, []).append((value, method))
        is_number = all(isinstance(value, int | float) and not isinstance(value, bool) for value in first.values)
        wide = is_number and min(first.values) > 0 and max(first.values) >= WIDE * min(first.values)
        return Figure(
            name=''.join(letter if letter.isalnum() else '_' for letter in metric),
            title=f'{metric} over {short_key(first.key)}',
            form='line' if is_number else 'points',
            caption=f'Means over the seeds on validation; bars: standard deviation, from {DEVIATION_FROM} seeds on.',
            x_label=first.key,
            y_label=f'{metric}, %',
            x_scale='log' if wide else 'linear',
            series=[_series(name, line, metric, is_number) for name, line in lines.items()],
        )

    def write(self, metrics: Sequence[str], folder: Path, weights: Sequence[Figure] = ()) -> list[Path]:
        """Writes the page, the table as Markdown, every metric as CSV, and a picture for each of ``metrics``.

        ``weights`` are further figures of the page.
        """
        figures = [self.figure(metric) for metric in metrics]
        title = f'Over {" and ".join(axis.key for axis in self.axes)}'
        page = render_page(self.comparison, title=title, sweep=[*figures, *weights])
        texts = {folder / 'sweep.md': self.table().markdown(), folder / 'sweep.csv': self.comparison.long_rows().csv()}
        for path, text in texts.items():
            with atomic_write(path) as draft:
                draft.write_text(text, encoding='utf-8')
        pictures = [folder / f'{figure.name}.png' for figure in figures]
        for figure, path in zip(figures, pictures, strict=True):
            save_figure(figure, path)
        return [write_page(page, folder / 'sweep.html'), *texts, *pictures]


def _series(name: str, line: Sequence[tuple[Any, Method]], metric: str, is_number: bool) -> Series:
    ordered = sorted(line, key=lambda entry: entry[0]) if is_number else line
    values, methods = [value for value, _ in ordered], [method for _, method in ordered]
    error = [method.deviation(metric) for method in methods]
    return Series(
        name=name,
        x=values if is_number else [value_text(value) for value in values],
        y=[method.mean(metric) for method in methods],
        error=error if any(map(math.isfinite, error)) else (),
    )


def results_of(axes: Sequence[Axis], points: Sequence[Point]) -> SweepResults | None:
    """What the runs that have ended found; None where there is none.

    Raises:
        ValueError: If a record cannot be read.
    """
    found = {place: find_runs(done) for place, point in enumerate(points) if (done := _done(point))}
    if not found:
        return None
    comparison = compare([run for runs in found.values() for run in runs])
    rows = [([*points[place].values.values()], measured(runs, comparison.reference)) for place, runs in found.items()]
    return SweepResults(axes, rows, comparison)


def _done(point: Point) -> list[Path]:
    return [run.record for run in point.runs if run.is_done]
