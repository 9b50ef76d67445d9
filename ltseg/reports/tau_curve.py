"""Post-hoc logit adjustment of a trained model for many tau, in one pass over the data."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from ltseg.core.checks import check_choice, fault
from ltseg.core.confusion import confusion_matrix
from ltseg.core.posthoc import check_logits, predictions_over_tau
from ltseg.metrics.evaluation import Evaluation

__all__ = ['TauCurve', 'evaluate_over_tau', 'parse_taus']

STEP = 0.25


@dataclass(frozen=True, eq=False)
class TauCurve:
    """What a model reaches on one split for each tau.

    Args:
        split: 'val' or 'test'.
        taus: The T strengths.
        evaluations: The evaluation at each of them.
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
            cure = 'None of its classes occurs there: choose another criterion or another split.'
            raise ValueError(fault(f'{criterion} of {self.split}', 'a number', math.nan, cure))
        return max(zip(values, self.taus, strict=True), key=lambda pair: (pair[0], -abs(pair[1])))[1]


def evaluate_over_tau(
    model: Any,
    batches: Iterable[dict],
    log_prior: Tensor,
    taus: Sequence[float],
    ignore_index: int = 255,
    title: str = 'Evaluating',
) -> Tensor:
    """Runs a segmentor once over the data and counts its predictions for each tau.

    Args:
        model: Segmentor of mmseg; its ``test_step`` yields logits at the size of the original image.
        batches: A data loader with labels.
        log_prior: ``log pi``, (K,), of ``ltseg.core.posthoc.log_prior_of``.
        taus: The T strengths.
        ignore_index: Label that is not counted.
        title: Of the progress bar.

    Returns:
        Confusion matrices, (T, K, K) int64.

    Raises:
        ValueError: If the model returns probabilities, or images and labels do not fit.
    """
    model.eval()
    matrices = torch.zeros(len(taus), log_prior.numel(), log_prior.numel(), dtype=torch.int64)
    console = Console(stderr=True)
    for batch in track(batches, title, console=console, disable=not console.is_terminal):
        with torch.inference_mode():
            for sample in model.test_step(batch):
                logits, labels = _logits_and_labels(sample)
                matrices += torch.stack(
                    [
                        confusion_matrix(predicted[0], labels, log_prior.numel(), ignore_index)
                        for predicted in predictions_over_tau(logits, log_prior, taus)
                    ]
                ).cpu()
    return matrices


def _logits_and_labels(sample: Any) -> tuple[Tensor, Tensor]:
    """Logits (1, K, H, W) and labels (H, W) of a result."""
    where = getattr(sample, 'img_path', 'an image')
    if 'gt_sem_seg' not in sample:
        cure = 'Choose a split with labels, and keep LoadAnnotations in its pipeline.'
        raise ValueError(fault(f'labels of {where}', 'a label map', None, cure))
    logits, labels = sample.seg_logits.data.unsqueeze(0), sample.gt_sem_seg.data.squeeze(0)
    if logits.shape[2:] != labels.shape:
        cure = "Put LoadAnnotations behind Resize in the test pipeline, as mmseg's configs do."
        raise ValueError(fault(f'labels of {where}', f'the size {tuple(logits.shape[2:])}', tuple(labels.shape), cure))
    check_logits(logits)
    return logits, labels


def parse_taus(words: Sequence[str]) -> tuple[float, ...]:
    """Sorted taus from numbers, where ``...`` continues the row: ``-1 ... 1.5`` or ``-1 -0.5 ... 1.5``.

    The step is that of the two numbers before the dots, or 0.25 where there is one only. 0, the model as it is, is
    always among them.

    Raises:
        ValueError: If a word is neither, or the dots cannot be continued.
    """
    taus: list[float] = []
    dots = False
    for word in words:
        if word == '...':
            dots = True
            continue
        value = _number(word)
        if not math.isfinite(value):
            raise ValueError(fault('tau', "finite numbers and '...'", word))
        if dots:
            taus += _between(taus, value)
            dots = False
        taus.append(value)
    if dots or not taus:
        raise ValueError(fault('tau', "a number at the end, as in '-1 ... 1.5'", ' '.join(words)))
    return tuple(sorted({0.0, *taus}))


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan


def _between(taus: list[float], last: float) -> list[float]:
    if not taus:
        raise ValueError(fault('tau', "a number before '...'", '...'))
    step = taus[-1] - taus[-2] if len(taus) > 1 else math.copysign(STEP, last - taus[-1])
    steps = (last - taus[-1]) / step if step else -1
    if steps < 0 or steps > 1000:
        raise ValueError(fault('tau', f"numbers that lead to {last} behind '...'", taus, "As in '-1 -0.5 ... 1.5'."))
    return [round(taus[-1] + k * step, 10) for k in range(1, math.ceil(steps - 1e-9))]
