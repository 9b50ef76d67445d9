"""Range loss: its formula, and what moves features."""

from itertools import combinations

import pytest
import torch
from regularizers_under_test import D, K, batch, built, value_and_gradients

from ltseg.core.features import FeatureBatch
from ltseg.regularizers import RegularizerGroup

RANGE = dict(type='ltseg.RangeLoss')
WITHIN, BETWEEN = dict(between=0.0), dict(within=0.0)


@pytest.mark.parametrize('ranges', [1, 2, 100])
def test_by_the_formula(ranges):
    given, expected = batch(), 0.0
    rows, labels = given.rows
    for k in range(K):
        pairs = combinations(rows[labels == k], 2)
        largest = sorted((float((a - b).square().sum()) for a, b in pairs), reverse=True)[:ranges]
        expected += len(largest) / sum(1 / each for each in largest)
    means = [rows[labels == k].mean(0) for k in range(K)]
    nearest = min(float((a - b).square().sum()) for a, b in combinations(means, 2))
    assert built(RANGE, **WITHIN, ranges=ranges)(given).item() == pytest.approx(expected)
    assert built(RANGE, **BETWEEN, margin=50.0)(given).item() == pytest.approx(50 - nearest)
    both = built(RANGE, within=0.5, between=3.0, ranges=ranges, margin=50.0)(given)
    assert both.item() == pytest.approx(0.5 * expected + 3 * (50 - nearest))


def test_a_frequent_class_weighs_no_more_than_a_rare_one():
    """Copies of samples add no distance larger than those there are, unless they are of the farthest."""
    given = batch(views=1)
    inner = FeatureBatch(torch.zeros(200, 1, D, dtype=torch.float64) + given.features[given.labels == 0].mean(0),
                         torch.zeros(200).long(), K)  # fmt: skip
    more = FeatureBatch(torch.cat([given.features, inner.features]), torch.cat([given.labels, inner.labels]), K)
    torch.testing.assert_close(built(RANGE, **WITHIN)(more), built(RANGE, **WITHIN)(given))


def test_only_the_farthest_samples_and_the_nearest_classes_move():
    given = batch(views=1)
    _, gradient, _ = value_and_gradients(built(RANGE, **WITHIN, ranges=1), given)
    moved = gradient[:, 0].abs().sum(1) > 0
    assert all(moved[given.labels == k].sum() == min(2, 2 * ((given.labels == k).sum() > 1)) for k in range(K))
    _, gradient, _ = value_and_gradients(built(RANGE, **BETWEEN, margin=50.0), given)
    assert len(given.labels[gradient[:, 0].abs().sum(1) > 0].unique()) == 2
    _, gradient, _ = value_and_gradients(built(RANGE, **BETWEEN, margin=0.0), given)
    assert not gradient.any()  # far enough apart


def test_single_samples_and_single_classes_add_nothing():
    assert built(RANGE, **WITHIN)(batch(K, views=1)) == 0
    assert built(RANGE, **BETWEEN)(batch(classes=1)) == 0


def test_bad_settings_are_named():
    for option, value in (('ranges', 0), ('margin', -1), ('within', -1), ('between', -1)):
        with pytest.raises(ValueError, match=f'RangeLoss.{option}: expected'):
            RegularizerGroup([{**RANGE, option: value}], K, D)
