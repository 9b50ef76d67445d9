"""Figures that other tools measured: JSON files in WORK_DIR/collapse, and what monitors logged during training.

A file is one figure or a list of figures::

    {"kind": "ltseg figure", "title": "NC1", "form": "line", "caption": "...", "alt": "...",
     "x_label": "iteration", "y_label": "tr(S_W S_B^+) / K", "x_scale": "linear", "y_scale": "log",
     "series": [{"name": "features", "x": [400, 800], "y": [3.1, 1.2], "labels": ["...", "..."]}],
     "references": [{"name": "optimum", "y": 0}]}

'form' is 'line', 'points' or 'bars' ('x' of bars may hold names); 'labels' are written beside points. Of the form
'matrix' the field "values" is a list of rows, and "rows" and "columns" are their names.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError
from ltseg.core.json_files import read_json
from ltseg.reports.page.ink import INK, MARKERS, MUTED, Drawing, colour_of, draw, legend, plain_numbers
from ltseg.reports.page.methods import Study
from ltseg.reports.page.phrases import shortened
from ltseg.reports.page.runs import Run

__all__ = ['FORMS', 'KIND', 'logged_panels', 'measured_panels', 'panel']

KIND = 'ltseg figure'
FORMS = ('line', 'points', 'bars', 'matrix')
LOGGED = ('collapse/', 'gradient/')  # how the keys of the monitors begin
MOST = 12  # figures of a run, and lines of a figure


def measured_panels(study: Study) -> list[Drawing]:
    """The figures of every work dir.

    Raises:
        ValueError: If a file is not of the form above; names it.
    """
    folders: dict[Path, str] = {}
    for method in study.methods:
        for run in method.runs:
            if run.work_dir is not None:
                folders.setdefault(run.work_dir / 'collapse', f'{method.label}, seed {run.record.seed}')
    drawings: list[Drawing] = []
    for folder, owner in folders.items():
        for path in sorted(folder.glob('*.json')):
            try:
                content = read_json(path, f'figure {str(path)!r}')
                figures = [each for each in (content if isinstance(content, list) else [content]) if _is_figure(each)]
                drawings += [panel(each, f'panel-{len(drawings) + i}', owner) for i, each in enumerate(figures)]
            except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
                raise InvalidValueError(
                    f'figure {str(path)!r}', 'the form in ltseg.reports.page.panels', str(error)
                ) from error
    return drawings


def _is_figure(content: Any) -> bool:
    return isinstance(content, Mapping) and content.get('kind') == KIND  # other files hold plain numbers


def panel(content: Mapping[str, Any], name: str, owner: str) -> Drawing:
    """The drawing of one figure.

    Args:
        content: As above.
        name: Unique on the page.
        owner: The run it is of.

    Raises:
        ValueError: If the form is unknown, or lengths differ.
    """
    form = content.get('form', 'line')
    check_choice('form', form, FORMS)
    with draw(name, 3.4 if form == 'matrix' else 2.8) as (axes, made):
        (_draw_matrix if form == 'matrix' else _draw_series)(axes, content, form)
        axes.set_xlabel(str(content.get('x_label', '')))
        axes.set_ylabel(str(content.get('y_label', '')))
        legend(axes)
    title = f'{content.get("title", "")} ({owner})' if owner else str(content.get('title', ''))
    return Drawing(made[0], title, str(content.get('alt') or _ends(content)), str(content.get('caption', '')))


def _draw_series(axes: Axes, content: Mapping[str, Any], form: str) -> None:
    for position, series in enumerate(content['series'][:MOST]):
        x, y, colour = series['x'], series['y'], colour_of(position)
        if len(x) != len(y):
            raise InvalidValueError('series', f'as many y as x ({len(x)})', repr(len(y)))
        y = [math.nan if value is None else value for value in y]
        if form == 'bars':
            axes.bar([str(place) for place in x], y, color=colour, label=series.get('name'))
        else:
            marker = MARKERS[position % len(MARKERS)] if form == 'points' or len(x) < 30 else None
            line = 'none' if form == 'points' else '-'
            axes.plot(x, y, linestyle=line, marker=marker, markersize=3.5, color=colour, label=series.get('name'))
        for place, value, label in zip(x, y, series.get('labels', ()), strict=False):
            axes.annotate(shortened(str(label), 14), (place, value), (3, 3), textcoords='offset points', fontsize=7)
    for reference in content.get('references', ()):
        axes.axhline(reference['y'], color=MUTED, linewidth=0.9, linestyle=(0, (4, 2)), label=reference.get('name'))
    if form == 'bars':
        axes.tick_params(axis='x', rotation=90, labelsize=7)
    else:
        axes.set_xscale(content.get('x_scale', 'linear'))
    axes.set_yscale(content.get('y_scale', 'linear'))
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == 'log':
            plain_numbers(axis)


def _draw_matrix(axes: Axes, content: Mapping[str, Any], form: str) -> None:
    values = [[math.nan if each is None else each for each in row] for row in content['values']]
    image = axes.imshow(values, interpolation='none', cmap='cividis')
    axes.grid(visible=False)
    for set_ticks, names in ((axes.set_yticks, content.get('rows', ())), (axes.set_xticks, content.get('columns', ()))):
        if 0 < len(names) <= 40:
            set_ticks(range(len(names)), [shortened(str(name), 14) for name in names], fontsize=7)
    axes.tick_params(axis='x', rotation=90)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.8)
    bar.outline.set_edgecolor(INK)


def _ends(content: Mapping[str, Any]) -> str:
    """First and last value of each series, for those who do not see the figure."""
    parts = [f'{s.get("name", "")} {s["y"][0]} to {s["y"][-1]}' for s in content.get('series', ()) if s.get('y')]
    return f'{content.get("title", "")}. {", ".join(parts)}'


def logged_panels(study: Study) -> list[Drawing]:
    """What the monitors logged: figures of the whole model for all methods together, and those of classes for each."""
    of_model: dict[str, list[dict[str, Any]]] = {}
    of_classes: list[tuple[dict[str, Any], str]] = []
    for method in (each for each in study.methods if not each.is_posthoc):
        owner, grouped = f'{method.label}, seed {method.runs[0].record.seed}', _logged(method.runs[0])
        for title, lines in grouped.items():
            if '' in lines:
                of_model.setdefault(title, []).append(_series(owner, lines['']))
            else:
                series = [_series(name, lines[name]) for name in _chosen(study, lines)]
                of_classes.append(({'title': title, 'x_label': 'iteration', 'series': series}, owner))
    contents = [({'title': title, 'x_label': 'iteration', 'series': each}, '') for title, each in of_model.items()]
    contents = [*contents[:MOST], *of_classes[:MOST]]
    return [panel(content, f'logged-{i}', owner) for i, (content, owner) in enumerate(contents)]


def _logged(run: Run) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Points by the title of the figure and the name of the class, which is empty for what is of the whole model."""
    grouped: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for point in run.scalars:
        for key, value in point.items():
            if key.startswith(LOGGED) and '/by/' not in key and isinstance(value, int | float):
                monitor, what, *name = key.split('/', 2)
                lines = grouped.setdefault(f'{monitor}: {what.replace("_", " ")}', {})
                lines.setdefault(''.join(name), []).append((point['step'], value))
    return grouped


def _chosen(study: Study, lines: Mapping[str, Any]) -> list[str]:
    """The classes of a figure, from frequent to rare; where they are many, a few frequent and the rarest."""
    places = {study.reference.class_names[index]: place for place, index in enumerate(study.order)}
    names = sorted(lines, key=lambda name: places.get(name, len(places)))
    return names if len(names) <= MOST else [*names[: MOST // 3], *names[MOST // 3 - MOST :]]


def _series(name: str, line: list[tuple[float, float]]) -> dict[str, Any]:
    return {'name': name, 'x': [x for x, _ in line], 'y': [y for _, y in line]}
