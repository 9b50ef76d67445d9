"""ltseg choose with as little training as there can be, in the process that calls it."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from tiny_training import forget_runs

from ltseg.reports.record import RunRecord, find_records

__all__ = ['BRIEF', 'Here', 'records']

BRIEF = ['--iterations', '2', '--longer', '1', '--batch-size', '2', '--variants', '1', '--seeds', '2', '--workers', '1']


class Here(Executor):
    """Runs what it is given at once, in this process."""

    def submit(self, work: Callable[[Any], Any], /, *arguments: Any, **_: Any) -> Future:
        future: Future = Future()
        forget_runs()
        try:
            future.set_result(work(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def records(folder: str | Path = 'work_dirs/run/choose') -> list[RunRecord]:
    """Of all runs that a choice has made."""
    return find_records([Path(folder, 'runs')])
