"""Shares sum to one, depend on ratios only, and are zero where nothing was counted."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ltseg.core.shares import gini, shares_of


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=20).filter(any), st.integers(2, 10**4))
def test_shares_sum_to_one_and_follow_ratios(counts: list[int], factor: int) -> None:
    shares = shares_of(torch.tensor(counts))
    assert shares.dtype == torch.float64
    assert shares.tolist() == pytest.approx([count / sum(counts) for count in counts])
    torch.testing.assert_close(shares_of(torch.tensor(counts) * factor), shares)


@pytest.mark.parametrize('dtype', [torch.int64, torch.float64])
def test_without_samples_every_share_is_zero(dtype: torch.dtype) -> None:
    assert shares_of(torch.zeros(3, dtype=dtype)).tolist() == [0, 0, 0]


def test_a_moving_average_below_one_sample_has_shares() -> None:
    assert shares_of(torch.tensor([0.03, 0.01, 0.0], dtype=torch.float64)).tolist() == pytest.approx([0.75, 0.25, 0])


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any), st.integers(2, 100))
def test_gini_is_the_mean_difference_whatever_the_order_and_unit(counts: list[int], factor: int) -> None:
    differences = sum(abs(one - other) for one in counts for other in counts)
    expected = differences / (2 * len(counts) * sum(counts))
    assert gini(torch.tensor(counts)) == pytest.approx(expected)
    assert gini(torch.tensor(counts[::-1]) * factor) == pytest.approx(expected)
