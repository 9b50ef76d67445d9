"""Training runs side by side, within a number of minutes."""

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from ltseg.cli.choosing.work import prepare_process, train_and_evaluate
from ltseg.cli.errors import message_of
from ltseg.core.errors import UsageError

__all__ = ['cores', 'process_pool', 'run_jobs']


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Processes that train side by side and share the cores, each with no more threads than this one."""
    threads = max(min(cores() // workers, torch.get_num_threads()), 1)
    return ProcessPoolExecutor(workers, multiprocessing.get_context('spawn'), prepare_process, (threads,))


def run_jobs(
    jobs: Sequence[Any],
    pool: Executor,
    workers: int,
    seconds: float,
    report: Callable[[Any, float, str], None],
    work: Callable[[Any], Any] = train_and_evaluate,
    length: Callable[[Any], float] = lambda job: job.iterations,
) -> list[Any]:
    """Runs jobs in their order, several at a time, and begins none that would end too late by what the others took.

    The first ``workers`` jobs are begun whatever they take.

    Args:
        jobs: What ``work`` takes, by default each a :class:`ltseg.cli.choosing.work.Job`; the most important first.
        pool: What runs them.
        workers: How many it runs at a time.
        seconds: In which the last one is to end.
        report: Called after each job with its seconds, and with a message where it failed.
        work: What a job is given to.
        length: Of a job, to which its time is proportional.

    Returns:
        Those that were not begun.
    """
    begin, waiting, paces = time.monotonic(), list(jobs), list[float]()
    running: dict[Future, tuple[Any, float]] = {}

    def has_time(job: Any) -> bool:
        return not paces or time.monotonic() - begin + max(paces[-workers:]) * length(job) <= seconds

    while waiting or running:
        while waiting and len(running) < workers and has_time(waiting[0]):
            job = waiting.pop(0)
            running[pool.submit(work, job)] = job, time.monotonic()
        if not running:
            break
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            job, started = running.pop(future)
            taken = time.monotonic() - started
            paces.append(taken / length(job))
            report(job, taken, _message(future))
    return waiting


def _message(future: Future) -> str:
    """Why a job failed; empty where it did not."""
    try:
        future.result()
    except BrokenProcessPool as error:  # no other job could run either
        expected, got = 'processes that live', 'one that was killed'
        hint = 'It may have run out of memory: set --workers lower, or to 1. The same command goes on.'
        raise UsageError('training runs', expected, got, hint) from error
    except Exception as error:
        return message_of(error) or f'{type(error).__name__}: {error}'
    return ''
