"""Features in the plane."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ltseg.core.class_sample import ClassSample
from ltseg.core.geometry import class_means
from ltseg.reports.collapse.contents import Classes
from ltseg.reports.figures.figure import Figure, Series

__all__ = ['PROJECTIONS', 'feature_map', 'projected_map']

PROJECTIONS = ('pca', 'tsne')
MOST = 3000  # points in all
MOST_OF_CLASS = 200


def feature_map(
    sample: ClassSample, means: Tensor, present: Tensor, classes: Classes, by: str = 'pca'
) -> Figure | None:
    """Samples of each class and the class means in the plane; None where there are fewer than three means.

    Args:
        sample: Of the features.
        means: (K, D).
        present: Whether a class has samples, (K,) bool.
        classes: Of the model.
        by: 'pca' for the plane in which the class means differ the most, 'tsne' for neighbourhoods.
    """
    order, names = [index for index in classes.order if present[index]], classes.names
    if len(order) < 3 or means.shape[1] < 2:
        return None
    each = max(min(MOST_OF_CLASS, MOST // len(order)), 1)
    chosen = [(sample.labels == index).nonzero().squeeze(1)[:each] for index in order]
    rows = sample.rows[torch.cat(chosen)].double().cpu().numpy()
    places, marks = _projected(rows, means[order].double().cpu().numpy(), by)
    parts = np.split(places, np.cumsum([len(part) for part in chosen])[:-1])
    whats = {'pca': 'the plane in which the class means differ the most', 'tsne': 't-SNE, which keeps neighbours'}
    what = whats[by] if means.shape[1] > 2 else 'their own plane'
    series = []
    for color, (index, part, mark) in enumerate(zip(order, parts, marks, strict=True)):
        (x, y), (mean_x, mean_y), name = part.T.round(4).tolist(), mark.round(4).tolist(), names[index]
        series.append(Series(name=name, x=x, y=y, color=color))
        series.append(Series(x=[mean_x], y=[mean_y], labels=[name], color=color, mark='star'))
    return Figure(
        form='points',
        name='map',
        title='Features and class means',
        caption=f'Up to {each} samples of each class in {what}. Stars are class means.',
        series=series,
        ordered=True,
    )


def projected_map(loss: str, sample: ClassSample, present: Tensor, classes: Classes, by: str = 'pca') -> Figure | None:
    """As :func:`feature_map`, of what a contrastive term compares; of two dimensions as they lie on the circle.

    Args:
        loss: Name of the term's loss.
        sample: Of projected features with norm 1.
        present, classes, by: As above.

    Source:
        Zhu et al., Balanced contrastive learning, CVPR 2022: its geometry is that of projected features.
    """
    means, _ = class_means(sample.rows, sample.labels, len(present), sync=False)
    figure = feature_map(sample, means, present, classes, by)
    if figure is None:
        return None
    caption = f'{figure.caption} Features are behind the projection of the contrastive term, with norm 1.'
    return replace(figure, name=f'map_{loss}', title=f'Projected features and class means ({loss})', caption=caption)


def _projected(rows: np.ndarray, means: np.ndarray, by: str) -> tuple[np.ndarray, np.ndarray]:
    if means.shape[1] == 2:
        return rows, means  # are in a plane
    # Slow to load, and nothing else needs it.
    if by == 'tsne':
        from sklearn.manifold import TSNE

        joined = np.concatenate([means, rows])
        perplexity = min(30, (len(joined) - 1) / 3)
        found = TSNE(init='pca', perplexity=perplexity, random_state=0).fit_transform(joined)
        return found[len(means) :], found[: len(means)]
    from sklearn.decomposition import PCA

    plane = PCA(2, random_state=0).fit(means)
    return plane.transform(rows), plane.transform(means)
