"""Whether two comparisons order methods alike."""

from pathlib import Path

import pytest
import torch

from ltseg.core.errors import LtsegError
from ltseg.reports.agreement import Agreement, agreement_of
from ltseg.reports.frontier import distance_above
from ltseg.reports.record import find_records

FROZEN = Path(__file__).parents[2] / 'docs/runs/frozen'


def agreement(cheap: list[float], expensive: list[float]) -> Agreement:
    return Agreement({str(place): each for place, each in enumerate(zip(cheap, expensive, strict=True))})


def test_the_rank_correlation_is_that_of_scipy() -> None:
    stats = pytest.importorskip('scipy.stats')
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        cheap, expensive = torch.randint(6, (2, 9), generator=generator).double().tolist()  # with ties
        expected = stats.spearmanr(cheap, expensive).statistic
        assert agreement(cheap, expensive).rank_correlation == pytest.approx(expected)


def test_only_the_order_counts() -> None:
    values = [3.0, 1.0, 2.0]
    assert agreement(values, [9.0, 1.0, 1.5]).rank_correlation == pytest.approx(1)
    assert agreement(values, [-each for each in values]).rank_correlation == pytest.approx(-1)


def test_the_regret_is_what_the_choice_loses() -> None:
    assert agreement([3, 1, 2], [0.5, 2, 1]).regret == 1.5
    assert agreement([3, 1, 2], [2, 0, 1]).regret == 0


def test_records_are_grouped_by_method_and_compared_with_the_baseline() -> None:
    short, long = (find_records(sorted(map(str, FROZEN.glob(f'*-{each}-seed*.json')))) for each in (600, 1800))
    found = agreement_of(short, long, 'cross entropy')
    assert len(found.distances) == 5 and found.distances['cross entropy'] == (0, 0)
    runs = [
        [record for record in long if record.method == method] for method in ('square-root weights', 'cross entropy')
    ]
    assert found.distances['square-root weights'][1] == distance_above(*runs)
    rows = found.table('600', '1,800').rows
    assert [float(row[2]) for row in rows] == sorted((float(row[2]) for row in rows), reverse=True)


def test_records_without_the_baseline_are_refused() -> None:
    short = find_records(sorted(map(str, FROZEN.glob('[as]*-600-seed*.json'))))
    with pytest.raises(LtsegError, match="'cross entropy' and two more"):
        agreement_of(short, short, 'cross entropy')
