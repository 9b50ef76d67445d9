"""Figures of neural collapse against naive computations, and at their ideal on a simplex."""

import math

import pytest
import torch

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
from ltseg.core.geometry import simplex_vectors

K, D = 5, 7


def samples():
    torch.manual_seed(0)
    labels = torch.arange(60) % K
    return torch.randn(60, D, dtype=torch.float64) + 2 * simplex_vectors(K, D)[labels], labels


@pytest.mark.parametrize('num_classes', [2, 5, 10])
def test_a_simplex_is_ideal(num_classes):
    vectors = 3 * simplex_vectors(num_classes, 12)
    figures = equiangularity(centred(vectors + 4))
    assert figures.norm_variation < 1e-12 and figures.cosine_deviation < 1e-12 and figures.simplex_gap < 1e-12
    assert figures.least_angle == pytest.approx(simplex_angle(num_classes))
    assert self_duality_gap(0.1 * vectors, vectors + 4) < 1e-12
    measures = balance(vectors)
    assert measures.product < 1e-12 and measures.angle < 1e-12 and measures.length < 1e-12
    expected = torch.full((num_classes, num_classes), 1 / (num_classes - 1), dtype=torch.float64).fill_diagonal_(0)
    torch.testing.assert_close(relative_products(vectors), expected)


def test_balance_as_printed_is_not_zero_for_a_simplex():
    assert balance(simplex_vectors(10, 12), literal=True).product ** 2 == pytest.approx(10 / 9**5)


def test_within_class_variability_is_the_trace():
    rows, labels = samples()
    statistics = ClassStatistics.of(rows, labels, K)
    members = [rows[labels == k] for k in range(K)]
    means = torch.stack([part.mean(0) for part in members])
    within = sum((part - part.mean(0)).T @ (part - part.mean(0)) for part in members) / 60
    between = (means - means.mean(0)).T @ (means - means.mean(0)) / K
    expected = torch.trace(within @ torch.linalg.pinv(between, rtol=1e-10)) / K
    torch.testing.assert_close(within_class_variability(statistics.within, statistics.present_means), expected)


def test_collapsed_classes_vary_by_zero_and_coinciding_ones_by_infinity():
    means = torch.randn(K, D, dtype=torch.float64)
    assert within_class_variability(torch.zeros(D, D), means) == 0
    assert within_class_variability(torch.zeros(D, D), torch.ones(K, D)) == 0
    assert within_class_variability(torch.eye(D), torch.full((K, D), 0.1)) == torch.inf


def test_figures_are_those_of_naive_loops():
    vectors = torch.randn(K, D, dtype=torch.float64)
    pairs = [(i, j) for i in range(K) for j in range(K) if i != j]
    products = torch.stack([vectors[i] @ vectors[j] for i, j in pairs])
    cosines = torch.stack([torch.cosine_similarity(vectors[i], vectors[j], dim=0) for i, j in pairs])
    norms = torch.stack([vector.norm() for vector in vectors])
    figures, measures, matrix = equiangularity(vectors), balance(vectors), relative_products(vectors)
    assert figures.cosine_deviation == pytest.approx(cosines.std(correction=0).item()) == measures.angle
    assert figures.simplex_gap == pytest.approx((cosines + 1 / (K - 1)).abs().mean().item())
    assert figures.norm_variation == pytest.approx((norms.std(correction=0) / norms.mean()).item())
    assert figures.least_angle == pytest.approx(min(math.degrees(math.acos(cosine)) for cosine in cosines))
    assert measures.product == pytest.approx(products.std(correction=0).item())
    assert measures.length == pytest.approx(norms.std(correction=0).item())
    for i, j in pairs:
        torch.testing.assert_close(
            matrix[i, j], vectors[i] @ vectors[j] / sum(vectors[i] @ vectors[k] for k in range(K) if k != i)
        )
    torch.testing.assert_close(matrix.sum(1), torch.ones(K, dtype=torch.float64))


def test_rotated_means_are_not_dual():
    vectors = simplex_vectors(K, D)
    rotation = torch.linalg.qr(torch.randn(D, D, dtype=torch.float64, generator=torch.Generator().manual_seed(0))).Q
    assert self_duality_gap(vectors @ rotation, vectors) > 0.5
    assert self_duality_gap(-vectors, vectors) == pytest.approx(2)


def test_disagreement_with_the_nearest_mean():
    rows, labels = samples()
    means = ClassStatistics.of(rows, labels, K).means
    # The nearest mean is a linear classifier: w = 2 mu, b = -|mu|^2.
    logits = 2 * rows @ means.T - means.square().sum(1)
    assert not nearest_mean_disagreement(rows, logits, means).any()
    logits[3] *= -1
    assert nearest_mean_disagreement(rows, logits, means).nonzero().tolist() == [[3]]


@pytest.mark.parametrize('vectors', [torch.zeros(K, D), torch.ones(K, D), torch.eye(K, D)], ids=['zero', 'one', 'all'])
def test_degenerate_vectors_raise_nothing(vectors):
    found = balance(vectors)
    assert (found.product, found.angle, found.length) == pytest.approx((0, 0, 0))  # all pairs are alike
    assert equiangularity(vectors).cosine_deviation == pytest.approx(0)
    assert relative_products(vectors).isfinite().all()
    self_duality_gap(vectors, vectors)
