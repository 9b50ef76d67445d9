"""Whether a cheap comparison of methods orders them as an expensive one does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.reports.comparison import compare
from ltseg.reports.frontier import distance_above
from ltseg.reports.record import RunRecord
from ltseg.reports.text_table import Cell, TextTable

__all__ = ['Agreement', 'agreement_of']


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far methods lie above a baseline in two comparisons.

    Args:
        distances: Of each method that both have, in points: in the cheap one and in the expensive one. The baseline
            itself has (0, 0).

    Example:
        >>> from ltseg.reports.agreement import Agreement
        >>> found = Agreement({'cross entropy': (0.0, 0.0), 'focal': (2.0, 0.5), 'Seesaw': (3.0, -0.5)})
        >>> found.rank_correlation, found.choice, found.regret
        (-0.5, 'Seesaw', 1.0)
    """

    distances: Mapping[str, tuple[float, float]]

    @property
    def rank_correlation(self) -> float:
        """Spearman's: the correlation of the ranks; those that are equal share their mean rank."""
        cheap, expensive = (_ranks(torch.tensor(values)) for values in zip(*self.distances.values(), strict=True))
        return torch.corrcoef(torch.stack((cheap, expensive)))[0, 1].item()

    @property
    def choice(self) -> str:
        """The method that is best in the cheap comparison."""
        return max(self.distances, key=lambda method: self.distances[method][0])

    @property
    def regret(self) -> float:
        """Points that are lost in the expensive comparison by training the choice and not the best."""
        return max(expensive for _, expensive in self.distances.values()) - self.distances[self.choice][1]

    def table(self, cheap: str, expensive: str) -> TextTable:
        """A row for each method, the best in the expensive comparison first."""
        ordered = sorted(self.distances, key=lambda method: self.distances[method][1], reverse=True)
        rows: list[list[Cell]] = [[name, *(f'{each:+.2f}' for each in self.distances[name])] for name in ordered]
        notes = (
            "Points of mIoU by which the curve over tau lies above the baseline's at the same mAcc.",
            f'Rank correlation (Spearman) {self.rank_correlation:.2f}; to train {self.choice}, the best of the first '
            f'column, costs {self.regret:.2f} points in the second.',
        )
        return TextTable('Above cross entropy with post-hoc adjustment', ('method', cheap, expensive), rows, notes)


def _ranks(values: Tensor) -> Tensor:
    below = (values.unsqueeze(0) < values.unsqueeze(1)).sum(1)
    return below + ((values.unsqueeze(0) == values.unsqueeze(1)).sum(1) - 1) / 2


def agreement_of(cheap: Sequence[RunRecord], expensive: Sequence[RunRecord], baseline: str) -> Agreement:
    """Compares two sets of records, each with several seeds of several methods.

    Args:
        cheap, expensive: Records with curves over tau.
        baseline: The method that others are compared with.

    Raises:
        ValueError: If a set lacks the baseline, or they share no other method.
    """
    grouped = [
        {method.label: [run.record for run in method.runs] for method in compare(records).methods}
        for records in (cheap, expensive)
    ]
    shared = [method for method in grouped[0] if method in grouped[1]]
    if baseline not in shared or len(shared) < 3:
        got = f'{list(grouped[0])} and {list(grouped[1])}'
        raise InvalidValueError('agreement', f'{baseline!r} and two more methods in both sets of records', got)
    return Agreement(
        {
            method: tuple(distance_above(group[method], group[baseline]) for group in grouped)  # type: ignore[misc]
            for method in shared
        }
    )
