"""How the weights of the terms of a loss change over training: AllNC's Figure 5(b), for every kind of schedule."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ltseg.reports.figures.figure import Figure, Series
from ltseg.schedules import Progress

__all__ = ['Term', 'schedule_figure', 'schedule_lines']

POINTS = 200  # of a line
CAPTION = 'By what the weight of each term is multiplied, as its schedule says. Dashed: 1 minus a schedule.'


class Term(NamedTuple):
    """A part of training whose weight changes.

    Args:
        name: What it is.
        factor: Of its weight at a point of training.
        is_complement: Whether it takes over from another term.
        in_iterations: Whether its factor depends on the number of iterations of an epoch.
    """

    name: str
    factor: Callable[[Progress], float]
    is_complement: bool = False
    in_iterations: bool = False


def schedule_lines(terms: Sequence[Term], end: Progress, by_epoch: bool) -> list[Series]:
    """The factor of each term over training; terms that always have the same one share a line.

    Args:
        terms: In the order of the lines.
        end: The length of training.
        by_epoch: Whether to count epochs, else iterations.

    Example:
        >>> from ltseg.reports.collapse.schedules import Term, schedule_lines
        >>> from ltseg.schedules import Progress, Schedule
        >>> eta = [Schedule('cumulative', unit='epoch', complement=flag).factor for flag in (False, True)]
        >>> terms = [Term('features', eta[0]), Term('classifier', eta[1], True), Term('P2P', eta[1], True)]
        >>> lines = schedule_lines(terms, Progress(max_iters=8, max_epochs=4), by_epoch=True)
        >>> [(line.name, line.dashed, line.y) for line in lines]  # eta = 1 - ((t + 1) / T)^2
        [('features', False, [0.9375, 0.75, 0.4375, 0.0]), ('classifier, P2P', True, [0.0625, 0.25, 0.5625, 1.0])]
    """
    steps = end.max_epochs if by_epoch else end.max_iters
    each = end.max_iters // end.max_epochs if by_epoch else 1  # iterations of a step
    done = sorted({round((steps - 1) * place / POINTS) for place in range(POINTS + 1)})
    points = [replace(end, iter=step * each, epoch=step if by_epoch else 0) for step in done]
    names: dict[tuple[bool, tuple[float, ...]], list[str]] = {}
    for term in terms:
        names.setdefault((term.is_complement, tuple(map(term.factor, points))), []).append(term.name)
    return [
        Series(name=', '.join(dict.fromkeys(named)), x=done, y=list(values), dashed=dashed)
        for (dashed, values), named in names.items()
    ]


def schedule_figure(lines: Sequence[Series], by_epoch: bool, stage: str = '') -> Figure:
    """The lines of :func:`schedule_lines` as a figure, of a stage of training if it has a name."""
    return Figure(
        name=f'weights_{stage}' if stage else 'weights',
        title=f'Weights over training, stage {stage}' if stage else 'Weights over training',
        caption=CAPTION,
        x_label='epochs done' if by_epoch else 'iterations done',
        y_label='factor of the weight',
        series=lines,
    )
