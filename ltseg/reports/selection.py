"""The options that choose what is compared, for the command line and for tables in documents."""

import argparse
from collections.abc import Sequence

from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError
from ltseg.reports.comparison import TABLES, Comparison, compare
from ltseg.reports.published import PUBLISHED, find_published
from ltseg.reports.record import find_records

__all__ = ['add_compare_options', 'selected_comparison']


def add_compare_options(parser: argparse.ArgumentParser) -> None:
    """Adds ``--split``, ``--first``, ``--paper`` and ``--tables``."""
    parser.add_argument('--split', help='only records of this split, e.g. test')
    parser.add_argument('--first', metavar='METHOD', help='method that the others are compared to')
    names = ', '.join(dict.fromkeys(name.rpartition('/')[0] for name in PUBLISHED))
    paper = f'published runs beside them, all below a name or one of them: {names}'
    parser.add_argument('--paper', nargs='+', default=[], metavar='NAME', help=paper)
    tables = '; '.join(f'{task}: {", ".join(names)}' for task, names in TABLES.items())
    parser.add_argument('--tables', nargs='+', default=(), metavar='TABLE', help=f'out of ({tables})')


def selected_comparison(paths: Sequence[str], options: argparse.Namespace) -> Comparison:
    """The comparison of the records in ``paths`` under the options of ``add_compare_options``.

    Raises:
        FileNotFoundError: If a path does not exist or holds no record.
        ValueError: If no record is of the split, or the records cannot be compared.
    """
    found = find_records(paths)
    records = [record for record in found if options.split in (None, record.split)]
    if not records:
        splits = ', '.join(sorted({record.split for record in found}))
        raise InvalidValueError('--split', f'one of the splits of the records ({splits})', repr(options.split))
    if options.first is not None:
        check_choice('--first', options.first, sorted({record.method for record in records}))
        records.sort(key=lambda record: record.method != options.first)
    return compare(records, [run for name in options.paper for run in find_published(name)])
