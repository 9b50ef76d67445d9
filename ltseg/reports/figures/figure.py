"""A figure as data: what is drawn into files and into the HTML page, and written as table and JSON.

In JSON, which ``WORK_DIR/collapse/*.json`` holds, one or a list of them in a file::

    {"kind": "ltseg figure", "title": "NC1", "form": "line", "caption": "...", "alt": "...",
     "x_label": "iteration", "y_label": "tr(S_W S_B^+) / K", "x_scale": "linear", "y_scale": "log",
     "series": [{"name": "features", "x": [400, 800], "y": [3.1, 1.2], "labels": ["...", "..."]}],
     "references": [{"name": "optimum", "y": 0}]}

'form' is 'line', 'points' or 'bars' ('x' of bars may hold names); 'labels' are written beside points, and null is a
number that does not exist. Of the form 'matrix' the field "values" is a list of rows, "rows" and "columns" are their
names, and "unit" and "center" what the colors mean and where they part. The other fields are those of
:class:`Figure` and :class:`Series`; only 'series' or 'values' is needed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError

__all__ = ['FORMS', 'KIND', 'Figure', 'Reference', 'Series', 'finite']

KIND = 'ltseg figure'
FORMS = ('line', 'points', 'bars', 'matrix')
SCALES = ('linear', 'log')
MARKS = ('', 'large', 'star')


def finite(values: Any) -> Any:
    """Nested numbers with None for what is not finite, as JSON wants them."""
    if isinstance(values, Mapping):
        return {key: finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points that belong together.

    Args:
        name: In the legend; series of the same name share an entry.
        x: Numbers, or names.
        y: As many numbers; nan where there is none.
        labels: Texts beside the points.
        color: Position among the colors; by default that of the series.
        mark: 'large' or 'star' for single points that stand out.
        dashed: Whether the line is.
        error: Half the length of a bar through each point; nan where there is none.
    """

    x: Sequence[Any]
    y: Sequence[float]
    name: str = ''
    labels: Sequence[str] = ()
    color: int | None = None
    mark: str = ''
    dashed: bool = False
    error: Sequence[float] = ()

    def __post_init__(self) -> None:
        check_choice('mark', self.mark, MARKS)
        if len(self.x) != len(self.y):
            raise InvalidValueError('series', f'as many y as x ({len(self.x)})', repr(len(self.y)))
        if self.error and len(self.error) != len(self.y):
            raise InvalidValueError('series', f'as many errors as y ({len(self.y)})', repr(len(self.error)))


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A line through the whole figure, at a value of ``y`` or of ``x``."""

    name: str = ''
    y: float | None = None
    x: float | None = None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What a figure shows.

    Args:
        title: One line.
        form: 'line', 'points', 'bars' or 'matrix'.
        name: Of its files, e.g. 'mean_angles'.
        caption: What to see in it, whole sentences.
        alt: What a reader sees in it, for those who do not; by default the ends of the series.
        x_label, y_label: Of the axes.
        x_scale, y_scale: 'linear' or 'log', which leaves out what is not above 0.
        series: What is drawn; not of a matrix.
        references: Lines to compare it to.
        ordered: Whether the series have an order, such as from frequent to rare classes, that colors show.
        values: Rows of a matrix; nan where a cell has no meaning.
        rows, columns: Their names.
        unit: What the values are.
        center: The value at which their colors part.

    Raises:
        ValueError: If a form, scale or mark is unknown, or lengths differ.
    """

    title: str = ''
    form: str = 'line'
    name: str = ''
    caption: str = ''
    alt: str = ''
    x_label: str = ''
    y_label: str = ''
    x_scale: str = 'linear'
    y_scale: str = 'linear'
    series: Sequence[Series] = ()
    references: Sequence[Reference] = ()
    ordered: bool = False
    values: Sequence[Sequence[float]] = ()
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    unit: str = ''
    center: float | None = None

    def __post_init__(self) -> None:
        check_choice('form', self.form, FORMS)
        for name in ('x_scale', 'y_scale'):
            check_choice(name, getattr(self, name), SCALES)
        if len({len(row) for row in self.values}) > 1:
            raise InvalidValueError('values', 'rows of the same length', repr([len(row) for row in self.values]))

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> 'Figure':
        """From JSON values; what it does not know is left out.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: If they are not of the form above.
        """
        known = _known(cls, content)
        series = () if known.get('form') == 'matrix' else content['series']
        known['series'] = [_series(each) for each in series]
        known['references'] = [Reference(**_known(Reference, each)) for each in content.get('references', ())]
        known['values'] = [_numbers(row) for row in content.get('values', ())]
        return cls(**known)

    def content(self) -> dict[str, Any]:
        """Plain JSON values, without what is empty."""
        kept = {key: value for key, value in asdict(self).items() if value not in ('', (), [], None)}
        return finite({'kind': KIND, **kept})

    def table(self) -> list[list[Any]]:
        """Rows for a spreadsheet, the header first; None where a number does not exist."""
        if self.form == 'matrix':
            body = [['class', *self.columns], *([n, *row] for n, row in zip(self.rows, self.values, strict=True))]
        elif self.form != 'points' and all(list(each.x) == list(self.series[0].x) for each in self.series):
            first = 'class' if self.form == 'bars' else self.x_label or 'x'
            header = [first, *(each.name or self.y_label for each in self.series)]
            body = [header, *map(list, zip(self.series[0].x, *(each.y for each in self.series), strict=True))]
        else:
            body = [['series', 'mark', 'label', 'x', 'y']]
            for each in self.series:
                labels = list(each.labels) or [''] * len(each.x)
                body += [[each.name, each.mark, *row] for row in zip(labels, each.x, each.y, strict=True)]
        return finite(body)

    def described(self) -> str:
        """``alt``, or the title with the first and last value of each series."""
        parts = [f'{each.name} {each.y[0]:.4g} to {each.y[-1]:.4g}' for each in self.series if each.y]
        return self.alt or f'{self.title}. {", ".join(parts)}'


def _known(kind: type, content: Mapping[str, Any]) -> dict[str, Any]:
    return {each.name: content[each.name] for each in fields(kind) if each.name in content}


def _series(content: Mapping[str, Any]) -> Series:
    numbers = {key: _numbers(content[key]) for key in ('y', 'error') if key in content}
    return Series(**_known(Series, content) | numbers)


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]
