"""Supervised contrastive learning towards targets that are fixed before training."""

from typing import Any

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ltseg.core.checks import check_positive
from ltseg.core.contrastive import contrastive_losses
from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import class_means, directions, uniform_vectors
from ltseg.core.transfers import sent
from ltseg.registry import MODELS
from ltseg.regularizers.centers import MovingCenters
from ltseg.regularizers.regularizer import not_built
from ltseg.regularizers.supervised_contrastive import SupervisedContrastiveLoss

__all__ = ['TargetedContrastiveLoss']


@MODELS.register_module()
class TargetedContrastiveLoss(SupervisedContrastiveLoss):
    """Contrast with one target t_k of each class among positives and negatives (TSC)::

        l_i = log D_i - 1/(|P_i| + w) (sum_{p in P_i} s_ip + w s_it),    D_i = sum_{k != i} exp(s_ik) + sum_j exp(s_ij)

    with s_ik of :class:`ltseg.regularizers.SupervisedContrastiveLoss`, its positives P, s_ij = z_i . t_j / temperature
    of all K targets, and t the target of the anchor's class. Targets are as far from each other as they can be, from
    before the first iteration on, so that no class can crowd out another. Which class gets which is free: after each
    batch, classes are matched with targets so that the sum of the cosines with the moving averages of the classes'
    mean projected features is largest; that is done on the CPU.

    Args:
        temperature: Divisor of the cosines.
        positives: As for ``SupervisedContrastiveLoss``; 6 is KCL's, on which TSC builds.
        target_weight: w.
        momentum: Of the moving averages.
        **options: As for :class:`ltseg.regularizers.contrastive_term.PairwiseTerm`.

    Source:
        Li et al., Targeted Supervised Contrastive Learning for Long-Tailed Recognition, CVPR 2022, which trains in two
        stages with a queue of keys; the keys here are those of the batch. Its targets minimise
        sum_i log sum_j exp(t_i . t_j / temperature); where K - 1 dimensions are there that is a simplex, and it is made
        without a search. The momentum and the dense form are our extension.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import RegularizerGroup, TargetedContrastiveLoss
        >>> term = TargetedContrastiveLoss(positives=None, hidden_channels=None)
        >>> group = RegularizerGroup([term], num_classes=2, feature_dim=2)
        >>> (term.targets @ term.targets.T).round()  # opposite each other, before the first batch
        tensor([[ 1., -1.],
                [-1.,  1.]])
        >>> labels, targets = torch.tensor([0, 0, 1]), term.targets.clone()
        >>> at_targets = group(FeatureBatch(targets[labels][:, None], labels, 2))
        >>> crowded = group(FeatureBatch(targets[labels * 0][:, None], labels, 2))
        >>> (at_targets['loss_targeted_contrastive'] < crowded['loss_targeted_contrastive']).item()
        True
    """

    short_name = 'TSC'

    def __init__(
        self,
        temperature: float = 0.07,
        positives: int | None = 6,
        target_weight: float = 1.0,
        momentum: float = 0.9,
        **options: Any,
    ) -> None:
        super().__init__(temperature, positives, **{'loss_name': 'loss_targeted_contrastive', **options})
        check_positive('TargetedContrastiveLoss.target_weight', target_weight)
        self.target_weight, self.momentum = target_weight, momentum
        self.centers: MovingCenters | None = None

    def build(self, num_classes: int, feature_dim: int) -> None:
        super().build(num_classes, feature_dim)
        self.register_buffer('targets', uniform_vectors(num_classes, self.out_channels, self.temperature).float())
        self.targets: Tensor
        self.centers = MovingCenters(num_classes, self.out_channels, self.momentum)

    def losses(self, batch: FeatureBatch, rows: Tensor, labels: Tensor, own: Tensor) -> Tensor:
        if self.centers is None:
            raise not_built(self)
        # All processes have all samples.
        means, counts = class_means(rows.detach(), labels, batch.num_classes, sync=False)
        self.centers.observe(means, counts > 0)
        classes = torch.arange(batch.num_classes, device=labels.device)
        keys, key_labels = torch.cat([rows, self.targets.to(rows.dtype)]), torch.cat([labels, classes])
        positives = self.positives_of(batch, labels, own)
        to_targets = self.target_weight * (labels[own][:, None] == classes)
        weights = torch.cat([positives, to_targets.to(rows.dtype)], 1)
        return contrastive_losses(
            rows[own], labels[own], keys, key_labels, own, batch.num_classes, self.temperature, positives=weights
        )

    def step(self) -> None:
        """Moves the averages, and gives each class its target."""
        if self.centers is not None:
            self.centers.step()
            known = directions(self.centers.vectors.float())  # NumPy has no bfloat16, which a model may be in
            _, places = linear_sum_assignment((known @ self.targets.float().T).cpu().numpy(), maximize=True)
            self.targets.copy_(self.targets[sent(torch.as_tensor(places), self.targets.device)])
