"""Records to make reports from."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from ltseg.counts.groups import ClassGroups
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.record import RunRecord

MATRIX = torch.tensor([[900, 90, 0, 0], [60, 80, 10, 0], [5, 5, 30, 10], [0, 0, 0, 0]])  # class 3 is absent


@pytest.fixture
def make_record() -> Callable[..., RunRecord]:
    """Makes a record with four classes; each seed gives another matrix, ``**changes`` replace fields."""

    def make(method: str = 'cross entropy', seed: int = 0, **changes) -> RunRecord:
        matrix = MATRIX.clone()
        matrix[2, 2] += seed
        matrix[2, 3] -= seed  # the labels stay: only the predictions differ
        counts = torch.tensor([7000, 200, 2500, 300])
        evaluation = Evaluation(
            matrix, ('road', 'car', 'sky', 'bus'), ClassGroups.tertiles(counts), counts, 'the training labels'
        )
        record = RunRecord(
            name=f'{method} {seed}',
            method=method,
            model='U-Net',
            dataset='CamVid',
            split='val',
            seed=seed,
            evaluation=evaluation,
            versions={'python': '3'},
        )
        return replace(record, **changes)

    return make
