"""ARB-Loss."""

import warnings
from typing import Any

from torch import Tensor

from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.sources import CountsOption
from ltseg.losses.long_tail_loss import LongTailLoss
from ltseg.registry import MODELS
from ltseg.rules import PriorBias

__all__ = ['ARBLoss']


@MODELS.register_module()
class ARBLoss(LongTailLoss):
    """Attraction-Repulsion-Balanced loss::

        loss = -log( e^(z_y) / sum_k (n_k / n_y) e^(z_k) )  =  cross entropy of z + log n

    With counts of the batch, which the paper uses on small data sets and this class by default, classes that are absent
    from the batch are not repelled, and a batch of one class has loss 0 and no gradient. With ``counts='dataset'`` it
    is balanced softmax.

    Deviations: the released code clamps logits to [-30, 30] and thereby stops their gradient; this is the formula. It
    counts each process's batch alone; that is ``sync=False`` here. The paper does not say which counts it uses for
    segmentation, nor whether auxiliary heads use the loss.

    Args:
        smoothing: Samples added to the counts of every class (our extension).

    Source:
        Xie, Yang, Cai, He: Neural Collapse Inspired Attraction-Repulsion-Balanced Loss for Imbalanced Learning,
        Neurocomputing 2023, eq. 14.

    Example:
        >>> import torch
        >>> from ltseg.losses import ARBLoss
        >>> loss, labels = ARBLoss(), torch.tensor([0, 0, 0, 1])  # of three classes; class 2 is not in the batch
        >>> loss(torch.zeros(4, 3), labels, reduction_override='none')  # log(4 / n_y), with n = 3, 1
        tensor([0.2877, 0.2877, 0.2877, 1.3863])
        >>> logits = torch.zeros(4, 3, requires_grad=True)
        >>> loss(logits, labels).backward()
        >>> (logits.grad[:, 2] == 0).all().item()  # a class that is absent is not pushed away
        True
    """

    short_name = 'ARB ({counts})'

    def __init__(self, counts: CountsOption = 'batch', smoothing: float = 0.0, **options: Any) -> None:
        super().__init__([PriorBias(smoothing=smoothing)], counts=counts, **{'loss_name': 'loss_arb', **options})
        self._smoothing = smoothing

    def inspect_counts(self, logits: Tensor, counts: ClassCounts) -> None:
        if not self._smoothing and self.may_synchronize(logits) and int((counts.samples > 0).sum()) == 1:
            hint = "Use larger crops or batches, counts='dataset', or smoothing=1."
            warnings.warn(
                'ARBLoss: only one class is present, so that the loss is 0 and nothing is learned from this batch. '
                + hint,
                stacklevel=2,
            )
