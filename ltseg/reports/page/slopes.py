"""Each class as a line from the baseline to a method."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes

from ltseg.reports.comparison import Comparison
from ltseg.reports.difference import WITHIN, Difference
from ltseg.reports.figures.ink import FALL, MUTED, RISE, Drawing, draw
from ltseg.reports.method import Method
from ltseg.reports.page.differences import one_sentence
from ltseg.reports.page.phrases import points, shortened

__all__ = ['HEIGHT', 'draw_slopes', 'slope_plot', 'spread_out']

HEIGHT = 4.2  # inches
NAMED = 20  # lines that can be named at each side
GAP = 4.9  # percentage points from one name to the next
DASHES = ('-', (0, (6, 1.5)), (0, (1.5, 1.5)))  # head, medium, tail


def slope_plot(study: Comparison, method: Method, rate: str) -> Drawing | None:
    """A line for each class; None for a method without a baseline."""
    if method.baseline is None:
        return None
    with draw(f'slopes-{method.index}-{rate}', HEIGHT) as (axes, made):
        number = draw_slopes(axes, study, (method.baseline, method), rate)
    first, second, third = study.reference.groups.names
    few = '' if number <= NAMED else f' Named are the {NAMED} classes that change the most.'
    caption = (
        f'{rate} in percent, means over the seeds. Blue rises, orange falls, and grey is not clear of their '
        f'spread. Solid: {first}; dashed: {second}; dotted: {third}.{few}'
    )
    title = f'{rate}: from {method.baseline.label} to {method.label}'
    return Drawing(made[0], title, one_sentence(study, method, rate), caption)


def draw_slopes(axes: Axes, study: Comparison, pair: tuple[Method, Method], rate: str) -> int:
    """Draws the lines of the classes that a baseline and a method have, and returns how many there are."""
    keys = {index: study.key(rate, index) for index in study.order}
    differences = {index: pair[1].difference(key) for index, key in keys.items()}
    known = [index for index, difference in differences.items() if difference.known]
    ends = {index: [method.mean(keys[index]) for method in pair] for index in known}
    for index in known:
        dashes = DASHES[study.reference.groups.names.index(study.reference.groups.group_of(index))]
        colour, width = _line(differences[index], len(study.order) > NAMED)
        axes.plot((0, 1), ends[index], color=colour, linewidth=width, linestyle=dashes, marker='o', markersize=2.5)
    loudest = sorted(known, key=lambda index: -abs(differences[index].value))[:NAMED]
    for side in (0, 1):
        _name(axes, side, [(ends[index][side], study.reference.class_names[index]) for index in sorted(loudest)])
    axes.set(xlim=(-0.95, 1.95), ylim=(-3, 103), yticks=())
    axes.set_xticks((0, 1), [shortened(method.label, 20) for method in pair])
    axes.spines[['left', 'bottom']].set_visible(False)
    axes.tick_params(axis='x', length=0)
    axes.grid(visible=False)
    return len(known)


def _line(difference: Difference, many: bool) -> tuple[str, float]:
    """Color and width."""
    if difference.verdict == WITHIN:
        return MUTED, 0.5 if many else 1.4
    return (RISE if difference.value > 0 else FALL), 1.4


def _name(axes: Axes, side: int, ends: list[tuple[float, str]]) -> None:
    """Names and values beside the ends of the lines at a side, moved apart within the axes."""
    ends = sorted(ends, key=lambda end: end[0])
    outwards = 2 * side - 1
    for (value, name), place in zip(ends, spread_out([end[0] for end in ends], GAP, 0, 100), strict=True):
        axes.plot((side + 0.02 * outwards, side + 0.1 * outwards), (value, place), color=MUTED, linewidth=0.4)
        text = f'{shortened(name, 16)} {points(value)}'
        axes.text(side + 0.12 * outwards, place, text, ha=('right', 'left')[side], va='center', fontsize=8)


def spread_out(values: Sequence[float], gap: float, low: float = -math.inf, high: float = math.inf) -> list[float]:
    """Places of labels near increasing values, at least ``gap`` from each other, each run of them centered.

    They are the least squares solution: moved together by their gaps, places must not decrease.

    Args:
        values: Where the labels would be.
        gap: From one to the next.
        low: Of the places.
        high: Of the places; where not all fit between the two, as much is below as is above.
    """
    runs: list[tuple[float, int]] = []  # place and number of the labels that touch, moved together
    for index, value in enumerate(values):
        place, number = value - gap * index, 1
        while runs and runs[-1][0] > place:
            before, fewer = runs.pop()
            place, number = (before * fewer + place * number) / (fewer + number), fewer + number
        runs.append((place, number))
    last = high - gap * (len(values) - 1)
    if last < low:
        low = last = (low + last) / 2
    moved = [min(max(place, low), last) for place, number in runs for _ in range(number)]
    return [place + gap * index for index, place in enumerate(moved)]
