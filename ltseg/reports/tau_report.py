"""The curve of post-hoc adjustment as a table, a figure and data."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ltseg.metrics.evaluation import Evaluation
from ltseg.metrics.task import SEGMENTATION
from ltseg.reports.figures.figure import Figure, Reference, Series
from ltseg.reports.record import RunRecord
from ltseg.reports.text_table import TextTable
from ltseg.trained.tau_curve import WAYS, TauCurve

__all__ = ['adjusted_record', 'curve_figure', 'curve_points', 'curve_table', 'same_result', 'trade_off']

SUFFIXES = {'prior': 'post-hoc', 'norm': 'tau-norm'}  # of the method


def curve_table(curve: TauCurve, chosen: float, by: str = 'prior') -> TextTable:
    """One row for each tau: the means, and those of the groups. The chosen tau is marked."""
    keys = [key for key in curve.evaluations[0].task.summary if 'precision' not in key.lower()]
    columns = ([f'{tau:g}{" *" if tau == chosen else ""}' for tau in curve.taus], *map(curve.values, keys))
    title = f'{WAYS[by]} on {curve.split}, in percent; * is the chosen tau'
    names = (key.replace('_', ' ').replace('/', ' ') for key in keys)  # which break, where columns are narrow
    return TextTable(title, ('tau', *names), [list(row) for row in zip(*columns, strict=True)])


def curve_figure(curves: Sequence[TauCurve], chosen: float, by: str = 'prior') -> Figure:
    """The curves, with tau = 0 and the chosen tau marked.

    Segmentation: mIoU against mAcc, a point for each tau. Classification: top-1, mean class accuracy and that of the
    groups over tau, because top-1 is the mean class accuracy where the evaluated images are balanced.
    """
    task = curves[0].evaluations[0].task
    title = f'{WAYS[by]} by tau; star: tau = {chosen:g}'
    if task is not SEGMENTATION:
        series = [each for place, curve in enumerate(curves) for each in _over_tau(curve, chosen, dashed=place > 0)]
        zero = Reference(x=0.0)
        return Figure(title=title, x_label='tau', y_label='accuracy, %', series=series, references=[zero])
    series = []
    for color, curve in enumerate(curves):
        points = curve_points(curve)
        series.append(trade_off(points, task.axes, curve.split, color, 'all'))
        for point in (each for each in points if each['tau'] in (0.0, chosen)):
            mark = 'star' if point['tau'] == chosen else 'large'
            series.append(replace(trade_off([point], task.axes, '', color), mark=mark))
    quality, fairness = task.axes
    return Figure(title=title, x_label=f'{fairness}, %', y_label=f'{quality}, %', series=series)


def _over_tau(curve: TauCurve, chosen: float, dashed: bool) -> Iterator[Series]:
    keys = [key for key in curve.evaluations[0].task.summary if key.startswith('accuracy/')]
    for color, key in enumerate(keys):
        values = curve.values(key)
        if not all(map(math.isnan, values)):
            name = f'{key.removeprefix("accuracy/").replace("_", " ")}, {curve.split}'
            yield Series(name=name, x=curve.taus, y=values, color=color, dashed=dashed)
            yield Series(x=[chosen], y=[values[curve.taus.index(chosen)]], color=color, mark='star')


def trade_off(
    points: Sequence[Mapping[str, float]], axes: tuple[str, str], name: str, color: int, labels: str = 'none'
) -> Series:
    """A curve over tau as one metric against another.

    Args:
        points: Of a run record, in any order.
        axes: The metric that goes up, and the one that goes to the right.
        name: In the legend.
        color: Position among the colors.
        labels: Which taus are written beside their points: 'all', those at the 'ends', or 'none'.
    """
    ordered = sorted(points, key=lambda point: point['tau'])
    taus = [f'{point["tau"]:g}' for point in ordered]
    ends = {0: f'τ={taus[0]}', len(taus) - 1: f'τ={taus[-1]}'}
    between = taus if labels == 'all' else [''] * len(taus)
    texts = [ends.get(place, text) for place, text in enumerate(between)] if labels != 'none' else ()
    y, x = ([point[key] for point in ordered] for key in axes)
    return Series(name=name, x=x, y=y, labels=texts, color=color)


def curve_points(curve: TauCurve) -> list[dict[str, float]]:
    """The curve as points of a run record: tau and every mean, without the single classes."""
    rows = zip(curve.taus, curve.evaluations, strict=True)
    return [{'tau': tau, **evaluation.means()} for tau, evaluation in rows]


def same_result(one: Evaluation, other: Evaluation) -> bool:
    """Whether two evaluations agree but for pixels whose best classes are equal up to rounding."""
    if one.class_names != other.class_names:
        return False
    return int((one.matrix - other.matrix).abs().sum()) <= 1e-4 * int(other.matrix.sum())


def adjusted_record(
    record: RunRecord,
    selection: TauCurve,
    report: TauCurve,
    criterion: str,
    by: str = 'prior',
    fixed: float | None = None,
) -> RunRecord:
    """The record of a run after post-hoc adjustment.

    Args:
        record: The run as it was trained.
        selection: Curve of the split that tau is chosen on.
        report: Curve of the split that the record is about.
        criterion: What tau is chosen by.
        by: 'prior' for logit adjustment, 'norm' for tau-normalisation.
        fixed: The tau where none is chosen.
    """
    chosen = selection.best(criterion) if fixed is None else fixed
    made = {'tau': chosen, 'chosen_on': selection.split, 'by': criterion, 'curve': curve_points(selection)}
    if fixed is not None:
        made = {'tau': fixed, 'chosen_on': 'nothing: fixed in advance'}
    if by != 'prior':  # records without it are of logit adjustment
        made['adjustment'] = by
    suffix = SUFFIXES[by]
    settings = {**record.settings, 'posthoc': made}
    return replace(
        record,
        name=f'{record.name}-{suffix.replace("post-hoc", "posthoc")}',
        method=f'{record.method} + {suffix}',
        split=report.split,
        evaluation=report.at(chosen),
        settings=settings,
        other_metrics={},  # measured before the adjustment
        tau_curve=curve_points(report),
    )
