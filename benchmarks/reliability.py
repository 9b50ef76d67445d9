"""Tries to break ltseg at random: kills, damaged files, losses against their equations.

    python benchmarks/reliability.py
    python benchmarks/reliability.py --minutes 60 --only kills
    python benchmarks/reliability.py --only records --first 371 --runs 1

Every try has a number, from which all that is random in it follows, so that a fault can be had again. The campaigns
take turns until each has had its runs or the minutes are over; the exit code is 1 where there was a fault.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from mmseg.utils import register_all_modules
from reliability_files import check_checkpoint, check_label, check_record, check_table_of_counts
from reliability_kills import check_kills
from reliability_losses import check_loss
from rich.console import Console
from rich.markup import escape

# Runs of each campaign for --runs 1, in proportion to the time that one takes.
RUNS = {'kills': 2, 'records': 50, 'pages': 5, 'tables': 250, 'checkpoints': 100, 'labels': 100, 'losses': 500}
CAMPAIGNS: Mapping[str, Callable[[int, Path], str]] = {
    'kills': check_kills,
    'records': lambda number, folder: check_record(number, folder, page=False),
    'pages': check_record,
    'tables': check_table_of_counts,
    'checkpoints': check_checkpoint,
    'labels': check_label,
    'losses': lambda number, folder: check_loss(number).partition('(')[0],
}


def main(given: Sequence[str] | None = None) -> int:
    """Runs the campaigns; returns the exit code."""
    options = _arguments(given)
    register_all_modules(init_default_scope=True)
    torch.set_num_threads(1)
    console, end = Console(highlight=False), time.monotonic() + 60 * options.minutes
    results: dict[str, Counter[str]] = {name: Counter() for name in options.only}
    with tempfile.TemporaryDirectory() as kept:
        for turn in range(10):
            for name, result in results.items():
                wanted = options.runs or RUNS[name] * options.times
                for number in range(wanted * turn // 10, wanted * (turn + 1) // 10):
                    if time.monotonic() < end:
                        result[_outcome(name, options.first + number, Path(kept).resolve(), console)] += 1
    faults = 0
    for name, result in results.items():
        faults += result['FAULT']
        parts = ', '.join(f'{outcome} {times}' for outcome, times in sorted(result.items()))
        console.print(f'{name}: {result.total()} runs, {result["FAULT"]} faults ({escape(parts)})', soft_wrap=True)
    return int(faults > 0)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--runs', type=int, default=0, help='of each campaign (default: more of what takes less time)')
    parser.add_argument('--times', type=int, default=1, help='times the default number of runs')
    parser.add_argument('--minutes', type=float, default=4, help='when to stop at the latest (default: 4)')
    parser.add_argument('--first', type=int, default=0, help='number of the first try (default: 0)')
    parser.add_argument('--only', nargs='+', choices=tuple(CAMPAIGNS), default=list(CAMPAIGNS), help='campaigns')
    return parser.parse_args(given)


def _outcome(name: str, number: int, folder: Path, console: Console) -> str:
    """What came of one try; every exception but those that a check expects is a fault, and is shown."""
    place = folder / name
    place.mkdir(exist_ok=True)
    try:
        return CAMPAIGNS[name](number, place)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        what = f'{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})'
        console.print(f'FAULT {name} {number}: {escape(what[:400])}', soft_wrap=True)
        return 'FAULT'


if __name__ == '__main__':
    sys.exit(main())
