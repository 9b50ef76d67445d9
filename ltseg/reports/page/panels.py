"""Figures that other tools measured: JSON files in WORK_DIR/collapse, and what monitors logged during training.

The form of a file is that of :mod:`ltseg.reports.figures.figure`.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ltseg.core.collapse import simplex_angle
from ltseg.core.errors import InvalidValueError
from ltseg.core.json_files import read_json
from ltseg.reports.collapse.charts import Line, compared_curves
from ltseg.reports.collapse.monitored import COLLAPSE_LOG, MONITORED, OF_MONITOR, collapse_points
from ltseg.reports.comparison import Comparison
from ltseg.reports.figures.figure import KIND, Figure, Series
from ltseg.reports.figures.ink import Drawing
from ltseg.reports.figures.renderer import render_svg
from ltseg.reports.runs import Run

__all__ = ['collapse_panels', 'logged_panels', 'measured_panels']

LOGGED = 'gradient'  # the first word of the keys of ltseg.GradientMonitor
MOST = 12  # figures of the gradient, and lines of a figure


def measured_panels(study: Comparison) -> list[Drawing]:
    """The figures of every work dir.

    Raises:
        ValueError: If a file is not of that form; names it.
    """
    folders: dict[Path, str] = {}
    for method in study.methods:
        for run in method.runs:
            if run.work_dir is not None:
                folders.setdefault(run.work_dir / 'collapse', f'{method.label}, seed {run.record.seed}')
    drawings: list[Drawing] = []
    form = f'the form in {Figure.__module__}'
    for folder, owner in folders.items():
        for path in sorted(folder.glob('*.json')):
            try:
                content = read_json(path, f'figure {str(path)!r}')
                listed = content if isinstance(content, list) else [content]
                known = [each for each in listed if _is_shown(each)]
                figures = map(Figure.of, known)
                drawings += [render_svg(each, f'panel-{len(drawings) + i}', owner) for i, each in enumerate(figures)]
            except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
                raise InvalidValueError(f'figure {str(path)!r}', form, str(error)) from error
    return drawings


def _is_shown(content: Any) -> bool:
    """Whether it is a figure, not plain numbers, and none of those that :func:`collapse_panels` draws for all runs."""
    is_figure = isinstance(content, Mapping) and content.get('kind') == KIND
    return is_figure and not str(content.get('name')).startswith(OF_MONITOR)


def collapse_panels(study: Comparison) -> list[Drawing]:
    """Neural collapse over training as ``ltseg.CollapseMonitor`` saw it, a line for each run of each method.

    Raises:
        ValueError: If its file is something else; names it.
    """
    lines, number = [], len(study.reference.class_names)
    for method in (each for each in study.methods if not each.is_posthoc):  # trained as the method it adjusts
        for run in method.runs:
            points = collapse_points(run.work_dir / 'collapse' / COLLAPSE_LOG, number) if run.work_dir else []
            if len(points) > 1:
                lines.append(Line(method.label, method.index, points))
    figures = [replace(each, caption=MONITORED) for each in compared_curves(lines, simplex_angle(number))]
    return [render_svg(each, f'{OF_MONITOR}{place}') for place, each in enumerate(figures)]


def logged_panels(study: Comparison) -> list[Drawing]:
    """What ``ltseg.GradientMonitor`` logged of each class, for the first run of each method."""
    found: list[tuple[Figure, str]] = []
    for method in (each for each in study.methods if not each.is_posthoc):
        owner = f'{method.label}, seed {method.runs[0].record.seed}'
        for title, lines in _logged(method.runs[0]).items():
            series = [_series(name, lines[name]) for name in _chosen(study, lines)]
            found.append((Figure(title=title, x_label='iteration', series=series, ordered=True), owner))
    return [render_svg(each, f'logged-{i}', owner) for i, (each, owner) in enumerate(found[:MOST])]


def _logged(run: Run) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Points by the title of the figure and the name of the class."""
    grouped: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for point in run.scalars:
        for key, value in point.items():
            monitor, what, name = (*key.split('/', 2), '', '')[:3]
            if monitor == LOGGED and name and '/by/' not in name and isinstance(value, int | float):
                lines = grouped.setdefault(f'{monitor}: {what.replace("_", " ")}', {})
                lines.setdefault(name, []).append((point['step'], value))
    return grouped


def _chosen(study: Comparison, lines: Mapping[str, Any]) -> list[str]:
    """The classes of a figure, from frequent to rare; where they are many, a few frequent and the rarest."""
    places = {study.reference.class_names[index]: place for place, index in enumerate(study.order)}
    names = sorted(lines, key=lambda name: places.get(name, len(places)))
    return names if len(names) <= MOST else [*names[: MOST // 3], *names[MOST // 3 - MOST :]]


def _series(name: str, line: list[tuple[float, float]]) -> Series:
    return Series(name=name, x=[x for x, _ in line], y=[y for _, y in line])
