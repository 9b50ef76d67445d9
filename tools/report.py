"""Writes one HTML page about runs: what changed, for which classes, and what may be behind it.

python tools/report.py work_dirs/ce work_dirs/arb
python tools/report.py docs/runs/*-test.json --out report.html
"""

import ltseg.compat  # noqa: F401  isort: skip (cures a host fault and therefore comes first)
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ltseg.reports.page.page import render_page, write_page
from ltseg.reports.page.runs import find_runs


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', nargs='+', metavar='RUN', help='work dir, or record of a run')
    parser.add_argument('--split', help='of the records (default: test where there is one, else val)')
    parser.add_argument('--first', metavar='METHOD', help='method that the others are compared to')
    parser.add_argument('--title', help='of the page')
    parser.add_argument('--out', type=Path, default=Path('report.html'), metavar='FILE', help='default: report.html')
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    try:
        runs = find_runs(options.runs, options.split)
        path = write_page(render_page(runs, options.title), options.out)
    except (OSError, ValueError) as error:
        sys.exit(f'{type(error).__name__}: {error}')
    Console().print(f'Written: {path}', soft_wrap=True)


if __name__ == '__main__':
    main()
