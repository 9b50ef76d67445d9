"""Training runs side by side, within a number of minutes."""

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from ltseg.cli.choose.work import Job, prepare_process, train_and_evaluate
from ltseg.cli.errors import message_of

__all__ = ['cores', 'run_jobs']


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def run_jobs(jobs: Sequence[Job], workers: int, seconds: float, report: Callable[[Job, float, str], None]) -> list[Job]:
    """Runs jobs in their order, several at a time, and begins none that would end too late by what the others took.

    The first ``workers`` jobs are begun whatever they take.

    Args:
        jobs: The most important first.
        workers: Processes.
        seconds: In which the last one is to end.
        report: Called after each job with its seconds, and with a message where it failed.

    Returns:
        Those that were not begun.
    """
    begin, waiting, durations = time.monotonic(), list(jobs), [0.0]
    running: dict[Future, tuple[Job, float]] = {}
    context, threads = multiprocessing.get_context('spawn'), max(cores() // workers, 1)
    with ProcessPoolExecutor(workers, context, prepare_process, (threads,)) as pool:
        while waiting or running:
            left = seconds - (time.monotonic() - begin)
            while waiting and len(running) < workers and (not durations[1:] or left >= max(durations[-workers:])):
                job = waiting.pop(0)
                running[pool.submit(train_and_evaluate, job)] = job, time.monotonic()
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job, started = running.pop(future)
                took, message = time.monotonic() - started, ''
                try:
                    future.result()
                    durations.append(took)
                except BrokenProcessPool:
                    raise
                except Exception as error:
                    message = message_of(error) or f'{type(error).__name__}: {error}'
                report(job, took, message)
    return waiting
