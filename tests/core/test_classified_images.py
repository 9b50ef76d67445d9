"""Rates of a classifier's images: recomputed naively, and equal to others where theory says so."""

import pytest
import torch
from torch.nn import functional as F

from ltseg.core.classified_images import ClassifiedImages
from ltseg.core.curve_comparison import CurveCounts, curve_gap
from ltseg.core.errors import InvalidValueError

IMAGES, TAUS, SAMPLES = 60, 4, torch.tensor([900, 90, 10, 5])


def simulated(seed: int = 0, images: int = IMAGES) -> ClassifiedImages:
    generator = torch.Generator().manual_seed(seed)
    true = torch.randint(0, 3, (images,), generator=generator)  # class 3 is absent
    predicted = torch.randint(0, 4, (TAUS, images), generator=generator)
    return ClassifiedImages(predicted.where(torch.rand(TAUS, images, generator=generator) < 0.4, true), true, SAMPLES)


def test_rates_are_those_of_a_list_of_images() -> None:
    images, generator = simulated(), torch.Generator().manual_seed(1)
    weights = torch.randint(0, 3, (5, IMAGES), generator=generator)
    mean_class, weighted = images.rates(weights)
    for draw, times in enumerate(weights):
        taken = torch.arange(IMAGES).repeat_interleave(times)
        for tau in range(TAUS):
            labels, right = images.true[taken], images.predicted[tau][taken] == images.true[taken]
            classes = labels.unique()
            accuracies = torch.tensor([100 * right[labels == k].double().mean() for k in classes])
            assert mean_class[draw, tau].item() == pytest.approx(accuracies.mean().item())
            shares = SAMPLES[classes] / SAMPLES[classes].sum()
            assert weighted[draw, tau].item() == pytest.approx((shares * accuracies).sum().item(), rel=1e-5)


def test_mean_class_accuracy_is_that_of_pixels() -> None:
    """An image of one pixel is an image."""
    images = simulated()
    predicted, true = F.one_hot(images.predicted.long(), 4).transpose(0, 1), F.one_hot(images.true, 4)
    pixels = CurveCounts(predicted * true.unsqueeze(1), predicted, true)
    weights = torch.randint(0, 3, (3, IMAGES), generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(images.rates(weights)[0], pixels.rates(weights)[1])


def test_weighted_accuracy_is_top_1_where_classes_are_as_frequent_as_in_training() -> None:
    true = torch.arange(4).repeat_interleave(SAMPLES)
    predicted = torch.randint(0, 4, (1, len(true)), generator=torch.Generator().manual_seed(0))
    (_, weighted) = ClassifiedImages(predicted, true, SAMPLES).rates(torch.ones(1, len(true)))
    assert weighted.item() == pytest.approx(100 * (predicted[0] == true).double().mean().item())


def test_groups_are_means_of_their_classes() -> None:
    images = simulated()
    everything, absent = images.group_accuracies([range(4), [3]])
    torch.testing.assert_close(everything, images.rates(torch.ones(1, IMAGES))[0][0])
    assert absent.isnan().all()


def trained(seed: int, skill: float = 0.0, shift: float = 0.0, images: int = 600) -> ClassifiedImages:
    """A model with normal scores on balanced images; ``shift`` moves it along its own curve over tau."""
    generator = torch.Generator().manual_seed(seed)
    true = torch.arange(3).repeat(images // 3)
    logits = torch.randn(images, 3, generator=generator) + (2 + skill) * F.one_hot(true, 3)
    log_prior = torch.tensor([0.9, 0.09, 0.01]).log()
    taus = torch.arange(-1.0, 1.51, 0.25) + shift
    scores = logits + (1 - taus.view(-1, 1, 1)) * log_prior
    return ClassifiedImages(scores.argmax(2), true, torch.tensor([900, 90, 10]))


def test_another_tau_of_the_same_model_is_not_better_on_balanced_images() -> None:
    """Where validation is balanced, mean class accuracy is top-1, and yet what moves along the curve gains nothing."""
    baseline = [trained(seed) for seed in range(3)]
    moved = curve_gap([trained(seed, shift=0.25) for seed in range(3)], baseline)
    assert abs(moved.mean) < 0.5 and not moved.is_better and not moved.is_worse
    better = curve_gap([trained(seed, skill=0.5) for seed in range(3)], baseline)
    assert better.is_better and better.mean > 3


def test_shapes_have_to_fit() -> None:
    with pytest.raises(InvalidValueError, match=r'\(T, I\), \(I,\) and \(K,\)'):
        ClassifiedImages(torch.zeros(2, 5), torch.zeros(4), torch.ones(3))
