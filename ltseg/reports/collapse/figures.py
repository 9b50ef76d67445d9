"""Figures as data, from which pictures, tables and panels of the HTML report are made.

Panels have the form of :mod:`ltseg.reports.page.panels`; ``WORK_DIR/collapse/<split>_figures.json`` is a list of them.
Labels are classes from frequent to rare where they are classes, and None is a number that does not exist.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ['Bars', 'FeatureMap', 'Figure', 'Lines', 'Matrix', 'finite']

PANEL = 'ltseg figure'


def finite(values: Any) -> Any:
    """Nested numbers with None for what is not finite, as JSON wants them."""
    if isinstance(values, Mapping):
        return {key: finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


@dataclass(frozen=True, kw_only=True)
class Figure(ABC):
    """What all figures have.

    Args:
        name: Of the files, e.g. 'mean_angles'.
        title: One line.
        caption: What to see in it, whole sentences.
        unit: What the numbers are.
        ideal: Where they would be at neural collapse.
    """

    name: str
    title: str
    caption: str = ''
    unit: str = ''
    ideal: float | None = None

    @abstractmethod
    def table(self) -> list[list[Any]]:
        """Rows for a spreadsheet, the header first."""

    @abstractmethod
    def panels(self) -> list[dict[str, Any]]:
        """Plain JSON values for the HTML report."""

    def _panel(self, form: str, **more: Any) -> dict[str, Any]:
        references = [] if self.ideal is None else [{'name': 'ideal', 'y': self.ideal}]
        about = {'kind': PANEL, 'title': self.title, 'form': form, 'caption': self.caption, 'y_label': self.unit}
        return finite(about | {'references': references} | more)


@dataclass(frozen=True, kw_only=True)
class Bars(Figure):
    """Numbers of each class, in one or more series."""

    labels: Sequence[str]
    series: Mapping[str, Sequence[float]]

    def table(self) -> list[list[Any]]:
        return [['class', *self.series], *map(list, zip(self.labels, *self.series.values(), strict=True))]

    def panels(self) -> list[dict[str, Any]]:
        made = []
        for name, values in self.series.items():
            title = self.title if len(self.series) == 1 else f'{self.title}: {name}'
            series = [{'name': name, 'x': list(self.labels), 'y': list(values)}]
            made.append(self._panel('bars', series=series) | {'title': title})
        return made


@dataclass(frozen=True, kw_only=True)
class Lines(Figure):
    """Numbers over training."""

    iterations: Sequence[float]
    series: Mapping[str, Sequence[float]]
    logarithmic: bool = False

    def table(self) -> list[list[Any]]:
        return [['iteration', *self.series], *map(list, zip(self.iterations, *self.series.values(), strict=True))]

    def shown(self) -> dict[str, list[float]]:
        """The series as they are drawn: a logarithmic axis has no 0."""
        if not self.logarithmic:
            return {name: list(y) for name, y in self.series.items()}
        return {name: [value if value > 0 else math.nan for value in y] for name, y in self.series.items()}

    def panels(self) -> list[dict[str, Any]]:
        series = [{'name': name, 'x': list(self.iterations), 'y': y} for name, y in self.shown().items()]
        scale = 'log' if self.logarithmic else 'linear'
        return [self._panel('line', series=series, x_label='iteration', y_scale=scale)]


@dataclass(frozen=True, kw_only=True)
class Matrix(Figure):
    """A number of each pair of classes; the diagonal has no meaning."""

    labels: Sequence[str]
    values: Sequence[Sequence[float]]

    def table(self) -> list[list[Any]]:
        return [['class', *self.labels], *([label, *row] for label, row in zip(self.labels, self.values, strict=True))]

    def panels(self) -> list[dict[str, Any]]:
        off = [[math.nan if i == j else x for j, x in enumerate(row)] for i, row in enumerate(self.values)]
        names = list(self.labels)
        unit = f'{self.unit}; ideal {self.ideal:.3g}' if self.ideal is not None else self.unit
        values = [[math.nan if x is None else x for x in row] for row in off]
        return [self._panel('matrix', values=values, rows=names, columns=names) | {'y_label': unit, 'references': []}]


@dataclass(frozen=True, kw_only=True)
class FeatureMap(Figure):
    """Features and class means in the plane.

    Args:
        classes: Points of each class, from frequent to rare.
        means: The mean of each class.
        groups: Names of classes by the group that they belong to.
    """

    classes: Mapping[str, Sequence[Sequence[float]]]
    means: Mapping[str, Sequence[float]]
    groups: Mapping[str, Sequence[str]]

    def table(self) -> list[list[Any]]:
        means = [[name, 'mean', *place] for name, place in self.means.items()]
        points = ([name, 'sample', *place] for name, places in self.classes.items() for place in places)
        return [['class', 'what', 'x', 'y'], *means, *points]

    def panels(self) -> list[dict[str, Any]]:
        series = []
        for group, names in self.groups.items():
            places = [place for name in names for place in self.classes.get(name, ())]
            series.append({'name': group, 'x': [x for x, _ in places], 'y': [y for _, y in places]})
        x, y = zip(*self.means.values(), strict=True)
        series.append({'name': 'class means', 'x': list(x), 'y': list(y), 'labels': list(self.means)})
        return [self._panel('points', series=series)]
