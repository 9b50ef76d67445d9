"""Lovász-Softmax: the Jaccard index of hard predictions, made continuous in the errors of the pixels."""

from typing import Any

from torch import Tensor

from ltseg.core.lovasz import lovasz_losses
from ltseg.core.reduction import Reduction
from ltseg.core.regions import adjusted_probability
from ltseg.losses.class_mean import ClassMeanLoss
from ltseg.registry import MODELS

__all__ = ['LovaszLoss']


@MODELS.register_module()
class LovaszLoss(ClassMeanLoss):
    """The convex extension of 1 - IoU from sets of wrong pixels to errors between 0 and 1, for each class present::

        loss = mean_k w_k sum_i g_i e_ik,    e_ik = |y_ik - p_ik|,    p = softmax(z')

    with the biases, margins and scales of rules in z', their weight w, and g the increase of 1 - IoU when pixel i joins
    those of larger errors (:func:`ltseg.core.lovasz.lovasz_gradient`). Where p is 0 or 1 it is 1 - IoU. A sample weight
    is what the pixel counts in the IoU, and ``avg_factor`` does not count, because the mean is over classes.

    The pixels of each class are sorted, so that heads compute it, and all losses beside it, from upsampled logits
    (``fused`` has no effect). Processes do not sort together: with ``per='batch'``, a batch is that of one process, and
    with ``sync`` the loss is the mean of theirs over the processes that have labels. ``per='image'`` is the same
    however many processes share the batch.

    Args:
        **options: As for :class:`ltseg.losses.class_mean.ClassMeanLoss`.

    Raises:
        ValueError: If labels are soft, a reduction is not 'mean', or rules smooth labels.

    Source:
        Berman et al., The Lovász-Softmax Loss: A Tractable Surrogate for the Optimization of the
        Intersection-Over-Union Measure in Neural Networks, CVPR 2018, eq. 8, 9 and 11. Rules are ours.

    Example:
        >>> import torch
        >>> from ltseg.losses import LovaszLoss
        >>> loss, labels = LovaszLoss(), torch.tensor([0, 0, 1])
        >>> logits = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]]).log()
        >>> round(loss(logits, labels).item(), 4)  # 0: 0.8 / 3 + 0.4 / 3 + 0.1 / 3; 1: 0.8 + 0.4 * 0 + 0.1 * 0
        0.6167
    """

    short_name = 'Lovász'

    def __init__(self, **options: Any) -> None:
        super().__init__(**{'loss_name': 'loss_lovasz', **options})

    def reduced(
        self,
        logits: Tensor,
        labels: Tensor,
        weight: Tensor | None,
        avg_factor: float | Tensor | None,
        ignore_index: int,
        reduction: Reduction,
    ) -> Tensor:
        self.check_reduction(reduction)
        self.refuse_soft_labels(labels, 'as sets have no shares')
        adjustment = self.adjustment(logits, labels, ignore_index)
        probability, kept, labels = adjusted_probability(logits, labels, adjustment, ignore_index)
        measure = kept if weight is None else kept * weight.to(probability)
        losses, present = lovasz_losses(probability, labels, measure, self.per == 'image')
        return self.mean_of_classes(losses, present, adjustment.weight)
