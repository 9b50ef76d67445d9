"""A published run as a method of a comparison."""

from statistics import fmean

from ltseg.core.errors import InvalidValueError
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.method import Method
from ltseg.reports.published import PublishedRun

__all__ = ['published_method']


def published_method(run: PublishedRun, reference: Evaluation) -> Method:
    """A paper's rows, with the means computed from them; or the means that it printed, without rows.

    Raises:
        ValueError: If its classes are not those of ``reference``; without rows, if their number or the task is not.
    """
    if not run.rates:
        size = len(reference.class_names)
        if reference.task is not run.task or run.num_classes != size:
            expected = f'{run.task.name} with {run.num_classes} classes, as {run.dataset} has'
            raise InvalidValueError('published run', expected, f'{reference.task.name} with {size} classes')
        return Method(f'{run.method} ({run.paper})', (run.model, run.dataset, ''), (run.means,))
    unmatched = sorted(set(reference.class_names) ^ set(run.rates['IoU']))
    if unmatched:
        expected = f'the classes of the {run.paper} ({run.dataset})'
        raise InvalidValueError('published run', expected, f'others: they differ in {", ".join(unmatched)}')
    metrics: dict[str, float] = {}
    printed: dict[str, float] = {}
    for rate, of_class in run.rates.items():
        metrics |= {f'{rate}/{name}': of_class[name] for name in reference.class_names}
        metrics[f'm{rate}'] = fmean(of_class[name] for name in reference.class_names)
        if abs(metrics[f'm{rate}'] - run.means[rate]) > 0.0101:  # more than rounding
            printed[f'm{rate}'] = run.means[rate]
        for group, classes in reference.groups.items():
            if classes:
                metrics[f'm{rate}_{group}'] = fmean(of_class[reference.class_names[index]] for index in classes)
    return Method(f'{run.method} ({run.paper})', (run.model, run.dataset, ''), (metrics,), printed=printed)
