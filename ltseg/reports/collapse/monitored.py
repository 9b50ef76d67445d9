"""Figures of what ``ltseg.CollapseMonitor`` and ``ltseg.GradientMonitor`` wrote."""

import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ltseg.core.collapse import simplex_angle
from ltseg.core.errors import InvalidValueError
from ltseg.core.json_files import parse_json
from ltseg.core.json_values import is_number
from ltseg.reports.collapse.charts import CurvePoint, curves
from ltseg.reports.collapse.contents import Classes
from ltseg.reports.figures.figure import Figure, Series

__all__ = ['COLLAPSE_LOG', 'MONITORED', 'OF_MONITOR', 'collapse_points', 'gradient_charts', 'monitored_curves']

COLLAPSE_LOG = 'collapse_monitor.jsonl'  # in WORK_DIR/collapse
OF_MONITOR = 'monitored_'  # how the names of its figures begin
POINTS = 24  # looks between two of these are averaged
LARGEST = 1e30
FINE_POINTS = 100  # the same for curves of single figures
MONITORED = 'Of the classifier, and of features of the last batches of each look, in training mode.'


def monitored_curves(path: Path, number: int) -> list[Figure]:
    """The figures of neural collapse over training, see :func:`ltseg.reports.collapse.charts.curves`.

    Args:
        path: The monitor's file; without one, or with a single look, there are no figures.
        number: Classes of the model.

    Raises:
        ValueError: If the file is something else, or of another number of classes.
    """
    points = collapse_points(path, number)
    return [
        replace(each, name=f'{OF_MONITOR}{each.name}', title=f'{each.title}, as monitored', caption=MONITORED)
        for each in (curves(points, simplex_angle(number)) if len(points) > 1 else ())
    ]


def collapse_points(path: Path, number: int) -> list[CurvePoint]:
    """The looks of ``ltseg.CollapseMonitor``, neighbours averaged where they are many; as :func:`monitored_curves`."""
    looks = [point for point in _points(path, number) if isinstance(point.get('figures'), dict)]
    keys = list(dict.fromkeys(key for look in looks for key in look['figures']))
    rows = [[look['iteration'], *(_number(look['figures'].get(key)) for key in keys)] for look in looks]
    averaged = _averaged(rows, FINE_POINTS)
    return [CurvePoint(round(at), dict(zip(keys, values, strict=True))) for at, *values in averaged]


def _number(value: Any) -> float | None:
    """The value where it is a number that can be drawn."""
    return value if is_number(value) and abs(value) <= LARGEST else None


def gradient_charts(path: Path, classes: Classes) -> list[Figure]:
    """Lengths of the components of the gradient over training: repulsion of the rarest class, and attraction.

    Repulsion is of the batches that have the class, in which alone ARB-Loss with counts of the batch lets others repel
    it.

    Args:
        path: The monitor's file; without one there are no figures.
        classes: Those of the model.

    Raises:
        ValueError: If the file is something else, or of other classes.

    Source:
        Xie et al., ARB-Loss, Neurocomputing 2023, Figure 5.
    """
    points = _points(path, len(classes.names))
    if not points:
        return []
    rare, charts = classes.order[-1], []
    occurs = [point for point in points if point['attraction'][rare]]
    if occurs and all('components' in point for point in occurs):
        rows = [[point['iteration'], *point['components'][rare]] for point in occurs]
        shown = {k: classes.names[k] for k in classes.order if k != rare}
        charts.append(_lines('repulsion', f'Repulsion of {classes.names[rare]} by', rows, shown))
    rows = [[point['iteration'], *point['attraction']] for point in points]
    return [*charts, _lines('attraction', 'Attraction of', rows, {k: classes.names[k] for k in classes.order})]


def _lines(name: str, title: str, rows: list[list[float | None]], shown: dict[int, str]) -> Figure:
    """The lengths of the classes in ``shown`` over the iterations that the rows begin with."""
    iterations, *lengths = map(list, zip(*_averaged(rows, POINTS), strict=True))
    series = [Series(name=each, x=iterations, y=lengths[k]) for k, each in shown.items()]
    positive = any(value > 0 for each in series for value in each.y)
    return Figure(
        name=f'gradient_{name}',
        title=title,
        caption='Lengths of the parts of the gradient of a class vector that samples of one class send it.',
        x_label='iteration',
        y_label='length of the gradient',
        y_scale='log' if positive else 'linear',
        series=series,
        ordered=True,
    )


def _points(path: Path, number: int) -> list[dict[str, Any]]:
    """The looks in the file of a monitor, without what was cut off; none where there is no file."""
    if not path.is_file():
        return []
    lines = []
    for line in path.read_text(encoding='utf-8', errors='replace').splitlines():
        with suppress(ValueError):  # of a training run that was killed
            lines.append(parse_json(line))
    names = lines[0].get('class_names') if lines and isinstance(lines[0], dict) else None
    if not isinstance(names, list) or len(names) != number:
        got = 'something else' if names is None else f'one of {len(names)} classes'
        raise InvalidValueError(f'file {str(path)!r}', f'the log of a monitor of {number} classes', got, 'Remove it.')
    return [line for line in lines[1:] if isinstance(line, dict) and _number(line.get('iteration')) is not None]


def _averaged(rows: list[list[float | None]], most: int) -> list[list[float]]:
    """Means of as many neighbouring rows as leave at most so many; numbers that do not exist are left out."""
    step = math.ceil(len(rows) / most) or 1
    return [[_mean(column) for column in zip(*rows[at : at + step], strict=True)] for at in range(0, len(rows), step)]


def _mean(values: tuple[float | None, ...]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else math.nan
