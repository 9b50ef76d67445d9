"""Fills the tables of configs/README.md from the configs, their headers, and the run records that name them.

Usage::

    python tools/build_configs_page.py            # writes the page anew
    python tools/build_configs_page.py --check    # only says whether it is out of date
"""

import ltseg.compat  # noqa: F401  isort: skip
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from mmengine.config import Config

from ltseg.cli.errors import one_message_errors
from ltseg.cli.labels.run_labels import labels_of
from ltseg.cli.parser import command_parser
from ltseg.cli.stages import stages_of
from ltseg.core.errors import InvalidValueError
from ltseg.reports.method import measured as method_of
from ltseg.reports.record import RunRecord, find_records
from ltseg.reports.runs import Run
from ltseg.reports.text_table import TextTable

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r'(<!-- configs -->\n).*?(<!-- end -->)', re.DOTALL)
STATUS = re.compile(
    r'(?:Not run by us|Not measured|The demonstration of `make demo`|Measured[^:]*: docs/results\.md)\.\s*(.*)'
)
OTHER = re.compile(r'^posthoc$|^model\.|imbalance_factor$')  # settings that make a run one of another config
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


def records_by_config(root: Path) -> dict[str, list[RunRecord]]:
    """The records of test splits by config, without those of another method or other data."""
    found: dict[str, list[RunRecord]] = {}
    for record in find_records([root / 'docs/runs']):
        if record.split == 'test' and not any(OTHER.search(key) for key in record.settings):
            found.setdefault(record.config, []).append(record)
    return found


def measured(records: Sequence[RunRecord]) -> str:
    """What was measured with one config, each length of training for itself."""
    ordered = sorted(records, key=lambda record: record.iterations or 0)
    return ', '.join(_of_one_length(list(runs)) for _, runs in groupby(ordered, key=lambda record: record.iterations))


def _of_one_length(records: Sequence[RunRecord]) -> str:
    """The metrics of runs that differ in their seeds, and what a reader has to know of them."""
    method = method_of([Run(record, Path()) for record in records], records[0].evaluation)
    names = HEADLINES[records[0].evaluation.task.name]
    values = '; '.join(f'{name} {method.cell(key)}' for key, name in names.items())
    notes = [f'{len(records)} seeds'] if len(records) > 1 else []
    epochs = records[0].settings.get('train_cfg.max_epochs')
    notes += [f'{epochs} epochs'] if epochs else []
    return values + (f' ({", ".join(notes)})' if notes else '')


def rows(paths: Iterable[Path], root: Path, records: Mapping[str, Sequence[RunRecord]]) -> Iterator[dict[str, str]]:
    """A row for each config, with its data set and ``COLUMNS``."""
    for path in paths:
        place = path.relative_to(root).as_posix()
        link = f'[{path.stem}]({path.relative_to(root / "configs").as_posix()})'
        text = {'file': link, 'measured': measured(records.get(place, ())), 'published': published(path)}
        config = Config.fromfile(path)
        config.work_dir = path.stem
        yield labels_of(stages_of(config)) | text


def tables(root: Path) -> str:
    """A table for each data set, in the order of their names."""
    found = rows(config_files(root), root, records_by_config(root))
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
