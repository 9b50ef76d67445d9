"""Markdown documents whose tables are made from run records.

A block stands between two comments, and its body is generated:

    <!-- table: compare docs/runs/camvid-*.json --split test --first "cross entropy" -->
    <!-- end -->

``compare RECORD... [--split --first --paper --tables]`` puts runs side by side, ``report RECORD [--tall]`` is the
per-class report of one, ``tau RECORD`` its curve over post-hoc adjustment, ``frontier RECORD... --accuracy 55 60`` the
curves of methods against each other, ``agreement RECORD... --against RECORD... --names NAME NAME`` whether two sets of
runs order methods alike, ``collapse FILE... --names NAME...`` the figures of ltseg collapse of several models,
``gpu FOLDER`` what benchmarks/gpu/session.sh has left. Paths are patterns from the root of the
repository.
"""

import argparse
import math
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NoReturn

from ltseg.core.errors import InvalidValueError, MissingFileError
from ltseg.core.json_files import read_json
from ltseg.reports.agreement import agreement_of
from ltseg.reports.class_table import tall_table, wide_table
from ltseg.reports.collapse.contents import MEANINGS, ideal_value
from ltseg.reports.comparison import compare
from ltseg.reports.frontier import best_with_accuracy
from ltseg.reports.record import RunRecord, find_records
from ltseg.reports.selection import add_compare_options, selected_comparison
from ltseg.reports.text_table import Cell, TextTable
from ltseg.trained.tau_curve import WAYS

__all__ = ['documents_in', 'fill_tables']

BLOCK = re.compile(r'(?P<start><!-- table: (?P<command>[^\n]+?) -->\n)(?P<body>.*?)(?P<end><!-- end -->)', re.DOTALL)
START = '<!-- table:'


class _Parser(argparse.ArgumentParser):
    """Raises instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise InvalidValueError(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog='table', add_help=False)
    kinds = parser.add_subparsers(dest='kind', required=True, parser_class=_Parser)
    for kind in ('compare', 'report', 'tau', 'frontier', 'agreement', 'collapse'):
        kinds.add_parser(kind, add_help=False).add_argument('records', nargs='+')
    add_compare_options(kinds.choices['compare'])
    kinds.choices['report'].add_argument('--tall', action='store_true')
    kinds.choices['frontier'].add_argument('--accuracy', nargs='+', type=float, required=True)
    kinds.choices['agreement'].add_argument('--against', nargs='+', required=True)
    kinds.choices['agreement'].add_argument('--names', nargs=2, required=True)
    kinds.choices['collapse'].add_argument('--names', nargs='+', required=True)
    kinds.add_parser('gpu', add_help=False).add_argument('folder')
    return parser


def documents_in(root: Path) -> list[Path]:
    """README.md and the documents in docs/ of the repository ``root``."""
    return [path for path in (root / 'README.md', *sorted((root / 'docs').rglob('*.md'))) if path.is_file()]


def fill_tables(text: str, root: Path) -> str:
    """The document ``text`` with the body of each table block made anew from the records below ``root``.

    Raises:
        ValueError: If a block has no end, or its command is wrong; names the block.
        FileNotFoundError: If a pattern matches no record.
    """
    blocks = list(BLOCK.finditer(text))
    broken = next((block['command'] for block in blocks if START in block['body']), None)
    if broken is not None or text.count(START) != len(blocks):
        where = text[text.index(START) :].split('\n', 1)[0] if broken is None else broken
        raise InvalidValueError('table block', 'a closing <!-- end --> before the next block', f'none behind {where}')
    return BLOCK.sub(lambda block: f'{block["start"]}{_body(block["command"], root)}{block["end"]}', text)


def _body(command: str, root: Path) -> str:
    try:
        options = _parser().parse_args(shlex.split(command))
        if options.kind == 'gpu':
            return '\n' + gpu_section(root / options.folder)
        paths = [path for pattern in options.records for path in _matches(pattern, root)]
        if options.kind == 'compare':
            tables = selected_comparison(paths, options).tables(options.tables)
        elif options.kind == 'report':
            tables = [(tall_table if options.tall else wide_table)(record) for record in find_records(paths)]
        elif options.kind == 'frontier':
            tables = [frontier_table(find_records(paths), options.accuracy)]
        elif options.kind == 'agreement':
            others = [path for pattern in options.against for path in _matches(pattern, root)]
            found = agreement_of(find_records(paths), find_records(others), 'cross entropy')
            tables = [found.table(*options.names)]
        elif options.kind == 'collapse':
            tables = [collapse_table(paths, options.names)]
        else:
            tables = [tau_table(record) for record in find_records(paths)]
    except (ValueError, FileNotFoundError) as error:
        raise type(error)(f'table block {command!r}: {error}') from error
    return '\n' + '\n'.join(table.markdown() for table in tables) + '\n'


def _matches(pattern: str, root: Path) -> Sequence[str]:
    paths = sorted(map(str, root.glob(pattern)))
    if not paths:
        raise MissingFileError(pattern, f'files below {root.name}', 'none')
    return paths


def gpu_section(folder: Path) -> str:
    """The tables of the benchmarks and the comparison of the runs in a folder, or that there are none."""
    files = sorted(folder.glob('benchmarks/*.json'))
    tables = [benchmark_table(read_json(path, f'file {str(path)!r}'), str(path)) for path in files]
    runs: dict[tuple[str, str], list[RunRecord]] = {}
    for record in find_records(sorted(folder.glob('runs/*.json'))):
        runs.setdefault((record.model, record.dataset), []).append(record)
    for records in runs.values():
        tables += compare(sorted(records, key=lambda record: record.method != 'cross entropy')).tables()
    return '\n'.join(table.markdown() for table in tables) if tables else 'Nothing was measured on a GPU.\n'


def benchmark_table(content: Any, where: str) -> TextTable:
    """The table of a file that a benchmark wrote with --record."""
    if not isinstance(content, dict) or content.get('kind') != 'ltseg benchmark':
        raise InvalidValueError(where, 'a file that a benchmark wrote with --record', 'something else')
    return TextTable(content['title'], content['header'], content['rows'], [content['how']], labels=2)


def collapse_table(paths: Sequence[str], names: Sequence[str]) -> TextTable:
    """The figures of the last checkpoint in each file that ltseg collapse wrote, side by side."""
    if len(paths) != len(names):
        raise InvalidValueError('--names', f'a name for each of {len(paths)} files', repr(names))
    contents = [read_json(path, f'file {str(path)!r}') for path in paths]
    wrong = [path for path, content in zip(paths, contents, strict=True) if content.get('kind') != 'ltseg collapse']
    if wrong:
        raise InvalidValueError(wrong[0], 'SPLIT.json of ltseg collapse', 'something else')
    columns = [content['checkpoints'][-1]['figures'] for content in contents]
    angle = contents[0]['optimal_angle']
    rows = [
        [meaning, *(f'{column.get(name, math.nan):.4g}' for column in columns), f'{ideal_value(name, angle):.4g}']
        for name, meaning in MEANINGS.items()
    ]
    return TextTable('Neural collapse', ('figure', *names, 'ideal'), rows, [contents[0]['note']])


def tau_table(record: RunRecord) -> TextTable:
    """The curve of a record over the strength of post-hoc adjustment, a row for each tau."""
    if not record.tau_curve:
        hint = 'ltseg adjust writes it.'
        raise InvalidValueError(f'record {record.name}', 'a curve over tau', 'none', hint)
    keys = [key for key in record.tau_curve[0] if key != 'tau']
    rows: list[list[Cell]] = []
    for point in record.tau_curve:
        rows.append([f'{point["tau"]:g}', *(point.get(key, math.nan) for key in keys)])
    way = WAYS[record.settings.get('posthoc', {}).get('adjustment', 'prior')].lower()
    title = f'{record.method}, {record.model}, {record.dataset} {record.split}: {way} by tau, in percent'
    return TextTable(title, ('tau', *keys), rows)


def frontier_table(records: Sequence[RunRecord], levels: Sequence[float]) -> TextTable:
    """A row for each method: as trained, the highest mIoU over tau, and the highest with at least a given mAcc.

    Reading down a column compares methods at the same mAcc: one that is above another in each column has the better
    curve, and not only another place on the same one. Several seeds are averaged.

    Raises:
        ValueError: If a record has no curve, or the records are not of one model, data set and split.
    """
    without = [record.name for record in records if not record.tau_curve]
    if without:
        hint = 'ltseg adjust writes it.'
        raise InvalidValueError('frontier', 'records with a curve over tau', ', '.join(without), hint)
    of = {(record.model, record.dataset, record.split) for record in records}
    if len(of) != 1:
        raise InvalidValueError('frontier', 'one model, data set and split', repr(sorted(of)))
    quality, fairness = records[0].evaluation.task.axes
    rows: list[list[Cell]] = []
    for method in compare(records).methods:
        runs = [run.record for run in method.runs]
        means = [run.evaluation.means() for run in runs]
        own = [(values[quality], values[fairness]) for values in means]
        highest = [max(point[quality] for point in run.tau_curve) for run in runs]
        reached = [fmean([best_with_accuracy(run, level) for run in runs]) for level in levels]
        trained = [fmean(column) for column in zip(*own, strict=True)]
        rows.append([method.label, str(len(runs)), *trained, fmean(highest), *reached])
    model, dataset, split = of.pop()
    header = ('method', 'seeds', quality, fairness, f'highest {quality}', *(f'{fairness} {each:g}' for each in levels))
    title = (
        f'{model}, {dataset} {split}: highest {quality} over tau with at least the {fairness} of the column, in percent'
    )
    return TextTable(title, header, rows)
