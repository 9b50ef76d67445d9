"""An evaluation as fields of a JSON file, and back."""

from typing import Any

import torch
from torch import Tensor

from ltseg.core.calibration import BINS, Calibration
from ltseg.core.checks import check_choice
from ltseg.counts.groups import ClassGroups
from ltseg.metrics.evaluation import Evaluation
from ltseg.metrics.task import SEGMENTATION, TASKS

__all__ = ['evaluation_from', 'fields_of']

DENSE = 200  # classes up to which the matrix is written in full


def fields_of(evaluation: Evaluation) -> dict[str, Any]:
    """Plain JSON values from which ``evaluation_from`` makes the same evaluation."""
    groups, matrix = evaluation.groups, evaluation.matrix
    fields = {
        'class_names': list(evaluation.class_names),
        'class_counts': evaluation.counts.tolist(),
        'class_counts_from': evaluation.counts_from,
        'groups': {**{name: list(classes) for name, classes in groups.items()}, 'rule': groups.rule},
    }
    if evaluation.task is not SEGMENTATION:  # files without it are older than classification
        fields['task'] = evaluation.task.name
    if evaluation.calibration is not None:
        fields['calibration'] = _calibration_rows(evaluation.calibration)
    if len(matrix) > DENSE:
        where = matrix.nonzero()
        return fields | {'matrix_entries': torch.cat([where, matrix[tuple(where.T)][:, None]], dim=1).tolist()}
    return fields | {'matrix': matrix.tolist()}


def _calibration_rows(calibration: Calibration) -> list[list[float | None]]:
    """Class, bin, samples, correct samples and sum of confidences of each bin that is not empty."""
    where = calibration.samples.nonzero()
    parts = (calibration.samples, calibration.correct, calibration.confidence)
    columns = [*where.T.tolist(), *(part[tuple(where.T)].tolist() for part in parts)]
    # JSON has no nan; a confidence that is none is written as null.
    return [[None if value != value else value for value in row] for row in zip(*columns, strict=True)]


def evaluation_from(content: dict[str, Any]) -> Evaluation:
    """Takes the fields of an evaluation out of ``content``.

    Raises:
        KeyError: If one is missing.
        ValueError: If they do not fit each other.
    """
    name = content.pop('task', SEGMENTATION.name)
    check_choice('task', name, tuple(TASKS))
    task, groups, names = TASKS[name], content.pop('groups'), tuple(content.pop('class_names'))
    classes = [tuple(groups[group]) for group in task.group_names]
    entries, rows = content.pop('matrix_entries', None), content.pop('calibration', None)
    return Evaluation(
        torch.tensor(content.pop('matrix')) if entries is None else _dense(entries, len(names)),
        names,
        ClassGroups(classes[0], classes[1], classes[2], groups['rule'], task.group_names),
        torch.tensor(content.pop('class_counts')),
        content.pop('class_counts_from'),
        task,
        None if rows is None else _calibration(rows, len(names)),
    )


def _dense(entries: list[list[int]], size: int) -> Tensor:
    """The matrix (K, K) with the counts of ``[truth, prediction, count]``."""
    matrix = torch.zeros(size, size, dtype=torch.int64)
    table = torch.tensor(entries, dtype=torch.int64).view(-1, 3)
    matrix[table[:, 0], table[:, 1]] = table[:, 2]
    return matrix


def _calibration(rows: list[list[Any]], size: int) -> Calibration:
    samples, correct = (torch.zeros(size, BINS, dtype=torch.int64) for _ in range(2))
    confidence = torch.zeros(size, BINS, dtype=torch.float64)
    for index, inside, *sums in rows:
        samples[index, inside], correct[index, inside] = sums[0], sums[1]
        confidence[index, inside] = torch.nan if sums[2] is None else sums[2]
    return Calibration(samples, correct, confidence)
