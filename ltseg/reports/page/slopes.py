"""Each class as a line from the baseline to a method."""

from collections.abc import Sequence

from ltseg.reports.figures.ink import FALL, MUTED, RISE, Drawing, draw
from ltseg.reports.page.differences import one_sentence
from ltseg.reports.page.methods import WITHIN, Method, Study
from ltseg.reports.page.phrases import points, shortened

__all__ = ['slope_plot', 'spread_out']

NAMED = 14  # lines that can be named at each side
DASHES = ('-', (0, (6, 1.5)), (0, (1.5, 1.5)))  # head, medium, tail


def slope_plot(study: Study, method: Method, rate: str) -> Drawing | None:
    """A line for each class; None for a method without a baseline."""
    if method.baseline is None:
        return None
    changes = []
    for index in study.order:
        key = study.key(rate, index)
        difference = method.difference(key)
        if difference.known:
            changes.append((index, method.baseline.mean(key), method.mean(key), difference))
    with draw(f'slopes-{method.index}-{rate}', 4.2) as (axes, made):
        for index, before, after, difference in changes:
            dashes = DASHES[study.reference.groups.names.index(study.reference.groups.group_of(index))]
            colour = MUTED if difference.verdict == WITHIN else RISE if difference.value > 0 else FALL
            width = 0.5 if difference.verdict == WITHIN and len(study.order) > NAMED else 1.4
            axes.plot(
                (0, 1), (before, after), color=colour, linewidth=width, linestyle=dashes, marker='o', markersize=2.5
            )
        loudest = sorted(changes, key=lambda change: -abs(change[3].value))[:NAMED]
        for side in (0, 1):
            ends = sorted((before if side == 0 else after, index) for index, before, after, _ in loudest)
            places = spread_out([value for value, _ in ends], gap=4.6)
            for (value, index), place in zip(ends, places, strict=True):
                name = f'{shortened(study.reference.class_names[index], 16)} {points(value)}'
                axes.text(side * 1.08 - 0.04, place, name, ha=('right', 'left')[side], va='center', fontsize=8)
        axes.set_xlim(-0.85, 1.85)
        axes.set_ylim(-3, 103)
        axes.set_xticks((0, 1), [shortened(method.baseline.label), shortened(method.label)])
        axes.set_yticks(())
        axes.spines[['left', 'bottom']].set_visible(False)
        axes.tick_params(axis='x', length=0)
    first, second, third = study.reference.groups.names
    few = '' if len(changes) <= NAMED else f' Named are the {NAMED} classes that change the most.'
    caption = (
        f'{rate} in percent, means over the seeds. Blue rises, orange falls, and grey is not clear of their '
        f'spread. Solid: {first}; dashed: {second}; dotted: {third}.{few}'
    )
    title = f'{rate}: from {method.baseline.label} to {method.label}'
    return Drawing(made[0], title, one_sentence(study, method, rate), caption)


def spread_out(values: Sequence[float], gap: float) -> list[float]:
    """Places of labels near increasing values, at least ``gap`` from each other, each run of them centred."""
    runs: list[tuple[float, int]] = []  # centre and number of the labels that touch
    for value in values:
        centre, number = value, 1
        while runs and centre - gap * (number - 1) / 2 - (runs[-1][0] + gap * (runs[-1][1] - 1) / 2) < gap:
            before, fewer = runs.pop()
            centre, number = (before * fewer + centre * number) / (fewer + number), fewer + number
        runs.append((centre, number))
    return [centre + gap * (place - (number - 1) / 2) for centre, number in runs for place in range(number)]
