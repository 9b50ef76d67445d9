"""Post-hoc adjustment of a trained model for many strengths tau, in one pass over the data."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.checks import check_choice
from ltseg.core.confusion import class_block, counted_pixels
from ltseg.core.errors import InvalidValueError
from ltseg.metrics.evaluation import Evaluation

__all__ = ['LARGEST_TAU', 'WAYS', 'Predictions', 'TauCurve', 'evaluate_over_tau', 'parse_taus']

Predictions = Callable[[Tensor], Iterator[Tensor]]  # from logits (N, K, *) to class indices (N, *), one for each tau

WAYS = {'prior': 'Logit adjustment', 'norm': 'Tau-normalisation'}
STEP = 0.25
LARGEST_TAU = 100  # far more than helps any class; powers of it overflow


@dataclass(frozen=True, eq=False)
class TauCurve:
    """What a model reaches on one split for each tau.

    Args:
        split: 'val' or 'test'.
        taus: The T strengths.
        evaluations: The evaluation at each of them.

    Example:
        >>> import torch
        >>> from ltseg.counts.groups import ClassGroups
        >>> from ltseg.metrics.evaluation import Evaluation
        >>> from ltseg.trained.tau_curve import TauCurve
        >>> groups, counts = ClassGroups((0,), (1,), (2,), 'as listed'), torch.tensor([900, 90, 10])
        >>> matrices = [torch.tensor([[8, 0, 0], [0, 4, 0], [0, 4 - right, right]]) for right in (1, 3)]
        >>> names, origin = ('road', 'car', 'pole'), 'the training labels'
        >>> evaluations = tuple(Evaluation(matrix, names, groups, counts, origin) for matrix in matrices)
        >>> curve = TauCurve('val', taus=(0.0, 1.0), evaluations=evaluations)
        >>> curve.values('Acc/pole'), curve.best('Acc/pole')
        ([25.0, 75.0], 1.0)
    """

    split: str
    taus: tuple[float, ...]
    evaluations: tuple[Evaluation, ...]

    def at(self, tau: float) -> Evaluation:
        """The evaluation at one of ``taus``."""
        return self.evaluations[self.taus.index(tau)]

    def values(self, key: str) -> list[float]:
        """A metric at each tau, by its key in ``Evaluation.metrics``.

        Raises:
            ValueError: If there is no such metric; names the nearest.
        """
        rows = [evaluation.metrics() for evaluation in self.evaluations]
        check_choice('criterion', key, tuple(rows[0]))
        return [row[key] for row in rows]

    def best(self, criterion: str) -> float:
        """The tau with the highest ``criterion``; of equal ones the one nearest to 0.

        Raises:
            ValueError: If the criterion is unknown, or undefined because no such class is in this split.
        """
        values = self.values(criterion)
        if any(math.isnan(value) for value in values):
            hint = 'None of its classes occurs there: choose another criterion or another split.'
            raise InvalidValueError(f'{criterion} of {self.split}', 'a number', repr(math.nan), hint)
        return max(zip(values, self.taus, strict=True), key=lambda pair: (pair[0], -abs(pair[1])))[1]


def evaluate_over_tau(
    logits_and_labels: Iterable[tuple[Tensor, Tensor]],
    predictions: Predictions,
    num_taus: int,
    num_classes: int,
    ignore_index: int,
) -> Tensor:
    """Counts a model's predictions for each tau, in one pass.

    Args:
        logits_and_labels: Logits (N, K, *) and labels (N, *) of one batch after another.
        predictions: The adjustment, e.g. ``predictions_over_tau`` of ``ltseg.core.posthoc`` with prior and taus.
        num_taus: T.
        num_classes: K.
        ignore_index: Label that is not counted.

    Returns:
        Confusion matrices, (T, K, K) int64.
    """
    total = torch.zeros(num_taus, num_classes + 1, num_classes + 1, dtype=torch.int64)

    def count(predicted: Iterable[Tensor], labels: Tensor) -> None:
        nonlocal total
        counted = torch.stack([counted_pixels(each, labels, num_classes, ignore_index) for each in predicted])
        total = total.to(counted.device) + counted  # stays there: the CPU waits at the end only

    images: list[Tensor] = []  # labels and T predictions; a batch of them is fewer than the cells of its K x K matrix
    for logits, labels in logits_and_labels:
        if labels.ndim > 1:
            count(predictions(logits), labels)
        else:
            images.append(torch.stack([labels.to(logits.device), *predictions(logits)]))
    if images:
        labels, *predicted = torch.cat(images, dim=1)
        count(predicted, labels)
    return torch.stack([class_block(matrix) for matrix in total.cpu()])


def parse_taus(words: Sequence[str]) -> tuple[float, ...]:
    """Sorted taus from numbers, where ``...`` continues the row: ``-1 ... 1.5`` or ``-1 -0.5 ... 1.5``.

    The step is that of the two numbers before the dots, or 0.25 where there is one only. 0, the model as it is, is
    always among them.

    Raises:
        ValueError: If a word is neither, a number is beyond 100, or the dots cannot be continued.
    """
    taus: list[float] = []
    dots = False
    for word in words:
        if word == '...':
            dots = True
            continue
        value = _number(word)
        if not abs(value) <= LARGEST_TAU:
            raise InvalidValueError('tau', f"numbers in [-{LARGEST_TAU}, {LARGEST_TAU}] and '...'", repr(word))
        if dots:
            taus += _between(taus, value)
            dots = False
        taus.append(value)
    if dots or not taus:
        raise InvalidValueError('tau', "a number at the end, as in '-1 ... 1.5'", ' '.join(words))
    return tuple(sorted({0.0, *taus}))


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan


def _between(taus: list[float], last: float) -> list[float]:
    if not taus:
        raise InvalidValueError('tau', "a number before '...'", '...')
    step = taus[-1] - taus[-2] if len(taus) > 1 else math.copysign(STEP, last - taus[-1])
    steps = (last - taus[-1]) / step if step else -1
    if steps < 0 or steps > 1000:
        raise InvalidValueError(
            'tau', f"numbers that lead to {last} behind '...'", repr(taus), "As in '-1 -0.5 ... 1.5'."
        )
    return [round(taus[-1] + k * step, 10) for k in range(1, math.ceil(steps - 1e-9))]
