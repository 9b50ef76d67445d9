"""Counts the classes in the labels of a config's data set and writes the table.

    python tools/count_classes.py configs/unet_arb_camvid.py
    python tools/count_classes.py CONFIG --split val --out val_counts.json

Losses take the table as ``counts='FILE.json'``. Without --out it is kept beside the work directories, where training
with ``counts='dataset'`` finds it.
"""

import ltseg.compat  # noqa: F401  isort: skip (cures a host fault and therefore comes first)
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from rich.console import Console

from ltseg.core.checks import fault
from ltseg.counts.data_set_counts import build_dataset, count_dataset
from ltseg.counts.groups import ClassGroups
from ltseg.counts.table import CountsTable
from ltseg.reports.text_table import TextTable


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config that names the data set')
    parser.add_argument('--split', choices=('train', 'val', 'test'), default='train')
    parser.add_argument('--out', type=Path, metavar='FILE', help='file to write, ending in .json')
    parser.add_argument('--workers', type=int, metavar='N', help='processes that decode labels')
    parser.add_argument('--reduce-zero-label', action='store_true', help='ignore label 0 and lower the others by one')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='settings of the config to change')
    options = parser.parse_args(arguments)
    if options.workers is not None and options.workers < 1:
        parser.error(f'--workers: expected at least 1, got {options.workers}.')
    if options.out is not None and options.out.suffix != '.json':
        parser.error(f'--out: expected a name that ends in .json, got {str(options.out)!r}.')
    return options


def frequency_table(table: CountsTable) -> TextTable:
    """The classes from the most to the least frequent."""
    counts, share = table.counts, table.counts.prior
    rows = []
    for index in counts.samples.argsort(descending=True, stable=True).tolist():
        numbers = [counts.samples[index], counts.images[index], counts.samples_of_images[index]]
        texts = [f'{int(number):,}' for number in numbers]
        rows.append([table.class_names[index], texts[0], f'{share[index]:.4%}', *texts[1:]])
    unit = 'pixels' if 'total_pixels' in table.provenance else 'images'
    present = counts.samples[counts.samples > 0]
    absent = [name for name, number in zip(table.class_names, counts.samples, strict=True) if number == 0]
    notes = [f'Imbalance ratio: {present.max() / present.min():.1f} (most to least frequent class).']
    notes += ['Absent: ' + ', '.join(absent)] if absent else []
    notes.append(ClassGroups.tertiles(counts.samples).describe(table.class_names))
    header = ['class', unit, 'share', 'images', f'{unit} of these images']
    title = f'{table.provenance["dataset"]}: {table.provenance["files"]:,} images'
    return TextTable(title, header, rows, notes)


def with_reduced_zero(config: dict[str, Any]) -> dict[str, Any]:
    """The data set's config with ``reduce_zero_label``, in the data sets inside wrappers."""
    if 'datasets' in config:
        return config | {'datasets': [with_reduced_zero(dict(each)) for each in config['datasets']]}
    if 'dataset' in config:
        return config | {'dataset': with_reduced_zero(dict(config['dataset']))}
    return config | {'reduce_zero_label': True}


def count(options: argparse.Namespace) -> None:
    """Counts, prints and writes.

    Raises:
        OSError: If the config or the data are missing.
        ValueError: If the config names no data set, or a label cannot be read.
        KeyError: If a type is not registered.
    """
    config = Config.fromfile(options.config)
    config.merge_from_dict(options.cfg_options or {})
    init_default_scope(config.get('default_scope') or 'mmseg')
    loader = config.get(f'{options.split}_dataloader')
    if not loader:
        raise ValueError(fault(options.config, f'{options.split}_dataloader', None))
    dataset = dict(loader['dataset'])
    dataset = build_dataset(with_reduced_zero(dataset) if options.reduce_zero_label else dataset)
    beside = Path(config.get('work_dir') or 'work_dirs/any').resolve().parent / 'class_counts'
    cache = beside if options.out is None else None
    table, path = count_dataset(dataset, cache, options.workers, show_progress=True)
    if options.out is not None:
        table.save(options.out)
        path = options.out
    console = Console()
    frequency_table(table).print(console)
    if path is not None:
        console.print(f'Table: {path}', soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    try:
        count(parse_arguments(arguments))
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        text = error.args[0] if isinstance(error, KeyError) else error
        sys.exit(f'count_classes: {text}')
    except KeyboardInterrupt:
        sys.exit('count_classes: stopped; nothing was written.')


if __name__ == '__main__':
    main()
