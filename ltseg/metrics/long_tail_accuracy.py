"""Accuracy of every class and of many, medium and few, with their calibration."""

import csv
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size, is_main_process
from mmengine.logging import print_log
from torch import Tensor

from ltseg.core.calibration import Calibration
from ltseg.core.confusion import confusion_matrix
from ltseg.core.errors import InvalidValueError
from ltseg.core.files import atomic_write
from ltseg.core.precision import widened
from ltseg.counts.shots import ShotsOption, check_shots_option
from ltseg.metrics.counted_metric import BESIDE_ANOTHER_METRIC, CountedMetric, CountsOption
from ltseg.metrics.evaluation import Evaluation
from ltseg.metrics.task import CLASSIFICATION
from ltseg.registry import METRICS

__all__ = ['LongTailAccuracy']

Result = tuple[int, int, float, str]  # label, prediction, confidence, path or index of the image


@METRICS.register_module()
class LongTailAccuracy(CountedMetric):
    """Top-1 accuracy, that of every class and of many, medium and few; all as metrics, in percent.

    Returns ``accuracy/top1`` (all images), ``accuracy/mean_class``, ``accuracy/many accuracy/medium accuracy/few``
    (means over the classes of a group), ``accuracy/<class>``, ``precision/mean_class``, and the expected calibration
    errors ``ece/all ece/many ece/medium ece/few`` (over the images of a group), so that any of them can be
    ``save_best``. Classes without images are nan and left out of the means, and so is a group without classes.

    Args:
        groups: Many, medium and few by the training images of a class: None for more than 100, 20 to 100, and below
            20; ``dict(many='> 100', few='<= 20')`` for other thresholds; ``dict(many=36, medium=35, few=29)`` for fixed
            numbers of classes in the order of the labels; or ``dict(many=['cat', ...], medium=[...], few=[...])``.
        counts: Training images of each class: the path of a table made by ltseg count or a list. By default
            those that ``ltseg.CountClasses`` hands over, and without those the evaluated images, which on a balanced
            test set put all classes into one group.
        topk: For configs that were written for MMPretrain's ``Accuracy``; of it, top-1 is given.
        output_dir: Folder to which ``predictions.csv`` (a line for each image) and ``confusion_matrix.csv`` (rows are
            the truth) are written.
        collect_device: Of ``BaseMetric``.
        prefix: Put before each key.

    Attributes:
        evaluation: The last evaluation, with its confusion matrix; None before the first one.

    Raises:
        ValueError: If an option is none of the above.
        FileNotFoundError: If the table of ``counts`` does not exist.

    Example:
        >>> import torch
        >>> from ltseg.metrics import LongTailAccuracy
        >>> metric = LongTailAccuracy(counts=[500, 50, 5])  # of the training images: many, medium, few
        >>> metric.dataset_meta = {'classes': ('cat', 'dog', 'owl')}
        >>> predicted = [(0, 0), (0, 0), (1, 1), (1, 0), (2, 0)]  # pairs of label and prediction
        >>> metric.process(None, [
        ...     {'gt_label': torch.tensor([label]), 'pred_label': torch.tensor([guess])} for label, guess in predicted])
        >>> values = metric.evaluate(size=5)
        >>> [values[f'accuracy/{key}'] for key in ('top1', 'mean_class', 'many', 'medium', 'few', 'owl')]
        [60.0, 50.0, 100.0, 50.0, 0.0, 0.0]
    """

    task = CLASSIFICATION

    def __init__(
        self,
        groups: ShotsOption = None,
        counts: CountsOption = None,
        topk: int | Sequence[int] = 1,
        output_dir: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(counts=counts, collect_device=collect_device, prefix=prefix)
        check_shots_option(groups)
        if 1 not in ([topk] if isinstance(topk, int) else topk):
            hint = f"List mmpretrain's Accuracy as a second metric. {BESIDE_ANOTHER_METRIC}"
            raise InvalidValueError('LongTailAccuracy.topk', '1, alone or among others', repr(topk), hint)
        self.groups = groups
        self.output_dir = None if output_dir is None else Path(output_dir)
        self.results: list[Result]

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keeps label, prediction and confidence of the images of a batch."""
        if not data_samples:
            return
        paths = [str(sample.get('img_path', sample.get('sample_idx', ''))) for sample in data_samples]
        try:
            label, prediction, confidence = _columns(data_samples, len(self.class_names))
        except ValueError as error:
            raise InvalidValueError(f'LongTailAccuracy, images from {paths[0]!r} on: {error}') from error
        self.results += zip(label, prediction, confidence, paths, strict=True)

    def evaluate(self, size: int) -> dict[str, float]:
        """Metrics of the whole data set, from the images that all processes have seen.

        Args:
            size: Images in the data set. A distributed sampler pads: image ``j`` of a process is number
                ``j * world size + rank``, and from number ``size`` on the images are repeats, which are left out.

        Returns:
            Metrics by their key.
        """
        mine = max(math.ceil((size - get_rank()) / get_world_size()), 0)
        parts = all_gather_object(self.results[:mine])
        self.results = []
        results = [part[index] for index in range(max(map(len, parts))) for part in parts if index < len(part)]
        if len(results) != size:
            print_log(f'LongTailAccuracy: {len(results)} images were evaluated; the data set has {size}.', 'current')
        return self.compute_metrics(results)

    def compute_metrics(self, results: list[Result]) -> dict[str, float]:
        """Metrics of images; prints them, and keeps them as ``evaluation``."""
        names = self.class_names
        label, prediction = (torch.tensor([row[part] for row in results], dtype=torch.int64) for part in (0, 1))
        confidence = torch.tensor([row[2] for row in results], dtype=torch.float64)
        matrix = confusion_matrix(prediction, label, len(names), ignore_index=-100)
        evaluation = self.evaluation_of(matrix, Calibration.of(prediction, label, confidence, len(names)))
        if self._counts is None and evaluation.groups.rule.startswith('by training images'):
            hint = 'Add ltseg.CountClasses to the hooks, or give LongTailAccuracy(counts=...) a table.'
            what = f'LongTailAccuracy: groups are made from {evaluation.counts_from}. {hint}'
            print_log(what, 'current', level=logging.WARNING)
        if self.output_dir is not None and is_main_process():
            _write(self.output_dir, results, evaluation)
        # A thousand classes have a thousand keys as it is, and precision is in the report and in the record.
        return {key: value for key, value in self.report(evaluation).items() if not _is_precision_of_class(key)}


def _is_precision_of_class(key: str) -> bool:
    return 'precision/' in key and not key.endswith('precision/mean_class')


def _columns(samples: Sequence[dict], num_classes: int) -> tuple[list[int], list[int], list[float]]:
    """Labels, predictions and confidences of the samples of a batch."""
    if 'gt_label' not in samples[0]:
        hint = 'Evaluate a split with labels; PackInputs hands them over.'
        raise InvalidValueError('gt_label', 'a class', 'none', hint)
    label = _same_size([sample['gt_label'].flatten() for sample in samples], 'gt_label', 1)
    if 'pred_score' not in samples[0]:
        prediction = _same_size([sample['pred_label'].flatten() for sample in samples], 'pred_label', 1)
        confidence = torch.full(prediction.shape, torch.nan)
    else:
        scores = _same_size([sample['pred_score'].flatten() for sample in samples], 'pred_score', num_classes)
        confidence, prediction = scores.float().max(dim=1)
    together = torch.stack([widened(x.flatten().to(confidence.device)) for x in (label, prediction, confidence)])
    *integers, confidences = together.tolist()  # of a GPU, in one copy
    columns = [int(value) for value in integers[0]], [int(value) for value in integers[1]], confidences
    for name, values in zip(('gt_label', 'prediction'), columns[:2], strict=True):
        outside = next((value for value in values if not 0 <= value < num_classes), None)
        if outside is not None:
            hint = 'Check num_classes of the head and the classes of the data set.'
            raise InvalidValueError(name, f'classes 0..{num_classes - 1}', repr(outside), hint)
    return columns


def _same_size(rows: list[Tensor], name: str, size: int) -> Tensor:
    """The rows as one tensor (N, size)."""
    other = next((row.numel() for row in rows if row.numel() != size), None)
    if other is not None:
        raise InvalidValueError(
            name, f'{size} numbers for each image', repr(other), 'One label to an image, num_classes scores.'
        )
    return torch.stack(rows)


def _write(folder: Path, results: list[Result], evaluation: Evaluation) -> None:
    names = evaluation.class_names
    rows = ((path, names[label], names[predicted], confidence) for label, predicted, confidence, path in results)
    matrix = ((name, *row) for name, row in zip(names, evaluation.matrix.tolist(), strict=True))
    tables = {
        'predictions.csv': (('image', 'class', 'prediction', 'confidence'), rows),
        'confusion_matrix.csv': (('truth', *names), matrix),
    }
    for name, (header, lines) in tables.items():
        with atomic_write(folder / name) as draft, draft.open('w', encoding='utf-8', newline='') as stream:
            csv.writer(stream, lineterminator='\n').writerows((header, *lines))
