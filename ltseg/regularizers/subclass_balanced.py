"""Contrastive learning of classes that are divided into subclasses of equal size."""

from typing import Any

import torch
from torch import Tensor

from ltseg.core.checks import check_integer, check_positive, check_range
from ltseg.core.contrastive import contrastive_losses
from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import directions
from ltseg.core.transfers import sent
from ltseg.registry import MODELS
from ltseg.regularizers.contrastive_term import PairwiseTerm
from ltseg.regularizers.regularizer import not_built
from ltseg.regularizers.subclasses import Subclasses

__all__ = ['SubclassBalancedContrastiveLoss']


@MODELS.register_module()
class SubclassBalancedContrastiveLoss(PairwiseTerm):
    """Contrast of subclasses, and of classes between them (SBCL)::

        l_i = - 1/|M_i| sum_{p in M_i} log( exp(s_ip / tau) / sum_{k != i} exp(s_ik / tau) )
              - coarse_weight 1/|C_i| sum_{p in C_i} log( exp(s_ip / tau_y) / sum_{k in V_i} exp(s_ik / tau_y) )

    with s_ik = z_i . z_k of projected features of norm 1; M_i the other samples of the anchor's subclass; V_i those of
    all other subclasses and the other views of its own image, and C_i those of them that are of the anchor's class y.

    ``ltseg.ClusterSubclasses`` divides the classes every few epochs: class k of n_k images into S_k clusters of equal
    size, each about as large as the rarest class; tau_k is the higher the wider the class is spread::

        S_k = max(floor(n_k / max(min_j n_j, least_size)), 1)
        tau_k = tau exp( phi_k / mean_j phi_j ),    phi_k = 1/n_k sum_i |z_i - t_k| / log(n_k + smoothing)

    with the class means t, and tau_k = tau where S_k = 1. Until it has done so for the first time, this is
    :class:`ltseg.regularizers.SupervisedContrastiveLoss`. The subclass of an image is kept by its number in the data
    set, ``sample_idx``; a pixel has none, and is of the subclass of its class with the nearest centre. Either is saved
    with the model.

    Args:
        temperature: tau.
        coarse_weight: Of the second term.
        least_size: Least images, or clustered pixels, of a subclass.
        smoothing: Keeps phi of rare classes from growing without bound.
        **options: As for :class:`ltseg.regularizers.contrastive_term.PairwiseTerm`. The projection has no
            normalisation, as in released code, so that a sample is projected alike alone and in a batch. With
            ``anchors='classes'``, each subclass of images in the batch has the same share.

    Source:
        Hou et al., Subclass-balancing Contrastive Learning for Long-tailed Recognition, ICCV 2023, Section 3. Released
        code for CIFAR multiplies the first term by temperature / 0.07, takes tau phi_k / mean_j phi_j with phi between
        its 20th and 80th percentile for tau_k, and divides the classes by k-means without equal sizes unless told
        otherwise; here all three are as in the paper. That C_i has the other views, and that classes of one subclass
        keep tau, is as in released code. The paper trains in two stages, with a queue of keys on the large data sets;
        the keys here are those of the batch. The form for pixels is ours.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import RegularizerGroup, SubclassBalancedContrastiveLoss
        >>> term = SubclassBalancedContrastiveLoss(temperature=1.0, least_size=1, hidden_channels=None)
        >>> group = RegularizerGroup([term], num_classes=2, feature_dim=2)
        >>> rows, labels = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), torch.tensor([0, 0, 1])
        >>> batch = FeatureBatch(rows[:, None], labels, num_classes=2, numbers=torch.arange(3))
        >>> round(group(batch)['loss_subclass_balanced'].item(), 4)  # SupCon: a third of log(1 + 1/e) + log(2)
        0.3355
        >>> term.subclasses.divide(rows, labels, batch.numbers)  # into images: attraction within the class alone
        >>> round(group(batch)['loss_subclass_balanced'].item(), 4)  # 0.2/3 (log(1 + exp(-1/tau)) + log(2)), tau = e^2
        0.0881
    """

    short_name = 'SBCL'
    normalised_projection = False

    def __init__(
        self,
        temperature: float = 0.1,
        coarse_weight: float = 0.2,
        least_size: int = 10,
        smoothing: float = 10.0,
        **options: Any,
    ) -> None:
        super().__init__(temperature, **{'loss_name': 'loss_subclass_balanced', **options})
        check_range('SubclassBalancedContrastiveLoss.coarse_weight', coarse_weight, 0)
        check_integer('SubclassBalancedContrastiveLoss.least_size', least_size, 1)
        check_positive('SubclassBalancedContrastiveLoss.smoothing', smoothing)
        self.coarse_weight, self.least_size, self.smoothing = coarse_weight, least_size, smoothing
        self.subclasses: Any = None  # Subclasses, from ``build`` on

    def build(self, num_classes: int, feature_dim: int) -> None:
        super().build(num_classes, feature_dim)
        self.subclasses = Subclasses(num_classes, self.least_size, self.temperature, self.smoothing)

    def directions_of(self, features: Tensor) -> Tensor:
        """Features (N, D) as the term compares them: projected, of norm 1."""
        return directions(self.projected(features))

    def value(self, batch: FeatureBatch) -> Tensor:
        if self.subclasses is None:
            raise not_built(self)
        if not self.subclasses.are_there or self.subclasses.are_of_pixels:
            return super().value(batch)
        own, most = self.subclasses.of_images(batch.numbers), self.subclasses.number
        labels = torch.where(batch.labels < 0, -1, batch.labels * most + sent(own, batch.labels.device))
        return super().value(FeatureBatch(batch.features, labels, batch.num_classes * most, valid=batch.valid))

    def losses(self, batch: FeatureBatch, rows: Tensor, labels: Tensor, own: Tensor) -> Tensor:
        known, number, classes = self.subclasses, batch.num_classes, labels
        if known.are_of_pixels:
            number, labels = known.number, known.of_pixels(rows, classes)
        elif known.are_there:
            classes = labels.div(known.number, rounding_mode='floor')
        fine = contrastive_losses(rows[own], labels[own], rows, labels, own, number, self.temperature)
        if not known.are_there:
            return fine
        samples = torch.arange(len(labels), device=labels.device) // batch.features.shape[1]
        compared = (labels[own][:, None] != labels) | (samples[own][:, None] == samples)
        temperatures = known.temperatures[classes[own].clamp(min=0)].to(rows.dtype)
        coarse = contrastive_losses(
            rows[own] / temperatures[:, None], classes[own], rows, classes, own, number, 1.0, compared=compared
        )
        return fine + self.coarse_weight * coarse
