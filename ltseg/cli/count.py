"""Counts the classes in the labels of a config's data set, pixels or images, and writes the table.

    ltseg count configs/unet_arb_camvid.py
    ltseg count CONFIG --split val --out val_counts.json
    ltseg count configs/classification/resnet32_arb_cifar10lt100.py

Losses take the table as ``counts='FILE.json'``. Without --out it is kept beside the work directories, where training
with ``counts='dataset'`` finds it.
"""

import ltseg.compat  # noqa: F401  isort: skip (works around a fault, and therefore comes first)
import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ltseg.cli.config_files import add_common_arguments, load_config, register_modules
from ltseg.cli.data_files import labelled_dataset
from ltseg.cli.errors import one_message_errors
from ltseg.cli.ignored import counted_label
from ltseg.cli.parser import command_parser
from ltseg.cli.runner import calm_warnings
from ltseg.core.files import check_writable
from ltseg.core.shares import gini
from ltseg.counts.data_set_counts import count_dataset, counts_folder
from ltseg.counts.groups import by_frequency
from ltseg.counts.table import CountsTable
from ltseg.metrics.task import CLASSIFICATION, SEGMENTATION
from ltseg.nested_datasets import innermost_configs
from ltseg.reports.text_table import TextTable


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = command_parser(__doc__)
    add_common_arguments(parser)
    parser.add_argument('--split', choices=('train', 'val', 'test'), default='train')
    parser.add_argument('--out', type=Path, metavar='FILE', help='file to write, ending in .json')
    parser.add_argument('--workers', type=int, metavar='N', help='processes that decode labels')
    parser.add_argument('--reduce-zero-label', action='store_true', help='ignore label 0 and lower the others by one')
    options = parser.parse_args(arguments)
    if options.workers is not None and options.workers < 1:
        parser.error(f'--workers: expected at least 1, got {options.workers}.')
    if options.out is not None and options.out.suffix != '.json':
        parser.error(f'--out: expected a name that ends in .json, got {str(options.out)!r}.')
    return options


def frequency_table(table: CountsTable) -> TextTable:
    """The classes from the most to the least frequent; pixels, or images in classification."""
    counts, share, of_images = table.counts, table.counts.prior, 'total_pixels' not in table.provenance
    columns = {'images': counts.samples} if of_images else {'pixels': counts.samples}
    more = {} if of_images else {'images': counts.images, 'pixels of these images': counts.samples_of_images}
    rows = []
    numbers = [each for each in (*columns.values(), *more.values()) if each is not None]
    for index in by_frequency(counts.samples):
        first, *others = (f'{int(each[index]):,}' for each in numbers)
        rows.append([table.class_names[index], first, f'{share[index]:.4%}', *others])
    present = counts.samples[counts.samples > 0]
    absent = [table.class_names[k] for k in table.empty_classes]
    unequal = f'{gini(present):.2f} by {next(iter(columns))}'
    if not of_images and counts.images is not None:
        unequal += f' and {gini(counts.images[counts.images > 0]):.2f} by images'
    notes = [f'Imbalance ratio: {present.max() / present.min():.1f} (most to least frequent class); Gini {unequal}.']
    notes += ['Absent: ' + ', '.join(absent)] if absent else []
    notes += [note for note in dict.fromkeys((table.ignored, table.cause_of_empty_classes)) if note]
    task = CLASSIFICATION if of_images else SEGMENTATION
    groups = task.groups(None, counts.samples, table.class_names, table.ignored_class)
    notes.append(groups.describe(table.class_names))
    title = f'{table.provenance["dataset"]}: {table.provenance["files"]:,} images'
    return TextTable(title, ['class', *columns, 'share', *more], rows, notes)


def count(options: argparse.Namespace) -> None:
    """Counts, prints and writes."""
    part = f'{options.split}_dataloader'
    config = load_config(options, needs=(part,))
    check_writable(*([options.out] if options.out else []))
    register_modules(config)
    for dataset in innermost_configs(config[part].dataset) if options.reduce_zero_label else ():
        dataset['reduce_zero_label'] = True
    cache = counts_folder(config.work_dir) if options.out is None else None
    dataset, ignored = labelled_dataset(f'{part}.dataset', config[part].dataset), counted_label(config, options.split)
    table, path = count_dataset(dataset, cache, options.workers, show_progress=True, ignore_index=ignored)
    if options.out is not None:
        table.save(options.out)
        path = options.out
    console = Console()
    frequency_table(table).print(console)
    if path is not None:
        console.print(f'Table: {path}', soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    calm_warnings()
    with one_message_errors():
        count(options)
