"""SBCL: its two granularities against a naive sum, its subclasses, and what is kept of them."""

import copy
from functools import partial
from typing import Any

import pytest
import torch
from hinted import hinted
from regularizers_under_test import D, K, built
from torch import Tensor
from torch.nn import functional as F
from two_processes import in_two_processes

from ltseg.core.features import FeatureBatch
from ltseg.regularizers import RegularizerGroup, SubclassBalancedContrastiveLoss

SBCL = dict(type='ltseg.SubclassBalancedContrastiveLoss', temperature=0.3, least_size=3)
PLAIN = dict(SBCL, hidden_channels=None)
SUPCON = dict(type='ltseg.SupervisedContrastiveLoss', temperature=0.3, hidden_channels=None)


def training_set(seed: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Directions of images, their classes with 30 down to 2 images, and their numbers with gaps between."""
    labels = torch.arange(K).repeat_interleave(torch.tensor([30, 16, 7, 4, 2]))
    rows = torch.randn(len(labels), D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return F.normalize(rows), labels, 5 + 3 * torch.arange(len(labels))


def divided(config: dict = PLAIN, images: bool = True, **more: Any) -> SubclassBalancedContrastiveLoss:
    term: Any = built(config, **more)
    rows, labels, numbers = training_set()
    term.subclasses.divide(term.directions_of(rows).detach(), labels, numbers if images else None)
    return term


def images(size: int = 24, views: int = 2) -> FeatureBatch:
    """Views of some images of the training set."""
    _, labels, numbers = training_set()
    chosen = torch.randperm(len(labels), generator=torch.Generator().manual_seed(8))[:size]
    features = torch.randn(size, views, D, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    return FeatureBatch(features, labels[chosen], K, torch.eye(K, D), numbers=numbers[chosen])


def naive(rows: Tensor, classes: list[int], subclasses: list[int], samples: list[int], term: Any) -> Tensor:
    """Both terms of each anchor, one exponential after the other."""
    losses, everyone = [], range(len(rows))
    for i in everyone:
        others = [k for k in everyone if k != i]

        def contrast(positives: list[int], keys: list[int], temperature: float, i: int = i) -> Any:
            total = sum(torch.exp(rows[i] @ rows[k] / temperature) for k in keys)
            parts = [torch.log(torch.exp(rows[i] @ rows[p] / temperature) / total) for p in positives]
            return -sum(parts) / len(parts) if parts else rows[i, 0] * 0

        def same(k: int, i: int = i) -> bool:
            return (classes[k], subclasses[k]) == (classes[i], subclasses[i])

        coarse = [k for k in others if samples[k] == samples[i] or not same(k)]
        fine = contrast([k for k in others if same(k)], others, term.temperature)
        wide = contrast(
            [k for k in coarse if classes[k] == classes[i]], coarse, float(term.subclasses.temperatures[classes[i]])
        )
        losses.append(fine + term.coarse_weight * wide)
    return torch.stack(losses).mean()


def views_of(given: FeatureBatch, *values: Tensor) -> list[list[int]]:
    views = given.features.shape[1]
    return [value.repeat_interleave(views).tolist() for value in (*values, torch.arange(len(given.labels)))]


@pytest.mark.parametrize('views', [1, 2, 3])
def test_value_is_the_naive_sum(views: int) -> None:
    term, given = divided(coarse_weight=0.7), images(views=views)
    rows = F.normalize(given.features.flatten(0, 1))
    classes, subclasses, samples = views_of(given, given.labels, term.subclasses.of_images(given.numbers))
    assert len({*zip(classes, subclasses, strict=True)}) > 10
    torch.testing.assert_close(term(given), naive(rows, classes, subclasses, samples, term))


def test_value_of_pixels_is_the_naive_sum() -> None:
    term, given = divided(images=False), images(views=1)
    rows = F.normalize(given.features[:, 0])
    trained, labels, _ = training_set()
    own = divided().subclasses.of_images(training_set()[2])
    nearest = []
    for row, k in zip(rows, given.labels, strict=True):
        centers = [trained[(labels == k) & (own == s)].mean(0) for s in range(int(own[labels == k].max()) + 1)]
        nearest.append(max(range(len(centers)), key=lambda s: F.cosine_similarity(row, centers[s], dim=0)))
    classes, subclasses, samples = views_of(given, given.labels, torch.tensor(nearest))
    pixels = FeatureBatch(given.features, given.labels, K)
    torch.testing.assert_close(term(pixels), naive(rows, classes, subclasses, samples, term))


@pytest.mark.parametrize('of_images', [True, False])
def test_gradient_is_that_of_the_value(of_images: bool) -> None:
    term, given = divided(SBCL, of_images), images(10)

    def value(features: Tensor) -> Tensor:
        return term(FeatureBatch(features, given.labels, K, numbers=given.numbers if of_images else None))

    assert torch.autograd.gradcheck(value, given.features.clone().requires_grad_())


def test_before_the_first_division_it_is_supcon() -> None:
    given = images()
    torch.testing.assert_close(built(PLAIN)(given), built(SUPCON)(given))
    expected = built(SUPCON, anchors='classes')(given)
    torch.testing.assert_close(built(PLAIN, anchors='classes')(given), expected)


def test_undivided_classes_in_one_view_are_those_of_supcon() -> None:
    term, given = divided(least_size=1000), images(views=1)
    assert (term.subclasses.temperatures == 0.3).all() and not term.subclasses.of_images(training_set()[2]).any()
    torch.testing.assert_close(term(given), built(SUPCON)(given))  # one view: no positive in the second term


def test_without_the_second_term_subclasses_are_classes_of_supcon() -> None:
    term, given = divided(coarse_weight=0.0), images()
    pairs = (given.labels * 100 + term.subclasses.of_images(given.numbers)).unique(return_inverse=True)[1]
    expected = RegularizerGroup([SUPCON], 60, D).terms[0](FeatureBatch(given.features, pairs, 60))
    torch.testing.assert_close(term(given), expected)


@pytest.mark.parametrize('of_images', [True, False])
def test_ignored_samples_have_no_part(of_images: bool) -> None:
    term, given = divided(SBCL, of_images), images(12)
    numbers = given.numbers if of_images else None
    kept = FeatureBatch(given.features, given.labels, K, given.class_vectors, numbers=numbers)
    features = torch.cat([given.features, torch.full_like(given.features[:4], torch.nan)])
    labels, valid = torch.cat([given.labels, torch.tensor([255] * 4)]), torch.arange(16) < 12
    more = None if numbers is None else torch.cat([numbers, numbers[:4]])
    torch.testing.assert_close(term(FeatureBatch(features, labels, K, valid=valid, numbers=more)), term(kept))


def test_every_image_has_one_of_equal_subclasses() -> None:
    term, (_, labels, numbers) = divided(), training_set()
    found = term.subclasses.of_images(numbers)
    for k, (count, parts) in enumerate(zip([30, 16, 7, 4, 2], [10, 5, 2, 1, 1], strict=True)):  # of 3 images or more
        sizes = found[labels == k].bincount()
        assert sizes.sum() == count and len(sizes) == parts and sizes.max() - sizes.min() <= 1


def test_division_does_not_depend_on_the_order_of_images() -> None:
    first, second = divided(), built(PLAIN)
    order = torch.randperm(59, generator=torch.Generator().manual_seed(1))
    second.subclasses.divide(*(each[order] for each in training_set()))
    torch.testing.assert_close(first.state_dict(), second.state_dict())


def test_an_image_is_projected_alike_alone_and_with_others() -> None:
    term, rows = divided(SBCL), images().features[:, 0]
    alone = torch.cat([term.directions_of(row[None]) for row in rows])
    torch.testing.assert_close(term.directions_of(rows), alone)


def test_temperatures_are_of_divided_classes() -> None:
    found = divided().subclasses.temperatures
    assert (found[:3] > 0.3).all() and (found[3:] == 0.3).all()


def test_pixels_are_divided_by_all_that_are_counted() -> None:
    term, (rows, labels, _) = built(PLAIN), training_set()
    term.subclasses.divide(
        rows, labels, counts=torch.tensor([9000, 400, 50, 50, 0])
    )  # 180, 8, 1, 1 and no subclass by counts
    parts = [10, 5, 1, 1, 1]  # the least that 30 and 16 clustered pixels are enough for
    assert term.subclasses._state[0].long().bincount().tolist() == parts


def test_state_is_saved_and_shared_with_copies() -> None:
    for of_images in (True, False):
        term = divided(images=of_images)
        fresh = built(PLAIN)
        copied = copy.deepcopy(fresh)
        fresh.load_state_dict(term.state_dict())
        given = FeatureBatch(images().features, images().labels, K, numbers=images().numbers if of_images else None)
        torch.testing.assert_close(fresh(given), term(given), rtol=0, atol=0)
        assert torch.equal(copied.subclasses._state, term.subclasses._state)  # an averaged model follows


def test_follows_hints() -> None:
    rows, labels, numbers = training_set()
    term, given = divided(), images()
    diverged = rows.clone()
    diverged[3, 2] = torch.inf
    hinted('Add ltseg.StopOnNaN to custom_hooks, which says since when the model diverges.',
           lambda: term.subclasses.divide(diverged, labels, numbers))  # fmt: skip
    hinted('Train on one data set, without ConcatDataset or RepeatDataset around it.',
           lambda: term.subclasses.divide(rows.repeat(2, 1), labels.repeat(2), numbers.repeat(2)))  # fmt: skip
    term.subclasses.divide(rows, labels, numbers)
    nameless = FeatureBatch(given.features, given.labels, K)
    hinted("Leave out mixup and its like, and keep 'sample_idx' in meta_keys of PackInputs.", lambda: term(nameless))
    for unknown in (6, 10**6):  # between numbers, and behind them
        numbers = given.numbers.index_fill(0, torch.tensor([2]), unknown)
        strange = FeatureBatch(given.features, given.labels, K, numbers=numbers)
        hinted('Go on with the training data that were divided, or start anew.', partial(term, strange))
    assert term(given).isfinite()
    for option in ('coarse_weight', 'least_size', 'smoothing', 'temperature'):
        with pytest.raises(ValueError, match=f'{option}: expected'):
            SubclassBalancedContrastiveLoss(**{option: -1})


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_finite_in_low_precision_and_for_degenerate_features(dtype: torch.dtype) -> None:
    given = images(6)
    for features in (given.features, given.features * 0, torch.ones_like(given.features) * 6e4):
        for of_images in (True, False):
            term = divided(SBCL, of_images, temperature=0.07)
            numbers = given.numbers if of_images else None
            assert term(FeatureBatch(features.to(dtype), given.labels, K, numbers=numbers)).isfinite()


def share(rank: int) -> FeatureBatch:
    """Unequal shares of the batch, of which the first has all images of some classes."""
    given = images()
    order = given.labels.argsort(stable=True)
    part = order[:17] if rank == 0 else order[17:]
    return FeatureBatch(given.features[part], given.labels[part], K, torch.eye(K, D), numbers=given.numbers[part])


def in_a_process(rank: int, folder: str) -> None:
    results = []
    for of_images in (True, False):
        term, given = divided(SBCL, of_images), share(rank)
        features = given.features.clone().requires_grad_()
        numbers = given.numbers if of_images else None
        value = term(FeatureBatch(features, given.labels, K, numbers=numbers))
        results.append((term.state_dict(), value.detach(), *torch.autograd.grad(value, features)))
    torch.save(results, f'{folder}/{rank}.pth')


def test_two_processes_share_the_work_and_give_what_one_gives(tmp_path: Any) -> None:
    in_two_processes(in_a_process, str(tmp_path))
    ranks = [torch.load(tmp_path / f'{rank}.pth') for rank in range(2)]
    for place, of_images in enumerate((True, False)):
        term, given = divided(SBCL, of_images), images()
        order = given.labels.argsort(stable=True)
        features = given.features[order].clone().requires_grad_()
        numbers = given.numbers[order] if of_images else None
        value = term(FeatureBatch(features, given.labels[order], K, numbers=numbers))
        (gradient,) = torch.autograd.grad(value, features)
        states, values, gradients = zip(*(rank[place] for rank in ranks), strict=True)
        for state in states:
            torch.testing.assert_close(state, term.state_dict())
        torch.testing.assert_close(sum(values) / 2, value.detach())
        torch.testing.assert_close(torch.cat(gradients) / 2, gradient)
