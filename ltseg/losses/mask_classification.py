"""The classification loss of models that predict masks with a class each, such as Mask2Former."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.errors import InvalidValueError
from ltseg.counts.class_counts import ClassCounts, Unit
from ltseg.losses.long_tail_loss import LongTailLoss
from ltseg.registry import MODELS
from ltseg.rules import ClassWeights, Rule

__all__ = ['MaskClassificationLoss']


@MODELS.register_module()
class MaskClassificationLoss(LongTailLoss):
    """Rules for the classes of queries, of which most predict no object: class K, the last of K + 1 logits.

    A sample is a query. One with an object has the class of a segment, and a ground truth for semantic segmentation has
    one segment for each class in an image. So counts of a data set are those of the *images* with a class, and
    ``counts='batch'`` are the queries of each class. "No object" has no count and is left out of the rules: they leave
    its logit and its loss as they are, which is how :class:`ltseg.rules.PriorBias` treats the most frequent class. Its
    weight is the last of ``class_weight``.

    It stands as ``loss_cls`` in MMSegmentation's MaskFormerHead and Mask2FormerHead, and in ``loss_decode`` of its SAN.
    Without rules it is the cross entropy that they have by default.

    Args:
        class_weight: K + 1 weights. The heads read them from the config, too, for the normaliser that they hand over
            and that ``average='weight'`` (the default) does not need.
        rules: Rules, or their configs.
        focusing: Exponent of the focal factor.
        **options: As for :class:`ltseg.losses.logits_loss.LogitsLoss`. A list of ``counts`` has K numbers.
            ``loss_name`` is the one that SAN asks for.

    Raises:
        ValueError: If a weight is below 0, or a rule is undefined at zero counts, which these ``counts`` may hold.

    Source:
        Cheng et al., Per-Pixel Classification is Not All You Need for Semantic Segmentation (MaskFormer), NeurIPS 2021,
        section 3.2, for the classification term, and 4.1, for the weight of "no object". Rules in it are ours.

    Example:
        >>> import torch
        >>> from ltseg.losses import MaskClassificationLoss
        >>> weights, rules = [1.0, 1.0, 0.1], [dict(type='ltseg.PriorBias')]
        >>> loss = MaskClassificationLoss(weights, rules, counts=[90, 10])  # images with class 0, with class 1
        >>> queries, labels = torch.zeros(3, 3), torch.tensor([0, 1, 2])  # the third has no object
        >>> p = loss(queries, labels, reduction_override='none').div(torch.tensor(weights)).neg().exp()
        >>> p / p[0]  # "no object" is as likely as the class of 90 images
        tensor([1.0000, 0.1111, 1.0000])
    """

    short_name = 'mask classification'
    unit: Unit = 'images'

    def __init__(
        self, class_weight: Sequence[float], rules: Sequence[Rule | dict] = (), focusing: float = 0.0, **options: Any
    ) -> None:
        super().__init__(rules, focusing, **{'loss_name': 'loss_cls_ce', **options})
        if not isinstance(class_weight, list | tuple):
            hint = 'E.g. [1.0] * K + [0.1] for K classes; class weights by a scheme are rules.'
            expected = 'a weight of each class and of "no object"'
            raise InvalidValueError('MaskClassificationLoss.class_weight', expected, repr(class_weight), hint)
        self.class_weight = ClassWeights(weights=tuple(class_weight))

    def adjustment(self, logits: Tensor, labels: Tensor, ignore_index: int) -> Adjustment:
        number = logits.shape[1]
        weights = self._of_rule(-1, self.class_weight, ClassCounts(labels.new_zeros(number, dtype=torch.int64)))
        soft = labels.is_floating_point()
        of_classes = labels[:, :-1] if soft else labels.where(labels != number - 1, ignore_index)
        adjustment = super().adjustment(logits[:, :-1], of_classes, ignore_index)
        return adjustment.with_neutral_class() & weights.to(logits.device, logits.dtype)

    def outcomes(self, logits: Tensor, labels: Tensor, ignore_index: int) -> Tensor:
        return super().outcomes(logits, labels, ignore_index)[:, :-1]
