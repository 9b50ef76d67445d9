"""The per-class report of one run, on the terminal and as CSV, JSON and Markdown."""

import json
import os
from pathlib import Path

from rich.console import Console

from ltseg.metrics.evaluation import ABSENT, Evaluation
from ltseg.metrics.task import SEGMENTATION
from ltseg.reports.figures.figure import finite
from ltseg.reports.record import RunRecord
from ltseg.reports.text_table import Cell, TextTable, number_text

__all__ = ['render', 'tall_table', 'wide_table', 'write_report']

WIDE = 30  # classes of a classifier up to which files have a column for each


def wide_table(record: RunRecord) -> TextTable:
    """A column for each class and a row for each metric, as in Table 4 of the ARB-Loss paper.

    Rows: the rates (IoU, Acc, Precision; or accuracy, precision, and the number of training images), share, group.
    Columns: the classes in the order of the data set, the mean, and the means of the groups.
    """
    evaluation = record.evaluation
    rates, texts = _columns(evaluation)
    texts['group'] = texts.pop('group')  # the last row
    rows: list[list[Cell]] = [[name, *cells] for name, cells in (rates | texts).items()]
    header = ('', *evaluation.class_names, 'mean', *evaluation.groups.names)
    return TextTable(_title(record), header, rows, _notes(record))


def tall_table(record: RunRecord) -> TextTable:
    """A row for each class and a column for each metric, for terminals on which ``wide_table`` has no room."""
    evaluation = record.evaluation
    rates, texts = _columns(evaluation)
    names = (*evaluation.class_names, 'mean', *(f'mean {group}' for group in evaluation.groups.names))
    rows = [list(row) for row in zip(names, *texts.values(), *rates.values(), strict=True)]
    header = ('class', *(name.replace('share of pixels', 'share') for name in texts), *rates)
    return TextTable(_title(record), header, rows, _notes(record), labels=2)


def _columns(evaluation: Evaluation) -> tuple[dict[str, list[Cell]], dict[str, list[Cell]]]:
    """The rates, and what else is told of each class; cells of the classes, of the mean and of those of the groups."""
    classes, groups = range(len(evaluation.class_names)), (None, *evaluation.groups.names)
    rates: dict[str, list[Cell]] = {}
    for name, values in evaluation.rates.items():
        of_classes = [ABSENT if evaluation.absent[index] else values[index].item() for index in classes]
        rates[name] = [*of_classes, *(evaluation.mean(name, group) for group in groups)]
    texts = {'group': [evaluation.groups.group_of(index) for index in classes]}
    if evaluation.task is not SEGMENTATION:
        texts['images'] = [f'{count:g}' for count in evaluation.counts.tolist()]
    share = 'share of pixels %' if evaluation.task is SEGMENTATION else 'share %'
    texts[share] = [f'{share:.3g}' for share in evaluation.share.tolist()]
    return rates, {name: [*cells, *('' for _ in groups)] for name, cells in texts.items()}


def _title(record: RunRecord) -> str:
    seed = '' if record.seed is None else f', seed {record.seed}'
    return f'{record.method}, {record.model}, {record.dataset} {record.split}{seed}'


def _notes(record: RunRecord) -> list[str]:
    evaluation = record.evaluation
    overall, *more = evaluation.overall_lines()
    lines = [f'{overall.replace(": ", " ")}. All values in percent.', *(f'{line}.' for line in more)]
    origin = f'Shares and groups are from {evaluation.counts_from}.'
    if record.other_metrics:
        others = ', '.join(f'{key} {number_text(value)}' for key, value in record.other_metrics.items())
        lines.append(f'Other metrics: {others}.')
    return [*lines, *evaluation.groups.describe(evaluation.class_names).splitlines(), origin]


def render(record: RunRecord, console: Console) -> None:
    """Prints the report: with a column for each class where the terminal is wide enough, else with a row for each."""
    wide = wide_table(record)
    (wide if wide.fits(console) else tall_table(record)).print(console)


def write_report(record: RunRecord, folder: str | os.PathLike) -> list[Path]:
    """Writes ``<split>_report.csv``, ``.json`` and ``.md`` into ``folder``, and returns their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    evaluation = record.evaluation
    is_wide = evaluation.task is SEGMENTATION or len(evaluation.class_names) <= WIDE
    table = (wide_table if is_wide else tall_table)(record)
    texts = {
        'csv': table.csv(),
        'json': json.dumps(finite(_content(record)), indent=2, allow_nan=False) + '\n',
        'md': table.markdown(),
    }
    paths = [folder / f'{record.split}_report.{suffix}' for suffix in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text, encoding='utf-8')
    return paths


def _content(record: RunRecord) -> dict:
    """Everything that the tables show, by name."""
    evaluation = record.evaluation
    classes = {}
    for index, name in enumerate(evaluation.labels):
        rates = {rate: values[index].item() for rate, values in evaluation.rates.items()}
        share = {'group': evaluation.groups.group_of(index), 'share': evaluation.share[index].item()}
        classes[name] = {**share, **rates, 'absent': evaluation.absent[index]}
    names = ('name', 'method', 'model', 'dataset', 'split', 'seed', 'iterations', 'config', 'versions', 'date')
    return {
        **{name: getattr(record, name) for name in names},
        'groups': evaluation.groups.rule,
        'counts_from': evaluation.counts_from,
        'metrics': evaluation.means(),
        'other_metrics': dict(record.other_metrics),
        'classes': classes,
    }
