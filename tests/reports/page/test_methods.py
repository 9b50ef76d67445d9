import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ltseg.reports.comparison import compare
from ltseg.reports.difference import CLEAR, SINGLE, WITHIN, Difference
from ltseg.reports.runs import Run

seeds = st.lists(st.floats(0, 100), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ('ours', 'theirs', 'value', 'verdict'),
    [
        ([50, 51], [40, 41], 10, CLEAR),
        ([50, 51], [48.5, 49.5], 1.5, WITHIN),  # apart, but by less than twice the spread
        ([50, 60], [49, 40], 10.5, WITHIN),
        ([50], [40], 10, SINGLE),
        ([50, 50], [40], 10, SINGLE),
        ([50, math.nan], [40, 40], 10, SINGLE),
    ],
)
def test_verdicts(ours: list[float], theirs: list[float], value: float, verdict: str) -> None:
    difference = Difference.between(ours, theirs)
    assert (difference.value, difference.verdict) == (value, verdict)


@given(seeds, seeds)
def test_swapping_the_methods_changes_the_sign_only(ours: list[float], theirs: list[float]) -> None:
    one, other = Difference.between(ours, theirs), Difference.between(theirs, ours)
    assert one.value == pytest.approx(-other.value, abs=1e-9)
    assert (one.low, one.high, one.verdict) == (-other.high, -other.low, other.verdict)
    assert one.low - 1e-9 <= one.value <= one.high + 1e-9


def test_nothing_to_compare_is_not_known() -> None:
    assert not Difference.between([], [1.0]).known
    assert not Difference.between([math.nan], [1.0]).known


@pytest.mark.parametrize(('number', 'chance'), [(2, 0.071), (3, 0.0053)])
def test_chance_is_called_clear_as_often_as_the_page_says(number: int, chance: float) -> None:
    random = torch.Generator().manual_seed(0)
    pairs = torch.randn(20000, 2, number, generator=random).tolist()
    clear = sum(Difference.between(*pair).verdict == CLEAR for pair in pairs) / len(pairs)
    assert clear == pytest.approx(chance, rel=0.25)


def test_seeds_of_a_method_are_together_and_the_first_is_the_baseline(make_study) -> None:
    study = make_study(seeds=3)
    assert [(m.label, len(m.runs)) for m in study.methods] == [('cross entropy', 3), ('ARB', 3)]
    ce, arb = study.methods
    assert ce.baseline is None and arb.baseline is ce and study.compared == [arb]
    assert (ce.matrix == sum(run.record.evaluation.matrix for run in ce.runs)).all()
    acc = study.key('Acc', 3)
    assert ce.mean(acc) == 0 and arb.difference(acc).value == pytest.approx(100 * 20 / 30)
    assert study.order == [0, 1, 2, 3] and study.rarest == 'tail'


def test_each_model_has_its_own_baseline_and_is_named(make_study) -> None:
    runs = [run for method in make_study(seeds=1).methods for run in method.runs]
    others = [Run(replace(run.record, model='DeepLabv3+'), run.path) for run in runs]
    study = compare([*runs, *others])
    assert [m.label for m in study.methods][1:3] == ['ARB, U-Net', 'cross entropy, DeepLabv3+']
    assert [m.baseline and m.baseline.label for m in study.methods] == [
        None, 'cross entropy, U-Net', None, 'cross entropy, DeepLabv3+',
    ]  # fmt: skip
