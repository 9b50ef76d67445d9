"""The discriminative centroids of OLTR: the formula, what it is without repulsion, and the classes it knows."""

import pytest
import torch
from regularizers_under_test import D, K, batch, built, value_and_gradients
from torch import Tensor

from ltseg.core.features import FeatureBatch
from ltseg.regularizers import DiscriminativeCentroidsLoss, RegularizerGroup

CENTROIDS = dict(type='ltseg.DiscriminativeCentroidsLoss', repulsion=0.5, margin=30.0)
MEANS = torch.randn(K, D, generator=torch.Generator().manual_seed(3))
ALL = torch.ones(K, dtype=torch.bool)


def with_centers(known: Tensor = ALL, **options: float) -> DiscriminativeCentroidsLoss:
    term = built(CENTROIDS, **options)
    term.kept.begin(MEANS, known)
    return term


def test_by_the_formula() -> None:
    given = batch()
    rows, labels = given.rows
    near = far = 0.0
    for row, label in zip(rows, labels.tolist(), strict=True):
        squares = [(row - center).square().sum() for center in MEANS.double()]
        near = near + squares.pop(label) / len(rows)
        far = far + sum(squares) / (len(rows) * K)
    assert far < 30
    torch.testing.assert_close(with_centers()(given), near / 2 + 0.5 * (30 - far))
    torch.testing.assert_close(with_centers(margin=1.0)(given), near / 2)  # far enough apart


def test_gradient_is_that_of_the_value_with_centers_as_they_are() -> None:
    given, term = batch(12), with_centers()

    def value(features: Tensor) -> Tensor:
        return term(FeatureBatch(features, given.labels, K))

    assert torch.autograd.gradcheck(value, given.features.clone().requires_grad_())


def test_without_repulsion_it_is_the_center_loss() -> None:
    options = dict(momentum=0.75)
    pull = built({**CENTROIDS, **options, 'repulsion': 0.0})
    center = built(dict(type='ltseg.CenterLoss', centers='ema', **options))
    for size in (40, 7):
        found, expected = (value_and_gradients(term, batch(size)) for term in (pull, center))
        torch.testing.assert_close(found, expected)
        pull.step()
        center.step()
    torch.testing.assert_close(pull.kept.vectors, center.centers.vectors)


def test_classes_without_a_center_neither_repel_nor_count() -> None:
    """Of five classes, two are neither in the memory nor in the batch: the others alone are as three classes."""
    given = batch(classes=3)
    three = RegularizerGroup([CENTROIDS], 3, D).terms[0]
    three.kept.begin(MEANS[:3], ALL[:3])
    expected = three(FeatureBatch(given.features, given.labels, 3))
    torch.testing.assert_close(with_centers(torch.arange(K) < 3)(given), expected)


def test_one_class_alone_is_not_repelled() -> None:
    one = batch(6, classes=1)
    expected = built(dict(type='ltseg.CenterLoss', centers='batch'))(one)
    torch.testing.assert_close(built(CENTROIDS)(one), expected)


def test_ignored_samples_alone_give_nothing() -> None:
    given = FeatureBatch(torch.ones(3, 1, D), torch.tensor([255] * 3), K, valid=torch.zeros(3, dtype=torch.bool))
    assert with_centers()(given) == 0


def test_bad_settings_are_named() -> None:
    for option, value in (('repulsion', -1), ('margin', -1), ('momentum', 2)):
        with pytest.raises(ValueError, match=rf'DiscriminativeCentroidsLoss\.{option}: expected'):
            DiscriminativeCentroidsLoss(**{option: value})
