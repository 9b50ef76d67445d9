"""Exact confusion matrices and the rates derived from them."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ltseg.core.errors import InvalidValueError
from ltseg.core.histogram import histogram
from ltseg.core.precision import widened

__all__ = [
    'ClassRates',
    'class_block',
    'confusion_matrix',
    'counted_pixels',
    'mean_of',
    'on_accelerator',
    'padded_confusion_matrix',
    'right_and_missed',
]

CHUNK = 2**20  # pixels counted at a time on the CPU: few passes, whose cells stay in the cache
HINT = 'Check num_classes of the head, and ignore_index and reduce_zero_label of the data set.'


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
    if on_accelerator(prediction):
        return class_block(padded_confusion_matrix(prediction, label, num_classes, ignore_index))
    _check_shapes(prediction, label)
    prediction, label = prediction.flatten(), label.to(prediction.device).flatten()
    ignored_row: int | None = ignore_index
    if not 0 <= ignore_index < max(num_classes, 256):  # too far off for a row of its own
        valid = label != ignore_index
        prediction, label, ignored_row = prediction[valid], label[valid], None
    rows = num_classes if ignored_row is None else max(num_classes, ignored_row + 1)
    cells = rows * num_classes
    kind = torch.int16 if cells <= 2**15 else torch.int32 if cells <= 2**31 else torch.int64
    counted = torch.zeros(cells, dtype=torch.int64)
    for predicted, true in zip(prediction.split(CHUNK), label.split(CHUNK), strict=True):
        if predicted.numel():
            _check_ranges(predicted, true, num_classes, rows)
        counted += torch.bincount(torch.add(predicted.to(kind), true.to(kind), alpha=num_classes), minlength=cells)
    table = counted.view(rows, num_classes)
    if ignored_row is not None:
        table[ignored_row] = 0
    outside = table[num_classes:].sum(1).nonzero()
    if len(outside):
        raise _not_a_class('label', num_classes + int(outside[0]), num_classes)
    return table[:num_classes].clone()


def on_accelerator(values: Tensor) -> bool:
    """Whether looking at ``values`` makes a device wait for the CPU."""
    return values.device.type != 'cpu'


def padded_confusion_matrix(prediction: Tensor, label: Tensor, num_classes: int, ignore_index: int = 255) -> Tensor:
    """The confusion matrix without a look at the values, so that no device waits for the CPU.

    Returns:
        (K + 1, K + 1) int64; the last row counts labels and the last column predictions that are no class. Such
        matrices may be added up before :func:`class_block` looks at them.

    Raises:
        ValueError: If the shapes differ.
    """
    _check_shapes(prediction, label)
    prediction, label = prediction.flatten().long(), label.to(prediction.device).flatten().long()
    row = label.where((label >= 0) & (label < num_classes), num_classes).where(label != ignore_index, num_classes + 1)
    column = prediction.where((prediction >= 0) & (prediction < num_classes), num_classes)
    cells = histogram(row * (num_classes + 1) + column, (num_classes + 2) * (num_classes + 1))
    return cells.view(num_classes + 2, num_classes + 1)[:-1]


def counted_pixels(prediction: Tensor, label: Tensor, num_classes: int, ignore_index: int = 255) -> Tensor:
    """A matrix to add up as :func:`padded_confusion_matrix` gives it, in the fastest way of its device.

    Raises:
        ValueError: As :func:`confusion_matrix` on the CPU, where looking costs nothing.
    """
    if on_accelerator(prediction):
        return padded_confusion_matrix(prediction, label, num_classes, ignore_index)
    return F.pad(confusion_matrix(prediction, label, num_classes, ignore_index), (0, 1, 0, 1))


def class_block(matrix: Tensor) -> Tensor:
    """The (K, K) matrix of classes in a matrix of :func:`padded_confusion_matrix`.

    Raises:
        ValueError: If a prediction or label was not a class.
    """
    last = len(matrix) - 1
    for what, pixels in (('prediction', matrix[:, last].sum()), ('label', matrix[last].sum())):
        if pixels:
            got = f'{int(pixels)} pixels of other values'
            raise InvalidValueError(f'confusion_matrix.{what}', f'classes 0..{last - 1}', got, HINT)
    return matrix[:last, :last]


def _check_shapes(prediction: Tensor, label: Tensor) -> None:
    if prediction.shape != label.shape:
        shapes = f'{tuple(prediction.shape)} and {tuple(label.shape)}'
        raise InvalidValueError('confusion_matrix', 'a prediction and a label of the same shape', shapes)


def _check_ranges(predicted: Tensor, true: Tensor, num_classes: int, rows: int) -> None:
    extremes = torch.stack((*predicted.aminmax(), *true.aminmax())).tolist()
    for what, low, high, limit in (('prediction', *extremes[:2], num_classes), ('label', *extremes[2:], rows)):
        if low < 0 or high >= limit:
            raise _not_a_class(what, low if low < 0 else high, num_classes)


def _not_a_class(what: str, value: int, num_classes: int) -> InvalidValueError:
    return InvalidValueError(f'confusion_matrix.{what}', f'classes 0..{num_classes - 1}', repr(value), HINT)


@dataclass(frozen=True, eq=False)
class ClassRates:
    """Rates of a confusion matrix, in percent, (K,) each.

    With TP, FP and FN of a class: ``IoU = TP / (TP + FP + FN)``, ``Acc = TP / (TP + FN)`` (recall),
    ``Precision = TP / (TP + FP)``. A class that is absent from the ground truth is nan in all three, so that means
    leave it out; its false positives count against the classes that are there. The precision of a class that is
    present but never predicted is nan, its IoU and Acc are 0.

    Source: Xie, Yang, Cai, He: Neural Collapse Inspired Attraction-Repulsion-Balanced Loss for Imbalanced Learning,
    Neurocomputing 2023, eq. 40 and 41.

    Example:
        >>> import torch
        >>> from ltseg.core.confusion import ClassRates
        >>> rates = ClassRates.of(torch.tensor([[6, 2], [0, 2]]))
        >>> rates.iou.tolist(), rates.acc.tolist()  # 6 of 8, 2 of 4; 6 of 8, 2 of 2
        ([75.0, 50.0], [75.0, 100.0])
        >>> rates.precision.tolist(), rates.overall  # 6 of 6, 2 of 4; 8 of 10
        ([100.0, 50.0], 80.0)
    """

    iou: Tensor
    acc: Tensor
    precision: Tensor
    overall: float

    @classmethod
    def of(cls, matrix: Tensor) -> 'ClassRates':
        """The rates of a matrix (K, K) of counts; ``overall`` is the share of all pixels that are right (aAcc)."""
        counts = widened(matrix)
        right, true, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)  # (K,)
        absent = true == 0
        precision = (right / predicted).masked_fill(absent, torch.nan)
        iou = (right / (true + predicted - right)).masked_fill(absent, torch.nan)
        overall = right.sum() / true.sum()
        return cls(100 * iou, 100 * right / true, 100 * precision, 100 * overall.item())


def right_and_missed(matrix: Tensor, wrong_too: bool) -> Tensor:
    """Right and missed samples of each class of a confusion matrix; none of a class that is absent from the truth.

    Args:
        matrix: (K, K); rows are the truth.
        wrong_too: Whether samples that are wrongly taken for a class count as missed: ``right / (right + missed)`` is
            the IoU of a class then, and else its recall.

    Returns:
        (2, K) int64.

    Example:
        >>> import torch
        >>> from ltseg.core.confusion import right_and_missed
        >>> matrix = torch.tensor([[6, 2, 1], [0, 2, 0], [0, 0, 0]])
        >>> right_and_missed(matrix, wrong_too=True).tolist()  # of 6 + 3, of 2 + 2; the third class is absent
        [[6, 2, 0], [3, 2, 0]]
    """
    right, true = matrix.diagonal(), matrix.sum(1)
    missed = true - right + (matrix.sum(0) - right if wrong_too else 0)
    return torch.stack([right, missed]) * (true > 0)


def mean_of(values: Tensor, classes: tuple[int, ...] | None = None) -> float:
    """Mean of the values (K,) of some classes that are not nan; of all classes by default; nan where none is left."""
    return (values if classes is None else values[list(classes)]).nanmean().item()
