"""What every check refuses, with a message, whatever comes."""

import math
from typing import Any

import pytest
from hinted import hinted

from ltseg.core.checks import check_choice, check_integer, check_positive, check_range, near


@pytest.mark.parametrize('value', [-0.1, 1.1, math.nan, True, '0.5', None])
def test_out_of_range_or_no_number(value: Any) -> None:
    with pytest.raises(ValueError, match=r'a\.b: expected a number in \[0, 1\]'):
        check_range('a.b', value, 0, 1)


@pytest.mark.parametrize('value', [0, -1, math.inf, math.nan, True, '1', None])
def test_not_positive(value: Any) -> None:
    with pytest.raises(ValueError, match=r'a\.b: expected a number above 0'):
        check_positive('a.b', value)


@pytest.mark.parametrize('value', [1, 2.0, True, '2', None])
def test_not_whole(value: Any) -> None:
    with pytest.raises(ValueError, match=r'a\.b: expected a whole number of at least 2'):
        check_integer('a.b', value, 2)


def test_the_nearest_choice_is_one() -> None:
    hinted('Did you mean', lambda: check_choice('a', 'invers', ('inverse', 'enet')))
    assert near('invers', ('inverse', 'enet')) == "Did you mean 'inverse'?"
    check_choice('a', 'inverse', ('inverse', 'enet'))
    assert not near('zzz', ('inverse', 'enet')) and not near('zzz', ('inverse', 'enet'), 3)


def test_both_ends_are_in_the_range() -> None:
    check_range('a', 0, 0, 1)
    check_range('a', 1, 0, 1)
    check_integer('a', 2, 2)


def test_true_is_no_number_of_one() -> None:
    with pytest.raises(ValueError, match='a whole number of at least 1, got True'):
        check_integer('a', True, 1)
