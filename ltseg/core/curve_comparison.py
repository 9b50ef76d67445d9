"""Whether the curve of one method over post-hoc adjustment lies above that of another, beyond chance.

A trained model and the strength tau of post-hoc adjustment give a curve: mean IoU against mean accuracy of the classes.
A loss that moves along the curve of cross entropy has gained nothing that post-hoc adjustment does not give. Chance
enters through the images that were evaluated, which are resampled (bootstrap), and through the seeds, of which there
are too few for that: their effect is drawn from Student's t distribution::

    F(a) = max { mIoU(tau) : mAcc(tau) >= a }      the best mIoU at an accuracy of at least a; straight between taus
    gap  = mean over a of F_method(a) - F_baseline(a)

over the accuracies that both reach by giving up mIoU. F is the mean over the runs of a method. Other pairs of rates are
compared alike, as :class:`ltseg.core.classified_images.ClassifiedImages` has them for classification.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ltseg.core.errors import InvalidValueError

__all__ = [
    'CurveCounts',
    'CurveGap',
    'EvaluatedImages',
    'compared_levels',
    'curve_gap',
    'frontier',
    'resampled_frontiers',
    'seed_effects',
]

LEVELS = 41  # accuracies at which curves are compared


class EvaluatedImages(Protocol):
    """What a trained model predicts of each of I images at each of T strengths.

    Example:
        >>> import torch
        >>> from ltseg.core.classified_images import ClassifiedImages
        >>> from ltseg.core.curve_comparison import EvaluatedImages
        >>> images: EvaluatedImages = ClassifiedImages(
        ...     predicted=torch.tensor([[0, 1, 1]]), true=torch.tensor([0, 0, 1]), samples=torch.tensor([9, 1]))
        >>> len(images.true), images.rates(torch.ones(1, 3))[0].item()
        (3, 75.0)
    """

    @property
    def true(self) -> Tensor:
        """The labels, of which the first axis is that of the images."""

    def rates(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Quality and fairness, (B, T) each, in percent, of images taken so many times, (B, I)."""


@dataclass(frozen=True, eq=False)
class CurveCounts:
    """What a trained model predicts of each image at each tau, in pixels.

    Args:
        right: Pixels of each class that are right, (I, T, K) int64.
        predicted: Pixels that are predicted as each class and have a label, (I, T, K) int64.
        true: Pixels with the label of each class, (I, K) int64.

    Raises:
        ValueError: If the shapes do not fit each other.

    Example:
        >>> import torch
        >>> from ltseg.core.curve_comparison import CurveCounts
        >>> counts = CurveCounts(
        ...     right=torch.tensor([[[8, 0], [4, 2]]]), predicted=torch.tensor([[[10, 0], [4, 6]]]),
        ...     true=torch.tensor([[8, 2]]))
        >>> iou, acc = counts.rates(torch.ones(1, 1))  # each image once
        >>> iou.tolist(), acc.tolist()
        ([[40.0, 41.666666666666664]], [[50.0, 75.0]])
    """

    right: Tensor
    predicted: Tensor
    true: Tensor

    def __post_init__(self) -> None:
        images, _, classes = self.right.shape
        if self.predicted.shape != self.right.shape or self.true.shape != (images, classes):
            got = f'{tuple(self.right.shape)}, {tuple(self.predicted.shape)} and {tuple(self.true.shape)}'
            raise InvalidValueError('CurveCounts', 'shapes (I, T, K), (I, T, K) and (I, K)', got)

    def rates(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Mean IoU and mean accuracy in percent of images taken so many times.

        Args:
            weights: How often each of I images is taken, (B, I).

        Returns:
            (B, T) each, float64; classes that none of the images has are left out of the means.
        """
        times = weights.double()
        shape = len(times), *self.right.shape[1:]
        right, predicted = ((times @ each.double().flatten(1)).view(shape) for each in (self.right, self.predicted))
        true = (times @ self.true.double()).unsqueeze(1)  # (B, 1, K)
        absent = (true == 0).expand(shape)
        iou = (right / (true + predicted - right)).masked_fill(absent, torch.nan)
        acc = (right / true).masked_fill(absent, torch.nan)
        return 100 * iou.nanmean(2), 100 * acc.nanmean(2)


def frontier(quality: Tensor, fairness: Tensor, levels: Tensor) -> Tensor:
    """The best ``quality`` on a curve whose ``fairness`` is at least each level; straight between two points.

    Args:
        quality: (*, T), in the order of the points on the curve, e.g. the mean IoU over tau.
        fairness: (*, T), e.g. the mean accuracy.
        levels: (L,).

    Returns:
        (*, L); nan where the curve does not reach a level.

    Example:
        >>> import torch
        >>> from ltseg.core.curve_comparison import frontier
        >>> frontier(torch.tensor([50.0, 40.0]), torch.tensor([60.0, 70.0]), torch.tensor([55.0, 65.0, 80.0])).tolist()
        [50.0, 45.0, nan]
    """
    quality, fairness = quality.unsqueeze(-2), fairness.unsqueeze(-2)  # (*, 1, T)
    at = levels.to(fairness).unsqueeze(-1)  # (L, 1)
    nothing = torch.tensor(-torch.inf, dtype=quality.dtype)
    best = torch.where(fairness >= at, quality, nothing).amax(-1)
    low, high, start, end = fairness[..., :-1], fairness[..., 1:], quality[..., :-1], quality[..., 1:]
    if low.shape[-1]:
        crosses = (low - at) * (high - at) < 0
        between = start + (end - start) * (at - low) / (high - low)
        best = best.maximum(torch.where(crosses, between, nothing).amax(-1))
    return best.where(best > -torch.inf, torch.nan)


def resampled_frontiers(seeds: Sequence[EvaluatedImages], levels: Tensor, weights: Tensor) -> Tensor:
    """The frontier of a method, as the mean over its seeds, under each draw of images.

    Args:
        seeds: The runs of the method on the same I images.
        levels: (L,).
        weights: How often each image is taken in each of B draws, (B, I).

    Returns:
        (B, L); nan where no seed reaches a level.
    """
    return torch.stack([frontier(*seed.rates(weights), levels) for seed in seeds]).nanmean(0)


def seed_effects(
    methods: Sequence[Sequence[EvaluatedImages]], levels: Tensor, draws: int, generator: torch.Generator
) -> Tensor:
    """Draws of what the seed of one run adds to its frontier, as far as the runs tell.

    With r_i the frontier of a run minus the mean of its method, and d = runs - methods, a draw is::

        sum_i g_i r_i / sqrt(chi2_d)        g_i standard normal; at each level it is s t_d with s^2 = sum_i r_i^2 / d

    which takes seeds to matter alike in all methods, as the analysis of variance does. A bootstrap of two or three runs
    never leaves their range, which is too narrow for the bounds of many methods.

    Args:
        methods: The runs of each method on the same images.
        levels: (L,).
        draws: B.
        generator: Of the draws.

    Returns:
        (B, L); zeros where no method has a second run.
    """
    once = torch.ones(1, len(methods[0][0].true))
    curves = [torch.cat([frontier(*run.rates(once), levels) for run in runs]) for runs in methods]
    curves = [found[~found.isnan().all(1)] for found in curves]
    degrees = sum(max(len(found) - 1, 0) for found in curves)
    if not degrees:
        return torch.zeros(draws, len(levels), dtype=torch.float64)
    spread = torch.cat([found - found.nanmean(0) for found in curves])
    spread = spread.where(~spread.isnan(), spread.nanmean(1, keepdim=True))  # levels that a run does not reach
    normal = torch.randn(draws, len(spread), generator=generator, dtype=torch.float64)
    chi = torch.randn(draws, degrees, generator=generator, dtype=torch.float64).norm(dim=1, keepdim=True)
    return normal @ spread / chi


@dataclass(frozen=True, eq=False)
class CurveGap:
    """How far the curve of a method lies above that of a baseline.

    Args:
        levels: Mean accuracies at which they are compared, (L,), in percent.
        method, baseline: The frontier of each, (L,), in percent.
        low, high: Bounds of the method's frontier minus the baseline's, (L,), in points.
        mean: Mean difference over the levels, in points.
        mean_low, mean_high: Its bounds.

    Example:
        >>> import torch
        >>> from ltseg.core.curve_comparison import CurveCounts, curve_gap
        >>> def model(right):  # so many pixels of 100 of each of two classes, in five images
        ...     pixels = torch.full((5, 1, 2), right)
        ...     return CurveCounts(pixels, pixels, torch.full((5, 2), 100))
        >>> gap = curve_gap([model(90)], [model(50)])
        >>> gap.mean, gap.is_better
        (40.0, True)
    """

    levels: Tensor
    method: Tensor
    baseline: Tensor
    low: Tensor
    high: Tensor
    mean: float
    mean_low: float
    mean_high: float

    @property
    def is_better(self) -> bool:
        """Whether the curve lies above the baseline's by more than chance."""
        return self.mean_low > 0

    @property
    def is_worse(self) -> bool:
        """Whether it lies below by more than chance."""
        return self.mean_high < 0


def compared_levels(curves: Sequence[tuple[Tensor, ...]]) -> Tensor:
    """Mean accuracies at which curves are compared.

    From the lowest at which one has its highest mIoU to the highest that all reach: below, no method gives up anything,
    and above, there is nothing to compare.

    Args:
        curves: Mean IoU and mean accuracy over tau of each run of all methods, (T,) each.

    Returns:
        (L,) float64.

    Example:
        >>> import torch
        >>> from ltseg.core.curve_comparison import compared_levels
        >>> levels = compared_levels([(torch.tensor([50.0, 40.0]), torch.tensor([60.0, 70.0]))])
        >>> levels[0].item(), levels[-1].item()
        (60.0, 70.0)
    """
    highest = min(acc.max().item() for _, acc in curves)
    start = min(acc[iou.argmax()].item() for iou, acc in curves)
    return torch.linspace(min(start, highest), highest, LEVELS, dtype=torch.float64)


def curve_gap(
    method: Sequence[EvaluatedImages],
    baseline: Sequence[EvaluatedImages],
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
    others: Sequence[Sequence[EvaluatedImages]] = (),
) -> CurveGap:
    """Compares the curves of two methods on the same images.

    Args:
        method, baseline: Their runs, one for each seed.
        confidence: Of the bounds. With M methods against one baseline, 1 - 0.05 / M holds for all of them together.
        draws: Of images and of the effect of seeds.
        seed: Of the draws.
        others: The runs of further methods on these images, which tell more of how much seeds matter.

    Raises:
        ValueError: If the numbers of images differ.
    """
    images = {len(run.true) for runs in (method, baseline, *others) for run in runs}
    if len(images) > 1:
        raise InvalidValueError('curve_gap', 'runs on the same images', f'{sorted(images)} images')
    (number,) = images
    once = torch.ones(1, number)
    levels = compared_levels([tuple(rate[0] for rate in run.rates(once)) for run in (*method, *baseline)])
    generator = torch.Generator().manual_seed(seed)
    weights = _draws(draws, number, generator)
    ours, theirs = (resampled_frontiers(runs, levels, once)[0] for runs in (method, baseline))
    gaps = resampled_frontiers(method, levels, weights) - resampled_frontiers(baseline, levels, weights)
    effects = seed_effects((method, baseline, *others), levels, draws, generator)
    gaps += math.sqrt(1 / len(method) + 1 / len(baseline)) * effects
    tails = torch.tensor([(1 - confidence) / 2, (1 + confidence) / 2], dtype=gaps.dtype)
    low, high = gaps.nanquantile(tails, dim=0)
    mean_low, mean_high = gaps.nanmean(1).nanquantile(tails).tolist()
    return CurveGap(levels, ours, theirs, low, high, (ours - theirs).nanmean().item(), mean_low, mean_high)


def _draws(draws: int, images: int, generator: torch.Generator) -> Tensor:
    """How often each image is taken, where as many as there are are drawn with replacement; (B, I)."""
    drawn = torch.randint(images, (draws, images), generator=generator)
    return torch.zeros(draws, images, dtype=torch.float64).scatter_add_(1, drawn, torch.ones_like(drawn).double())
