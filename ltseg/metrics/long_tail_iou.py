"""IoU, accuracy and precision of every class and of head, medium and tail."""

import logging
import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce, get_rank, get_world_size
from mmengine.logging import print_log
from PIL import Image
from torch import Tensor

from ltseg.core.confusion import class_block, counted_pixels
from ltseg.core.errors import InvalidValueError
from ltseg.core.files import atomic_write
from ltseg.counts.groups import GroupsOption, check_groups_option
from ltseg.counts.ignored_pixels import cause_of_empty_classes
from ltseg.metrics.counted_metric import BESIDE_ANOTHER_METRIC, CountedMetric
from ltseg.metrics.task import SEGMENTATION
from ltseg.registry import METRICS

__all__ = ['LongTailIoU', 'prediction_name']

SAME_NAME = 'Give images of the same name folders below data_prefix, and evaluate with ltseg test, which keeps these.'


@METRICS.register_module()
class LongTailIoU(CountedMetric):
    """Exact rates per class, their means, and the means of head, medium and tail; all as metrics, in percent.

    Returns ``mIoU mAcc aAcc mPrecision mIoU_head mIoU_medium mIoU_tail mAcc_head mAcc_medium mAcc_tail`` and, for each
    class, ``IoU/<class> Acc/<class> Precision/<class>``, so that any of them can be ``save_best``. Classes absent from
    the ground truth are nan and left out of the means.

    Args:
        ignore_index: Label that is not evaluated.
        groups: Head, medium and tail: None for tertiles of the classes by their share of pixels,
            ``dict(head=0.04, tail=0.005)`` for thresholds on the share,
            ``dict(head=['road', ...], medium=[...], tail=[...])``, or 'disalign_ade20k' for those of that paper.
        counts: Pixels of each class that shares and groups are made from: the path of a table made by
            ltseg count or a list. By default the training counts that ``ltseg.CountClasses`` hands over,
            and without those the evaluated ground truth.
        iou_metrics: For configs that were written for MMSegmentation's ``IoUMetric``; only ``['mIoU']``.
        output_dir: Folder to which predictions are written as PNG, with 16 bits for more classes than 8 bits hold. They
            lie in the folders that the images have below the data set's ``data_prefix['img_path']``, which ltseg's
            commands hand over as ``image_root``.
        format_only: Whether to write predictions only, for a test set without ground truth.
        collect_device: Of ``BaseMetric``; the matrices of all processes are added up on their backend's device.
        prefix: Put before each key.

    Attributes:
        evaluation: The last evaluation, with its confusion matrix; None before the first one.

    Raises:
        ValueError: If an option is none of the above.
        FileNotFoundError: If the table of ``counts`` does not exist.

    Example:
        >>> import torch
        >>> from ltseg.metrics import LongTailIoU
        >>> metric = LongTailIoU(counts=[900, 90, 10])  # training pixels: head, medium and tail
        >>> metric.dataset_meta = {'classes': ('road', 'car', 'pole')}
        >>> label, guess = torch.tensor([[0, 0, 0, 1, 2, 255]]), torch.tensor([[0, 0, 1, 1, 0, 2]])
        >>> metric.process(None, [{'pred_sem_seg': {'data': guess}, 'gt_sem_seg': {'data': label}}])
        >>> values = metric.evaluate(size=1)
        >>> [values[key] for key in ('IoU/road', 'IoU/car', 'mIoU_tail')]  # 2 of 4, 1 of 2, 0 of 1; 255 is ignored
        [50.0, 50.0, 0.0]
        >>> round(values['Acc/road'], 2), round(values['mAcc'], 2)  # 2 of 3; (2/3 + 1 + 0) / 3
        (66.67, 55.56)
    """

    task = SEGMENTATION

    def __init__(
        self,
        ignore_index: int = 255,
        groups: GroupsOption = None,
        counts: str | PathLike | Sequence[float] | None = None,
        iou_metrics: Sequence[str] | str = ('mIoU',),
        output_dir: str | None = None,
        format_only: bool = False,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(counts=counts, collect_device=collect_device, prefix=prefix)
        if iou_metrics != 'mIoU' and list(iou_metrics) != ['mIoU']:
            hint = f"For Dice or F-score list mmseg's IoUMetric as a second metric. {BESIDE_ANOTHER_METRIC}"
            raise InvalidValueError('LongTailIoU.iou_metrics', "['mIoU']", repr(iou_metrics), hint)
        if format_only and output_dir is None:
            raise InvalidValueError('LongTailIoU.output_dir', 'a folder, because of format_only', 'None')
        check_groups_option(groups)
        self.ignore_index, self.groups, self.format_only = ignore_index, groups, format_only
        self.output_dir = None if output_dir is None else Path(output_dir)
        self.image_root = ''
        self._start()

    def _start(self) -> None:
        self._written: dict[Path, str] = {}  # image by the file of its prediction
        self._matrix: Tensor | None = None  # (K + 1, K + 1), of all images so far, with what is no class
        self._last: Tensor | None = None  # (K + 1, K + 1), of the last one
        self._seen = self._pixels = self._last_pixels = 0  # images, and pixels with those that are ignored

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Adds the images of a batch to the confusion matrix, and writes their predictions where asked to."""
        for sample in data_samples:
            prediction = sample['pred_sem_seg']['data'].squeeze(0)  # (H, W)
            if not self.format_only:
                self._add(prediction, sample)
            if self.output_dir is not None:
                self._write(prediction, sample, self.output_dir)

    def _write(self, prediction: Tensor, sample: dict, folder: Path) -> None:
        shift = 1 if sample.get('reduce_zero_label', False) else 0  # label 0 of such a data set is no class
        path = folder / prediction_name(sample['img_path'], self.image_root)
        if self._written.setdefault(path, sample['img_path']) != sample['img_path']:
            got = f'those of {self._written[path]} and {sample["img_path"]}'
            raise InvalidValueError(f'LongTailIoU.output_dir: {path}', 'one prediction', got, SAME_NAME)
        num_classes = len((self.dataset_meta or {}).get('classes') or ())
        kind = np.uint16 if num_classes + shift > 256 else np.uint8
        with atomic_write(path) as draft:
            Image.fromarray((prediction.cpu().numpy() + shift).astype(kind)).save(draft, 'PNG')

    def _add(self, prediction: Tensor, sample: dict) -> None:
        where = f'image {sample.get("img_path", self._seen)!r}'
        if 'gt_sem_seg' not in sample:
            hint = 'Use format_only=True with output_dir for a test set without labels.'
            raise InvalidValueError(f'LongTailIoU, {where}', 'a ground truth', 'none', hint)
        label = sample['gt_sem_seg']['data'].squeeze(0)
        try:
            matrix = counted_pixels(prediction, label, len(self.class_names), self.ignore_index)
        except ValueError as error:
            raise InvalidValueError(f'LongTailIoU, {where}: {error}') from error
        self._matrix = matrix if self._matrix is None else self._matrix.add_(matrix.to(self._matrix.device))
        self._last, self._last_pixels = matrix, label.numel()
        self._seen, self._pixels = self._seen + 1, self._pixels + label.numel()

    def evaluate(self, size: int) -> dict[str, float]:
        """Metrics of the whole data set, from the images that all processes have seen.

        Args:
            size: Images in the data set. A distributed sampler pads: image ``j`` of a process is number
                ``j * world size + rank``, and from number ``size`` on the images are repeats, which are left out.

        Returns:
            Metrics by their key; none under ``format_only``.

        Raises:
            ValueError: If there are more repeats than a sampler's padding.
        """
        if self.format_only:
            print_log(f'Predictions are in {self.output_dir}.', logger='current')
            return {}
        try:
            matrix, seen, pixels = self._total(size)
        finally:
            self._start()
        if seen != size:
            print_log(f'LongTailIoU: {seen} images were evaluated; the data set has {size}.', logger='current')
        self._warn_of_ignored(matrix, pixels)
        return self.compute_metrics([matrix])

    def _warn_of_ignored(self, matrix: Tensor, pixels: int) -> None:
        """Warns where classes seem to have no pixel because of what is ignored."""
        ignored, reduced = pixels - int(matrix.sum()), bool((self.dataset_meta or {}).get('reduce_zero_label'))
        values = {0 if reduced else self.ignore_index: ignored}
        known = {'total_pixels': pixels, 'ignored_values': values, 'parts': [{'reduce_zero_label': reduced}]}
        empty = [k for k, number in enumerate(matrix.sum(1).tolist()) if not number and k != self.ignore_index]
        cause = cause_of_empty_classes(empty, self.class_names, known)
        if cause:
            absent = ', '.join(self.class_names[k] for k in empty)
            text = f'LongTailIoU: the ground truth has no pixel of {absent}, which the means leave out. {cause}'
            print_log(text, logger='current', level=logging.WARNING)

    def _total(self, size: int) -> tuple[Tensor, int, int]:
        """Matrix, number and pixels of the images of all processes, each image once."""
        size_with_rest = len(self.class_names) + 1
        total = torch.zeros(size_with_rest**2 + 3, dtype=torch.int64)
        mine = math.ceil((size - get_rank()) / get_world_size())
        repeats = max(self._seen - max(mine, 0), 0)
        if self._matrix is not None and self._last is not None:
            matrix = self._matrix - self._last if repeats else self._matrix
            total[:-3] = matrix.flatten().cpu()
        pixels = self._pixels - self._last_pixels if repeats else self._pixels
        total[-3:] = torch.tensor([self._seen - repeats, pixels, int(repeats > 1)])
        all_reduce(total)  # before any process can fail, or the others would wait for it
        if total[-1]:
            hint = 'Evaluate every image once; only one padded repeat for each process can be left out.'
            got = f'{self._seen} in process {get_rank()} of {get_world_size()}'
            raise InvalidValueError('LongTailIoU.evaluate', f'{size} images', got, hint)
        return class_block(total[:-3].view(size_with_rest, size_with_rest)), int(total[-3]), int(total[-2])

    def compute_metrics(self, results: list[Tensor]) -> dict[str, float]:
        """Metrics of the sum of confusion matrices (K, K); prints them, and keeps them as ``evaluation``."""
        return self.report(self.evaluation_of(torch.stack(results).sum(0)))

    def ignored_class(self, counts: Tensor) -> int | None:
        is_class = 0 <= self.ignore_index < len(counts) and not counts[self.ignore_index]
        return self.ignore_index if is_class else None


def prediction_name(image: str, root: str) -> Path:
    """Where the prediction of an image is written: as the image lies below ``root``, else by its name alone."""
    path = Path(image)
    kept = path.relative_to(root) if root and path.is_relative_to(root) else Path(path.name)
    return kept.with_suffix('.png')
