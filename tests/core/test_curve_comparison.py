"""Curves over post-hoc adjustment against each other: the frontier, the resampling, and what is called better."""

import math

import pytest
import torch

from ltseg.core.confusion import ClassRates
from ltseg.core.curve_comparison import CurveCounts, curve_gap, frontier, resampled_frontiers, seed_effects
from ltseg.core.errors import InvalidValueError

IMAGES, TAUS, CLASSES = 30, 5, 3


def simulated(seed: int, skill: float = 0.0, images: int = IMAGES, first: int = 0) -> CurveCounts:
    """A model whose points trade precision of the frequent class against recall of the rare ones.

    Args:
        seed: Of its noise.
        skill: Share of its errors that it does not make.
        images: How many.
        first: Place on the curve at which it begins; others of the same curve are those of another tau.
    """
    generator = torch.Generator().manual_seed(seed)
    true = torch.tensor([800, 150, 50]).expand(images, -1)
    trade = torch.arange(first, first + TAUS).view(1, -1, 1) / (TAUS + 2)
    recall = torch.cat([1 - 0.35 * trade**2, 0.4 + 0.4 * trade, 0.2 + 0.6 * trade], dim=2)
    noise = 0.05 * torch.randn(images, 1, CLASSES, generator=generator)
    recall = (recall + (1 - recall) * skill + noise).clamp(0.02, 0.98)
    right = (recall * true.unsqueeze(1)).long()
    lost = true.unsqueeze(1) - right
    return CurveCounts(right, right + lost[..., [1, 2, 0]], true)


def test_rates_are_those_of_the_summed_confusion_matrix() -> None:
    generator = torch.Generator().manual_seed(0)
    matrices = torch.randint(0, 50, (IMAGES, TAUS, CLASSES, CLASSES), generator=generator)
    matrices[..., 2, :] = 0  # absent
    matrices[:, 1:] = matrices[:, :1].sum(-1, keepdim=True) // 3 + torch.zeros_like(matrices[:, 1:])
    matrices[..., 2, :] = 0
    first = matrices[:, :1]
    counts = CurveCounts(first.diagonal(dim1=-2, dim2=-1), first.sum(-2), first[:, 0].sum(-1))
    times = torch.randint(0, 3, (4, IMAGES), generator=generator)
    iou, acc = counts.rates(times)
    for row, taken in enumerate(times):
        rates = ClassRates.of((taken.view(-1, 1, 1) * first[:, 0]).sum(0))
        assert iou[row, 0].item() == pytest.approx(rates.iou.nanmean().item())
        assert acc[row, 0].item() == pytest.approx(rates.acc.nanmean().item())


def brute_frontier(quality: list[float], fairness: list[float], level: float) -> float:
    """Walks along the curve in small steps."""
    best = -math.inf
    for index in range(len(quality) - 1):
        for step in range(10001):
            part = step / 10000
            if fairness[index] + part * (fairness[index + 1] - fairness[index]) >= level - 1e-9:
                best = max(best, quality[index] + part * (quality[index + 1] - quality[index]))
    return best


@pytest.mark.parametrize('seed', range(5))
def test_frontier_is_the_best_point_of_the_straight_curve(seed: int) -> None:
    quality, fairness = 100 * torch.rand(2, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    levels = torch.linspace(0, fairness.max().item() - 1e-6, 7, dtype=torch.float64)
    found = frontier(quality, fairness, levels)
    for level, value in zip(levels.tolist(), found.tolist(), strict=True):
        assert value == pytest.approx(brute_frontier(quality.tolist(), fairness.tolist(), level), abs=0.05)
    assert (found.diff() <= 1e-9).all()  # more accuracy costs, or is free
    assert frontier(quality, fairness, fairness.max().view(1) + 1).isnan().all()


def test_a_curve_is_not_better_than_itself() -> None:
    runs = [simulated(seed) for seed in range(3)]
    gap = curve_gap(runs, runs)
    assert gap.mean == 0 and not gap.is_better and not gap.is_worse


def test_another_tau_of_the_same_model_is_not_better() -> None:
    """What moves along the curve has gained nothing that post-hoc adjustment does not give."""
    gap = curve_gap([simulated(0, first=2)], [simulated(0)])
    assert abs(gap.mean) < 0.2 and not gap.is_better


def test_skill_is_better_and_the_other_way_round_worse() -> None:
    good, plain = [simulated(seed, skill=0.2) for seed in range(3)], [simulated(seed + 9) for seed in range(3)]
    gap, reverse = curve_gap(good, plain), curve_gap(plain, good)
    assert gap.is_better and gap.mean_low < gap.mean < gap.mean_high
    assert reverse.is_worse and reverse.mean == pytest.approx(-gap.mean)
    assert (gap.low <= gap.method - gap.baseline).all() and (gap.method - gap.baseline <= gap.high).all()


def test_chance_is_called_better_as_rarely_as_the_confidence_says() -> None:
    """Models that differ in noise of their images only, in 100 pairs: 2.5 % on each side are expected."""
    gaps = [curve_gap([simulated(2 * n)], [simulated(2 * n + 1)], draws=200) for n in range(100)]
    assert sum(gap.is_better for gap in gaps) <= 10 and sum(gap.is_worse for gap in gaps) <= 10
    assert sum(gap.is_better or gap.is_worse for gap in gaps) >= 1  # bounds that never fail would say nothing


def test_more_images_and_higher_confidence_change_the_bounds() -> None:
    def width(images: int, confidence: float = 0.95) -> float:
        gap = curve_gap([simulated(0, images=images)], [simulated(1, images=images)], confidence)
        return gap.mean_high - gap.mean_low

    assert width(200) < 0.7 * width(20) and width(20, 0.99) > 1.1 * width(20)


def test_seeds_that_disagree_widen_the_bounds() -> None:
    agreeing, plain = [simulated(seed, 0.2) for seed in range(4)], [simulated(9)]
    disagreeing = [simulated(seed, skill) for seed, skill in enumerate((0.0, 0.1, 0.3, 0.4))]
    one, other = curve_gap(agreeing, plain), curve_gap(disagreeing, plain)
    assert other.mean_high - other.mean_low > 1.5 * (one.mean_high - one.mean_low)


def test_a_curve_beyond_the_other_in_both_metrics_is_better() -> None:
    """Nothing of it is at the other's accuracies, and all of it is above."""

    def at(acc: int) -> CurveCounts:
        right = torch.full((4, 2, 2), acc)
        return CurveCounts(right, right, torch.full((4, 2), 100))

    gap = curve_gap([at(90)], [at(50)])
    assert gap.is_better and gap.mean == pytest.approx(40)


def test_frontiers_are_the_mean_over_the_seeds_and_draws_are_repeatable() -> None:
    runs, levels, weights = [simulated(0), simulated(1)], torch.tensor([55.0]), torch.ones(1, IMAGES)
    each = [frontier(*run.rates(weights), levels) for run in runs]
    assert torch.equal(resampled_frontiers(runs, levels, weights), (each[0] + each[1]) / 2)
    one, other = (curve_gap(runs, [simulated(2), simulated(3)], draws=50) for _ in range(2))
    assert torch.equal(one.low, other.low) and one.mean_high == other.mean_high


def test_effects_of_seeds_have_students_distribution_of_the_pooled_spread() -> None:
    methods, levels = [[simulated(10 * n + seed) for seed in range(4)] for n in range(3)], torch.tensor([55.0])
    drawn = seed_effects(methods, levels, 40000, torch.Generator().manual_seed(0)).flatten()
    once = torch.ones(1, IMAGES)
    curves = torch.stack([torch.cat([frontier(*run.rates(once), levels) for run in runs]) for runs in methods])
    pooled = curves.var(1).mean().sqrt()
    for tail, quantile in ((0.975, 2.262), (0.995, 3.250)):  # of t with 9 degrees of freedom
        assert drawn.quantile(tail).item() == pytest.approx(quantile * pooled.item(), rel=0.05)
    assert not seed_effects([runs[:1] for runs in methods], levels, 5, torch.Generator()).any()


def test_seeds_alone_are_called_better_as_rarely_as_the_confidence_says() -> None:
    """Methods whose three runs differ by their seeds, much more than images do; 0.25 % on each side are expected."""

    def method(seed: int) -> list[CurveCounts]:
        skills = 0.1 + 0.04 * torch.randn(3, generator=torch.Generator().manual_seed(seed))
        return [simulated(0, skill) for skill in skills.tolist()]

    better = 0
    for trial in range(100):
        ours, baseline, *others = (method(10 * trial + place) for place in range(6))
        better += curve_gap(ours, baseline, 0.995, 200, others=others).is_better
    assert better <= 1


def test_runs_on_other_images_are_refused() -> None:
    with pytest.raises(InvalidValueError, match='runs on the same images'):
        curve_gap([simulated(0, images=3)], [simulated(0, images=4)])
    with pytest.raises(InvalidValueError, match=r'shapes \(I, T, K\)'):
        CurveCounts(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4), torch.zeros(2, 3))
