"""Jobs side by side, within a time."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ltseg.cli.choosing.schedule import run_jobs
from ltseg.core.errors import InvalidValueError


def scheduled(durations: list[float], workers: int, seconds: float) -> tuple[list[float], list[tuple[float, str]]]:
    """Jobs that sleep; a negative one fails. Returns those that were not begun, and what was reported."""
    reported: list[tuple[float, str]] = []

    def work(duration: Any) -> None:
        time.sleep(abs(duration))
        if duration < 0:
            raise InvalidValueError('the head', 'something', 'else')

    with ThreadPoolExecutor(workers) as pool:
        left = run_jobs(durations, pool, workers, seconds, lambda job, _, text: reported.append((job, text)), work)
    return left, reported


@pytest.mark.parametrize('workers', [1, 2])
def test_all_run_where_there_is_time(workers: int) -> None:
    left, reported = scheduled([0.01, 0.02, 0.01, 0.03], workers, 60)
    assert not left and sorted(job for job, _ in reported) == [0.01, 0.01, 0.02, 0.03]


def test_what_would_end_too_late_is_not_begun() -> None:
    left, reported = scheduled([0.2] * 5, 1, 0.5)
    assert 1 <= len(reported) <= 2 and len(left) == 5 - len(reported)


def test_the_first_ones_run_whatever_they_take() -> None:
    left, reported = scheduled([0.05, 0.05, 0.05], 2, 0)
    assert len(reported) == 2 and len(left) == 1


def test_a_failure_is_told_and_the_others_go_on() -> None:
    left, reported = scheduled([0.01, -0.01, 0.02], 1, 60)
    assert not left and [bool(text) for _, text in reported] == [False, True, False]
    assert 'the head: expected something, got else' in reported[1][1]
