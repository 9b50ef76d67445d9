"""Curves over training and over post-hoc adjustment."""

from collections.abc import Mapping, Sequence
from typing import Any

from ltseg.reports.page.ink import MARKERS, Drawing, colour_of, draw, legend
from ltseg.reports.page.methods import Method, Study
from ltseg.reports.page.phrases import points
from ltseg.reports.runs import Run

__all__ = ['posthoc_curve', 'training_curves']

Points = Sequence[Mapping[str, float]]


def training_curves(study: Study) -> list[Drawing]:
    """The training loss, and the means of the validation over training, a line for each run."""
    task = study.reference.task
    drawings = [_over_iterations(study, 'loss', 'Training loss', 'loss')]
    for key in dict.fromkeys((*task.axes, task.key(task.grouped[0], study.rarest))):
        drawings.append(_over_iterations(study, key, f'{key} of the validation', f'{key}, %'))
    return [drawing for drawing in drawings if drawing is not None]


def _over_iterations(study: Study, key: str, title: str, label: str) -> Drawing | None:
    name = f'training-{len(key)}-{"".join(filter(str.isalnum, key))}'
    last: list[str] = []
    named: set[str] = set()
    with draw(name, 2.7) as (axes, made):
        for method in study.methods:
            if method.is_posthoc:  # trained as the method it adjusts
                continue
            for number, run in enumerate(method.runs):
                line = [(point['iteration'], point[key]) for point in _points(run, key) if key in point]
                if line:
                    style: dict[str, Any] = {
                        'color': colour_of(method.index),
                        'alpha': 1 if number == 0 else 0.6,
                        'linewidth': 1.2,
                    }
                    marker = MARKERS[method.index % len(MARKERS)] if len(line) < 30 else None
                    text = None if method.label in named else method.label
                    named.add(method.label)
                    axes.plot(*zip(*line, strict=True), marker=marker, markersize=3, label=text, **style)
                    last.append(f'{_seeded(method, run)} {line[-1][1]:.3g}')
        axes.set_xlabel('iteration')
        axes.set_ylabel(label)
        legend(axes)
    return Drawing(made[0], title, f'At the end: {", ".join(last)}.', 'A line for each seed.') if last else None


def _points(run: Run, key: str) -> Points:
    """Points of the record, or of the log of the training."""
    if key != 'loss':
        return run.record.curves.get('val', ())
    recorded = run.record.curves.get('train', ())
    return recorded or [{'iteration': p['step'], 'loss': p['loss']} for p in run.scalars if _is_number(p.get('loss'))]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and value == value


def _seeded(method: Method, run: Run) -> str:
    return method.label if run.record.seed is None else f'{method.label}, seed {run.record.seed}'


def posthoc_curve(study: Study) -> Drawing | None:
    """The means against each other over the strength of post-hoc adjustment; None where no record has the curve."""
    quality, fairness = study.reference.task.axes
    sentences: list[str] = []
    with draw('posthoc', 3.6) as (axes, made):
        for method in study.methods:
            colour, marker = colour_of(method.index), MARKERS[method.index % len(MARKERS)]
            if method.is_posthoc:
                axes.plot(method.mean(fairness), method.mean(quality), '*', color=colour, markersize=11,
                          markeredgewidth=0, label=method.label)  # fmt: skip
                continue
            for number, run in enumerate(method.runs):
                curve = sorted(run.record.tau_curve, key=lambda point: point['tau'])
                curve = [point for point in curve if quality in point and fairness in point]
                if curve:
                    x, y = ([point[key] for point in curve] for key in (fairness, quality))
                    text = method.label if number == 0 else None
                    axes.plot(x, y, marker='.', markersize=4, linewidth=1.1, color=colour, label=text)
                    best = max(curve, key=lambda point: point[quality])
                    sentences.append(
                        f'{_seeded(method, run)}: highest {quality} {points(best[quality])} at tau {best["tau"]:g}'
                    )
                    for end in (curve[0], curve[-1]) if number == 0 else ():
                        axes.annotate(f'τ={end["tau"]:g}', (end[fairness], end[quality]), (3, 3),
                                      textcoords='offset points', fontsize=7.5, color=colour)  # fmt: skip
                means = run.record.evaluation.means()
                if curve:
                    axes.plot(means[fairness], means[quality], marker, color=colour, markersize=7)
        axes.set_xlabel(f'{fairness}, %')
        axes.set_ylabel(f'{quality}, %')
        legend(axes)
    if not sentences:
        return None
    caption = (
        'Logits minus tau times the logarithm of the prior, without training again. Large marks: as trained (tau 0). '
        'Stars: the tau that was chosen on other data. A curve that lies above another is better at every trade.'
    )
    return Drawing(made[0], f'{quality} against {fairness} over post-hoc adjustment', '. '.join(sentences), caption)
