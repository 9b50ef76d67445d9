"""Curves over training and over post-hoc adjustment."""

from collections.abc import Mapping, Sequence

from ltseg.reports.comparison import Comparison
from ltseg.reports.figures.figure import Figure, Series
from ltseg.reports.frontier import trade_offs
from ltseg.reports.method import Method
from ltseg.reports.page.phrases import points
from ltseg.reports.runs import Run
from ltseg.reports.tau_report import trade_off

__all__ = ['posthoc_curve', 'training_curves']


def training_curves(study: Comparison) -> list[Figure]:
    """The training loss, and the means of the validation over training, a line for each run."""
    task = study.reference.task
    figures = [_over_iterations(study, 'loss', 'Training loss', 'loss')]
    for key in dict.fromkeys((*task.axes, task.key(task.grouped[0], study.rarest))):
        figures.append(_over_iterations(study, key, f'{key} of the validation', f'{key}, %'))
    return [figure for figure in figures if figure is not None]


def _over_iterations(study: Comparison, key: str, title: str, label: str) -> Figure | None:
    last: list[str] = []
    series: list[Series] = []
    for method in (each for each in study.methods if not each.is_posthoc):  # trained as the method it adjusts
        for run in method.runs:
            line = [(point['iteration'], point[key]) for point in _points(run, key) if key in point]
            if line:
                x, y = map(list, zip(*line, strict=True))
                series.append(Series(name=method.label, x=x, y=y, color=method.index))
                last.append(f'{_seeded(method, run)} {y[-1]:.3g}')
    if not series:
        return None
    return Figure(
        name=f'training-{len(key)}-{"".join(filter(str.isalnum, key))}',
        title=title,
        alt=f'At the end: {", ".join(last)}.',
        caption='A line for each seed.',
        x_label='iteration',
        y_label=label,
        series=series,
    )


def _points(run: Run, key: str) -> Sequence[Mapping[str, float]]:
    """Points of the record, or of the log of the training run."""
    if key != 'loss':
        return run.record.curves.get('val', ())
    logged = (point for point in run.scalars if isinstance(point.get('loss'), int | float))
    points = [{'iteration': each['step'], 'loss': each['loss']} for each in logged if each['loss'] == each['loss']]
    return run.record.curves.get('train') or points


def _seeded(method: Method, run: Run) -> str:
    return method.label if run.record.seed is None else f'{method.label}, seed {run.record.seed}'


def posthoc_curve(study: Comparison) -> Figure | None:
    """The means against each other over the strength of post-hoc adjustment; None where no record has the curve."""
    quality, fairness = axes = study.reference.task.axes
    found = [
        (method, number, run, curve)
        for method in study.methods
        if not method.is_posthoc
        for number, run in enumerate(method.runs)
        if (curve := trade_offs(run.record))
    ]
    if not found:
        return None
    series, sentences = [], []
    for method, number, run, curve in found:
        labels = 'ends' if number == 0 else 'none'
        series.append(trade_off(curve, axes, method.label, method.index, labels))
        means = run.record.evaluation.means()
        series.append(Series(x=[means[fairness]], y=[means[quality]], color=method.index, mark='large'))
        best = max(curve, key=lambda point: point[quality])
        sentences.append(f'{_seeded(method, run)}: highest {quality} {points(best[quality])} at tau {best["tau"]:g}')
    for method in (each for each in study.methods if each.is_posthoc):
        x, y = method.mean(fairness), method.mean(quality)
        series.append(Series(name=method.label, x=[x], y=[y], color=method.index, mark='star'))
    caption = (
        'Logits minus tau times the logarithm of the prior, without training again. Large marks: as trained (tau 0). '
        'Stars: the tau that was chosen on other data. A curve that lies above another is better at every trade.'
    )
    return Figure(
        name='posthoc',
        title=f'{quality} against {fairness} over post-hoc adjustment',
        alt='. '.join(sentences),
        caption=caption,
        x_label=f'{fairness}, %',
        y_label=f'{quality}, %',
        series=series,
    )
