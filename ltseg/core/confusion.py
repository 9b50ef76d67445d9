"""Exact confusion matrices and the rates derived from them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.checks import fault

__all__ = ['ClassRates', 'confusion_matrix', 'mean_of']

# Pixels counted at a time on the CPU: the cells of a band stay in the cache between the passes over them.
BAND = 2**18


def confusion_matrix(prediction: Tensor, label: Tensor, num_classes: int, ignore_index: int = 255) -> Tensor:
    """Counts how often each class was predicted where each class is true.

    ``C[t, p] = number of pixels with label t and prediction p``, over the pixels whose label is not ``ignore_index``.

    Args:
        prediction: Class indices of any integer type, any shape.
        label: Class indices or ``ignore_index``, of the same shape.
        num_classes: K.
        ignore_index: Label that is not counted.

    Returns:
        (K, K) int64 on the device of the prediction; rows are the truth, columns the prediction.

    Raises:
        ValueError: If the shapes differ, or a prediction or label is not a class.
    """
    if prediction.shape != label.shape:
        shapes = f'{tuple(prediction.shape)} and {tuple(label.shape)}'
        raise ValueError(fault('confusion_matrix', 'a prediction and a label of the same shape', shapes))
    prediction, label = prediction.flatten(), label.to(prediction.device).flatten()
    ignored_row: int | None = ignore_index
    if not 0 <= ignore_index < max(num_classes, 256):  # too far off for a row of its own
        valid = label != ignore_index
        prediction, label, ignored_row = prediction[valid], label[valid], None
    rows = num_classes if ignored_row is None else max(num_classes, ignored_row + 1)
    histogram = torch.zeros(rows * num_classes, dtype=torch.int64, device=prediction.device)
    band = BAND if prediction.device.type == 'cpu' else max(prediction.numel(), 1)
    for predicted, true in zip(prediction.split(band), label.split(band), strict=True):
        _check_range('prediction', predicted, num_classes, num_classes)
        _check_range('label', true, rows, num_classes)
        _add_cells(histogram, torch.add(predicted.int(), true.int(), alpha=num_classes))
    table = histogram.view(rows, num_classes)
    if ignored_row is not None:
        table[ignored_row] = 0
    outside = table[num_classes:].sum(1).nonzero()
    if len(outside):
        raise ValueError(_not_a_class('label', num_classes + int(outside[0]), num_classes))
    return table[:num_classes].clone()


def _add_cells(histogram: Tensor, cells: Tensor) -> None:
    if cells.device.type == 'cpu':
        histogram += torch.bincount(cells, minlength=histogram.numel())
    else:  # bincount would read its range back to the host twice
        histogram.scatter_add_(0, cells.long(), torch.ones_like(cells, dtype=torch.int64))


def _check_range(what: str, values: Tensor, limit: int, num_classes: int) -> None:
    if values.numel() == 0:
        return
    low, high = torch.stack(values.aminmax()).tolist()
    if low < 0 or high >= limit:
        raise ValueError(_not_a_class(what, low if low < 0 else high, num_classes))


def _not_a_class(what: str, value: int, num_classes: int) -> str:
    cure = 'Check num_classes of the head, and ignore_index and reduce_zero_label of the data set.'
    return fault(f'confusion_matrix.{what}', f'classes 0..{num_classes - 1}', value, cure)


@dataclass(frozen=True, eq=False)
class ClassRates:
    """Rates of a confusion matrix, in percent, (K,) float64 each.

    With TP, FP and FN of a class: ``IoU = TP / (TP + FP + FN)``, ``Acc = TP / (TP + FN)`` (recall),
    ``Precision = TP / (TP + FP)``. A class that is absent from the ground truth is nan in all three, so that means
    leave it out; its false positives count against the classes that are there. The precision of a class that is
    present but never predicted is nan, its IoU and Acc are 0.

    Source: Xie, Yang, Cai, He: Neural Collapse Inspired Attraction-Repulsion-Balanced Loss for Imbalanced Learning,
    Neurocomputing 2023, eq. 40 and 41.
    """

    iou: Tensor
    acc: Tensor
    precision: Tensor
    overall: float

    @classmethod
    def of(cls, matrix: Tensor) -> 'ClassRates':
        """The rates of a matrix (K, K) of counts; ``overall`` is the share of all pixels that are right (aAcc)."""
        counts = matrix.double()
        right, true, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)  # (K,)
        absent = true == 0
        precision = (right / predicted).masked_fill(absent, torch.nan)
        iou = (right / (true + predicted - right)).masked_fill(absent, torch.nan)
        overall = right.sum() / true.sum()
        return cls(100 * iou, 100 * right / true, 100 * precision, 100 * overall.item())


def mean_of(values: Tensor, classes: tuple[int, ...] | None = None) -> float:
    """Mean of the values (K,) of some classes that are not nan; of all classes by default; nan where none is left."""
    return (values if classes is None else values[list(classes)]).nanmean().item()
