"""What metrics with groups of classes share: the counts that groups are made from, and the last evaluation."""

from abc import ABC
from collections.abc import Sequence
from os import PathLike
from typing import Any, ClassVar

from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from ltseg.core.calibration import Calibration
from ltseg.core.errors import InvalidValueError
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.class_names import check_class_order, check_classes
from ltseg.counts.table import CountsTable, check_class_names
from ltseg.metrics.evaluation import Evaluation
from ltseg.metrics.task import Task

__all__ = ['BESIDE_ANOTHER_METRIC', 'CountedMetric', 'CountsOption']

CountsOption = str | PathLike | Sequence[float] | None
FILLED = 'the training labels'
BESIDE_ANOTHER_METRIC = "Give that one a prefix, e.g. prefix='other': both have metrics of the same name."


class CountedMetric(BaseMetric, ABC):
    """A metric whose groups are made from class counts.

    Args:
        counts: Samples of each class: the path of a table made by ltseg count or a list. By default the
            training counts that ``ltseg.CountClasses`` hands over.
        collect_device: Of ``BaseMetric``.
        prefix: Put before each key.

    Attributes:
        evaluation: The last evaluation, with its confusion matrix; None before the first one.

    Raises:
        FileNotFoundError: If the table of ``counts`` does not exist.
        ValueError: When it gets to know the data set, if that names no classes, or training has another order of them.

    Example:
        >>> import torch
        >>> from ltseg.metrics.counted_metric import CountedMetric
        >>> from ltseg.metrics.task import CLASSIFICATION
        >>> class Accuracies(CountedMetric):
        ...     task, groups = CLASSIFICATION, dict(many=['cat'], medium=['dog'], few=['owl'])
        ...     def process(self, batch, matrices):
        ...         self.results += matrices
        ...     def compute_metrics(self, matrices):
        ...         return self.report(self.evaluation_of(sum(matrices)))
        >>> metric = Accuracies(counts=[900, 90, 10])  # training images: many, medium and few
        >>> metric.dataset_meta = {'classes': ('cat', 'dog', 'owl')}
        >>> metric.process(None, [torch.tensor([[8, 2, 0], [0, 1, 1], [0, 0, 4]])])
        >>> values = metric.evaluate(size=1)
        >>> values['accuracy/many'], values['accuracy/medium'], values['accuracy/few']
        (80.0, 50.0, 100.0)
    """

    #: What the samples are, and how groups are made of the option ``groups``.
    task: ClassVar[Task]
    groups: Any

    def __init__(self, counts: CountsOption = None, collect_device: str = 'cpu', prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self._counts, self._counts_from, self._counted_names = _read(counts)
        self.evaluation: Evaluation | None = None

    @property
    def dataset_meta(self) -> dict | None:
        """What the data set says of itself."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        check_classes(f'classes of the data set of {type(self).__name__}', (dataset_meta or {}).get('classes'))
        self._dataset_meta = dataset_meta

    def fill_counts(self, table: CountsTable) -> None:
        """Takes over the counts of the training labels, unless counts were given by the config."""
        names = (self.dataset_meta or {}).get('classes') or ()
        check_class_order(f'classes of the data set of {type(self).__name__}', names, table.class_names)
        if self._counts is None or self._counts_from == FILLED:
            self._counts, self._counts_from = table.counts.samples, FILLED

    def counts_or(self, evaluated: Tensor) -> tuple[Tensor, str]:
        """The counts, (K,), and what they counted: ``evaluated``, the evaluated ground truth, where there are none."""
        if self._counts is None:
            return evaluated, 'the evaluated ground truth'
        return self._counts, self._counts_from

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the K classes.

        Raises:
            ValueError: If the data set gives none, or the counts are of other classes.
        """
        where, names = type(self).__name__, (self.dataset_meta or {}).get('classes')
        if not names:
            raise InvalidValueError(f'{where}.dataset_meta', "the names of the classes as 'classes'", repr(names))
        if self._counts is not None and self._counts.numel() != len(names):
            hint = f'Count the data set that is evaluated, or give {where}(counts=...) its table.'
            raise InvalidValueError(f'{where}.counts', f'{len(names)} classes', repr(self._counts.numel()), hint)
        check_class_names(f'{where}.counts: {self._counts_from}', self._counted_names, names)
        return tuple(names)

    def evaluation_of(self, matrix: Tensor, calibration: Calibration | None = None) -> Evaluation:
        """The evaluation of a confusion matrix (K, K), with the groups and counts of this metric."""
        counts, origin = self.counts_or(matrix.sum(1))
        groups = self.task.groups(self.groups, counts, self.class_names, self.ignored_class(counts))
        return Evaluation(matrix, self.class_names, groups, counts, origin, self.task, calibration)

    def ignored_class(self, counts: Tensor) -> int | None:
        """The class that is itself the ignored label, and therefore none of a group; None where it is no class."""
        return None

    def key(self, name: str) -> str:
        """The key of a metric of an evaluation among those that this metric returns."""
        return f'{self.prefix}/{name}' if self.prefix else name

    def report(self, evaluation: Evaluation) -> dict[str, float]:
        """Prints an evaluation, keeps it as ``evaluation``, and returns its metrics by their key."""
        self.evaluation = evaluation
        print_log(f'per class results:\n{evaluation.describe()}', logger='current')
        return {self.key(name): value for name, value in evaluation.metrics().items()}


def _read(counts: CountsOption) -> tuple[Tensor | None, str, tuple[str, ...] | None]:
    """The counts, what they counted, and the names of the classes where they come with the counts."""
    if counts is None:
        return None, '', None
    if isinstance(counts, str | PathLike):
        table = CountsTable.load(counts)
        return table.counts.samples, f'the table {str(counts)!r}', table.class_names
    return ClassCounts.from_list(counts).samples, 'a list in the config', None
