"""Confusion matrices count exactly, reject what is no class, and give the rates of the definition."""

from collections.abc import Callable

import pytest
import torch
from hinted import hinted
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ltseg.core import confusion
from ltseg.core.confusion import (
    ClassRates,
    class_block,
    confusion_matrix,
    mean_of,
    padded_confusion_matrix,
    right_and_missed,
)

K = 5


def naive_matrix(prediction: Tensor, label: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for p, t in zip(prediction.flatten().tolist(), label.flatten().tolist(), strict=True):
        if t != ignore_index:
            matrix[t, p] += 1
    return matrix


@given(
    pixels=st.lists(st.tuples(st.integers(0, K - 1), st.integers(-1, K - 1)), max_size=40),
    ignore_index=st.sampled_from([255, -100, 1000, 0, K]),
    dtype=st.sampled_from([torch.uint8, torch.int32, torch.int64]),
)
def test_equals_counting_one_by_one(pixels: list, ignore_index: int, dtype: torch.dtype) -> None:
    if not 0 <= ignore_index < 256:
        dtype = torch.int64
    prediction = torch.tensor([p for p, _ in pixels], dtype=dtype)
    label = torch.tensor([ignore_index if t < 0 else t for _, t in pixels], dtype=dtype)
    matrix = confusion_matrix(prediction, label, K, ignore_index)
    assert matrix.dtype == torch.int64
    assert torch.equal(matrix, naive_matrix(prediction, label, K, ignore_index))


def test_what_the_hint_says_makes_them_classes() -> None:
    prediction, label = torch.tensor([0, 1, 5]), torch.tensor([0, 1, 5])
    hinted('and ignore_index and reduce_zero_label of the data set.', lambda: confusion_matrix(prediction, label, K))
    assert confusion_matrix(prediction, label, K + 1).diagonal().tolist() == [1, 1, 0, 0, 0, 1]
    padded = padded_confusion_matrix(prediction.clamp(max=4), label, K)
    hinted(
        'Check num_classes of the head, and ignore_index and reduce_zero_label of the data set.',
        lambda: class_block(padded),
    )
    ignored = padded_confusion_matrix(prediction.clamp(max=4), label, K, ignore_index=5)
    assert class_block(ignored).diagonal().tolist() == [1, 1, 0, 0, 0]


def test_chunks_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    prediction, label = torch.randint(0, K, (2, 7, 9), generator=generator)
    whole = confusion_matrix(prediction, label, K)
    monkeypatch.setattr(confusion, 'CHUNK', 10)
    assert torch.equal(confusion_matrix(prediction, label, K), whole)
    assert whole.sum() == 63


def test_the_types_of_prediction_and_label_may_differ() -> None:
    prediction, label = torch.tensor([0, 4, 4]), torch.tensor([0, 3, 255], dtype=torch.uint8)
    matrix = confusion_matrix(prediction, label, K)
    assert matrix[0, 0] == matrix[3, 4] == 1
    assert matrix.sum() == 2


def test_more_classes_than_a_byte_holds() -> None:
    prediction, label = torch.tensor([299, 255, 1]), torch.tensor([299, 254, 255])
    matrix = confusion_matrix(prediction, label, 300, ignore_index=255)
    assert matrix[299, 299] == matrix[254, 255] == 1
    assert matrix.sum() == 2


def test_inputs_stay_as_they_are() -> None:
    prediction, label = torch.tensor([1, 2], dtype=torch.int32), torch.tensor([1, 255], dtype=torch.int32)
    confusion_matrix(prediction, label, K)
    assert prediction.tolist() == [1, 2]
    assert label.tolist() == [1, 255]


@pytest.mark.parametrize('value', [K, 254, 256, -1, 2**40, -(2**63)])
@pytest.mark.parametrize('what', ['prediction', 'label'])
def test_what_is_no_class_is_named(what: str, value: int) -> None:
    maps = {'prediction': torch.zeros(6, dtype=torch.int64), 'label': torch.zeros(6, dtype=torch.int64)}
    maps[what][3] = value
    with pytest.raises(ValueError, match=rf'{what}: expected classes 0\.\.4, got {value}\.'):
        confusion_matrix(maps['prediction'], maps['label'], K)


@pytest.mark.parametrize('ignore_index', [-100, 1000])
def test_what_is_no_class_is_named_beside_a_far_ignore_index(ignore_index: int) -> None:
    label = torch.tensor([0, ignore_index, K])
    with pytest.raises(ValueError, match=f'label: .* got {K}'):
        confusion_matrix(torch.zeros(3, dtype=torch.int64), label, K, ignore_index)


@pytest.mark.parametrize('ignore_index', [255, -100, 1000, 0])
def test_counts_without_looking_at_the_values(ignore_index: int) -> None:
    generator = torch.Generator().manual_seed(0)
    prediction, label = torch.randint(0, K, (2, 7, 9), generator=generator)
    label[::3] = ignore_index
    counted = padded_confusion_matrix(prediction, label, K, ignore_index)
    assert torch.equal(class_block(counted), confusion_matrix(prediction, label, K, ignore_index))


@pytest.mark.parametrize('value', [K, 254, -1, 2**40])
@pytest.mark.parametrize('what', ['prediction', 'label'])
def test_what_is_no_class_is_noticed_after_adding_up(what: str, value: int) -> None:
    maps = {'prediction': torch.zeros(6, dtype=torch.int64), 'label': torch.zeros(6, dtype=torch.int64)}
    good = padded_confusion_matrix(maps['prediction'], maps['label'], K)
    maps[what][2:4] = value
    with pytest.raises(ValueError, match=rf'{what}: expected classes 0\.\.4, got 2 pixels of other values'):
        class_block(good + padded_confusion_matrix(maps['prediction'], maps['label'], K))


@pytest.mark.parametrize('count', [confusion_matrix, padded_confusion_matrix])
def test_shapes_must_agree(count: Callable) -> None:
    with pytest.raises(ValueError, match=r'same shape, got .*\(2, 3\) and \(3, 2\)'):
        count(torch.zeros(2, 3, dtype=torch.int64), torch.zeros(3, 2, dtype=torch.int64), K)


def test_rates_by_hand() -> None:
    matrix = torch.tensor([[6, 2, 0, 2], [1, 3, 0, 0], [0, 0, 0, 0], [4, 0, 0, 0]])  # class 2 is absent, 3 never right
    rates = ClassRates.of(matrix)
    nan = torch.nan
    expected = {
        'iou': [100 * 6 / 15, 100 * 3 / 6, nan, 0],
        'acc': [60, 75, nan, 0],
        'precision': [100 * 6 / 11, 60, nan, 0],
    }
    for name, values in expected.items():
        torch.testing.assert_close(getattr(rates, name), torch.tensor(values, dtype=torch.float64), equal_nan=True)
    assert rates.overall == pytest.approx(50)


def test_an_absent_class_that_is_predicted_is_nan_and_costs_the_others() -> None:
    rates = ClassRates.of(torch.tensor([[3, 1], [0, 0]]))
    assert rates.iou.isnan().tolist() == rates.precision.isnan().tolist() == [False, True]
    assert rates.iou[0] == 75
    assert mean_of(rates.iou) == 75


def test_a_class_that_is_never_predicted_has_no_precision() -> None:
    rates = ClassRates.of(torch.tensor([[3, 0], [2, 0]]))
    assert rates.precision.isnan().tolist() == [False, True]
    assert rates.iou.tolist() == [60, 0]


def test_rates_are_exact_beyond_single_precision() -> None:
    wrong = torch.tensor([[2**25, 1], [0, 2**25]])
    assert 0 < 100 - ClassRates.of(wrong).iou[0] < 1e-5


def test_means_leave_nan_out() -> None:
    values = torch.tensor([1.0, torch.nan, 3.0])
    assert mean_of(values) == 2
    assert mean_of(values, (1, 2)) == 3
    assert mean_of(values, (1,)) != mean_of(values, (1,))
    assert mean_of(values, ()) != mean_of(values, ())


@pytest.mark.parametrize('num_classes', [128, 129, 182, 256, 257])
def test_cells_of_many_classes_do_not_overflow(num_classes: int) -> None:
    """128 classes and the ignored label are 2^15 cells, as many as int16 can number."""
    corners = torch.tensor([0, num_classes - 1])
    prediction, label = torch.meshgrid(corners, corners, indexing='ij')
    matrix = confusion_matrix(prediction, label, num_classes, 255)
    expected = naive_matrix(prediction, label, num_classes, 255)
    assert torch.equal(matrix, expected)
    assert matrix.untyped_storage().nbytes() == 8 * num_classes**2  # the ignored row is not kept alive


def test_right_and_missed_samples_give_the_rates() -> None:
    matrix = torch.randint(9, (K, K), generator=torch.Generator().manual_seed(0))
    matrix[2] = 0  # absent, but predicted
    rates = ClassRates.of(matrix)
    for wrong_too, rate in ((True, rates.iou), (False, rates.acc)):
        right, missed = right_and_missed(matrix, wrong_too)
        torch.testing.assert_close(100 * right.double() / (right + missed), rate, equal_nan=True)
        assert right[2] == missed[2] == 0
