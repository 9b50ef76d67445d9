"""Right and missed samples of each class against a naive count."""

import pytest
import torch
from torch.nn import functional as F

from ltseg.core.right_samples import count_right, outcomes, right_samples

K, IGNORED = 5, 255


def batch():
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(3, K, 6, 7, generator=generator), torch.randint(4, (3, 6, 7), generator=generator)
    labels[0, :2], labels[2] = IGNORED, 1
    return logits, labels


def naive(logits, labels):
    pairs = list(zip(logits.argmax(1).flatten().tolist(), labels.flatten().tolist(), strict=True))
    return [[sum((p == k) == hit and y == k for p, y in pairs) for k in range(K)] for hit in (True, False)]


@pytest.mark.parametrize('on_accelerator', [False, True])
def test_counts_equal_a_naive_count(on_accelerator, monkeypatch):
    monkeypatch.setattr('ltseg.core.right_samples.on_accelerator', lambda values: on_accelerator)
    logits, labels = batch()
    found = outcomes(logits, labels, IGNORED)
    assert found.dtype == torch.int64 and found.tolist() == naive(logits, labels)
    right = right_samples(logits, labels, IGNORED)
    assert found[0].sum() == count_right(right, labels, IGNORED)
    assert outcomes(logits, torch.full_like(labels, IGNORED), IGNORED).tolist() == [[0] * K] * 2
    assert outcomes(logits[:0], labels[:0], IGNORED).tolist() == [[0] * K] * 2


@pytest.mark.parametrize('wrong', [-1, K, 77])
def test_a_label_that_is_no_class_is_of_none(wrong):
    """As on an accelerator, which does not look."""
    logits, labels = batch()
    right = right_samples(logits, labels, IGNORED)
    outside = labels.where(labels != 1, wrong)
    expected = count_right(right & (labels != 1), labels.where(labels != 1, IGNORED), IGNORED, K)
    assert torch.equal(count_right(right, outside, IGNORED, K), expected)


def test_ties_are_right():
    assert outcomes(torch.zeros(2, 3), torch.tensor([0, 2]), IGNORED).tolist() == [[1, 0, 1], [0, 0, 0]]


def test_probabilities_are_right_by_their_shares():
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]])
    soft = torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.5, 0.5]])
    assert outcomes(logits, soft, IGNORED).tolist() == [[0.75, 0, 0.5], [0, 0.75, 0]]
    logits, labels = batch()
    labels = labels.where(labels != IGNORED, 2)
    of_one_hot = outcomes(logits, F.one_hot(labels, K).movedim(-1, 1).float(), IGNORED)
    assert of_one_hot.dtype == torch.float64 and torch.equal(of_one_hot, outcomes(logits, labels, IGNORED).double())
