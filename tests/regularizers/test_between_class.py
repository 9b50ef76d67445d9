"""The angle to the nearest class mean."""

import math

import pytest
import torch
from regularizers_under_test import D, K, batch, built, value_and_gradients

from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import simplex_vectors
from ltseg.regularizers import RegularizerGroup

BETWEEN = dict(type='ltseg.BetweenClassRegularizer')


def of_means(means, labels=None):
    labels = torch.arange(len(means)) if labels is None else labels
    return FeatureBatch(means[:, None], labels, K, torch.zeros(K, D))


@pytest.mark.parametrize('angles', ['nearest', 'least'])
@pytest.mark.parametrize('num_classes', [3, 6, 100])
def test_a_simplex_is_the_optimum(num_classes, angles):
    vectors, bound = simplex_vectors(num_classes, num_classes + 2), -math.acos(-1 / (num_classes - 1))
    term = RegularizerGroup([{**BETWEEN, 'angles': angles}], num_classes, num_classes + 2).terms[0]
    labels = torch.arange(num_classes)
    shifted = 3 * vectors + torch.randn(num_classes + 2)
    assert term(FeatureBatch(shifted[:, None], labels, num_classes)).item() == pytest.approx(bound, abs=1e-7)
    for scale in (0.1, 1.0, 10.0):
        moved = shifted + scale * torch.randn_like(shifted)
        assert bound < term(FeatureBatch(moved[:, None], labels, num_classes)) <= 0


def test_it_is_the_mean_angle_to_the_nearest_other_mean():
    given = batch()
    rows, labels = given.rows
    means = torch.stack([rows[labels == k].mean(0) for k in range(K)])
    centred = means - means.mean(0)
    angles = [
        min(torch.cosine_similarity(centred[k], centred[j], dim=0).acos() for j in range(K) if j != k) for k in range(K)
    ]
    torch.testing.assert_close(built(BETWEEN)(given), -sum(angles) / K)
    torch.testing.assert_close(built(BETWEEN, angles='least')(given), -min(angles))


def test_the_least_angle_moves_two_classes_only():
    vectors = simplex_vectors(K, D)
    vectors[1] += vectors[0]
    _, gradient, _ = value_and_gradients(built(BETWEEN, angles='least'), of_means(vectors))
    pushed, others = gradient[:2, 0], gradient[2:, 0]
    torch.testing.assert_close(others, others[:1].expand_as(others))  # as the centre of all means goes with the two
    assert (pushed - others[0]).norm(dim=1).min() > 0.1


@pytest.mark.parametrize('classes', [K, 3])
def test_absent_classes_have_no_part_in_the_least_angle(classes):
    """In two dimensions, where the zeros of absent classes would lie at 90 degrees to everything."""
    degrees = torch.tensor([0.0, 120, 240, 50, 80][:classes], dtype=torch.float64).deg2rad()
    means = torch.stack([degrees.cos(), degrees.sin()], 1)
    given = FeatureBatch(means[:, None], torch.arange(classes), K, torch.zeros(K, 2))
    seen = torch.nn.functional.normalize(means - means.mean(0))
    expected = -(seen @ seen.T).fill_diagonal_(-1).max().arccos()
    torch.testing.assert_close(built(BETWEEN, angles='least')(given), expected)


def test_norms_and_place_of_the_means_do_not_matter():
    vectors = simplex_vectors(K, D) + 0.3 * torch.randn(K, D)
    value = built(BETWEEN)(of_means(vectors))
    torch.testing.assert_close(built(BETWEEN)(of_means(7 * vectors + 5)), value)


@pytest.mark.parametrize('angles', ['nearest', 'least'])
@pytest.mark.parametrize('classes', [1, 2])
def test_fewer_than_three_classes_give_zero(classes, angles):
    value, gradient, _ = value_and_gradients(built(BETWEEN, angles=angles), batch(classes=classes))
    assert value == 0 and (gradient == 0).all()


def test_memory_stands_in_for_absent_classes():
    term, whole, two = built(BETWEEN, centers='ema').double(), batch(views=1), batch(views=1, classes=2)
    term(whole)
    term.step()
    means = torch.stack([(two if k < 2 else whole).features[:, 0][(two if k < 2 else whole).labels == k].mean(0)
                         for k in range(K)])  # fmt: skip
    value, gradient, _ = value_and_gradients(term, two)
    torch.testing.assert_close(value, built(BETWEEN)(of_means(means)))
    assert gradient.abs().sum() > 0


def test_classes_that_coincide_do_not_hide_the_others():
    vectors = torch.randn(K, D, dtype=torch.float64)
    vectors[1] = vectors[0]
    value, gradient, _ = value_and_gradients(built(BETWEEN), of_means(vectors))
    assert value.isfinite() and gradient[2:].abs().sum() > 0


def test_memory_has_its_momentum():
    given, term = batch(views=1), built(BETWEEN, centers='ema', momentum=0.75).double()
    for shift in (0, 4):
        term(FeatureBatch(given.features + shift, given.labels, K))
        term.step()
    mean = given.features[given.labels == 1, 0].mean(0)
    torch.testing.assert_close(term.memory.vectors[1], mean + 0.25 * 4)


def test_classes_close_to_each_other_still_feel_each_other():
    vectors = torch.eye(K, D, dtype=torch.float64)
    vectors[1] = vectors[0] + 0.02 * torch.ones(D)  # a cosine of about 0.997
    value, gradient, _ = value_and_gradients(built(BETWEEN), of_means(vectors))
    seen = torch.nn.functional.normalize(vectors - vectors.mean(0))
    cosines = (seen @ seen.T).fill_diagonal_(-1)
    assert 0.99 < cosines.max() < 0.9999
    torch.testing.assert_close(value, -cosines.amax(1).arccos().mean())
    assert gradient[:2].abs().sum() > 0.1
