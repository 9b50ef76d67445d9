"""What ltseg choose found: a table, a figure, and one sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ltseg.cli.choosing.axes import PIXEL_AXES, Axes
from ltseg.core.classified_images import ClassifiedImages
from ltseg.core.curve_comparison import CurveGap, EvaluatedImages, curve_gap
from ltseg.reports.figures.figure import Figure, Series
from ltseg.reports.text_table import Cell, TextTable

__all__ = ['Finding', 'Verdict', 'verdict_of']

ERROR_RATE = 0.05  # of calling any method better, if none is


@dataclass(frozen=True, eq=False)
class Finding:
    """What is known of a method.

    Args:
        title: Its name in tables.
        curves: The two rates of each run at each tau, (S, T) each, in percent.
        gap: To the baseline; None for the baseline itself.
        groups: The accuracy of each group of classes at each tau, as the mean over the runs, (T,) in percent.
    """

    title: str
    curves: tuple[Tensor, Tensor]
    gap: CurveGap | None = None
    groups: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def seeds(self) -> int:
        """How many runs there are."""
        return len(self.curves[0])

    def best_tau(self, taus: Sequence[float]) -> float:
        """The tau with the highest quality, as the mean over the runs."""
        return taus[int(self.curves[0].mean(0).argmax())]


@dataclass(frozen=True, eq=False)
class Verdict:
    """Methods against cross entropy with post-hoc adjustment.

    Args:
        baseline: Cross entropy.
        others: The methods by their names.
        taus: Of the curves.
        images: How many were evaluated.
        longer: Cross entropy trained longer, with its gap to cross entropy: whether a lead may be one of speed alone.
        axes: The rates of the curves.
    """

    baseline: Finding
    others: Mapping[str, Finding]
    taus: tuple[float, ...]
    images: int
    longer: Finding | None = None
    axes: Axes = PIXEL_AXES

    @property
    def judged(self) -> list[str]:
        """The methods with two seeds or more, as the baseline has: how much seeds differ is not known otherwise."""
        return [name for name, each in self.others.items() if min(each.seeds, self.baseline.seeds) > 1]

    @property
    def better(self) -> list[str]:
        """Those judged whose curve lies above by more than chance, the one farthest above first."""
        gaps = {name: gap for name in self.judged if (gap := self.others[name].gap) and gap.is_better}
        return sorted(gaps, key=lambda name: gaps[name].mean, reverse=True)

    @property
    def winner(self) -> Finding:
        """The method to train: the best of those that are better, else the baseline."""
        return self.others[self.better[0]] if self.better else self.baseline

    def sentence(self) -> str:
        """The answer."""
        where = f'on {self.images} validation images'
        if not self.others:
            return f'Only cross entropy was trained, so there is nothing to compare {where}.'
        if not self.judged:
            return f'One seed of a method is no answer {where}: give it more --minutes.'
        if not self.better:
            methods = 'method' if len(self.judged) == 1 else 'methods'
            return (
                f'None of {len(self.judged)} {methods} lies above cross entropy with post-hoc adjustment by more than '
                f'chance {where}: train cross entropy, and choose tau with ltseg adjust.'
            )
        gap, others = self.winner.gap, [self.others[name].title for name in self.better[1:]]
        assert gap is not None
        also = f' ({", ".join(others)} too)' if others else ''
        return (
            f'{self.winner.title} lies {gap.mean:.1f} points of {self.axes.quality} ({gap.mean_low:.1f} to '
            f'{gap.mean_high:.1f}) above cross entropy with post-hoc adjustment {where}, at the same '
            f'{self.axes.fairness}{also}: train it. '
            f'{self._lasts()}'
        )

    def _lasts(self) -> str:
        """Whether the lead of the winner may be gone in longer training runs."""
        lead = self.winner.gap
        if self.longer is None or self.longer.gap is None or lead is None:
            return 'Whether that lasts in longer training runs was not seen.'
        gain = self.longer.gap.mean
        if gain < lead.mean_low:
            return f'That is more than length alone brings: {self.longer.title}, gains {gain:.1f}.'
        return (
            f'But {self.longer.title}, gains {gain:.1f} points too, so that the lead may be one of speed: choose again '
            'with as many --iterations before a long training run depends on it.'
        )

    def table(self) -> TextTable:
        """A row for each method, those that are farthest above first."""
        rows: list[list[Cell]] = [self._row(each) for each in (self.baseline, self.longer) if each]
        rows += [self._row(each) for each in sorted(self.others.values(), key=_mean_gap, reverse=True)]
        quality, fairness = self.axes.short
        best = [f'its {name}' for name in (*self.axes.short, *self.baseline.groups)]
        header = ('method', 'seeds', *self.axes.short, 'best tau', *best, 'above CE', 'bounds', '')
        notes = (
            *filter(None, [self.axes.note]),
            f'{quality} and {fairness} in percent, as trained and with the best tau of post-hoc adjustment.',
            f'above CE: how far the curve over tau lies above that of cross entropy at the same {fairness}, mean in '
            f'points of {quality};',
            f'bounds: by images drawn again and the spread of seeds, such that with {1 - ERROR_RATE:.0%} probability '
            'all of them hold;',
            'short training runs favour losses that weight rare classes.',
        )
        return TextTable('Heads on frozen features', header, rows, notes=notes)

    def _row(self, finding: Finding) -> list[Cell]:
        iou, acc = (values.mean(0) for values in finding.curves)
        zero, best = self.taus.index(0.0), int(iou.argmax())
        known: list[Cell] = [
            float(iou[zero]),
            float(acc[zero]),
            f'{self.taus[best]:g}',
            float(iou[best]),
            float(acc[best]),
            *(float(accuracy[best]) for accuracy in finding.groups.values()),
        ]
        gap, seeds = finding.gap, str(finding.seeds)
        if gap is None:
            return [finding.title, seeds, *known, '', '', '']
        word = 'better' if gap.is_better else 'worse' if gap.is_worse else ''
        if finding is self.longer:
            word = 'longer'
        elif min(finding.seeds, self.baseline.seeds) < 2:
            word = 'one seed'
        return [finding.title, seeds, *known, f'{gap.mean:+.2f}', f'{gap.mean_low:+.2f} to {gap.mean_high:+.2f}', word]

    def figure(self) -> Figure:
        """How far each curve lies above that of cross entropy, with bounds, over the second rate."""
        quality, fairness = self.axes.short
        series: list[Series] = []
        for color, finding in enumerate(self.others.values(), start=1):
            gap = finding.gap
            assert gap is not None
            lines = (finding.title, gap.method - gap.baseline, False), ('', gap.low, True), ('', gap.high, True)
            for name, values, dashed in lines:
                y = values.tolist()
                series.append(Series(name=name, x=gap.levels.tolist(), y=y, color=color, dashed=dashed))
        return Figure(
            title='Above cross entropy with post-hoc adjustment',
            name='above_cross_entropy',
            caption=f'The best {quality} at an accuracy of at least that of the axis, minus that of cross entropy. '
            'Dashed: bounds at this accuracy alone, by images drawn again and the spread of seeds.',
            x_label=f'{fairness}, %',
            y_label=f'points of {quality}',
            series=series,
        )


def _of_groups(runs: Sequence[EvaluatedImages], groups: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """The accuracy of each group at each tau, as the mean over the runs of a classifier."""
    known = [run.group_accuracies(groups.values()) for run in runs if isinstance(run, ClassifiedImages)]
    return {name: torch.stack(each).mean(0) for name, each in zip(groups, zip(*known, strict=True), strict=False)}


def _mean_gap(finding: Finding) -> float:
    return finding.gap.mean if finding.gap else torch.nan


def verdict_of(
    titles: Mapping[str, str],
    runs: Mapping[str, Sequence[EvaluatedImages]],
    baseline: str,
    taus: tuple[float, ...],
    longer: tuple[str, Sequence[EvaluatedImages]] = ('', ()),
    axes: Axes = PIXEL_AXES,
    groups: Mapping[str, Sequence[int]] | None = None,
) -> Verdict:
    """Compares methods.

    Args:
        titles: Of the methods by their names.
        runs: What the runs of each predict, on the same images.
        baseline: Name of cross entropy.
        taus: Of the runs.
        longer: What longer runs of cross entropy are called, and what they predict.
        axes: The rates of the curves.
        groups: The classes of groups whose accuracies the table of a classifier has too.
    """
    names = [name for name in runs if name != baseline and runs[name]]
    confidence = 1 - ERROR_RATE / max(len(names), 1)  # all bounds hold together (Bonferroni)

    def finding(title: str, found: Sequence[EvaluatedImages], gap: CurveGap | None = None) -> Finding:
        rates = [run.rates(torch.ones(1, len(run.true))) for run in found]
        iou, acc = (torch.cat(values) for values in zip(*rates, strict=True))
        return Finding(title, (iou, acc), gap, _of_groups(found, groups or {}))

    def gap(name: str) -> CurveGap:
        others = [runs[other] for other in names if other != name]
        return curve_gap(runs[name], runs[baseline], confidence, others=others)

    others = {name: finding(titles[name], runs[name], gap(name)) for name in names}
    title, long = longer
    slow = finding(title, long, curve_gap(long, runs[baseline], confidence)) if long else None
    first = finding(titles[baseline], runs[baseline])
    return Verdict(first, others, taus, len(runs[baseline][0].true), slow, axes)
