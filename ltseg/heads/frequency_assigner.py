"""Matching of queries with segments in which rare classes get several queries."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from ltseg.core.checks import check_integer, check_positive
from ltseg.core.errors import InvalidValueError
from ltseg.core.precision import widened
from ltseg.counts.sources import CountsOption, build_counts
from ltseg.registry import TASK_UTILS

__all__ = ['FrequencyBasedAssigner', 'queries_of_classes']


MOST = 2**20  # queries of a segment; no head has as many


def queries_of_classes(shares: Tensor, strength: float = 2.0, threshold: float = 3e-4) -> Tensor:
    """``q_k = ceil(max(1, s sqrt(t / f_k)))``, the queries for a segment of each class, (K,) int64.

    Args:
        shares: f_k, the share of the images that contain the class, (K,), above 0.
        strength: s.
        threshold: t.

    Example:
        >>> import torch
        >>> from ltseg.heads import queries_of_classes
        >>> queries_of_classes(torch.tensor([0.5, 1e-3, 1e-4]))
        tensor([1, 2, 4])
    """
    return (strength * (threshold / widened(shares)).sqrt()).clamp(1, MOST).ceil().long()


@TASK_UTILS.register_module()
class FrequencyBasedAssigner(nn.Module):
    """The frequency-based matcher: one segment of class k is matched with q_k queries, as if it were there q_k times::

        q_k = ceil(max(1, s sqrt(t / f_k))),    f_k = share of the training images that contain class k

    It stands as ``assigner`` in the ``train_cfg`` of MMSegmentation's MaskFormerHead and Mask2FormerHead, around the
    one that matches each segment with one query. Where images have more copies than there are queries, each query gets
    one, and a segment may get none.

    With the paper's numbers, q_k is above 1 for classes in less than s^2 t = 0.12% of the images; where no class is as
    rare, it changes nothing and says so.

    Args:
        assigner: The assigner around which it stands, or its config: ``dict(type='mmdet.HungarianAssigner', ...)``.
        strength: s.
        threshold: t.
        counts: 'dataset', the path of a table, or a list of the images with each class.
        num_images: Of a list of counts.

    Raises:
        ValueError: If the counts are others, or a list comes without the number of images.

    Source:
        Li et al., Frequency-based Matcher for Long-tailed Semantic Segmentation, 2024 (arXiv 2406.03917), section on
        the frequency-based matcher; f_k as in the released code, which is that of repeat-factor sampling.

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> from mmengine.structures import InstanceData
        >>> from ltseg.heads import FrequencyBasedAssigner
        >>> class InOrder:  # query i to segment i
        ...     def assign(self, pred_instances, gt_instances, img_meta=None, **_):
        ...         number, labels = len(gt_instances), torch.full((len(pred_instances),), -1)
        ...         labels[:number] = gt_instances.labels
        ...         gt_inds = (torch.arange(len(labels)) + 1) * (labels >= 0)
        ...         return SimpleNamespace(num_gts=number, gt_inds=gt_inds, labels=labels)
        >>> matcher = FrequencyBasedAssigner(InOrder(), counts=[9999, 1], num_images=10000)
        >>> queries, segments = InstanceData(scores=torch.zeros(8, 3)), InstanceData(labels=torch.tensor([0, 1]))
        >>> matcher.assign(queries, segments).gt_inds  # the rare class has 4 queries, and 3 have no object
        tensor([1, 2, 2, 2, 2, 0, 0, 0])
    """

    short_name = 'frequency-based matcher'

    def __init__(
        self,
        assigner: Any,
        strength: float = 2.0,
        threshold: float = 3e-4,
        counts: CountsOption = 'dataset',
        num_images: int | None = None,
    ) -> None:
        super().__init__()
        check_positive('FrequencyBasedAssigner.strength', strength)
        check_positive('FrequencyBasedAssigner.threshold', threshold)
        self.assigner = TASK_UTILS.build(assigner) if isinstance(assigner, dict) else assigner
        self.strength, self.threshold, self.num_images = strength, threshold, num_images
        self.counts = build_counts(counts, unit='images')
        if self.counts.mode not in ('dataset', 'fixed'):
            hint = "Use counts='dataset'."
            raise InvalidValueError('FrequencyBasedAssigner.counts', 'counts of a data set', repr(counts), hint)
        if self.counts.filled is not None and not self._number():
            hint = 'Give num_images, or a table made by ltseg count.'
            raise InvalidValueError('FrequencyBasedAssigner.num_images', 'the number of images', 'none', hint)
        if num_images is not None:
            filled: Any = self.counts.filled  # of a list, these are images
            least = 1 if filled is None else int(filled.samples.max())
            check_integer('FrequencyBasedAssigner.num_images', num_images, least)
        self._is_checked = False

    def assign(self, pred_instances: Any, gt_instances: Any, img_meta: dict | None = None, **options: Any) -> Any:
        """The assignment of the queries of an image.

        Args:
            pred_instances: ``InstanceData`` of Q queries with ``scores`` (Q, K + 1), and what the costs need.
            gt_instances: ``InstanceData`` of the segments with ``labels`` (G,), and what the costs need.
            img_meta: For the costs.
            **options: For the assigner inside.

        Returns:
            Its result; ``gt_inds`` (Q,) is 0 or 1 + the segment of a query.
        """
        number, labels = len(gt_instances), gt_instances.labels
        if number == 0:
            return self.assigner.assign(pred_instances, gt_instances, img_meta, **options)
        queries = self._queries(labels, pred_instances.scores.shape[1] - 1)
        segments = torch.arange(number, device=labels.device).repeat_interleave(queries[labels.long()])
        result = self.assigner.assign(pred_instances, gt_instances[segments], img_meta, **options)
        matched = result.gt_inds > 0
        result.gt_inds[matched] = segments[result.gt_inds[matched] - 1] + 1
        result.num_gts = number
        return result

    def _queries(self, labels: Tensor, num_classes: int) -> Tensor:
        images = self.counts(labels, num_classes).samples.clamp(min=1)
        queries = queries_of_classes(images / self._number(), self.strength, self.threshold)
        if not self._is_checked and bool((queries == 1).all()):
            hint = f'Raise threshold above {float(images.min()) / self._number() / self.strength**2:.2g}.'
            warnings.warn(
                f'FrequencyBasedAssigner: no class is so rare that it gets a second query. {hint}', stacklevel=3
            )
        self._is_checked = True
        return queries

    def _number(self) -> Any:
        return self.num_images or self.counts.num_images
