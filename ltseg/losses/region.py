"""Losses on regions: of each class, how far what is predicted and what is labelled agree as a whole."""

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor

from ltseg.core.checks import check_positive, check_range
from ltseg.core.cross_entropy import check_soft_labels
from ltseg.core.regions import AdjustedRegions, RegionSums, tversky_losses
from ltseg.losses.class_sums import ClassSumsLoss
from ltseg.registry import MODELS
from ltseg.rules import Rule

__all__ = ['DiceLoss', 'JaccardLoss', 'RegionLoss', 'TverskyLoss']


class RegionLoss(ClassSumsLoss):
    """How far the regions that are predicted and labelled differ, for each class that is present::

        loss = mean_k w_k (1 - (TP_k + smooth) / (TP_k + alpha FP_k + beta FN_k + smooth))^exponent
        TP_k = (|p_k| + |y_k| - |p_k - y_k|) / 2,    FP_k = |p_k| - TP_k,    FN_k = |y_k| - TP_k

    |.| sums over pixels, p = softmax(z') with the biases, margins and scales of rules, and w is their weight
    (:class:`ltseg.core.adjustment.Adjustment`). What is predicted of an absent class does not count.

    A class is one term however few pixels it has. Where a class is not predicted at all, the gradient is close to 0
    (the softmax is saturated), so that such a loss goes with a cross entropy, e.g. three quarters and one quarter.

    It is no loss of single pixels: the one reduction is 'mean', and ``avg_factor`` does not count, because the mean is
    over classes. A sample weight is that of the pixel in the sums. Heads compute it without upsampled logits, in two
    passes over bands of rows (:mod:`ltseg.core.fused_regions`).

    Args:
        smooth: Pixels that are added to both sides of the fraction, at least 0.
        exponent: Above 0. Above 1, classes that are nearly right weigh less in the gradient, below 1 more.
        per: 'batch' sums over all pixels of the batch, of all processes with ``sync``; 'image' takes the mean over
            images of the loss of each alone.
        class_weight: None, one weight for each class, or the name of a scheme of :class:`ltseg.rules.Weighting`.
        rules: Further rules, or their configs.
        **options: As for :class:`ltseg.losses.logits_loss.LogitsLoss`, of classes where that has samples:
            ``average='weight'`` divides by the summed weights of the classes that are present, 'count' by their number.

    Raises:
        ValueError: If a reduction is not 'mean', or rules smooth labels, or have margins for soft ones.

    Source:
        Wang et al., Jaccard Metric Losses: Optimizing the Jaccard Index with Soft Labels, NeurIPS 2023, for the sums,
        with which soft labels have their minimum at p = y; a class is present in them if it has any share, where the
        released code has a threshold. Rules and sums over processes are ours.

    Example:
        >>> import torch
        >>> from ltseg.losses.region import RegionLoss
        >>> class MissedLoss(RegionLoss):
        ...     alpha, beta = 0.0, 1.0
        >>> logits = torch.tensor([[0.75, 0.25], [0.75, 0.25]]).log()
        >>> round(MissedLoss(smooth=0.0)(logits, torch.tensor([0, 1])).item(), 4)  # 1 minus the mean recall
        0.5
    """

    alpha: float  #: Weight of false positives.
    beta: float  #: Weight of false negatives.

    def __init__(
        self,
        smooth: float = 1e-3,
        exponent: float = 1.0,
        per: Literal['batch', 'image'] = 'batch',
        class_weight: Sequence[float] | str | None = None,
        rules: Sequence[Rule | dict] = (),
        **options: Any,
    ) -> None:
        super().__init__(per, class_weight, rules, **options)
        name = type(self).__name__
        check_range(f'{name}.smooth', smooth, 0)
        check_positive(f'{name}.exponent', exponent)
        self.smooth, self.exponent = smooth, exponent

    def prepare_regions(
        self, logits: Tensor, labels: Tensor, ignore_index: int, weight: Tensor | None = None
    ) -> AdjustedRegions:
        adjustment = self.adjustment(logits, labels, ignore_index)
        if labels.is_floating_point():
            check_soft_labels(type(self).__name__, adjustment)
        return AdjustedRegions(adjustment, ignore_index)

    def of_classes(self, sums: RegionSums, regions: AdjustedRegions) -> tuple[Tensor, Tensor]:
        return tversky_losses(sums, self.alpha, self.beta, self.smooth, self.exponent)


@MODELS.register_module()
class TverskyLoss(RegionLoss):
    """The Tversky index of each class as a loss, in its focal form::

        loss = mean_k w_k (1 - (TP_k + smooth) / (TP_k + alpha FP_k + beta FN_k + smooth))^exponent

    Args:
        alpha: Weight of false positives, at least 0.
        beta: Weight of false negatives, above 0. The larger it is, the higher recall is valued against precision.
        **options: As for :class:`RegionLoss`, which says what the terms are.

    Source:
        Salehi et al., Tversky loss function for image segmentation using 3D fully convolutional deep networks, MLMI
        2017, eq. 3; Abraham and Khan, A Novel Focal Tversky Loss Function With Improved Attention U-Net for Lesion
        Segmentation, ISBI 2019, whose 1 / gamma is ``exponent``.

    Example:
        >>> import torch
        >>> from ltseg.losses import TverskyLoss
        >>> loss, labels = TverskyLoss(smooth=0.0), torch.tensor([0, 0, 0, 1])  # of three classes
        >>> logits = torch.tensor([[0.5, 0.5, 0.0]] * 4).log()  # TP = 1.5, 0.5; FP = 0.5, 1.5; FN = 1.5, 0.5
        >>> round(loss(logits, labels).item(), 4)  # 1 - 1.5 / (1.5 + 0.15 + 1.05), 1 - 0.5 / (0.5 + 0.45 + 0.35)
        0.5299
    """

    short_name = 'Tversky'

    def __init__(self, alpha: float = 0.3, beta: float = 0.7, **options: Any) -> None:
        super().__init__(**{'loss_name': 'loss_tversky', **options})
        check_range('TverskyLoss.alpha', alpha, 0)
        check_positive('TverskyLoss.beta', beta)
        self.alpha, self.beta = alpha, beta


@MODELS.register_module()
class JaccardLoss(RegionLoss):
    """The Jaccard index (IoU) of each class as a loss, 1 minus the mean IoU for hard predictions::

        loss = mean_k w_k (1 - (TP_k + smooth) / (TP_k + FP_k + FN_k + smooth))^exponent

    Args:
        **options: As for :class:`RegionLoss`, which says what the terms are.

    Source:
        Wang et al., Jaccard Metric Losses: Optimizing the Jaccard Index with Soft Labels, NeurIPS 2023 (JML1).

    Example:
        >>> import torch
        >>> from ltseg.losses import JaccardLoss
        >>> loss, labels = JaccardLoss(smooth=0.0), torch.tensor([0, 0, 0, 1])
        >>> logits = torch.tensor([[0.5, 0.5, 0.0]] * 4).log()  # IoU = 1.5 / 3.5 and 0.5 / 2.5; class 2 is absent
        >>> round(loss(logits, labels).item(), 4)
        0.6857
    """

    short_name = 'Jaccard'
    alpha = beta = 1.0

    def __init__(self, **options: Any) -> None:
        super().__init__(**{'loss_name': 'loss_jaccard', **options})


@MODELS.register_module()
class DiceLoss(RegionLoss):
    """The Dice coefficient (F1) of each class as a loss, 1 minus the mean F1 for hard predictions::

        loss = mean_k w_k (1 - (2 TP_k + 2 smooth) / (2 TP_k + FP_k + FN_k + 2 smooth))^exponent

    Args:
        **options: As for :class:`RegionLoss`, which says what the terms are.

    Source:
        Milletari et al., V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image Segmentation, 3DV
        2016, section 3, where the denominator has squares; Wang et al., Dice Semimetric Losses: Optimizing the Dice
        Score with Soft Labels, MICCAI 2023 (DML1), which is this form.

    Example:
        >>> import torch
        >>> from ltseg.losses import DiceLoss
        >>> loss, labels = DiceLoss(smooth=0.0), torch.tensor([0, 0, 0, 1])
        >>> logits = torch.tensor([[0.5, 0.5, 0.0]] * 4).log()  # F1 = 3 / 5 and 1 / 3; class 2 is absent
        >>> round(loss(logits, labels).item(), 4)
        0.5333
    """

    short_name = 'Dice'
    alpha = beta = 0.5

    def __init__(self, **options: Any) -> None:
        super().__init__(**{'loss_name': 'loss_dice', **options})
