"""Rates of classes against how often the classes occur."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes

from ltseg.reports.comparison import Comparison
from ltseg.reports.figures.ink import GRID, MUTED, TAIL, Drawing, colour_of, draw, legend, marker_of, plain_numbers
from ltseg.reports.page.phrases import points, shortened
from ltseg.reports.page.slopes import spread_out

__all__ = ['against_frequency']

NAMED = 20  # classes that can be named


def against_frequency(study: Comparison, rate: str) -> Drawing:
    """A mark for each class and method over the share of the class."""
    evaluation = study.reference
    shares = evaluation.share.tolist()
    least = min((share for share in shares if share > 0), default=1.0)
    places = [max(share, least / 2) for share in shares]  # a logarithm has no place for 0
    with draw(f'frequency-{rate}', 3.4) as (axes, made):
        rare = [places[index] for index in evaluation.groups.of(study.rarest)]
        if rare:
            axes.axvspan(min(rare) * 0.8, max(rare) * 1.1, color=TAIL, linewidth=0, zorder=0)
        means = [[method.mean(study.key(rate, index)) for index in range(len(places))] for method in study.methods]
        for method, heights in zip(study.methods, means, strict=True):
            marker = marker_of(method.index)
            colour, size = colour_of(method.index), 4.5 if len(places) <= NAMED else 2.5
            axes.plot(places, heights, marker, color=colour, markersize=size, label=method.label, alpha=0.9)
        for place, of_class in zip(places, zip(*means, strict=True), strict=True):
            if known := [mean for mean in of_class if not math.isnan(mean)]:
                axes.plot([place] * 2, (min(known), max(known)), color=GRID, linewidth=1.2, zorder=1)
        if len(places) <= NAMED:
            _name(axes, places, evaluation.class_names)
        axes.set_xscale('log')
        plain_numbers(axes.xaxis)
        axes.set_ylim(-2, 102)
        axes.set_yticks(range(0, 101, 20))
        axes.set_xlabel(f'share of {evaluation.task.unit}, %')
        axes.set_ylabel(f'{rate}, %')
        legend(axes)
    rarest = evaluation.task.key(rate, study.rarest)
    group = [f'{method.label} {points(method.mean(rarest))}' for method in study.methods]
    alt = f'Mean {rate} of the {study.rarest} classes: {", ".join(group)}.'
    caption = f'Shares are from {evaluation.counts_from}. The shaded range holds the {study.rarest} classes.'
    return Drawing(made[0], f'{rate} against frequency', alt, caption)


def _name(axes: Axes, places: Sequence[float], names: Sequence[str]) -> None:
    """The names above the marks, moved apart where classes are equally frequent."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    logarithms = [math.log10(places[index]) for index in order]
    width = logarithms[-1] - logarithms[0] or 1
    for index, spot in zip(order, spread_out(logarithms, gap=width / 18), strict=True):
        axes.plot((places[index], 10**spot), (100, 106), color=MUTED, linewidth=0.5, clip_on=False)
        axes.text(10**spot, 107, shortened(names[index], 14), rotation=55, rotation_mode='anchor', fontsize=7.5)
