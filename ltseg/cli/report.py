"""Writes one HTML page about runs: what changed, for which classes, and what may be behind it.

    ltseg report work_dirs/ce work_dirs/arb --images 6
    ltseg report docs/runs/*-test.json --first "cross entropy" --out report.html

A run is the record that ltseg test wrote, or a work dir: then curves, config, figures of ltseg collapse
and, with --images, predictions of its checkpoint are on the page too. Records that differ in their seed only are one
method. The page needs no network and no other file.
"""

import ltseg.compat  # noqa: F401  isort: skip (works around a fault, and therefore comes first)
import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ltseg.checkpoint_files.loading import trusted_files
from ltseg.cli.errors import one_message_errors
from ltseg.cli.example_images import example_images
from ltseg.cli.parser import command_parser
from ltseg.cli.runner import calm_warnings
from ltseg.cli.trust import add_trust_argument
from ltseg.core.checks import check_choice
from ltseg.core.errors import UsageError
from ltseg.core.files import check_writable
from ltseg.reports.comparison import compare
from ltseg.reports.page.page import render_page, write_page
from ltseg.reports.runs import find_runs


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(__doc__)
    parser.add_argument('runs', nargs='+', metavar='RUN', help='work dir, or record of a run')
    parser.add_argument('--split', help='of the records (default: test where there is one, else val)')
    parser.add_argument('--first', metavar='METHOD', help='method that the others are compared to')
    parser.add_argument(
        '--images', type=int, default=0, metavar='N', help='images where rare classes fail (default: 0)'
    )
    parser.add_argument('--title', help='of the page')
    parser.add_argument('--out', type=Path, default=Path('report.html'), metavar='FILE', help='default: report.html')
    add_trust_argument(parser)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    console = Console()
    if options.images < 0:
        raise UsageError('--images', 'a number of images', repr(options.images))
    check_writable(options.out)
    runs = find_runs(options.runs, options.split)
    if options.first is not None:
        check_choice('--first', options.first, sorted({run.record.method for run in runs}))
        runs.sort(key=lambda run: run.record.method != options.first)
    study = compare(runs)
    examples = example_images(study, options.images, console) if options.images > 0 else None
    path = write_page(render_page(study, options.title, examples), options.out)
    console.print(f'Written: {path}', soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    calm_warnings()
    with one_message_errors(OSError), trusted_files(options.trust_files):
        run(options)
