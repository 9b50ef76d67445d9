"""Jobs side by side, within a time."""

import queue
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hinted import hinted

from ltseg.cli.choosing import schedule
from ltseg.cli.choosing.schedule import run_jobs
from ltseg.cli.choosing.work import prepare_process
from ltseg.core.errors import InvalidValueError


def scheduled(
    durations: list[float], workers: int, seconds: float, length: Callable[[float], float] | None = None
) -> tuple[list[float], list[tuple[float, str]]]:
    """Jobs that sleep; a negative one fails. Returns those that were not begun, and what was reported."""
    reported: list[tuple[float, str]] = []

    def work(duration: Any) -> None:
        time.sleep(abs(duration))
        if duration < 0:
            raise InvalidValueError('the head', 'something', 'else')

    with ThreadPoolExecutor(workers) as pool:
        told = lambda job, _, text: reported.append((job, text))  # noqa: E731
        left = run_jobs(durations, pool, workers, seconds, told, work, length or (lambda _: 1.0))  # type: ignore
    return left, reported


@pytest.mark.parametrize('workers', [1, 2])
def test_all_run_where_there_is_time(workers: int) -> None:
    left, reported = scheduled([0.01, 0.02, 0.01, 0.03], workers, 60)
    assert not left and sorted(job for job, _ in reported) == [0.01, 0.01, 0.02, 0.03]


def test_what_would_end_too_late_is_not_begun() -> None:
    left, reported = scheduled([0.2] * 5, 1, 0.5)
    assert 1 <= len(reported) <= 2 and len(left) == 5 - len(reported)


def test_a_long_job_is_expected_to_take_longer() -> None:
    left, reported = scheduled([0.05, 5.0, 0.05], 1, 2, length=lambda duration: duration)
    assert reported == [(0.05, '')] and left == [5.0, 0.05]  # the order is kept


def test_the_first_ones_run_whatever_they_take() -> None:
    left, reported = scheduled([0.05, 0.05, 0.05], 2, 0)
    assert len(reported) == 2 and len(left) == 1


def test_a_failure_is_told_and_the_others_go_on() -> None:
    left, reported = scheduled([0.01, -0.01, 0.02], 1, 60)
    assert not left and [bool(text) for _, text in reported] == [False, True, False]
    assert 'the head: expected something, got else' in reported[1][1]


def test_a_killed_process_is_named_and_the_rest_goes_on_with_fewer() -> None:
    class Killed(ThreadPoolExecutor):
        def submit(self, *_: Any, **__: Any) -> Future:
            future: Future = Future()
            future.set_exception(BrokenProcessPool('terminated abruptly'))
            return future

    with Killed(2) as pool:
        hinted(
            'It may have run out of memory: set --workers lower, or to 1. The same command goes on.',
            lambda: run_jobs([0.01], pool, 2, 60, lambda *_: None, length=lambda _: 1.0),
        )
    assert not scheduled([0.01], 1, 60)[0]


def test_a_process_ends_with_the_one_that_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    killed, codes = threading.Event(), queue.Queue[int]()
    monkeypatch.setattr('multiprocessing.parent_process', lambda: SimpleNamespace(join=killed.wait))
    monkeypatch.setattr('os._exit', codes.put)
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    with warnings.catch_warnings():
        prepare_process(torch.get_num_threads())
    assert codes.empty()
    killed.set()
    assert codes.get(timeout=60) == 1


@pytest.mark.parametrize(('here', 'workers', 'each'), [(1, 1, 1), (8, 2, 2), (8, 9, 1)])
def test_processes_share_the_cores_and_have_no_more_threads_than_this_one(
    here: int, workers: int, each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, 'cores', lambda: 4)
    monkeypatch.setattr(torch, 'get_num_threads', lambda: here)
    with schedule.process_pool(workers) as pool:
        assert pool._initargs == (each,)  # type: ignore[attr-defined]
