"""IoU image by image, so that small objects and bad images count as much as others."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from ltseg.core.checks import check_range
from ltseg.core.confusion import HINT, counted_pixels
from ltseg.core.errors import InvalidValueError
from ltseg.registry import METRICS

__all__ = ['ImageIoU', 'worst_mean']


@METRICS.register_module()
class ImageIoU(BaseMetric):
    """Means of the IoU of each class in each image, in percent::

        IoU_ik = intersection / union of class k in image i, where the labels of image i have class k
        mIoU_I = mean over images of the mean over their classes
        mIoU_C = mean over classes of the mean over the images that have them
        mIoU_I_worst5, mIoU_C_worst5: the inner values of the worst 5 % of images only, of each class in the second

    The usual mIoU adds up the pixels of all images first, so that a class is judged by its large regions; here a small
    region weighs as much as a large one. A metric to list beside :class:`ltseg.metrics.LongTailIoU`::

        val_evaluator = [dict(type='ltseg.LongTailIoU'), dict(type='ltseg.ImageIoU')]

    Args:
        worst: Percentages of the images in (0, 100] of which a mean is given; at least one image is taken.
        ignore_index: Label that is not evaluated.
        collect_device: Of ``BaseMetric``.
        prefix: Put before each key.

    Raises:
        ValueError: If a percentage is out of range; while evaluating, if a label or prediction is no class.

    Source:
        Wang et al., Revisiting Evaluation Metrics for Semantic Segmentation: Optimization and Evaluation of
        Fine-grained Intersection over Union, NeurIPS 2023; which classes count, and that the number of the worst images
        is rounded down, as in its released code. That code evaluates the second of two classes alone; this one both.
        Images without a valid pixel are left out.

    Example:
        >>> import torch
        >>> from ltseg.metrics import ImageIoU
        >>> metric = ImageIoU(worst=[50])
        >>> metric.dataset_meta = {'classes': ('road', 'car')}
        >>> for label, guess in (([0, 0, 0, 1], [0, 0, 0, 0]), ([0, 0, 255, 255], [0, 0, 1, 1])):
        ...     sample = {'pred_sem_seg': {'data': torch.tensor([[guess]])}}
        ...     metric.process(None, [{**sample, 'gt_sem_seg': {'data': torch.tensor([[label]])}}])
        >>> values = metric.evaluate(size=2)  # road 3/4 and car 0, then road 1
        >>> values['mIoU_I'], values['mIoU_C'], values['mIoU_I_worst50']
        (68.75, 43.75, 37.5)
    """

    def __init__(
        self,
        worst: Sequence[float] = (5,),
        ignore_index: int = 255,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if not isinstance(worst, list | tuple):
            raise InvalidValueError('ImageIoU.worst', 'a list of percentages', repr(worst), 'E.g. (5,).')
        for percentage in worst:
            check_range('ImageIoU.worst', percentage, torch.finfo(torch.float32).tiny, 100)
        self.worst, self.ignore_index = tuple(worst), ignore_index

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Counts the pixels of each class in each image that are right, labelled and predicted."""
        size = len((self.dataset_meta or {}).get('classes') or ())
        for sample in data_samples:
            prediction = sample['pred_sem_seg']['data'].squeeze(0)
            matrix = counted_pixels(prediction, sample['gt_sem_seg']['data'].squeeze(0), size, self.ignore_index)
            self.results.append(torch.stack((matrix.diagonal(), matrix.sum(1), matrix.sum(0))))

    def compute_metrics(self, results: list[Tensor]) -> dict[str, float]:
        """The means over all images."""
        of_class = torch.stack([_ious(counts.cpu()) for counts in results])  # (N, K)
        of_image = of_class.nanmean(1, keepdim=True)
        values = {}
        for key, table in (('mIoU_I', of_image), ('mIoU_C', of_class)):
            for name, percentage in ((key, 100.0), *((f'{key}_worst{each:g}', each) for each in self.worst)):
                means = [worst_mean(column, percentage) for column in table.unbind(1)]
                values[name] = 100 * torch.tensor(means, dtype=table.dtype).nanmean().item()
        return values


def _ious(counts: Tensor) -> Tensor:
    """(K,) of an image from pixels that are right, labelled and predicted, (3, K + 1); the last ones are no class."""
    no_class = counts[1:, -1]
    if no_class.any():
        got = f'{int(no_class[0])} labels and {int(no_class[1])} predictions of other values in an image'
        raise InvalidValueError('ImageIoU', f'classes 0..{counts.shape[1] - 2}', got, HINT)
    right, true, predicted = counts[:, :-1].double()
    return (right / (true + predicted - right)).masked_fill(true == 0, torch.nan)


def worst_mean(values: Tensor, percentage: float) -> float:
    """The mean of the lowest values, nan left out.

    Args:
        values: (N,).
        percentage: How many of those that are no nan; rounded down to a number, but at least one.

    Example:
        >>> import torch
        >>> from ltseg.metrics.image_iou import worst_mean
        >>> worst_mean(torch.tensor([0.9, torch.nan, 0.5, 0.7, 0.3]), 50)
        0.4000000059604645
    """
    known = values[~values.isnan()].sort().values
    return known[: max(1, int(percentage * len(known) / 100))].mean().item()
