"""The curve of post-hoc logit adjustment as a table, a picture and data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from ltseg.counts.groups import GROUP_NAMES
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.record import RunRecord
from ltseg.reports.tau_curve import TauCurve

__all__ = ['adjusted_record', 'curve_figure', 'curve_points', 'curve_table', 'same_result']

KEYS = ('mIoU', 'mAcc', 'aAcc', *(f'{mean}_{group}' for mean in ('mIoU', 'mAcc') for group in GROUP_NAMES))


def curve_table(curve: TauCurve, chosen: float) -> Table:
    """One row for each tau: the means, and those of head, medium and tail. The chosen tau is marked."""
    title = f'Logit adjustment on {curve.split}, in percent; * is the chosen tau'
    table = Table(title=title, title_justify='left', box=box.SIMPLE, padding=(0, 1, 0, 0))
    for name in ('tau', *KEYS):
        table.add_column(name.replace('_', '\n'), justify='right', no_wrap=True)
    for tau, *values in zip(curve.taus, *(curve.values(key) for key in KEYS), strict=True):
        name = f'{tau:g}{" *" if tau == chosen else "  "}'
        table.add_row(name, *(f'{value:.2f}' for value in values), style='bold' if tau == chosen else None)
    return table


def curve_figure(curves: Sequence[TauCurve], chosen: float, path: Path) -> None:
    """Draws mIoU against mAcc, a point for each tau, with tau = 0 and the chosen tau marked, and saves it."""
    figure = Figure(figsize=(6.4, 4.8), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for curve in curves:
        accuracies, ious = curve.values('mAcc'), curve.values('mIoU')
        (line,) = axes.plot(accuracies, ious, marker='.', label=curve.split)
        for tau, point in zip(curve.taus, zip(accuracies, ious, strict=True), strict=True):
            axes.annotate(f'{tau:g}', point, textcoords='offset points', xytext=(4, 4), fontsize=7)
            if tau in (0.0, chosen):
                marker = '*' if tau == chosen else 'o'
                axes.plot(*point, marker=marker, markersize=12, color=line.get_color(), fillstyle='none')
    axes.set(xlabel='mAcc (%)', ylabel='mIoU (%)', title=f'Logit adjustment by tau; star: tau = {chosen:g}')
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def curve_points(curve: TauCurve) -> list[dict[str, float]]:
    """The curve as points of a run record: tau and every mean, without the single classes."""
    rows = zip(curve.taus, curve.evaluations, strict=True)
    return [{'tau': tau, **_means(evaluation.metrics())} for tau, evaluation in rows]


def _means(metrics: Mapping[str, float]) -> dict[str, float]:
    return {key: value for key, value in metrics.items() if '/' not in key}


def same_result(one: Evaluation, other: Evaluation) -> bool:
    """Whether two evaluations agree but for pixels whose best classes are equal up to rounding."""
    if one.class_names != other.class_names:
        return False
    return int((one.matrix - other.matrix).abs().sum()) <= 1e-4 * int(other.matrix.sum())


def adjusted_record(record: RunRecord, selection: TauCurve, report: TauCurve, criterion: str) -> RunRecord:
    """The record of a run after post-hoc adjustment.

    Args:
        record: The run as it was trained.
        selection: Curve of the split that tau is chosen on.
        report: Curve of the split that the record is about.
        criterion: What tau is chosen by.
    """
    chosen = selection.best(criterion)
    settings = {
        **record.settings,
        'posthoc': {'tau': chosen, 'chosen_on': selection.split, 'by': criterion, 'curve': curve_points(selection)},
    }
    return replace(
        record,
        name=f'{record.name}-posthoc',
        method=f'{record.method} + post-hoc',
        split=report.split,
        evaluation=report.at(chosen),
        settings=settings,
        tau_curve=curve_points(report),
    )
