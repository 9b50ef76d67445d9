"""The figures of neural collapse over all classes, with their meaning, and the classes that they are of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ltseg.core.collapse_summary import CollapseSummary
from ltseg.reports.text_table import TextTable

__all__ = ['MEANINGS', 'Classes', 'ideal_value', 'values_table']

MEANINGS = {
    'nc1': 'NC1: variation within classes',
    'nc1_class_averaged': 'NC1, each class with the same weight',
    'nc2_means_norm_variation': 'NC2 of class means: norms, deviation / mean',
    'nc2_means_cosine_deviation': 'NC2 of class means: cosines, deviation',
    'nc2_means_simplex_gap': 'NC2 of class means: cosines from -1/(K-1)',
    'nc2_means_least_angle': 'NC2 of class means: least angle, degrees',
    'nc2_classifier_norm_variation': 'NC2 of class vectors: norms, deviation / mean',
    'nc2_classifier_cosine_deviation': 'NC2 of class vectors: cosines, deviation',
    'nc2_classifier_simplex_gap': 'NC2 of class vectors: cosines from -1/(K-1)',
    'nc2_classifier_least_angle': 'NC2 of class vectors: least angle, degrees',
    'nc3_self_duality': 'NC3: class vectors from class means',
    'nc4_disagreement': 'NC4: share where the nearest mean differs',
    'balance_product': 'B_D: products of class vectors, deviation',
    'balance_angle': 'B_A: cosines of class vectors, deviation',
    'balance_length': 'B_L: lengths of class vectors, deviation',
}


@dataclass(frozen=True)
class Classes:
    """The classes of a model.

    Args:
        names: K names, all different.
        counts: Training samples of each.
        order: Their indices from frequent to rare.
        unit: What a sample is, in the plural.
    """

    names: Sequence[str]
    counts: Sequence[float]
    order: Sequence[int]
    unit: str

    @property
    def labels(self) -> list[str]:
        """The names from frequent to rare."""
        return [self.names[index] for index in self.order]

    def ordered(self, values: Tensor) -> list[float]:
        """A number of each class, from frequent to rare."""
        return values[list(self.order)].tolist()


def ideal_value(name: str, optimal_angle: float) -> float:
    """The value of a figure at neural collapse."""
    return optimal_angle if name.endswith('least_angle') else 0.0


def values_table(summary: CollapseSummary, title: str, notes: Sequence[str] = ()) -> TextTable:
    """The figures over all classes as a table."""
    rows = [
        [meaning, f'{summary.figures.get(name, math.nan):.4g}', f'{ideal_value(name, summary.optimal_angle):.4g}']
        for name, meaning in MEANINGS.items()
    ]
    return TextTable(title, ('figure', 'value', 'ideal'), rows, notes)
