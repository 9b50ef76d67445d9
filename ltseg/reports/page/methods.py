"""What a report is about: methods, each with the runs of its seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ltseg.counts.groups import by_frequency
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.comparison import Comparison, compare
from ltseg.reports.difference import CLEAR, SINGLE, WITHIN, Difference
from ltseg.reports.method import Method
from ltseg.reports.runs import Run

__all__ = ['CLEAR', 'SINGLE', 'WITHIN', 'Difference', 'Method', 'Study']


@dataclass(frozen=True, eq=False)
class Study:
    """Methods over the same classes.

    Args:
        comparison: Of their runs.
    """

    comparison: Comparison

    @classmethod
    def of(cls, runs: Sequence[Run]) -> 'Study':
        """Puts runs that differ in their seeds only together; the first method of each setting is the baseline.

        Raises:
            ValueError: If the runs cannot be compared.
        """
        return cls(compare(runs))

    @property
    def methods(self) -> tuple[Method, ...]:
        """In the order of the runs."""
        return self.comparison.methods

    @property
    def reference(self) -> Evaluation:
        """Whose classes, groups and shares are those of all methods."""
        return self.comparison.reference

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
