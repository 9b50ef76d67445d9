"""Puts evaluated runs side by side, class by class, with the differences against the first method.

    ltseg compare work_dirs/ce work_dirs/arb --split val
    ltseg compare docs/runs/*.json --split test --paper arb/unet --markdown comparison.md

A run is the record that ltseg test wrote, or a folder with records. Records that differ in their seed only become
one column: each value below three seeds, mean and standard deviation from three on.
"""

import ltseg.compat  # noqa: F401  isort: skip (works around a fault, and therefore comes first)
import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ltseg.cli.errors import one_message_errors
from ltseg.cli.parser import command_parser
from ltseg.core.files import atomic_write
from ltseg.reports.selection import add_compare_options, selected_comparison


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(__doc__)
    parser.add_argument('runs', nargs='+', metavar='RUN', help='record, or folder with records')
    add_compare_options(parser)
    parser.add_argument('--markdown', type=Path, metavar='FILE', help='write the tables as Markdown')
    parser.add_argument('--csv', type=Path, metavar='FILE', help='write every metric as CSV, a row for each method')
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    console = Console()
    comparison = selected_comparison(options.runs, options)
    tables = comparison.tables(options.tables)
    texts = {
        options.markdown: '\n'.join(table.markdown() for table in tables),
        options.csv: comparison.long_rows().csv(),
    }
    written = {path: text for path, text in texts.items() if path is not None}
    for path, text in written.items():
        with atomic_write(path) as draft:
            draft.write_text(text, encoding='utf-8')
    for table in tables:
        table.print(console)
    for path in written:
        console.print(f'Written: {path}', soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    with one_message_errors(OSError):
        run(parse_arguments(arguments))
