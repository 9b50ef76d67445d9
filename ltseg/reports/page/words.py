"""What changed between methods and for which classes, in sentences."""

from collections.abc import Iterator

from ltseg.metrics.task import SEGMENTATION
from ltseg.reports.comparison import Comparison
from ltseg.reports.difference import CLEAR, SINGLE, WITHIN, Difference
from ltseg.reports.frontier import best_with_accuracy, trade_offs
from ltseg.reports.method import Method
from ltseg.reports.page.confusions import largest_confusions
from ltseg.reports.page.phrases import listed, points, signed

__all__ = ['method_summaries']

SMALL = 0.05  # percentage points, which round to 0.0


def method_summaries(study: Comparison) -> list[tuple[str, list[str]]]:
    """Title and sentences, the most important first, of each method that is compared; else how each one stands."""
    if not study.compared:
        return [(method.label, list(_of_one(study, method))) for method in study.methods]
    pairs = ((method, method.baseline) for method in study.methods if method.baseline)
    return [(f'{method.label} against {baseline.label}', list(_of_pair(study, method))) for method, baseline in pairs]


def _of_one(study: Comparison, method: Method) -> Iterator[str]:
    task, rate = study.reference.task, study.rates[0]
    means = [f'{key} is {points(method.mean(key))}' for key in task.axes]
    of_groups = [f'{points(method.mean(task.key(rate, name)))} for {name}' for name in study.reference.groups.names]
    yield f'{" and ".join(means)} percent; the mean {rate} of the groups is {listed(of_groups)} classes.'
    known = [(method.mean(study.key(rate, index)), study.reference.class_names[index]) for index in study.order]
    worst = sorted((value, name) for value, name in known if value == value)[:3]
    yield f'The lowest {rate} have {listed([f"{name} ({points(value)})" for value, name in worst])}.'
    yield from _never_predicted(study, method)
    yield from _tail_goes_to(study, method)


def _of_pair(study: Comparison, method: Method) -> Iterator[str]:
    yield _means(study, method)
    yield _groups(study, method)
    yield from _classes(study, method)
    yield from _over_predicted(study, method)
    yield from _along_the_curve(study, method)
    yield from _never_predicted(study, method)
    yield from _tail_goes_to(study, method)


def _means(study: Comparison, method: Method) -> str:
    parts = []
    for key in study.reference.task.axes:
        difference = method.difference(key)
        before = method.baseline.mean(key) if method.baseline else difference.value
        parts.append(f'{key} goes from {points(before)} to {points(method.mean(key))} ({_weighed(difference)})')
    return f'{" and ".join(parts)}.'


def _weighed(difference: Difference) -> str:
    """The difference, and whether it may be chance; a method with one seed is dealt with in a sentence of its own."""
    return signed(difference.value) + (', not clear' if difference.verdict == WITHIN else '')


def _groups(study: Comparison, method: Method) -> str:
    task, rate = study.reference.task, study.rates[0]
    sentences = []
    for grouped in dict.fromkeys((rate, task.recall)):
        keys = {name: task.key(grouped, name) for name in study.reference.groups.names}
        moves = {name: method.difference(key) for name, key in keys.items()}
        if known := [f'{name} {_weighed(move)}' for name, move in moves.items() if move.known]:
            sentences.append(f'Mean {grouped} of the groups: {"; ".join(known)}.')
    return ' '.join(sentences)


def _classes(study: Comparison, method: Method) -> Iterator[str]:
    rate = study.rates[0]
    moves = [(method.difference(study.key(rate, index)), index) for index in study.order]
    moves = sorted(((d, i) for d, i in moves if d.known), key=lambda move: -abs(move[0].value))
    if not moves:
        return
    single = all(difference.verdict == SINGLE for difference, _ in moves)
    counted = [(d, i) for d, i in moves if (single or d.verdict == CLEAR) and abs(d.value) >= SMALL]
    for verb, sign in (('gain', 1), ('lose', -1)):
        named = [f'{_named(study, i)} ({signed(d.value)})' for d, i in counted if d.value * sign > 0]
        if named:
            verb, clearly = verb + 's' * (len(named) == 1), '' if single else ' clearly'
            yield f'{len(named)} of {len(moves)} classes{clearly} {verb} {rate}: {listed(named)}.'
    if not single and len(counted) < len(moves):
        yield f'For the other {len(moves) - len(counted)} the difference in {rate} is not clear.'


def _named(study: Comparison, index: int) -> str:
    name, group = study.reference.class_names[index], study.reference.groups.group_of(index)
    return f'{name}, {group}' if group == study.rarest else name


def _over_predicted(study: Comparison, method: Method) -> Iterator[str]:
    """Accuracy up and IoU down: the class is predicted where it is not."""
    if study.reference.task is not SEGMENTATION:
        return
    named = []
    for index in study.order:
        iou, acc, precision = (method.difference(study.key(rate, index)) for rate in ('IoU', 'Acc', 'Precision'))
        told = {iou.verdict, acc.verdict, precision.verdict} & {CLEAR, SINGLE}
        if told and acc.value > 1 and iou.value < -SMALL:
            name = study.reference.class_names[index]
            named.append((acc.value, f'{name} (Acc {signed(acc.value)}, IoU {signed(iou.value)})'))
    if named:
        listing = listed([text for _, text in sorted(named, key=lambda pair: -pair[0])])
        yield f'Found more often, but at the price of more false pixels than it is worth in IoU: {listing}.'


def _along_the_curve(study: Comparison, method: Method) -> Iterator[str]:
    """What the baseline reaches by post-hoc adjustment at the method's own trade."""
    quality, fairness = study.reference.task.axes
    baseline = method.baseline
    if baseline is None or method.is_posthoc or not all(trade_offs(run.record) for run in baseline.runs):
        return
    level = method.mean(fairness)
    reached = [best_with_accuracy(run.record, level) for run in baseline.runs]
    if any(value != value for value in reached):
        most = max(point[fairness] for run in baseline.runs for point in trade_offs(run.record))
        yield f'Adjusted after training, {baseline.label} comes to {fairness} {points(most)} at most.'
        return
    value = sum(reached) / len(reached)
    yield (
        f'Adjusted after training until its {fairness} is {points(level)} too, {baseline.label} has {quality} '
        f'{points(value)}, against {points(method.mean(quality))} here.'
    )


def _never_predicted(study: Comparison, method: Method) -> Iterator[str]:
    predicted, true = method.matrix.sum(0), method.matrix.sum(1)
    names = [study.reference.class_names[index] for index in study.order if true[index] > 0 and predicted[index] == 0]
    if names:
        yield f'{method.label} never predicts {listed(names)}.'


def _tail_goes_to(study: Comparison, method: Method) -> Iterator[str]:
    parts = []
    for index in study.reference.groups.of(study.rarest):
        for name, percent in largest_confusions(study, method, index)[:1]:
            if percent >= 10:
                parts.append((percent, f'{study.reference.class_names[index]} for {name} ({percent:.0f} %)'))
    if parts:
        listing = listed([text for _, text in sorted(parts, key=lambda pair: -pair[0])], limit=4)
        yield f'Of the {study.rarest} classes, {method.label} most often takes {listing}.'
