"""Calibration errors against a naive sum over bins, and where their value is known."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ltseg.core.calibration import BINS, Calibration


def naive(prediction: list[int], label: list[int], confidence: list[float], classes: list[int]) -> float:
    rows = [(p == y, c) for p, y, c in zip(prediction, label, confidence, strict=True) if y in classes]
    error = 0.0
    for index in range(BINS):
        inside = [(right, c) for right, c in rows if index / BINS < c <= (index + 1) / BINS]
        if inside:
            accuracy, mean = (sum(column) / len(inside) for column in zip(*inside, strict=True))
            error += len(inside) / len(rows) * abs(accuracy - mean)
    return 100 * error


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(0.26, 1)), min_size=1, max_size=60),
    st.sets(st.integers(0, 3), min_size=1),
)
def test_equals_a_naive_sum_over_the_bins(rows: list[tuple[int, int, float]], classes: set[int]) -> None:
    prediction, label, confidence = map(list, zip(*rows, strict=True))
    tensors = torch.tensor(prediction), torch.tensor(label), torch.tensor(confidence, dtype=torch.float64)
    found = Calibration.of(*tensors, 4)
    assert found.error() == pytest.approx(naive(prediction, label, confidence, [0, 1, 2, 3]), abs=1e-9)
    if classes & set(label):
        expected = naive(prediction, label, confidence, sorted(classes))
        assert found.error(sorted(classes)) == pytest.approx(expected, abs=1e-9)
    else:
        assert math.isnan(found.error(sorted(classes)))


def test_sure_and_right_is_calibrated_and_sure_and_wrong_is_not() -> None:
    label, sure = torch.tensor([0, 1, 2]), torch.ones(3)
    assert Calibration.of(label, label, sure, 3).error() == 0
    assert Calibration.of((label + 1) % 3, label, sure, 3).error() == 100


def test_chance_with_the_confidence_of_chance_is_calibrated() -> None:
    label = torch.arange(4).repeat(25)
    found = Calibration.of(torch.zeros(100, dtype=torch.int64), label, torch.full((100,), 0.25), 4)
    assert found.error() == pytest.approx(0)
    assert found.error([0]) == pytest.approx(75) and found.error([1, 2, 3]) == pytest.approx(25)


def test_nan_stays_in_the_group_that_has_it() -> None:
    found = Calibration.of(torch.tensor([0, 1]), torch.tensor([0, 1]), torch.tensor([torch.nan, 1.0]), 3)
    assert math.isnan(found.error()) and math.isnan(found.error([0])) and found.error([1]) == 0
    assert math.isnan(found.error([2])) and math.isnan(found.error([]))


def test_impossible_sums_are_refused() -> None:
    ones = torch.ones(2, BINS, dtype=torch.int64)
    with pytest.raises(ValueError, match='Calibration: expected three tables'):
        Calibration(ones, 2 * ones, ones.double())
    with pytest.raises(ValueError, match='Calibration: expected three tables'):
        Calibration(ones, ones[:1], ones.double())


def bin_of(confidence: float) -> int:
    """The bin that a confidence falls into."""
    found = Calibration.of(torch.tensor([0]), torch.tensor([0]), torch.tensor([confidence], dtype=torch.float64), 1)
    assert found.samples.sum() == found.correct.sum() == 1
    return int(found.samples[0].argmax())


@pytest.mark.parametrize('index', range(BINS))
def test_a_bin_has_its_upper_end_and_not_its_lower_one(index: int) -> None:
    low, high = index / BINS, (index + 1) / BINS
    assert bin_of(high) == bin_of(math.nextafter(low, 1)) == index
    assert bin_of(math.nextafter(high, 1)) == min(index + 1, BINS - 1)
    assert bin_of(low) == max(index - 1, 0)


def test_the_ends_of_the_range_are_in_the_first_and_the_last_bin() -> None:
    assert bin_of(0.0) == 0 and bin_of(1.0) == BINS - 1
    assert bin_of(float(torch.tensor(1.0000001))) == BINS - 1  # how a softmax in float32 may round


def test_sums_are_by_true_class_and_the_confidence_is_not_rounded() -> None:
    confidence = torch.tensor([0.5, 0.25, 0.5, 0.5])
    found = Calibration.of(torch.tensor([0, 1, 1, 0]), torch.tensor([0, 0, 1, 1]), confidence, 2)
    half, quarter = bin_of(0.5), bin_of(0.25)
    assert found.samples[:, half].tolist() == [1, 2] and found.samples[:, quarter].tolist() == [1, 0]
    assert found.correct[:, half].tolist() == [1, 1] and found.correct[:, quarter].tolist() == [0, 0]
    assert found.confidence[:, half].tolist() == [0.5, 1.0] and found.confidence[:, quarter].tolist() == [0.25, 0]
    many = torch.tensor([2**24] + [1] * 5).double()  # float32 stops counting there
    assert Calibration.of(*[torch.zeros(6, dtype=torch.int64)] * 2, many, 1).confidence.sum() == 2**24 + 5
