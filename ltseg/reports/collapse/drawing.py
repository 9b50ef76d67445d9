"""Figures as pictures."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from ltseg.reports.collapse.figures import Bars, FeatureMap, Figure, Lines, Matrix

__all__ = ['save_picture']

NAMED = 60  # classes up to which each is named at the axis
NUMBERED = 20  # classes up to which a matrix shows its numbers


def save_picture(figure: Figure, path: Path) -> None:
    """Draws a figure; the ending of ``path`` is the format."""
    wide = len(figure.labels) if isinstance(figure, Bars | Matrix) else 0
    side = min(max(4.8, 0.36 * wide), 16)
    canvas = Canvas(
        figsize=(side + 1.6 if wide else 6.4, side if isinstance(figure, Matrix) else 4.8), layout='constrained'
    )
    FigureCanvasAgg(canvas)
    axes = canvas.subplots()
    {Bars: _bars, Lines: _lines, Matrix: _matrix, FeatureMap: _map}[type(figure)](axes, figure)  # type: ignore[operator]
    axes.set_title(figure.title)
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.savefig(path, dpi=120)


def _mark_ideal(axes: Axes, figure: Figure) -> None:
    if figure.ideal is not None:
        axes.axhline(figure.ideal, color='black', linewidth=0.8, linestyle='--', label=f'ideal {figure.ideal:.4g}')


def _name_classes(axes: Axes, labels: list[str], both: bool = False) -> None:
    if len(labels) <= NAMED:
        axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=8)
        if both:
            axes.set_yticks(range(len(labels)), labels, fontsize=8)
    else:
        axes.set_xlabel('classes, from frequent to rare')


def _bars(axes: Axes, figure: Bars) -> None:
    width = 0.8 / len(figure.series)
    places = np.arange(len(figure.labels))
    for index, (name, values) in enumerate(figure.series.items()):
        shift = (index - (len(figure.series) - 1) / 2) * width
        axes.bar(places + shift, np.array(values, dtype=float), width, label=name)
    _mark_ideal(axes, figure)
    _name_classes(axes, list(figure.labels))
    axes.set_ylabel(figure.unit)
    if len(figure.series) > 1 or figure.ideal is not None:
        axes.legend()


def _lines(axes: Axes, figure: Lines) -> None:
    many = len(figure.series) > 10
    for index, (name, values) in enumerate(figure.shown().items()):
        colour = colormaps['viridis'](index / (len(figure.series) - 1)) if many else f'C{index}'
        marker = '.' if len(figure.iterations) < 30 else ''
        axes.plot(
            figure.iterations, np.array(values, dtype=float), marker=marker, color=colour, label=name, linewidth=1
        )
    _mark_ideal(axes, figure)
    if figure.logarithmic:
        axes.set_yscale('log')
    axes.set(xlabel='iteration', ylabel=figure.unit)
    axes.legend(fontsize=7 if many else 9, ncols=2 if many else 1)


def _matrix(axes: Axes, figure: Matrix) -> None:
    values = np.array(figure.values, dtype=float)
    np.fill_diagonal(values, np.nan)
    limits: dict[str, Any] = {}
    if figure.ideal is not None and np.isfinite(values).any():
        # Robust, because entries of M grow beyond all bounds where a sum of products is near 0.
        farthest = max(float(np.nanpercentile(np.abs(values - figure.ideal), 98)), 1e-9)
        limits = {'vmin': figure.ideal - farthest, 'vmax': figure.ideal + farthest}
    image = axes.imshow(values, cmap='RdBu_r' if limits else 'viridis', **limits)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label(figure.unit)
    if figure.ideal is not None:
        bar.ax.axhline(figure.ideal, color='black')
        bar.ax.text(0, figure.ideal, f'ideal {figure.ideal:.4g} ', ha='right', va='center', fontsize=8)
    _name_classes(axes, list(figure.labels), both=True)
    if len(figure.labels) <= NUMBERED:
        lowest, highest = image.get_clim()
        for (i, j), value in np.ndenumerate(values):
            if i != j and np.isfinite(value):
                text = f'{value:.0f}' if abs(value) >= 10 else f'{value:.2f}'
                dark = abs(value - (lowest + highest) / 2) > 0.35 * (highest - lowest)
                colour = 'white' if dark and limits else 'black'
                axes.text(j, i, text, ha='center', va='center', fontsize=6, color=colour)


def _map(axes: Axes, figure: FeatureMap) -> None:
    colours = colormaps['turbo'](np.linspace(0, 1, len(figure.means)))
    for colour, (name, mean) in zip(colours, figure.means.items(), strict=True):
        points = np.array(figure.classes.get(name, ())).reshape(-1, 2)
        axes.plot(*points.T, '.', markersize=2, color=colour, alpha=0.5)
        axes.plot(*mean, marker='*', markersize=12, color=colour, markeredgecolor='black', markeredgewidth=0.6)
        axes.annotate(name, (mean[0], mean[1]), textcoords='offset points', xytext=(5, 4), fontsize=7)
    axes.set(xticks=[], yticks=[])
