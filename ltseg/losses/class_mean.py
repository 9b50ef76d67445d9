"""What losses that are a mean over the classes present share, of each of which they see all pixels at once."""

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError
from ltseg.core.reduction import Reduction, reduce_losses
from ltseg.losses.ruled_loss import RuledLoss, weighting_rules
from ltseg.rules import Rule

__all__ = ['ClassMeanLoss']


class ClassMeanLoss(RuledLoss):
    """A loss that has one term for each class that is present in a region, an image or a batch, and no other samples.

    Args:
        per: 'batch' makes all pixels of the batch one region; 'image' takes the mean over images of the loss of each.
        class_weight: None, one weight for each class, or the name of a scheme of :class:`ltseg.rules.Weighting`.
        rules: Further rules, or their configs.
        **options: As for :class:`ltseg.losses.logits_loss.LogitsLoss`, of classes where that has samples:
            ``average='weight'`` divides by the summed weights of the classes that are present, 'count' by their number.

    Raises:
        ValueError: If a reduction is not 'mean', or rules smooth labels.

    Example:
        >>> import torch
        >>> from ltseg.losses.class_mean import ClassMeanLoss
        >>> class MissedLoss(ClassMeanLoss):  # 1 minus the mean recall
        ...     def reduced(self, logits, labels, weight, avg_factor, ignore_index, reduction):
        ...         own = torch.nn.functional.one_hot(labels, logits.shape[1])
        ...         recall = (logits.softmax(1) * own).sum(0, keepdim=True) / own.sum(0, keepdim=True)
        ...         return self.mean_of_classes(1 - recall, own.sum(0, keepdim=True) > 0, None)
        >>> logits = torch.tensor([[0.75, 0.25], [0.75, 0.25]]).log()
        >>> round(MissedLoss()(logits, torch.tensor([0, 1])).item(), 4)
        0.5
    """

    of_single_samples = False  # a term is that of a whole region

    def __init__(
        self,
        per: Literal['batch', 'image'] = 'batch',
        class_weight: Sequence[float] | str | None = None,
        rules: Sequence[Rule | dict] = (),
        **options: Any,
    ) -> None:
        super().__init__([*weighting_rules(class_weight), *rules], **options)
        check_choice(f'{type(self).__name__}.per', per, ('batch', 'image'))
        self.per = per
        self.check_reduction(self.reduction)

    def check_reduction(self, reduction: Reduction) -> None:
        """Raises ValueError unless it is 'mean'."""
        if reduction != 'mean':
            hint = "Leave reduction at 'mean', and give OHEMPixelSampler a thresh."
            expected = "reduction 'mean', as regions have no losses of single samples"
            raise InvalidValueError(type(self).__name__, expected, repr(reduction), hint)

    def adjustment(self, logits: Tensor, labels: Tensor, ignore_index: int) -> Adjustment:
        """As of every loss with rules, which must not smooth labels."""
        adjustment = super().adjustment(logits, labels, ignore_index)
        if adjustment.smoothing is not None and not labels.is_floating_point():
            hint = 'Remove the rule that smooths labels.'
            raise InvalidValueError(type(self).__name__, 'rules that leave labels alone', 'label smoothing', hint)
        return adjustment

    def refuse_soft_labels(self, labels: Tensor, why: str) -> None:
        """For losses without a formula for them: raises ValueError if labels are probabilities."""
        if labels.is_floating_point():
            hint = 'Train without mixed labels, or with ltseg.JaccardLoss, which has a formula for them.'
            raise InvalidValueError(type(self).__name__, f'class indices, {why}', 'soft labels', hint)

    def mean_of_classes(self, losses: Tensor, present: Tensor, class_weight: Tensor | None) -> Tensor:
        """The loss before its factor.

        Args:
            losses: Of each region and class, (R, K).
            present: Which of them count, (R, K).
            class_weight: (K,), None for 1.
        """
        shares = present.to(losses.dtype)
        weighted = shares if class_weight is None else shares * class_weight
        normaliser = (weighted if self.average == 'weight' else shares).sum(1)
        of_regions = (losses * weighted).sum(1) / normaliser.where(normaliser > 0, 1.0)
        return reduce_losses(of_regions, present.any(1).sum(), sync=self.sync)
