"""Which classes are taken for which."""

import numpy as np
from torch import Tensor

from ltseg.reports.comparison import Comparison
from ltseg.reports.figures.figure import Figure
from ltseg.reports.method import Method
from ltseg.reports.page.differences import TALL

__all__ = ['confusion_matrix_figure', 'largest_confusions']

LARGEST = 3


def confusion_matrix_figure(study: Comparison, method: Method) -> Figure:
    """The rows of the confusion matrix in percent of the truth, both axes sorted by frequency."""
    order = study.order
    names = [study.reference.class_names[index] for index in order]
    rates = 100 * _rates(method.matrix)[np.ix_(order, order)]
    caption = 'Share of each true class; the colour is the square root of it, so that small confusions show.'
    if len(order) > TALL:
        caption += ' Some classes only are named.'
    right = f'On average {float(np.mean(np.diag(rates))):.0f} % of a class is right.'
    return Figure(
        form='matrix',
        name=f'confusion-{method.index}',
        title=f'Confusions of {method.label}',
        alt=f'{right} The largest confusions are in the table below.',
        caption=caption,
        x_label='predicted',
        y_label='true',
        values=rates.tolist(),
        rows=names,
        columns=names,
        unit='% of the true class',
    )


def _rates(counts: Tensor) -> np.ndarray:
    """Rows (*, K) of counts as shares of their sums."""
    rows = counts.double().numpy()
    return rows / np.maximum(rows.sum(-1, keepdims=True), 1)


def largest_confusions(study: Comparison, method: Method, index: int) -> list[tuple[str, float]]:
    """The classes that the samples of a class are most often taken for, with percent of them, the largest first."""
    row = _rates(method.matrix[index])
    row[index] = 0
    largest = sorted(range(len(row)), key=lambda other: -row[other])[:LARGEST]
    return [(study.reference.class_names[other], 100 * row[other]) for other in largest if row[other] > 0]
