"""The curve of post-hoc adjustment as a table, a picture and data."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from ltseg.metrics.evaluation import Evaluation
from ltseg.metrics.task import SEGMENTATION
from ltseg.reports.record import RunRecord
from ltseg.trained.tau_curve import WAYS, TauCurve

__all__ = ['adjusted_record', 'curve_figure', 'curve_points', 'curve_table', 'same_result']

SUFFIXES = {'prior': 'post-hoc', 'norm': 'tau-norm'}  # of the method


def curve_table(curve: TauCurve, chosen: float, by: str = 'prior') -> Table:
    """One row for each tau: the means, and those of the groups. The chosen tau is marked."""
    title = f'{WAYS[by]} on {curve.split}, in percent; * is the chosen tau'
    table = Table(title=title, title_justify='left', box=box.SIMPLE, padding=(0, 1, 0, 0))
    keys = [key for key in curve.evaluations[0].task.summary if 'precision' not in key.lower()]
    for name in ('tau', *keys):
        table.add_column(name.replace('_', '\n').replace('/', '\n'), justify='right', no_wrap=True)
    for tau, *values in zip(curve.taus, *(curve.values(key) for key in keys), strict=True):
        name = f'{tau:g}{" *" if tau == chosen else "  "}'
        table.add_row(name, *(f'{value:.2f}' for value in values), style='bold' if tau == chosen else None)
    return table


def curve_figure(curves: Sequence[TauCurve], chosen: float, path: Path, by: str = 'prior') -> None:
    """Draws the curves, with tau = 0 and the chosen tau marked, and saves the picture.

    Segmentation: mIoU against mAcc, a point for each tau. Classification: top-1, mean class accuracy and that of the
    groups over tau, because top-1 is the mean class accuracy where the evaluated images are balanced.
    """
    figure = Figure(figsize=(6.4, 4.8), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    if curves[0].evaluations[0].task is SEGMENTATION:
        _draw_against_each_other(axes, curves, chosen)
    else:
        _draw_over_tau(axes, curves, chosen)
    axes.set_title(f'{WAYS[by]} by tau; star: tau = {chosen:g}')
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _draw_over_tau(axes: Axes, curves: Sequence[TauCurve], chosen: float) -> None:
    for curve, style in zip(curves, ('-', '--'), strict=False):
        for colour, key in enumerate(curve.evaluations[0].task.summary):
            values = curve.values(key)
            if key.startswith('accuracy/') and not all(map(math.isnan, values)):
                label = f'{key.removeprefix("accuracy/").replace("_", " ")}, {curve.split}'
                axes.plot(curve.taus, values, style, color=f'C{colour}', label=label)
                at = curve.taus.index(chosen)
                axes.plot(chosen, values[at], marker='*', markersize=12, color=f'C{colour}', fillstyle='none')
    axes.axvline(0, color='grey', linewidth=0.5)
    axes.set(xlabel='tau', ylabel='accuracy (%)')


def _draw_against_each_other(axes: Axes, curves: Sequence[TauCurve], chosen: float) -> None:
    for curve in curves:
        accuracies, ious = curve.values('mAcc'), curve.values('mIoU')
        (line,) = axes.plot(accuracies, ious, marker='.', label=curve.split)
        for tau, point in zip(curve.taus, zip(accuracies, ious, strict=True), strict=True):
            axes.annotate(f'{tau:g}', point, textcoords='offset points', xytext=(4, 4), fontsize=7)
            if tau in (0.0, chosen):
                marker = '*' if tau == chosen else 'o'
                axes.plot(*point, marker=marker, markersize=12, color=line.get_color(), fillstyle='none')
    axes.set(xlabel='mAcc (%)', ylabel='mIoU (%)')


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
