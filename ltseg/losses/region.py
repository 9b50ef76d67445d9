"""Losses on regions: of each class, how far what is predicted and what is labelled agree as a whole."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.checks import check_choice, check_positive, check_range
from ltseg.core.collectives import summed
from ltseg.core.cross_entropy import adjusted_logits, check_soft_labels
from ltseg.core.errors import InvalidValueError
from ltseg.core.reduction import Reduction, reduce_losses
from ltseg.core.regions import RegionSums, tversky_losses
from ltseg.losses.ruled_loss import RuledLoss, weighting_rules
from ltseg.registry import MODELS
from ltseg.rules import Rule

__all__ = ['DiceLoss', 'JaccardLoss', 'TverskyLoss']


@MODELS.register_module()
class TverskyLoss(RuledLoss):
    """The Tversky index of each class as a loss, in its focal form::

        loss = mean_k w_k (1 - (TP_k + smooth) / (TP_k + alpha FP_k + beta FN_k + smooth))^exponent
        TP_k = (|p_k| + |y_k| - |p_k - y_k|) / 2,    FP_k = |p_k| - TP_k,    FN_k = |y_k| - TP_k

    over the classes k that are present; |.| sums over pixels, p = softmax(z') with the biases, margins and scales of
    rules (:class:`ltseg.core.adjustment.Adjustment`), w is their weight. What is predicted of an absent class does not
    count. For hard labels and predictions with ``alpha=beta=1``, the loss is 1 minus the mean IoU of these classes.

    A class is one term however few pixels it has. Where a class is not predicted at all, the gradient is close to 0
    (the softmax is saturated), so that such a loss goes with a cross entropy, e.g. three quarters and one quarter.

    It is no loss of single pixels: heads compute it, and all losses beside it, from upsampled logits (``fused`` has no
    effect), and the one reduction is 'mean'. ``avg_factor`` does not count, because the mean is over classes. A sample
    weight is that of the pixel in the sums.

    Args:
        alpha: Weight of false positives, at least 0.
        beta: Weight of false negatives, above 0. The larger it is, the higher recall is valued against precision.
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
        Salehi et al., Tversky loss function for image segmentation using 3D fully convolutional deep networks, MLMI
        2017, eq. 3; Abraham and Khan, A Novel Focal Tversky Loss Function With Improved Attention U-Net for Lesion
        Segmentation, ISBI 2019, whose 1 / gamma is ``exponent``. The sums are those of Wang et al., Jaccard Metric
        Losses, NeurIPS 2023, with which soft labels have their minimum at p = y; a class is present in them if it has
        any share, where the released code of that paper has a threshold. Rules and sums over processes are ours.

    Example:
        >>> import torch
        >>> from ltseg.losses import TverskyLoss
        >>> loss, labels = TverskyLoss(smooth=0.0), torch.tensor([0, 0, 0, 1])  # of three classes
        >>> logits = torch.tensor([[0.5, 0.5, 0.0]] * 4).log()  # TP = 1.5, 0.5; FP = 0.5, 1.5; FN = 1.5, 0.5
        >>> round(loss(logits, labels).item(), 4)  # 1 - 1.5 / (1.5 + 0.15 + 1.05), 1 - 0.5 / (0.5 + 0.45 + 0.35)
        0.5299
    """

    short_name = 'Tversky'
    of_single_samples = False  # the sums are those of whole regions

    def __init__(
        self,
        alpha: float = 0.3,
        beta: float = 0.7,
        smooth: float = 1e-3,
        exponent: float = 1.0,
        per: Literal['batch', 'image'] = 'batch',
        class_weight: Sequence[float] | str | None = None,
        rules: Sequence[Rule | dict] = (),
        **options: Any,
    ) -> None:
        super().__init__([*weighting_rules(class_weight), *rules], **{'loss_name': 'loss_tversky', **options})
        name = type(self).__name__
        check_range(f'{name}.alpha', alpha, 0)
        check_positive(f'{name}.beta', beta)
        check_range(f'{name}.smooth', smooth, 0)
        check_positive(f'{name}.exponent', exponent)
        check_choice(f'{name}.per', per, ('batch', 'image'))
        self.alpha, self.beta, self.smooth, self.exponent, self.per = alpha, beta, smooth, exponent, per
        self._check_reduction(self.reduction)

    def reduced(
        self,
        logits: Tensor,
        labels: Tensor,
        weight: Tensor | None,
        avg_factor: float | Tensor | None,
        ignore_index: int,
        reduction: Reduction,
    ) -> Tensor:
        self._check_reduction(reduction)
        adjustment = self.adjustment(logits, labels, ignore_index)
        sums = self._sums(logits, labels, weight, ignore_index, adjustment)
        if self.per == 'batch':
            total = sums.total()
            sums = RegionSums(*summed(torch.stack(total))) if self.sync else total
        losses, present = tversky_losses(sums, self.alpha, self.beta, self.smooth, self.exponent)
        shares = present.to(losses.dtype)
        weighted = shares if adjustment.weight is None else shares * adjustment.weight
        normaliser = (weighted if self.average == 'weight' else shares).sum(1)
        of_regions = (losses * weighted).sum(1) / normaliser.where(normaliser > 0, 1.0)
        return reduce_losses(of_regions, present.any(1).sum(), sync=self.sync)

    def _sums(
        self, logits: Tensor, labels: Tensor, weight: Tensor | None, ignore_index: int, adjustment: Adjustment
    ) -> RegionSums:
        """The sums of each image under the softmax of the adjusted logits."""
        soft = labels.is_floating_point()
        if soft:
            check_soft_labels(type(self).__name__, adjustment)
        elif adjustment.smoothing is not None:
            hint = 'Remove the rule that smooths labels.'
            raise InvalidValueError(type(self).__name__, 'rules that leave labels alone', 'label smoothing', hint)
        ignored = torch.zeros_like(labels[:, 0], dtype=torch.bool) if soft else labels == ignore_index  # (N, *)
        labels = labels if soft else labels.masked_fill(ignored, 0)
        # Logits of ignored pixels may be anything, and where all are ignored, biases may be -inf: 0 * nan is nan.
        adjusted = adjusted_logits(logits, labels, adjustment).masked_fill(ignored.unsqueeze(1), 0)
        weights = (~ignored).to(logits.dtype)
        return RegionSums.of(adjusted.softmax(1), labels, weights if weight is None else weights * weight.to(weights))

    def _check_reduction(self, reduction: Reduction) -> None:
        if reduction != 'mean':
            hint = "Leave reduction at 'mean', and give OHEMPixelSampler a thresh."
            expected = "reduction 'mean', as regions have no losses of single samples"
            raise InvalidValueError(type(self).__name__, expected, repr(reduction), hint)


@MODELS.register_module()
class JaccardLoss(TverskyLoss):
    """The Jaccard index (IoU) of each class as a loss: :class:`TverskyLoss` with alpha = beta = 1::

        loss = mean_k w_k (1 - (TP_k + smooth) / (TP_k + FP_k + FN_k + smooth))^exponent

    Args:
        **options: As for :class:`TverskyLoss`, without ``alpha`` and ``beta``.

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

    def __init__(self, **options: Any) -> None:
        super().__init__(1.0, 1.0, **{'loss_name': 'loss_jaccard', **options})


@MODELS.register_module()
class DiceLoss(TverskyLoss):
    """The Dice coefficient (F1) of each class as a loss: :class:`TverskyLoss` with alpha = beta = 1/2::

        loss = mean_k w_k (1 - (2 TP_k + 2 smooth) / (2 TP_k + FP_k + FN_k + 2 smooth))^exponent

    Args:
        **options: As for :class:`TverskyLoss`, without ``alpha`` and ``beta``.

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

    def __init__(self, **options: Any) -> None:
        super().__init__(0.5, 0.5, **{'loss_name': 'loss_dice', **options})
