"""Repulsion of classifier vectors."""

import math

import pytest
import torch
from regularizers_under_test import D, K, batch, built, value_and_gradients
from torch.nn import functional as F

from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import simplex_vectors
from ltseg.schedules import Schedule

REPULSION = dict(type='ltseg.WeightRepulsion')


def of_weights(weights):
    return FeatureBatch(torch.zeros(0, 1, D), torch.zeros(0, dtype=torch.int64), K, weights)


def test_a_simplex_is_the_optimum_without_threshold():
    term, bound = built(REPULSION, threshold=-1), K * (math.log(math.e + (K - 1) * math.exp(-1 / (K - 1))) - 1)
    assert term(of_weights(simplex_vectors(K, D))).item() == pytest.approx(bound)
    assert all(term(of_weights(torch.randn(K, D))) > bound for _ in range(5))


def test_any_weights_below_the_threshold_are_the_optimum_with_one():
    bound = K * (math.log(math.e + K - 1) - 1)
    for weights in (simplex_vectors(K, D), torch.eye(K, D), torch.eye(K, D) + 0.15):
        value, _, gradient = value_and_gradients(built(REPULSION), of_weights(weights))
        assert value.item() == pytest.approx(bound) and (gradient == 0).all()
    assert built(REPULSION)(of_weights(torch.eye(K, D) + 0.9)) > bound


@pytest.mark.parametrize('weights', [batch().class_vectors, torch.ones(K, D), torch.randn(1, D).expand(K, D)])
def test_a_threshold_of_one_is_no_regularizer(weights):
    value, _, gradient = value_and_gradients(built(REPULSION, threshold=1), of_weights(weights))
    assert value.item() == pytest.approx(K * (math.log(math.e + K - 1) - 1)) and (gradient == 0).all()


@pytest.mark.parametrize('threshold', [-1.0, 0.0, 0.4])
def test_value_and_gradient_are_the_posters(threshold):
    weights = batch().class_vectors + 0.5
    unit, norms = F.normalize(weights), weights.norm(dim=1, keepdim=True)
    cosines = unit @ unit.T
    kept = (cosines > threshold) | torch.eye(K, dtype=torch.bool)
    exponents = (cosines * kept).exp()
    shares = exponents / exponents.sum(1, keepdim=True)
    value, _, gradient = value_and_gradients(built(REPULSION, threshold=threshold), of_weights(weights))
    torch.testing.assert_close(value, (exponents.sum(1).log() - 1).sum())
    both = ((shares + shares.T) * kept).fill_diagonal_(0)
    expected = (both @ unit - (both * cosines).sum(1, keepdim=True) * unit) / norms
    torch.testing.assert_close(gradient, expected)
    torch.testing.assert_close((gradient * weights).sum(1), torch.zeros(K, dtype=torch.float64))


def test_norms_do_not_matter():
    weights = batch().class_vectors + 0.5
    scaled = torch.linspace(0.1, 9, K)[:, None] * weights
    torch.testing.assert_close(built(REPULSION)(of_weights(scaled)), built(REPULSION)(of_weights(weights)))


def test_weight_falls_by_default():
    assert built(REPULSION).schedule == Schedule('parabolic')
    assert built(REPULSION, schedule=None).schedule is None


def test_a_head_without_class_vectors_is_named():
    given = FeatureBatch(torch.zeros(1, 1, D), torch.zeros(1, dtype=torch.int64), K)
    with pytest.raises(ValueError, match='a classifier with one vector for each class'):
        built(REPULSION)(given)
