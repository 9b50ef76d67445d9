"""Label distribution disentangling: logits as logarithms of ratios of densities, which know no prior."""

from typing import Any

from torch import Tensor

from ltseg.core.checks import check_range
from ltseg.core.cross_entropy import check_soft_labels
from ltseg.core.density_ratio import HEADROOM, DensityRatios, RatioSums, highest_logits, ratio_losses
from ltseg.core.precision import widened
from ltseg.core.reduction import all_reduced_maximum, reduce_losses
from ltseg.losses.class_sums import ClassSumsLoss
from ltseg.registry import MODELS

__all__ = ['LADERLoss']


@MODELS.register_module()
class LADERLoss(ClassSumsLoss):
    """The regularizer of label distribution disentangling (LADE), which goes with balanced softmax::

        loss = sum_k pi_k ( -E_k z_k + log E_u exp(z_k) + penalty (log E_u exp(z_k))^2 )
        E_k z_k      = mean over samples of class k of z_k
        E_u exp(z_k) = 1/N sum_i exp(z_ik) / (K pi_(y_i))

    over the classes k that are present, with pi the prior of the counts. E_u is the mean that samples of equally
    frequent classes would have, by importance. The first two terms are the Donsker-Varadhan bound of a divergence,

        -E_k z_k + log E_u exp(z_k)  >=  -KL(p(x|k) || p_u(x)),    p_u(x) = mean_j p(x|j),

    reached by z_k(x) = log p(x|k) / p_u(x) up to a constant; the square sets the constant to 0. These logits are those
    of uniform classes, and make balanced softmax smallest, too: ``softmax(z + log pi)`` is the posterior of the
    training data.

    The one reduction is 'mean', and ``avg_factor`` does not count. A sample weight is that of the sample in the means.
    Heads compute it without upsampled logits.

    Deviations: none from the paper. Released code divides exp(z_ik) by K pi_k in place of K pi_(y_i), so that the
    optimum has the prior in it, and a class that is absent from a batch has its second and third term there, which push
    its logits down and nothing up.

    Args:
        penalty: Of the constant, at least 0; 0.1 in released code, 0.01 for CIFAR-100-LT and 0.5 for ImageNet-LT.
        **options: As for :class:`ltseg.losses.class_mean.ClassMeanLoss`, with counts of the data set; ``average`` does
            not count. Counts below 1 are taken as 1. Mixed labels count in each class by their share.

    Raises:
        ValueError: If a reduction is not 'mean', rules smooth labels, or mixed labels meet a margin.

    Source:
        Hong et al., Disentangling Label Distribution for Long-tailed Visual Recognition, CVPR 2021, section 3.3:
        definition 3.2, eq. 15 and 16, with the weights pi_k that follow it. Eq. 20 adds it to balanced softmax; the
        weight of released code is 0.1 for CIFAR-100-LT and 0.05 for ImageNet-LT and iNaturalist 2018.

    Example:
        >>> import torch
        >>> from ltseg.losses import LADERLoss
        >>> loss, labels = LADERLoss(penalty=0.0, counts=[3, 1]), torch.tensor([0, 0, 0, 1])
        >>> logits = torch.tensor([[2.0, 0.0]] * 3 + [[0.0, 2.0]]).log()  # the two classes do not overlap
        >>> round(-loss(logits.clamp(min=-50), labels).item(), 4)  # sum_k pi_k KL = log 2
        0.6931
    """

    short_name = 'LADER'

    def __init__(self, penalty: float = 0.1, **options: Any) -> None:
        super().__init__(**{'counts': 'dataset', 'loss_name': 'loss_lader', **options})
        check_range('LADERLoss.penalty', penalty, 0)
        self.penalty = penalty

    def prepare_regions(
        self, logits: Tensor, labels: Tensor, ignore_index: int, weight: Tensor | None = None
    ) -> DensityRatios:
        counts = widened(self.count(logits, labels, ignore_index).samples).clamp(min=1)
        adjustment = self.adjustment(logits, labels, ignore_index)
        if labels.is_floating_point():
            check_soft_labels(type(self).__name__, adjustment)
        shift = highest_logits(logits, labels, adjustment, ignore_index)
        shift = all_reduced_maximum(shift) if self.sync and self.per == 'batch' else shift
        prior = (counts / counts.sum()).to(logits.dtype)
        return DensityRatios(adjustment, prior, (shift - HEADROOM).where(shift.isfinite(), 0.0), ignore_index)

    def of_classes(self, sums: RatioSums, regions: DensityRatios) -> tuple[Tensor, Tensor]:
        losses, present = ratio_losses(sums, regions.shift, self.penalty)
        return regions.prior * losses, present

    def mean_of_classes(self, losses: Tensor, present: Tensor, class_weight: Tensor | None) -> Tensor:
        """The sum over classes, as the losses have their priors."""
        losses = losses.where(present, 0.0)
        losses = losses if class_weight is None else losses * class_weight
        return reduce_losses(losses.sum(1), present.any(1).sum(), sync=self.sync)
