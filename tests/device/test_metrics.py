"""Both metrics with predictions on a device."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from allowed_events import METRICS as ALLOWED
from mmengine.registry import METRICS
from side_by_side import Part, SideBySide

NAMES = ('road', 'car', 'pole', 'rider', 'bus')
K = len(NAMES)


def segmentations(device: str) -> list[dict]:
    labels = torch.randint(K, (3, 1, 12, 17))
    labels[:, :, :2] = 255
    pairs = zip(torch.randint(K, labels.shape).to(device), labels.to(device), strict=True)
    return [{'pred_sem_seg': {'data': guess}, 'gt_sem_seg': {'data': label}} for guess, label in pairs]


def classifications(device: str) -> list[dict]:
    scores, labels = torch.randn(8, K).softmax(1).to(device), torch.randint(K, (8, 1)).to(device)
    return [
        {'pred_score': score, 'pred_label': score.argmax(0, keepdim=True), 'gt_label': label}
        for score, label in zip(scores, labels, strict=True)
    ]


def built(name: str) -> Any:
    """The metric, with counts where it takes them."""
    metric = METRICS.build(dict(type=name, **({} if name == 'ltseg.ImageIoU' else {'counts': [500, 200, 80, 20, 5]})))
    metric.dataset_meta = {'classes': NAMES}
    return metric


def batches(device: str, name: str, samples: Callable[[str], Sequence[dict]]) -> Callable[[], None]:
    """Processes a batch."""
    metric, given = built(name), samples(device)

    return lambda: metric.process(None, given)


def evaluations(device: str, name: str, samples: Callable[[str], Sequence[dict]]) -> Callable[[], Any]:
    """Processes two batches and evaluates them."""
    metric, given = built(name), samples(device)

    def step() -> Any:
        metric.process(None, given)
        metric.process(None, given)
        return metric.evaluate(2 * len(given))

    return step


CASES = {'ltseg.LongTailIoU': segmentations, 'ltseg.ImageIoU': segmentations, 'ltseg.LongTailAccuracy': classifications}
RATES = [Part(name, partial(evaluations, name=name, samples=samples)) for name, samples in CASES.items()]
PARTS = [Part(f'batch of {name}', partial(batches, name=name, samples=samples)) for name, samples in CASES.items()]


@pytest.mark.parametrize('part', RATES, ids=str)
def test_rates_are_the_cpus(side_by_side: SideBySide, part: Part) -> None:
    side_by_side.compare(part)


def test_events_of_a_batch_are_those_allowed(side_by_side: SideBySide) -> None:
    side_by_side.check_events(PARTS, ALLOWED)
