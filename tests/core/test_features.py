"""Rows of pixels, batches of features, stratified samples."""

import pytest
import torch
from torch.nn import functional as F

from ltseg.core.features import FeatureBatch, feature_rows, stratified_sample


def maps(height=3, width=5, labels=(2, 12, 20)):
    torch.manual_seed(0)
    features = torch.randn(labels[0], 4, height, width, requires_grad=True)
    drawn = torch.randint(0, 6, labels)
    return features, drawn.where(drawn < 5, 255)


@pytest.mark.parametrize('size', [(12, 20), (3, 5), (7, 11), (2, 3)])
def test_rows_are_the_pixels_with_nearest_labels(size):
    features, labels = maps(labels=(2, *size))
    nearest = F.interpolate(labels[:, None].double(), (3, 5), mode='nearest')[:, 0].long()
    rows, of_rows = feature_rows(features, labels)
    pixels = [(n, i, j) for n in range(2) for i in range(3) for j in range(5)]
    assert torch.equal(rows, torch.stack([features[n, :, i, j] for n, i, j in pixels]))
    assert of_rows.tolist() == [nearest[pixel] for pixel in pixels]


def test_gradient_goes_to_valid_pixels_only():
    features, labels = maps(labels=(2, 3, 5))
    rows, of_rows = feature_rows(features, labels[:, None])
    batch = FeatureBatch(rows[:, None], of_rows, 5, valid=of_rows != 255)
    batch.features.sum().backward()
    assert torch.equal(features.grad, (labels != 255)[:, None].expand_as(features).float())
    assert torch.equal(batch.labels, labels.flatten().where(labels.flatten() != 255, -1))


def test_ignored_rows_come_last_into_a_sample():
    labels = torch.tensor([-1] * 50 + [0] * 30 + [1] * 3)
    for limit, ignored in ((10, 0), (33, 0), (40, 7)):
        chosen = labels[stratified_sample(labels, limit)]
        assert (chosen < 0).sum() == ignored and (chosen == 1).sum() == 3


def test_what_is_valid_has_the_shape_of_the_labels():
    with pytest.raises(ValueError, match=r'FeatureBatch.valid: expected 2 bool'):
        FeatureBatch(torch.zeros(2, 1, 4), torch.zeros(2).long(), 3, valid=torch.ones(2))


@pytest.mark.parametrize('shape', [(2, 12), (1, 12, 20), (2, 3, 12, 20)])
def test_labels_of_another_shape_are_named(shape):
    with pytest.raises(ValueError, match=r'feature_rows: expected features \(N, D, H, W\) and labels'):
        feature_rows(maps()[0], torch.zeros(shape, dtype=torch.int64))


@pytest.mark.parametrize(('given', 'kept'), [(torch.float16, torch.float32), (torch.float64, torch.float64)])
def test_a_batch_is_float32_or_better(given, kept):
    batch = FeatureBatch(torch.ones(2, 3, 4, dtype=given), torch.tensor([1, 0]), 2, torch.ones(2, 4, dtype=given))
    assert batch.features.dtype == batch.class_vectors.dtype == kept
    rows, labels = batch.rows
    assert rows.shape == (6, 4) and labels.tolist() == [1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ('features', 'labels', 'classifier', 'message'),
    [
        ((2, 4), 2, (3, 4), r'features \(N, V, D\) and labels'),
        ((2, 1, 4), 3, (3, 4), r'features \(N, V, D\) and labels'),
        ((2, 1, 4), 2, (2, 4), '3 rows'),
        ((2, 1, 4), 2, (3, 4, 1, 1), '3 rows'),
    ],
)
def test_shapes_that_do_not_fit_are_named(features, labels, classifier, message):
    with pytest.raises(ValueError, match=message):
        FeatureBatch(torch.ones(features), torch.zeros(labels, dtype=torch.int64), 3, torch.ones(classifier))


LABELS = torch.arange(5).repeat_interleave(torch.tensor([1000, 200, 30, 4, 0]))


@pytest.mark.parametrize(
    ('limit', 'expected'),
    [(10**6, [1000, 200, 30, 4]), (94, [30, 30, 30, 4]), (40, [12, 12, 12, 4])],
)
def test_sample_is_stratified(limit, expected):
    chosen = stratified_sample(LABELS[torch.randperm(len(LABELS))], limit)
    assert len(chosen) == len(chosen.unique()) == sum(expected)
    labels = LABELS[torch.randperm(len(LABELS))]
    assert labels[stratified_sample(labels, limit)].bincount().tolist() == expected


def test_sample_within_a_class_is_uniform():
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0] * 8 + [1] * 2)
    drawn = torch.cat([stratified_sample(labels, 3, generator) for _ in range(4000)]).bincount()
    frequent, rare = drawn[:8] / 4000, drawn[8:] / 4000
    assert (frequent - frequent.mean()).abs().max() < 0.03 and (rare - rare.mean()).abs().max() < 0.03
    assert frequent.sum() + rare.sum() == 3 and abs(frequent.sum() - 1.5) < 0.05  # the last place goes to either


def test_sample_of_nothing_and_of_a_given_seed():
    assert len(stratified_sample(LABELS[:0], 4)) == 0
    first, second = (stratified_sample(LABELS, 7, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)
    with pytest.raises(ValueError, match='limit: expected a whole number of at least 1'):
        stratified_sample(LABELS, 0)
