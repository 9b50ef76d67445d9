"""Losses by the names of their papers: each is :class:`LongTailLoss` with the paper's rules and defaults."""

from collections.abc import Sequence
from typing import Any, Literal

from ltseg.core.checks import check_range
from ltseg.losses.long_tail_loss import LongTailLoss
from ltseg.registry import MODELS
from ltseg.rules import ClassWeights, LabelSmoothing, PriorBias, Temperature, Weighting
from ltseg.rules.rule import Rule

__all__ = [
    'BalancedSoftmaxLoss',
    'CDTLoss',
    'ClassBalancedLoss',
    'CrossEntropyLoss',
    'FocalLoss',
    'LabelAwareSmoothingLoss',
    'LogitAdjustedLoss',
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
    """

    short_name = 'cross entropy'

    def __init__(
        self, class_weight: Sequence[float] | str | None = None, label_smoothing: float = 0.0, **options: Any
    ) -> None:
        rules: list[Rule] = []
        if isinstance(class_weight, str):
            rules.append(Weighting(scheme=class_weight))  # type: ignore[arg-type]
        elif class_weight is not None:
            rules.append(ClassWeights(weights=tuple(class_weight)))
        check_range('CrossEntropyLoss.label_smoothing', label_smoothing, 0, 1)
        if label_smoothing:
            rules.append(LabelSmoothing(head=label_smoothing, tail=label_smoothing))
        super().__init__(rules, **{'loss_name': 'loss_ce', **options})


@MODELS.register_module()
class BalancedSoftmaxLoss(LongTailLoss):
    """Balanced softmax: cross entropy of ``z + log n``, n the counts of the data set.

    Source:
        Ren et al., Balanced Meta-Softmax for Long-Tailed Visual Recognition, NeurIPS 2020, eq. 3.
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
    """

    short_name = 'VS'

    def __init__(self, gamma: float = 0.3, tau: float = 1.0, **options: Any) -> None:
        rules = [Temperature(gamma=gamma), PriorBias(tau=tau)]
        super().__init__(rules, **{'loss_name': 'loss_vs', **options})


@MODELS.register_module()
class FocalLoss(LongTailLoss):
    """Focal loss in its softmax form: ``-(1 - p_y)^gamma log p_y``.

    Args:
        gamma: Exponent; 0 is cross entropy.

    Source:
        Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. 4, without its alpha.
    """

    short_name = 'focal'

    def __init__(self, gamma: float = 2.0, **options: Any) -> None:
        super().__init__(focusing=gamma, **{'loss_name': 'loss_focal', **options})


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
    """

    short_name = 're-weighting'

    def __init__(self, scheme: str = 'inverse', rho: float = 1.0, **options: Any) -> None:
        rules = [Weighting(scheme=scheme, rho=rho)]  # type: ignore[arg-type]
        super().__init__(rules, **{'loss_name': 'loss_reweighted', **options})


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
    """

    short_name = 'label-aware smoothing'

    def __init__(
        self, head: float = 0.4, tail: float = 0.1, shape: str = 'concave', exclude_true: bool = False, **options: Any
    ) -> None:
        rules = [LabelSmoothing(head=head, tail=tail, shape=shape, exclude_true=exclude_true)]  # type: ignore[arg-type]
        super().__init__(rules, **{'loss_name': 'loss_label_aware_smoothing', **options})
