"""Losses by the names of their papers: each is :class:`LongTailLoss` with the paper's rules and defaults."""

from collections.abc import Sequence
from typing import Any, Literal

from ltseg.core.checks import check_range
from ltseg.losses.long_tail_loss import LongTailLoss
from ltseg.losses.ruled_loss import weighting_rules
from ltseg.registry import MODELS
from ltseg.rules import LabelSmoothing, MissRateWeighting, PriorBias, Temperature, Weighting

__all__ = [
    'BalancedSoftmaxLoss',
    'CDTLoss',
    'ClassBalancedLoss',
    'CrossEntropyLoss',
    'DifficultyBalancedLoss',
    'FocalLoss',
    'LabelAwareSmoothingLoss',
    'LogitAdjustedLoss',
    'RecallLoss',
    'ReweightedLoss',
    'VSLoss',
]


@MODELS.register_module()
class CrossEntropyLoss(LongTailLoss):
    """Cross entropy, with class weights that ignored pixels do not break::

        loss = -w_y log softmax(z)_y

    Args:
        class_weight: None, one weight for each class, or the name of a scheme of :class:`ltseg.rules.Weighting`.
        label_smoothing: Share of each label that is spread evenly over all classes.
        average: 'weight' (the default, as in torch) divides by the summed class weights.

    Example:
        >>> import torch
        >>> from ltseg.losses import CrossEntropyLoss
        >>> logits = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.5, 0.5]]).log()
        >>> labels = torch.tensor([0, 1, 255])
        >>> loss = CrossEntropyLoss(class_weight=[1.0, 3.0], ignore_index=255)
        >>> round(loss(logits, labels).item(), 4)  # (-log 0.9 - 3 log 0.2) / (1 + 3)
        1.2334
    """

    short_name = 'cross entropy'

    def __init__(
        self, class_weight: Sequence[float] | str | None = None, label_smoothing: float = 0.0, **options: Any
    ) -> None:
        rules = weighting_rules(class_weight)
        check_range('CrossEntropyLoss.label_smoothing', label_smoothing, 0, 1)
        if label_smoothing:
            rules.append(LabelSmoothing(head=label_smoothing, tail=label_smoothing))
        super().__init__(rules, **{'loss_name': 'loss_ce', **options})


@MODELS.register_module()
class BalancedSoftmaxLoss(LongTailLoss):
    """Balanced softmax: cross entropy of ``z + log n``, n the counts of the data set.

    Source:
        Ren et al., Balanced Meta-Softmax for Long-Tailed Visual Recognition, NeurIPS 2020, eq. 3.

    Example:
        >>> import torch
        >>> from ltseg.losses import BalancedSoftmaxLoss
        >>> loss, labels = BalancedSoftmaxLoss(counts=[90, 10]), torch.tensor([0, 1])
        >>> loss(torch.zeros(2, 2), labels, reduction_override='none').exp()  # equal logits: 100 / 90, 100 / 10
        tensor([ 1.1111, 10.0000])
    """

    short_name = 'balanced softmax'

    def __init__(self, **options: Any) -> None:
        super().__init__([PriorBias()], **{'loss_name': 'loss_balanced_softmax', **options})


@MODELS.register_module()
class LogitAdjustedLoss(LongTailLoss):
    """Logit-adjusted cross entropy: cross entropy of ``z + tau log(prior)``.

    Post-hoc adjustment has the opposite sign and is for models trained without this loss.

    Args:
        tau: Strength; 1 is balanced softmax, 0 is cross entropy.

    Source:
        Menon et al., Long-Tail Learning via Logit Adjustment, ICLR 2021, eq. 10.

    Example:
        >>> import torch
        >>> from ltseg.losses import LogitAdjustedLoss
        >>> for tau in (0, 0.5, 1):  # log 2 as cross entropy, log(1 + sqrt 9), log(1 + 9)
        ...     loss = LogitAdjustedLoss(tau=tau, counts=[90, 10])
        ...     print(round(loss(torch.zeros(1, 2), torch.tensor([1])).exp().item(), 2))
        2.0
        4.0
        10.0
    """

    short_name = 'logit adjusted'

    def __init__(self, tau: float = 1.0, **options: Any) -> None:
        super().__init__([PriorBias(tau=tau)], **{'loss_name': 'loss_logit_adjusted', **options})


@MODELS.register_module()
class CDTLoss(LongTailLoss):
    """Class-dependent temperatures: cross entropy of ``(n_k / n_max)^gamma z_k``.

    Args:
        gamma: Exponent; 0 is cross entropy.

    Source:
        Ye et al., Identifying and Compensating for Feature Deviation in Imbalanced Deep Learning, arXiv 2001.01385.

    Example:
        >>> import torch
        >>> from ltseg.losses import CDTLoss
        >>> loss = CDTLoss(gamma=0.5, counts=[16, 1])
        >>> loss.rules[0](loss.counts.filled).scale.tolist()  # 1, (1 / 16)^(1/2)
        [1.0, 0.25]
        >>> value = loss(torch.tensor([[0.0, 4.0]]), torch.tensor([1]))
        >>> round(value.item(), 4)  # log(1 + e^-1): the rare class's logit of 4 counts as 1
        0.3133
    """

    short_name = 'CDT'

    def __init__(self, gamma: float = 0.3, **options: Any) -> None:
        super().__init__([Temperature(gamma=gamma)], **{'loss_name': 'loss_cdt', **options})


@MODELS.register_module()
class VSLoss(LongTailLoss):
    """Vector scaling: cross entropy of ``(n_k / n_max)^gamma z_k + tau log(prior_k)``.

    Args:
        gamma: Exponent of the temperatures; 0 is the logit-adjusted loss.
        tau: Strength of the prior; 0 is CDT.

    Source:
        Kini et al., Label-Imbalanced and Group-Sensitive Classification under Overparameterization, NeurIPS 2021,
        eq. 2.

    Example:
        >>> import torch
        >>> from ltseg.losses import VSLoss
        >>> logits, label = torch.tensor([[0.0, 4.0]]), torch.tensor([1])
        >>> loss = VSLoss(gamma=0.5, tau=1.0, counts=[16, 1])
        >>> round(loss(logits, label).item(), 4)  # z' = 0, 4 / 4 - log 16: log(1 + 16 / e)
        1.9295
        >>> round(VSLoss(gamma=0.0, tau=0.0, counts=[16, 1])(logits, label).item(), 4)  # cross entropy, log(1 + e^-4)
        0.0181
    """

    short_name = 'VS'

    def __init__(self, gamma: float = 0.3, tau: float = 1.0, **options: Any) -> None:
        rules = [Temperature(gamma=gamma), PriorBias(tau=tau)]
        super().__init__(rules, **{'loss_name': 'loss_vs', **options})


@MODELS.register_module()
class FocalLoss(LongTailLoss):
    """Focal loss in its softmax form: ``-(1 - p_y)^gamma log p_y``.

    With ``keep_mean`` it is ``-(1 - p_y)^gamma log p_y / Z``, with Z such that the sum over a batch is that of cross
    entropy: weight moves from easy samples to hard ones, and the loss does not become small. Z has no gradient.

    Args:
        gamma: Exponent; 0 is cross entropy.
        keep_mean: Whether there is Z. Heads without upsampled logits then compute two losses.

    Source:
        Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. 4, without its alpha. Z is that of Zheng et
        al., Foreground-Aware Relation Network (FarSeg), CVPR 2020, section 3.3, whose code sends no gradient through
        (1 - p_y)^gamma either, and goes from cross entropy to this loss in the course of training.

    Example:
        >>> import torch
        >>> from ltseg.losses import FocalLoss
        >>> logits = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).log()
        >>> labels = torch.tensor([0, 0])
        >>> FocalLoss()(logits, labels, reduction_override='none')  # -0.1^2 log 0.9, and -0.9^2 log 0.1
        tensor([1.0536e-03, 1.8651e+00])
        >>> FocalLoss(keep_mean=True)(logits, labels, reduction_override='none')  # the same, times 1.2903
        tensor([1.3595e-03, 2.4066e+00])
    """

    short_name = 'focal'

    def __init__(self, gamma: float = 2.0, keep_mean: bool = False, **options: Any) -> None:
        super().__init__(focusing=gamma, keep_mean=keep_mean, **{'loss_name': 'loss_focal', **options})


@MODELS.register_module()
class ClassBalancedLoss(LongTailLoss):
    """Weights by the inverse effective number of samples, on cross entropy or focal loss.

    Effective numbers of pixel counts saturate (a warning says so); use ``beta='1-1/N'`` for segmentation.

    Args:
        beta: In [0, 1], or '1-1/N' with N the number of samples.
        focusing: Exponent of the focal factor.
        average: 'count' (the default, as in the paper's code) divides by the number of samples.

    Source:
        Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, eq. 2 and section 4.

    Example:
        >>> import torch
        >>> from ltseg.losses import ClassBalancedLoss
        >>> for beta in (0.0, 0.9, 1.0):  # from equal weights to 1 / n, which are 0.2 and 1.8
        ...     loss = ClassBalancedLoss(beta=beta, counts=[90, 10])
        ...     losses = loss(torch.zeros(2, 2), torch.tensor([0, 1]), reduction_override='none')
        ...     print(losses / torch.log(torch.tensor(2.0)))
        tensor([1., 1.])
        tensor([0.7889, 1.2111])
        tensor([0.2000, 1.8000])
    """

    short_name = 'class-balanced'

    def __init__(self, beta: float | Literal['1-1/N'] = 0.9999, focusing: float = 0.0, **options: Any) -> None:
        rules = [Weighting(scheme='effective_number', beta=beta)]
        super().__init__(rules, focusing, **{'average': 'count', 'loss_name': 'loss_class_balanced', **options})


@MODELS.register_module()
class ReweightedLoss(LongTailLoss):
    """Cross entropy with class weights by a scheme of :class:`ltseg.rules.Weighting`.

    Args:
        scheme: 'inverse', 'sqrt_inverse', 'median_frequency', 'enet', 'generalized' or 'effective_number'.
        rho: Exponent of 'generalized'.

    Example:
        >>> import torch
        >>> from ltseg.losses import ReweightedLoss
        >>> for scheme in ('inverse', 'sqrt_inverse'):  # ratios of 9 and 3; every scheme sums to K = 2
        ...     loss = ReweightedLoss(scheme, counts=[90, 10])
        ...     print([round(weight, 4) for weight in loss.rules[0](loss.counts.filled).weight.tolist()])
        [0.2, 1.8]
        [0.5, 1.5]
    """

    short_name = 're-weighting'

    def __init__(self, scheme: str = 'inverse', rho: float = 1.0, **options: Any) -> None:
        rules = [Weighting(scheme=scheme, rho=rho)]  # type: ignore[arg-type]
        super().__init__(rules, **{'loss_name': 'loss_reweighted', **options})


@MODELS.register_module()
class RecallLoss(LongTailLoss):
    """Weights by the share of each class that the model missed in the last batches: ``-(1 - R_y) log p_y``.

    R is the running recall of :class:`ltseg.counts.running_recall.RunningRecall`, a part of checkpoints. The first
    batch has no weights.

    Deviations: the weights are those of the batches before, where the paper has those of the batch itself, so that no
    upsampled logits are needed, and a class that a batch lacks keeps its weight.

    Args:
        average: 'count' (the default, as in the paper's code) divides by the number of samples.
        momentum: Of the recall; 0 takes that of the last batch with the class.

    Source:
        Tian et al., Striking the Right Balance: Recall Loss for Semantic Segmentation, ICRA 2022.

    Example:
        >>> import torch
        >>> from ltseg.losses import RecallLoss
        >>> loss, labels = RecallLoss(), torch.tensor([0, 0, 1, 1])
        >>> logits = torch.tensor([[4.0, 0.0], [0.0, 1.0], [4.0, 0.0], [1.0, 0.0]])  # one of two right, and none
        >>> before, after = (loss(logits, labels, reduction_override='none') for _ in range(2))
        >>> after / before
        tensor([0.5000, 0.5000, 1.0000, 1.0000])
    """

    short_name = 'recall loss'

    def __init__(self, **options: Any) -> None:
        rules = [MissRateWeighting()]
        super().__init__(rules, **{'average': 'count', 'momentum': 0.9, 'loss_name': 'loss_recall', **options})


@MODELS.register_module()
class DifficultyBalancedLoss(LongTailLoss):
    """Class-wise difficulty-balanced (CDB) loss: ``-w_y log p_y``, ``w_k ~ (1 - R_k)^tau`` scaled to sum to K.

    R is the running recall of :class:`ltseg.counts.running_recall.RunningRecall`, a part of checkpoints. The first
    batch has no weights.

    Deviations: the paper has the accuracies on validation data after each epoch, here they are those of the training
    batches before this one, unless ``ltseg.ValidationRecall`` is there; no weight becomes 0.

    Args:
        tau: Exponent, at least 0, or 'dynamic'; see :class:`ltseg.rules.MissRateWeighting`.
        average: 'count' (the default, as in the paper's code for CIFAR) divides by the number of samples.
        momentum: Of the recall; 0 takes that of the last batch with the class.

    Source:
        Sinha et al., Class-Wise Difficulty-Balanced Loss for Solving Class-Imbalance, ACCV 2020.

    Example:
        >>> import torch
        >>> from ltseg.losses import DifficultyBalancedLoss
        >>> loss, labels = DifficultyBalancedLoss(tau=2.0), torch.tensor([0, 0, 1, 1])
        >>> logits = torch.tensor([[4.0, 0.0], [0.0, 1.0], [4.0, 0.0], [1.0, 0.0]])  # one of two right, and none
        >>> before, after = (loss(logits, labels, reduction_override='none') for _ in range(2))
        >>> after / before  # 1 / 4 and 1, times 2 / (1 / 4 + 1)
        tensor([0.4000, 0.4000, 1.6000, 1.6000])
    """

    short_name = 'difficulty-balanced'

    def __init__(self, tau: float | Literal['dynamic'] = 'dynamic', **options: Any) -> None:
        rules = [MissRateWeighting(tau=tau, normalised=True)]
        super().__init__(rules, **{'average': 'count', 'loss_name': 'loss_difficulty_balanced', **options})


@MODELS.register_module()
class LabelAwareSmoothingLoss(LongTailLoss):
    """Label smoothing that grows with the count of the label's class; see :class:`ltseg.rules.LabelSmoothing`.

    Args:
        head: Smoothing of the most frequent class.
        tail: Smoothing of the rarest class.
        shape: 'concave', 'linear', 'convex' or 'exponential'.
        exclude_true: Spread over the other classes only, as the paper's text has it.

    Source:
        Zhong et al., Improving Calibration for Long-Tailed Recognition (MiSLAS), CVPR 2021, eq. 5-8.

    Example:
        >>> import torch
        >>> from ltseg.losses import LabelAwareSmoothingLoss
        >>> loss = LabelAwareSmoothingLoss(head=0.4, tail=0.1, counts=[100, 10])
        >>> certain, labels = torch.tensor([[4.0, 0.0], [0.0, 4.0]]), torch.tensor([0, 1])
        >>> loss(certain, labels, reduction_override='none')  # log(1 + e^-4) + 4 e_y / 2, more for the head
        tensor([0.8181, 0.2181])
    """

    short_name = 'label-aware smoothing'

    def __init__(
        self, head: float = 0.4, tail: float = 0.1, shape: str = 'concave', exclude_true: bool = False, **options: Any
    ) -> None:
        rules = [LabelSmoothing(head=head, tail=tail, shape=shape, exclude_true=exclude_true)]  # type: ignore[arg-type]
        super().__init__(rules, **{'loss_name': 'loss_label_aware_smoothing', **options})
