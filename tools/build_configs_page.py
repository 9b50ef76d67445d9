"""Fills the tables of configs/README.md from the configs, their headers, and the run records that name them.

Usage::

    python tools/build_configs_page.py            # writes the page anew
    python tools/build_configs_page.py --check    # only says whether it is out of date
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.append(str(ROOT / 'tools'))  # behind the rest, because some tools are named as modules of Python

import ltseg.compat  # noqa: E402, F401  isort: skip
from config_results import config_labels, config_results  # noqa: E402

from ltseg.cli.errors import one_message_errors  # noqa: E402
from ltseg.cli.parser import command_parser  # noqa: E402
from ltseg.core.errors import InvalidValueError  # noqa: E402
from ltseg.reports.method import Method  # noqa: E402
from ltseg.reports.text_table import TextTable  # noqa: E402

BLOCK = re.compile(r'(<!-- configs -->\n).*?(<!-- end -->)', re.DOTALL)
STATUS = re.compile(
    r'(?:Not run by us|Not measured|The demonstration of `make demo`|Measured[^:]*: docs/results\.md)\.\s*(.*)'
)
HEADLINES = {'segmentation': {'mIoU': 'mIoU', 'mAcc': 'mAcc'}, 'classification': {'accuracy/top1': 'top-1'}}
COLUMNS = ('model', 'method', 'file', 'measured', 'published')


def config_files(root: Path) -> list[Path]:
    """The configs that can be trained, which the parts in ``_base_`` are not."""
    return sorted(path for path in (root / 'configs').rglob('*.py') if '_base_' not in path.parts)


def published(path: Path) -> str:
    """What the header of a config quotes from elsewhere: all that follows the sentence on what was measured.

    Raises:
        ValueError: If the header has no such sentence.
    """
    lines = path.read_text(encoding='utf-8').splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith('#'))
    header = ' '.join(line.removeprefix('#').strip() for line in lines[:end])
    found = STATUS.search(header)
    if found is None:
        hint = "End it with 'Not measured.' or 'Measured: docs/results.md.', and what a paper says behind that."
        raise InvalidValueError(f'header of {path.name}', 'a sentence on what was measured', 'none', hint)
    return found[1]


def measured(method: Method) -> str:
    """The metrics of runs that differ in their seeds, and what a reader has to know of them."""
    record = method.runs[0].record
    names = HEADLINES[record.evaluation.task.name]
    values = '; '.join(f'{name} {method.cell(key)}' for key, name in names.items())
    notes = [f'{len(method.runs)} seeds'] if len(method.runs) > 1 else []
    epochs = record.settings.get('train_cfg.max_epochs')
    notes += [f'{epochs} epochs'] if epochs else []
    return values + (f' ({", ".join(notes)})' if notes else '')


def rows(paths: Iterable[Path], root: Path, results: Mapping[str, Sequence[Method]]) -> Iterator[dict[str, str]]:
    """A row for each config, with its data set and ``COLUMNS``."""
    for path in paths:
        place = path.relative_to(root).as_posix()
        link = f'[{path.stem}]({path.relative_to(root / "configs").as_posix()})'
        values = ', '.join(map(measured, results.get(place, ())))
        yield {'file': link, 'measured': values, 'published': published(path)} | config_labels(path)


def tables(root: Path) -> str:
    """A table for each data set, in the order of their names."""
    found = rows(config_files(root), root, config_results(root))
    ordered = sorted(found, key=lambda row: (row['dataset'], row['model'], row['method'].lower(), row['file']))
    parts = []
    for dataset, group in groupby(ordered, key=lambda row: row['dataset']):
        table = TextTable(dataset, COLUMNS, [[row[column] for column in COLUMNS] for row in group], labels=len(COLUMNS))
        parts.append(f'## {dataset}\n\n' + table.markdown().partition('\n\n')[2])  # with the title as a heading
    return '\n' + '\n'.join(parts) + '\n'


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    parser = command_parser(__doc__)
    parser.add_argument('--check', action='store_true', help='write nothing; exit with 1 where the page is out of date')
    options = parser.parse_args(arguments)
    page = root / 'configs/README.md'
    with one_message_errors(OSError):
        old = page.read_text(encoding='utf-8')
        new = BLOCK.sub(lambda block: block[1] + tables(root) + block[2], old)
    if new != old:
        print(f'{"out of date" if options.check else "written"}: {page.relative_to(root)}')
    if new != old and not options.check:
        page.write_text(new, encoding='utf-8')
    return int(options.check and new != old)


if __name__ == '__main__':
    sys.exit(main())
