"""All figures of neural collapse of one model at one time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ltseg.core.class_sample import ClassSample
from ltseg.core.class_statistics import ClassStatistics
from ltseg.core.collapse import (
    balance,
    centred,
    equiangularity,
    nearest_mean_disagreement,
    relative_products,
    self_duality_gap,
    simplex_angle,
    within_class_variability,
)
from ltseg.core.geometry import directions
from ltseg.core.precision import widened
from ltseg.core.shares import shares_of

__all__ = ['CollapseSummary', 'angles', 'collapse_summary']


def angles(vectors: Tensor) -> Tensor:
    """Angles of all pairs of ``vectors`` (K, D) in degrees, (K, K), 0 on the diagonal; nan for vectors of length 0."""
    unit = directions(widened(vectors.detach()))
    found = (unit @ unit.T).clamp(-1, 1).arccos().rad2deg().fill_diagonal_(0)
    known = unit.any(1)
    return torch.where(known & known[:, None], found, torch.nan)


@dataclass(frozen=True, eq=False)
class CollapseSummary:
    """Figures over all classes by name, and figures of each class.

    Those of means are over the classes that occur; with fewer than two they are missing.

    Args:
        figures: Numbers by name:

            ``nc1``, ``nc1_class_averaged``                    within-class variability; every sample, or every class,
                                                               with the same weight
            ``nc2_means_norm_variation``, ``..._cosine_deviation``, ``..._simplex_gap``, ``..._least_angle``
                                                               of class means seen from their mean
            ``nc2_classifier_...``                             the same of class vectors seen from their mean
            ``nc3_self_duality``                               gap between classifier and class means
            ``nc4_disagreement``                               share of samples whose nearest class mean is another
                                                               class than the classifier's
            ``balance_product``, ``balance_angle``, ``balance_length``
                                                               B_D, B_A and B_L of the class vectors
        optimal_angle: Of a simplex, in degrees.
        present: Whether each class has samples, (K,) bool.
        classes: Numbers of each class by name, (K,) with nan for absent classes: ``mean_norm`` (from the mean
            of class means), ``classifier_norm``, ``variance`` (mean squared distance from the class mean),
            ``disagreement`` (NC4), ``self_duality`` (cosine of class vector and class mean).
        matrices: Of all pairs of classes, (K, K): ``mean_angles``, ``classifier_angles``, both seen from their
            mean, and ``relative_products``, ARB-Loss' M.

    Example:
        >>> import torch
        >>> from ltseg.core.class_sample import ClassSample
        >>> from ltseg.core.class_statistics import ClassStatistics
        >>> from ltseg.core.collapse_summary import collapse_summary
        >>> rows, labels = torch.eye(3).repeat(2, 1), torch.arange(3).repeat(2)  # fully collapsed
        >>> sample = ClassSample.of(rows, labels, predictions=labels, per_class=2)
        >>> summary = collapse_summary(ClassStatistics.of(rows, labels, 3), sample, classifier=torch.eye(3))
        >>> figures = summary.figures
        >>> figures['nc1'], round(figures['nc2_means_least_angle'], 4), figures['nc4_disagreement']
        (0.0, 120.0, 0.0)
    """

    figures: Mapping[str, float]
    optimal_angle: float
    present: Tensor
    classes: Mapping[str, Tensor] = field(default_factory=dict)
    matrices: Mapping[str, Tensor] = field(default_factory=dict)


def collapse_summary(
    statistics: ClassStatistics, sample: ClassSample, classifier: Tensor | None = None, literal: bool = False
) -> CollapseSummary:
    """All figures of :mod:`ltseg.core.collapse`.

    Args:
        statistics: Of all features.
        sample: Of the same features. What needs the class means first is computed from it, each class weighted by its
            share of all samples: exact where the sample is all.
        classifier: Class vectors (K, D), or None where there are none.
        literal: Whether B_D and B_A have the normaliser printed in the paper, see :func:`ltseg.core.collapse.balance`.
    """
    number = len(statistics.counts)
    present = statistics.counts > 0
    figures: dict[str, float] = {}
    classes = {'variance': statistics.variances}
    matrices = {}
    if present.sum() > 1:
        means = statistics.present_means
        within = torch.stack([statistics.within, _class_averaged_within(statistics, sample)])
        figures |= zip(('nc1', 'nc1_class_averaged'), within_class_variability(within, means).tolist(), strict=True)
        figures |= _equiangular('means', centred(means))
        from_centre = centred(statistics.means, means.mean(0)).masked_fill(~present[:, None], 0)
        classes['mean_norm'] = from_centre.norm(dim=1).masked_fill(~present, torch.nan)
        matrices['mean_angles'] = angles(from_centre)
        disagreement = _disagreement(statistics, sample)
        classes['disagreement'] = disagreement
        share = shares_of(statistics.counts)
        figures['nc4_disagreement'] = (share * disagreement)[present].sum().item()
        if classifier is not None:
            figures['nc3_self_duality'] = self_duality_gap(classifier[present], means)
            cosines = (directions(widened(classifier.detach())) * directions(from_centre)).sum(1)
            classes['self_duality'] = cosines.masked_fill(~present, torch.nan)
    if classifier is not None:
        vectors = widened(classifier.detach())
        measures = balance(vectors, literal)
        figures |= _equiangular('classifier', centred(vectors))
        figures |= {f'balance_{name}': getattr(measures, name) for name in ('product', 'angle', 'length')}
        classes['classifier_norm'] = vectors.norm(dim=1)
        matrices |= {'classifier_angles': angles(centred(vectors)), 'relative_products': relative_products(vectors)}
    return CollapseSummary(figures, simplex_angle(number), present, classes, matrices)


def _equiangular(of: str, vectors: Tensor) -> dict[str, float]:
    found = equiangularity(vectors)
    names = ('norm_variation', 'cosine_deviation', 'simplex_gap', 'least_angle')
    return {f'nc2_{of}_{name}': getattr(found, name) for name in names}


def _class_averaged_within(statistics: ClassStatistics, sample: ClassSample) -> Tensor:
    """The mean over classes of each class's covariance, (D, D)."""
    rest = widened(sample.rows) - statistics.means[sample.labels]
    number = torch.zeros_like(statistics.counts).index_add(0, sample.labels, torch.ones_like(rest[:, 0]))
    rest = rest / (number[sample.labels] * (number > 0).sum()).sqrt()[:, None]
    return rest.T @ rest


def _disagreement(statistics: ClassStatistics, sample: ClassSample) -> Tensor:
    """The share of each class's samples for which classifier and nearest class mean disagree, (K,)."""
    present = statistics.counts > 0
    known = present.nonzero().squeeze(1)
    number = len(known)
    # Decisions as logits of the known classes: a decision for an absent class never agrees.
    place = torch.full_like(statistics.counts, number, dtype=torch.int64)
    place[known] = torch.arange(number, device=known.device)
    logits = torch.nn.functional.one_hot(place[sample.predictions], number + 1)
    differ = nearest_mean_disagreement(sample.rows, logits, statistics.present_means)
    return sample.class_means(differ, len(present))
