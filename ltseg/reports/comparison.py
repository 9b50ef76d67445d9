"""Runs side by side, class by class, with the differences against the first method."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError
from ltseg.metrics.evaluation import Evaluation
from ltseg.metrics.task import CLASSIFICATION, TASKS
from ltseg.reports.method_column import DEVIATION_FROM, MethodColumn, measured_column, published_column
from ltseg.reports.published import PublishedRun
from ltseg.reports.record import RunRecord
from ltseg.reports.text_table import Cell, TextTable

__all__ = ['TABLES', 'Comparison', 'compare']

TABLES = {name: ('summary', *(rate for rate, _ in task.rates)) for name, task in TASKS.items()}
NAMING = 'These are from names of configs, <model>_<method>_<dataset>.py or <model>_<method>.py.'
MANY_CLASSES = 30  # of classifiers; the single classes are shown from here on only where they are asked for


@dataclass(frozen=True)
class Comparison:
    """Columns of methods over the same classes.

    Args:
        columns: In the order of the runs.
        reference: An evaluation whose classes, groups and shares are those of all columns.
        notes: What a reader must know.
    """

    columns: tuple[MethodColumn, ...]
    reference: Evaluation
    notes: tuple[str, ...]

    def _baseline(self, column: MethodColumn) -> MethodColumn:
        return next(other for other in self.columns if other.setting == column.setting)

    def _setting_parts(self, vary: bool) -> list[int]:
        """Which of model, data set and split differ between the columns, or which do not."""
        known = [{column.setting[part] for column in self.columns} - {''} for part in range(3)]
        return [part for part, values in enumerate(known) if (len(values) > 1) == vary]

    def _labels(self, columns: Sequence[MethodColumn]) -> list[str]:
        """Method, and what else differs between the columns."""
        labels = []
        for column in columns:
            parts = filter(None, [column.method, *(column.setting[part] for part in self._setting_parts(vary=True))])
            labels.append(', '.join(parts) + (f' ({len(column.runs)} seeds)' if len(column.runs) > 1 else ''))
        return labels

    def _title(self, what: str) -> str:
        common = [self.columns[0].setting[part] for part in self._setting_parts(vary=False)]
        return ', '.join((f'{what} in percent', *common))

    def tables(self, names: Sequence[str] = ()) -> list[TextTable]:
        """The tables with these names, out of 'summary' and the rates of the task; notes are below the last.

        By default all, but of classifiers with many classes the summary only.

        Raises:
            ValueError: If there is no such table.
        """
        reference, known = self.reference, TABLES[self.reference.task.name]
        for name in names:
            check_choice('compare, tables', name, known)
        many = reference.task is CLASSIFICATION and len(reference.class_names) > MANY_CLASSES
        names = names or (known[:1] if many else known)
        tables = [self.summary() if name == 'summary' else self.of_classes(name) for name in names]
        return [*tables[:-1], *(replace(table, notes=self.notes) for table in tables[-1:])]

    def of_classes(self, rate: str) -> TextTable:
        """A rate of each class, the most frequent first, and the means; methods without that rate are left out."""
        reference, task = self.reference, self.reference.task
        first = reference.class_key(rate, 0)
        columns = [column for column in self.columns if column.values(first)]
        rows: list[list[Cell]] = []
        for index in reference.counts.argsort(descending=True, stable=True).tolist():
            name, share = reference.class_names[index], f'{reference.share[index].item():.3g}'
            cells = self._cells(reference.class_key(rate, index), columns)
            rows.append([name, reference.groups.group_of(index), share, *cells])
        rows.append(['mean', '', '', *self._cells(task.key(rate), columns)])
        for group in task.group_names if rate in task.grouped else ():
            rows.append([f'mean {group}', '', '', *self._cells(task.key(rate, group), columns)])
        header = ('class', 'group', 'share %', *self._labels(columns))
        return TextTable(self._title(rate), header, rows, labels=3)

    def summary(self) -> TextTable:
        """The means, those of the groups, and whether there is a curve over post-hoc adjustment."""
        rows = [[key, *self._cells(key, self.columns)] for key in self.reference.means()]
        curves = [', '.join(f'{points} points' for points in c.tau_points if points) or 'none' for c in self.columns]
        rows.append(['curve over tau', *curves])
        return TextTable(self._title('Means'), ('', *self._labels(self.columns)), rows)

    def _cells(self, key: str, columns: Sequence[MethodColumn]) -> list[Cell]:
        return [column.cell(key, self._baseline(column)) for column in columns]

    def long_rows(self) -> TextTable:
        """A row for each metric and column, for other programs; numbers are not rounded."""
        header = ('metric', 'method', 'model', 'dataset', 'split', 'seeds', 'values', 'mean', 'std', 'difference')
        rows: list[list[Cell]] = []
        for key in self.columns[0].runs[0]:
            for column in self.columns:
                if values := column.values(key):
                    listed = (' '.join(map(str, part)) for part in (column.seeds, values))
                    difference = column.mean(key) - self._baseline(column).mean(key)
                    numbers = (column.mean(key), column.deviation(key), difference)
                    rows.append([key, column.method, *column.setting, *listed, *numbers])
        return TextTable('All metrics', header, rows)


def compare(records: Sequence[RunRecord], published: Sequence[PublishedRun] = ()) -> Comparison:
    """Puts runs beside each other; records that differ only in their seed become one column.

    Args:
        records: In the order of the columns. The groups and shares of the first are used for all.
        published: Runs from papers, added at the right.

    Raises:
        ValueError: If the classes differ, a seed occurs twice, or there is no record.
    """
    if not records:
        raise InvalidValueError('compare', 'at least one record', 'none')
    first = records[0]
    for record in records:
        _check_classes(record, first)
    reference = first.evaluation
    columns = [measured_column(runs, reference) for runs in _by_method(records)]
    columns += [published_column(run, reference) for run in published]
    notes = [*reference.groups.describe(reference.class_names).splitlines()]
    notes.append(f'Shares and groups are from {reference.counts_from}.')
    if any(r.evaluation.groups != reference.groups for r in records):
        notes.append(f'Other records were written with other groups; here all use those of {first.name}.')
    if len({column.setting for column in columns}) < len(columns):
        notes.append('In parentheses: difference to the first method of the same model, data set and split.')
    elif len(columns) > 1:
        notes.append(f'No differences: no two columns have the same model, data set and split. {NAMING}')
    if any(len(column.runs) >= DEVIATION_FROM for column in columns):
        notes.append('± is the standard deviation (n - 1) over the seeds.')
    if published and reference.task is CLASSIFICATION:
        notes.append('Papers have their own rules for many, medium and few.')
    if any(column.printed for column in columns):
        notes.append('[printed]: the mean as the paper prints it, which is not the mean of the rows it prints.')
    return Comparison(tuple(columns), reference, tuple(notes))


def _check_classes(record: RunRecord, first: RunRecord) -> None:
    if record.evaluation.task is not first.evaluation.task:
        got = f'{record.name}, {record.evaluation.task.name}'
        raise InvalidValueError('compare', f'{first.evaluation.task.name}, as {first.name}', got)
    ours, theirs = record.evaluation.class_names, first.evaluation.class_names
    if ours != theirs:
        other = [name for name in ours if name not in theirs] + [name for name in theirs if name not in ours]
        got = f'{record.name} with {len(ours)} classes; they differ in ' + (', '.join(other) or 'their order')
        hint = 'Compare runs on the same classes.'
        raise InvalidValueError('compare', f'the {len(theirs)} classes of {first.name}', got, hint)


def _by_method(records: Sequence[RunRecord]) -> list[list[RunRecord]]:
    columns: dict[tuple[str, ...], list[RunRecord]] = {}
    for record in records:
        runs = columns.setdefault((record.method, record.model, record.dataset, record.split), [])
        twin = next((run for run in runs if run.seed == record.seed), None)
        if twin is not None:
            hint = 'Give one of them, or another name of the method.'
            seeds = f'{twin.name} and {record.name}, both seed {record.seed}'
            raise InvalidValueError('compare', f'one record of {record.method} for each seed', seeds, hint)
        runs.append(record)
    return list(columns.values())
