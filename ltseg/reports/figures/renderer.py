"""Draws figures that are described as data, for files and for the HTML page alike."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from ltseg.reports.figures import ink
from ltseg.reports.figures.figure import Figure, Reference, Series
from ltseg.reports.page.phrases import shortened

__all__ = ['render', 'render_svg', 'save_figure']

NAMED = 12  # names in a legend
LARGEST = 16  # inches
ROOM = 0.36  # inches of a file for each class
MARKS = {'': 3.5, 'large': 7, 'star': 11}  # sizes
SMALLEST = 5.5  # points of a name at an axis
CELL = 0.2  # inches of a matrix's cell, from which on its number fits
PLOT = 0.7  # share of a picture that the axes have, about
MANY = 30  # points from which on a line has few marks,
MARKED = 8  # so many


def render_svg(figure: Figure, name: str, owner: str = '', height: float = 2.8) -> ink.Drawing:
    """The figure as a part of the page.

    Args:
        figure: What to draw.
        name: Unique on the page.
        owner: The run it is of, for the title.
        height: Inches; of matrices and clouds of points at least 3.4.
    """
    with ink.draw(name, height if figure.form in ('line', 'bars') else max(height, 3.4)) as (axes, made):
        render(axes, figure)
        ink.legend(axes)
    title = f'{figure.title} ({owner})' if owner else figure.title
    return ink.Drawing(made[0], title, figure.described(), figure.caption)


def save_figure(figure: Figure, path: Path) -> None:
    """Draws the figure, with its title, into a file; the ending of ``path`` is the format."""
    number = max([len(figure.columns), *(len(each.x) for each in figure.series if figure.form == 'bars')])
    side = min(max(4.8, ROOM * number), LARGEST)
    with ink.draw_into_file(path, 4.8 if figure.form != 'matrix' else side, side + 1.6) as axes:
        render(axes, figure)
        axes.set_title(figure.title, loc='left')
        ink.legend(axes, below=True)


def render(axes: Axes, figure: Figure) -> None:
    """Draws the figure into ``axes``, without title and legend."""
    drawers: dict[str, Callable[[Axes, Figure], None]] = {'bars': _draw_bars, 'matrix': _draw_matrix}
    drawers.get(figure.form, _draw_lines)(axes, figure)
    for reference in figure.references:
        _draw_reference(axes, reference)
    axes.set_xlabel(figure.x_label)
    axes.set_ylabel(figure.y_label)
    missing = 'clip' if figure.form == 'bars' else 'mask'  # a bar begins at 0
    for axis, scale, set_scale in (
        (axes.xaxis, figure.x_scale, axes.set_xscale),
        (axes.yaxis, figure.y_scale, axes.set_yscale),
    ):
        if scale == 'log':
            set_scale('log', nonpositive=missing)
            ink.plain_numbers(axis)


def _draw_reference(axes: Axes, reference: Reference) -> None:
    style: dict[str, Any] = {'color': ink.MUTED, 'linewidth': 0.9, 'linestyle': (0, (4, 2)), 'label': reference.name}
    if reference.y is not None:
        axes.axhline(reference.y, **style)
    if reference.x is not None:
        axes.axvline(reference.x, **style)


def _names(figure: Figure) -> list[str]:
    """The name of each series in the legend: once each, and a few of many; those of the others are empty."""
    names = list(dict.fromkeys(each.name for each in figure.series if each.name))
    if len(names) > NAMED:
        names = [names[round(place)] for place in np.linspace(0, len(names) - 1, NAMED)]
    named = []
    for each in figure.series:
        named.append(each.name if each.name in names else '')
        names = [name for name in names if name != each.name]
    return named


def _styled(figure: Figure) -> list[tuple[Series, dict[str, Any]]]:
    """The series with color and name; beyond the colors of the page, those that have an order are graded."""
    places = [place if each.color is None else each.color for place, each in enumerate(figure.series)]
    last = max(places, default=0)
    graded = figure.ordered and last >= len(ink.METHODS)
    colours = [ink.GRADED(place / last) if graded else ink.colour_of(place) for place in places]
    styles = [{'color': colour, 'label': name} for colour, name in zip(colours, _names(figure), strict=True)]
    return list(zip(figure.series, styles, strict=True))


def _draw_lines(axes: Axes, figure: Figure) -> None:
    for place, (series, style) in enumerate(_styled(figure)):
        position = place if series.color is None else series.color
        marker = 'o' if figure.ordered else ink.marker_of(position)
        axes.plot(series.x, series.y, **style, **_line_style(figure, series, marker))
        if series.error:
            bars: dict[str, Any] = {'ecolor': style['color'], 'elinewidth': 0.9, 'capsize': 2.5}
            axes.errorbar(series.x, series.y, series.error, fmt='none', **bars)
        _label(axes, series, series.x)


def _line_style(figure: Figure, series: Series, marker: str) -> dict[str, Any]:
    size, crowded = MARKS[series.mark], len(series.x) >= MANY
    if series.mark:
        shape = '*' if series.mark == 'star' else marker
        edge = {'markeredgewidth': 0.5, 'markeredgecolor': ink.INK}
        return {'linestyle': 'none', 'marker': shape, 'markersize': size, **edge}
    if figure.form == 'points':
        much = {'markersize': 2.5, 'markeredgewidth': 0, 'alpha': 0.6} if crowded else {'markersize': size}
        return {'linestyle': 'none', 'marker': marker, **much}
    line = {'linestyle': '--' if series.dashed else '-', 'linewidth': 1.2}
    if not crowded:
        return {**line, 'marker': marker, 'markersize': size}
    if series.dashed:
        return {**line, 'linewidth': 0.7, 'alpha': 0.7}
    return {**line, 'marker': marker, 'markersize': size, 'markevery': len(series.x) // MARKED}


def _draw_bars(axes: Axes, figure: Figure) -> None:
    names = list(dict.fromkeys(str(x) for each in figure.series for x in each.x))
    places, width = {name: place for place, name in enumerate(names)}, 0.8 / max(len(figure.series), 1)
    for position, (series, style) in enumerate(_styled(figure)):
        shift = (position - (len(figure.series) - 1) / 2) * width
        at = [places[str(x)] + shift for x in series.x]
        axes.bar(at, series.y, width, **style)
        _label(axes, series, at)
    axes.grid(visible=False, axis='x')
    _name_ticks(axes, 'x', names)


def _label(axes: Axes, series: Series, places: Sequence[Any]) -> None:
    for x, y, label in zip(places, series.y, series.labels, strict=False):
        axes.annotate(shortened(str(label), 14), (x, y), (3, 3), textcoords='offset points', fontsize=7)


def _name_ticks(axes: Axes, axis: Literal['x', 'y'], names: Sequence[str]) -> None:
    """The names at an axis as large as there is room for; some of them where they would be too small to read."""
    inches = min(_inches(axes)) if axes.images else _inches(axes)[axis == 'y']  # a matrix is a square
    points = 65 * PLOT * inches  # a little less than 72, such that there is space between them
    step = math.ceil(SMALLEST * len(names) / points)
    shown = range(0, len(names), max(step, 1))
    (axes.set_xticks if axis == 'x' else axes.set_yticks)(shown, [shortened(names[place], 14) for place in shown])
    size = min(8.0, points / max(len(shown), 1))
    axes.tick_params(axis=axis, labelsize=size, rotation=90 if axis == 'x' else 0)


def _inches(axes: Axes) -> tuple[float, float]:
    """Width and height of the whole picture."""
    box = axes.figure.bbox
    return box.width / axes.figure.dpi, box.height / axes.figure.dpi


def _draw_matrix(axes: Axes, figure: Figure) -> None:
    values = np.array(figure.values, dtype=float)
    limits: dict[str, Any] = {'cmap': ink.SHADES}
    if figure.center is not None and np.isfinite(values).any():
        # A percentile, because entries of M grow beyond all bounds where a sum of products is near 0.
        farthest = max(float(np.nanpercentile(np.abs(values - figure.center), 98)), 1e-9)
        limits = {'cmap': 'RdBu_r', 'vmin': figure.center - farthest, 'vmax': figure.center + farthest}
    image = axes.imshow(values, interpolation='none', **limits)
    axes.grid(visible=False)
    _name_ticks(axes, 'y', figure.rows)
    _name_ticks(axes, 'x', figure.columns)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.8)
    bar.outline.set_edgecolor(ink.INK)
    bar.set_label(figure.unit)
    if figure.center is not None:
        bar.ax.axhline(figure.center, color='black')
    _write_values(axes, values, figure.center is not None)


def _write_values(axes: Axes, values: np.ndarray, parted: bool) -> None:
    """The numbers in the cells, where there is room for them; of shades, those that are not small."""
    if PLOT * min(_inches(axes)) < CELL * max(values.shape) or not np.isfinite(values).any():
        return
    (image,) = axes.images
    least = -math.inf if parted else 0.1 * np.nanmax(values)
    digits = 0 if np.nanmax(np.abs(values)) >= 10 else 2
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value) and value >= least:
            light = float(np.dot(image.to_rgba(value)[:3], (0.3, 0.6, 0.1))) > 0.5
            colour = ('black' if light else 'white') if parted else ink.INK  # the ground is the page's where it is pale
            axes.text(column, row, f'{value:.{digits}f}', ha='center', va='center', fontsize=6, color=colour)
