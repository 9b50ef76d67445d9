"""Which classes are taken for which."""

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb
from torch import Tensor

from ltseg.reports.figures.ink import Drawing, draw
from ltseg.reports.page.differences import TALL
from ltseg.reports.page.methods import Method, Study
from ltseg.reports.page.phrases import shortened

__all__ = ['Confusion', 'confusion_matrix_figure', 'largest_confusions']

CELL = '#1f78b4'  # between light and dark, because a picture cannot take the page's colours
LARGEST = 3


@dataclass(frozen=True)
class Confusion:
    """What the samples of a class are taken for.

    Args:
        name: The class that they are predicted as.
        percent: Share of the true samples.
    """

    name: str
    percent: float


def confusion_matrix_figure(study: Study, method: Method) -> Drawing:
    """The rows of the confusion matrix in percent of the truth, both axes sorted by frequency."""
    order, names = study.order, study.reference.class_names
    rates = _rates(method.matrix)[np.ix_(order, order)]
    size = len(order)
    picture = np.empty((size, size, 4))
    picture[..., :3], picture[..., 3] = to_rgb(CELL), np.sqrt(rates)
    few = size <= TALL
    with draw(f'confusion-{method.index}', 4.3) as (axes, made):
        axes.imshow(picture, interpolation='none')
        axes.grid(visible=False)
        labels = [shortened(names[index], 14) for index in order]
        ticks = range(size) if few else range(0, size, size // 20)
        text_size = 8 if size <= 20 else 6
        axes.set_xticks(ticks, [labels[i] for i in ticks], rotation=90, fontsize=text_size)
        axes.set_yticks(ticks, [labels[i] for i in ticks], fontsize=text_size)
        if size <= 15:
            for row, column in np.argwhere(rates >= 0.1):
                axes.text(column, row, f'{100 * rates[row, column]:.0f}', ha='center', va='center', fontsize=7.5)
        axes.set_xlabel('predicted')
        axes.set_ylabel('true')
    diagonal = float(np.mean(np.diag(rates)))
    alt = f'On average {100 * diagonal:.0f} % of a class is right. The largest confusions are in the table below.'
    caption = 'Share of each true class; the colour is the square root of it, so that small confusions show.'
    if not few:
        caption += ' Some classes only are named.'
    return Drawing(made[0], f'Confusions of {method.label}', alt, caption)


def _rates(counts: Tensor) -> np.ndarray:
    """Rows (*, K) of counts as shares of their sums."""
    rows = counts.double().numpy()
    return rows / np.maximum(rows.sum(-1, keepdims=True), 1)


def largest_confusions(study: Study, method: Method, index: int) -> list[Confusion]:
    """The classes that the samples of a class are most often taken for, the largest first."""
    row = _rates(method.matrix[index])
    row[index] = 0
    largest = sorted(range(len(row)), key=lambda other: -row[other])[:LARGEST]
    return [Confusion(study.reference.class_names[other], 100 * row[other]) for other in largest if row[other] > 0]
