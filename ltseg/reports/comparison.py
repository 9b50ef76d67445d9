"""Runs side by side, class by class, with the differences against the first method."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError
from ltseg.counts.groups import by_frequency
from ltseg.metrics.evaluation import Evaluation
from ltseg.metrics.task import CLASSIFICATION, TASKS
from ltseg.reports.method import DEVIATION_FROM, Method, measured
from ltseg.reports.method_labels import distinguishing, full_name, label_of, setting_parts
from ltseg.reports.published import PublishedRun
from ltseg.reports.published_method import published_method
from ltseg.reports.record import RunRecord
from ltseg.reports.runs import Run
from ltseg.reports.settings import seeds_together
from ltseg.reports.text_table import Cell, TextTable

__all__ = ['TABLES', 'Comparison', 'compare']

TABLES = {name: ('summary', *(rate for rate, _ in task.rates)) for name, task in TASKS.items()}
NAMING = 'A config can name them: report=dict(model=..., dataset=...).'
MANY_METHODS = 8
MANY_CLASSES = 30  # of classifiers; the single classes are shown from here on only where they are asked for


@dataclass(frozen=True, eq=False)
class Comparison:
    """Methods over the same classes, each with the runs of its seeds.

    Args:
        methods: In the order of the runs.
        reference: An evaluation whose classes, groups and shares are those of all methods.
        notes: What a reader must know.
        cautions: What a reader may take for more than it is, such as columns that were not averaged.

    Example:
        >>> import torch
        >>> from ltseg.counts.groups import ClassGroups
        >>> from ltseg.metrics.evaluation import Evaluation
        >>> from ltseg.reports.comparison import compare
        >>> from ltseg.reports.record import RunRecord
        >>> groups, counts = ClassGroups((0,), (1,), (2,), 'as listed'), torch.tensor([900, 90, 10])
        >>> def record(method, right):
        ...     matrix = torch.tensor([[8, 0, 0], [0, 4, 0], [0, 4 - right, right]])
        ...     evaluation = Evaluation(matrix, ('road', 'car', 'pole'), groups, counts, 'the training labels')
        ...     about = dict(model='U-Net', dataset='CamVid', split='test', seed=0)
        ...     return RunRecord(name=method, method=method, evaluation=evaluation, **about)
        >>> comparison = compare([record('cross entropy', 1), record('ARB', 3)])
        >>> next(row for row in comparison.summary().rows if row[0] == 'mIoU_tail')
        ['mIoU_tail', '25.00', '75.00 (+50.00)']
    """

    methods: tuple[Method, ...]
    reference: Evaluation
    notes: tuple[str, ...]
    cautions: tuple[str, ...] = ()

    @property
    def compared(self) -> list[Method]:
        """The methods that have a baseline."""
        return [method for method in self.methods if method.baseline]

    @property
    def rates(self) -> list[str]:
        """Names of the rates, the one that counts the most first."""
        return list(self.reference.rates)

    @property
    def rarest(self) -> str:
        """Name of the group of rare classes."""
        return self.reference.groups.names[-1]

    @cached_property
    def order(self) -> list[int]:
        """The classes, the most frequent first."""
        return by_frequency(self.reference.counts)

    def key(self, rate: str, index: int) -> str:
        """Key of the rate of a class."""
        return self.reference.class_key(rate, index)

    @property
    def other_keys(self) -> list[str]:
        """Keys of metrics that are not ltseg's own."""
        return list(dict.fromkeys(key for m in self.methods for run in m.runs for key in run.record.other_metrics))

    def _labels(self, methods: Sequence[Method]) -> list[str]:
        return [m.label + (f' ({len(m.metrics)} seeds)' if len(m.metrics) > 1 else '') for m in methods]

    def _title(self, what: str) -> str:
        common = [self.methods[0].setting[part] for part in setting_parts(self.methods, vary=False)]
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
        return [*tables[:-1], *(replace(table, notes=(*self.notes, *self.cautions)) for table in tables[-1:])]

    def of_classes(self, rate: str) -> TextTable:
        """A rate of each class, the most frequent first, and the means; methods without that rate are left out."""
        reference, task = self.reference, self.reference.task
        methods = [method for method in self.methods if method.has(self.key(rate, 0))]
        rows: list[list[Cell]] = []
        for index in self.order:
            name, share = reference.class_names[index], f'{reference.share[index].item():.3g}'
            cells = [method.cell(self.key(rate, index)) for method in methods]
            rows.append([name, reference.groups.group_of(index), share, *cells])
        for group in (None, *(task.group_names if rate in task.grouped else ())):
            cells = [method.cell(task.key(rate, group)) for method in methods]
            rows.append([f'mean {group}' if group else 'mean', '', '', *cells])
        header = ('class', 'group', 'share %', *self._labels(methods))
        return TextTable(self._title(rate), header, rows, labels=3)

    def summary(self) -> TextTable:
        """The means, those of the groups, other metrics, and whether there is a curve over post-hoc adjustment.

        Of many methods each is a row, and otherwise a column, as in the other tables.
        """
        keys = [*self.reference.means(), *self.other_keys]
        columns: list[tuple[Cell, ...]] = [('', *keys, 'curve over tau')]
        for method, label in zip(self.methods, self._labels(self.methods), strict=True):
            columns.append((label, *map(method.cell, keys), method.tau_points))
        header, *rows = columns if len(self.methods) > MANY_METHODS else zip(*columns, strict=True)
        return TextTable(self._title('Means'), tuple(map(str, header)), [list(row) for row in rows])

    def long_rows(self) -> TextTable:
        """A row for each metric and method, for other programs; numbers are exact, nan where a seed has none."""
        header = ('metric', 'method', 'model', 'dataset', 'split', 'seeds', 'values', 'mean', 'std', 'difference')
        rows: list[list[Cell]] = []
        for key in (*self.reference.metrics(), *self.other_keys):
            for method in self.methods:
                if values := method.values(key):
                    listed = (' '.join(map(str, part)) for part in ([run.record.seed for run in method.runs], values))
                    difference = 0.0 if method.baseline is None else method.difference(key).value
                    numbers = (method.mean(key), method.deviation(key), difference)
                    rows.append([key, full_name(method), *method.setting, *listed, *numbers])
        return TextTable('All metrics', header, rows)


def compare(given: Sequence[RunRecord | Run], published: Sequence[PublishedRun] = ()) -> Comparison:
    """Puts runs beside each other; those that differ only in their seed become one method.

    Args:
        given: Runs, or their records, in the order of the methods. The groups and shares of the first are used for all.
        published: Runs from papers, added at the right.

    Raises:
        ValueError: If the classes differ, a seed occurs twice, or there is no record.
    """
    runs = [run if isinstance(run, Run) else Run(run) for run in given]
    if not runs:
        raise InvalidValueError('compare', 'at least one record', 'none')
    first = runs[0].record
    for run in runs:
        _check_classes(run.record, first)
    reference = first.evaluation
    drafts = [measured(seeds, reference) for seeds in seeds_together(runs)]
    drafts += [published_method(run, reference) for run in published]
    methods: list[Method] = []
    for index, draft in enumerate(drafts):
        baseline = next((other for other in methods if other.setting == draft.setting), None)
        methods.append(replace(draft, label=label_of(draft, drafts), index=index, baseline=baseline))
    comparison = Comparison(tuple(methods), reference, tuple(_notes(runs, methods, reference)))
    return replace(comparison, cautions=tuple(_cautions(comparison)))


def _notes(runs: Sequence[Run], methods: Sequence[Method], reference: Evaluation) -> Iterator[str]:
    yield from reference.groups.describe(reference.class_names).splitlines()
    yield f'Shares and groups are from {reference.counts_from}.'
    if any(run.record.evaluation.groups != reference.groups for run in runs):
        yield f'Other records were written with other groups; here all use those of {runs[0].record.name}.'
    if any(method.baseline for method in methods):
        yield 'In parentheses: difference to the first method of the same model, data set and split.'
    elif len(methods) > 1:
        yield f'No differences: no two columns have the same model, data set and split. {NAMING}'
    if any(len(method.metrics) >= DEVIATION_FROM for method in methods):
        yield '± is the standard deviation (n - 1) over the seeds.'
    if any(not method.runs and not method.has(reference.class_key(reference.task.grouped[0], 0)) for method in methods):
        first, second, last = reference.task.group_names
        yield f'Papers have their own rules for {first}, {second} and {last}.'
    if any(method.printed for method in methods):
        yield '[printed]: the mean as the paper prints it, which is not the mean of the rows it prints.'


def _cautions(comparison: Comparison) -> Iterator[str]:
    apart: dict[str, dict[str, None]] = {}
    for method in comparison.methods:
        if settings := distinguishing(method, comparison.methods):
            apart.setdefault(method.name, {}).update(dict.fromkeys(key for key in settings if key != 'and'))
    for method in comparison.methods:
        lengths = {run.record.iterations for run in method.runs if run.record.iterations is not None}
        if len(lengths) > 1:
            listed = ', '.join(map(str, sorted(lengths)))
            yield f'Averaged over runs of {method.name} that were trained for {listed} iterations.'
    for name, keys in apart.items():
        yield f'Not averaged: runs of {name} differ in more than their seed ({", ".join(keys)}).'
    if comparison.other_keys:
        yield f'As their metrics gave them, in percent or not: {", ".join(comparison.other_keys)}.'


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
