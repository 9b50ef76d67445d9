"""Frequent classes divided into subclasses about as large as the rarest class, by balanced clusters of features."""

import torch
from torch import Tensor

from ltseg.core.checks import check_integer
from ltseg.core.errors import InvalidValueError
from ltseg.core.geometry import class_means, class_sums, directions

__all__ = ['balanced_clusters', 'spread_temperatures', 'subclass_numbers']


def subclass_numbers(counts: Tensor, least_size: int) -> Tensor:
    """How many subclasses each class is divided into, so that each is of the size M of the rarest class or larger::

        S_k = max(floor(n_k / M), 1),    M = max(min_j n_j, least_size)

    Args:
        counts: n, (K,) int64; absent classes have no part in the minimum.
        least_size: Least size of a subclass, so that a class of few samples does not make subclasses of few.

    Returns:
        (K,) int64. The subclasses of a class have M to 2 M - 1 samples each where it has M or more.

    Source:
        Hou et al., Subclass-balancing Contrastive Learning for Long-tailed Recognition, ICCV 2023, Section 3.

    Example:
        >>> import torch
        >>> from ltseg.core.subclasses import subclass_numbers
        >>> subclass_numbers(torch.tensor([500, 85, 5]), least_size=10).tolist()
        [50, 8, 1]
    """
    check_integer('subclass_numbers.least_size', least_size, 1)
    size = counts.where(counts > 0, counts.max()).min().clamp(min=least_size)
    return (counts // size).clamp(min=1)


def spread_temperatures(
    rows: Tensor, labels: Tensor, num_classes: int, temperature: float, smoothing: float = 10.0
) -> Tensor:
    """A temperature for each class, the higher the wider its features are spread::

        tau_k = temperature exp( phi_k / mean_j phi_j ),    phi_k = 1/n_k sum_i |z_i - t_k| / log(n_k + smoothing)

    with t_k the mean of class k and the mean over the classes that have samples.

    Args:
        rows: z, (N, D).
        labels: (N,) int64 in [0, K).
        num_classes: K.
        temperature: Of a class without spread, and of absent ones.
        smoothing: Keeps phi of rare classes from growing without bound.

    Returns:
        (K,).

    Source:
        Hou et al., ICCV 2023, Section 3, the dynamic temperature, after the concentration of Li et al., Prototypical
        Contrastive Learning of Unsupervised Representations, ICLR 2021.

    Example:
        >>> import torch
        >>> from ltseg.core.subclasses import spread_temperatures
        >>> rows, labels = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]]), torch.tensor([0, 0, 1, 1])
        >>> spread_temperatures(rows, labels, 3, temperature=1.0)  # as wide as each other: exp(1)
        tensor([2.7183, 2.7183, 1.0000])
    """
    means, counts = class_means(rows, labels, num_classes, sync=False)
    distances, _ = class_sums((rows - means[labels]).norm(dim=1, keepdim=True), labels, num_classes)
    spread = distances.squeeze(1) / (counts.clamp(min=1) * (counts + smoothing).log())
    average = spread.sum() / (counts > 0).sum().clamp(min=1)
    return temperature * (spread / average.where(average > 0, 1.0)).exp()


def balanced_clusters(
    rows: Tensor, number: int, generator: torch.Generator | None = None, most_steps: int = 50
) -> Tensor:
    """Clusters of directions whose sizes differ by one at most.

    k-means with cosines: it begins with rows that are far from each other (k-means++), and alternates between the means
    of clusters and a balanced assignment, until that repeats itself. The assignment goes through the pairs of rows and
    clusters from the largest cosine on, and puts a row into a cluster where the row is free and the cluster has fewer
    than floor(N / number) rows; the rest goes the same way to one further place in each cluster.

    Args:
        rows: (N, D), of norm 1.
        number: Of clusters, in [1, N].
        generator: Of the rows to begin with.
        most_steps: After which it ends in any case.

    Returns:
        The cluster of each row, (N,) int64.

    Raises:
        ValueError: If there are fewer rows than clusters.

    Source:
        Hou et al., ICCV 2023, Section 3, and the balanced k-means of its released code, which divides the cosines with
        a cluster by their sum first. That sum may be near 0 or negative, and is left out here.

    Example:
        >>> import torch
        >>> from ltseg.core.subclasses import balanced_clusters
        >>> angles = torch.tensor([0.0, 0.1, 0.2, 2.0, 2.1])
        >>> clusters = balanced_clusters(torch.stack([angles.cos(), angles.sin()], 1), 2)
        >>> sorted(clusters.bincount().tolist()), (clusters[:3] == clusters[0]).all().item()
        ([2, 3], True)
    """
    check_integer('balanced_clusters.number', number, 1)
    if len(rows) < number:
        raise InvalidValueError('balanced_clusters', f'{number} rows or more', f'{len(rows)}')
    centers, clusters = rows[_scattered(rows, number, generator)], torch.full((len(rows),), -1, device=rows.device)
    for _ in range(most_steps):
        before, clusters = clusters, _balanced_assignment(rows @ centers.T)
        if torch.equal(before, clusters):
            break
        centers = directions(class_sums(rows, clusters, number)[0])
    return clusters


def _scattered(rows: Tensor, number: int, generator: torch.Generator | None) -> list[int]:
    """Rows that are drawn one after the other by the square of their distance from those before (k-means++)."""
    chosen = [int(torch.randint(len(rows), (1,), generator=generator))]
    distances = torch.full_like(rows[:, 0], torch.inf)
    for _ in range(number - 1):
        distances = torch.minimum(distances, 1 - rows @ rows[chosen[-1]])
        # A row that was drawn, or is equal to one, has a share too small to matter unless all are equal.
        chosen.append(int(torch.multinomial(distances.clamp(min=1e-9), 1, generator=generator)))
    return chosen


def _balanced_assignment(scores: Tensor) -> Tensor:
    """The cluster of each row for scores (N, S), which S clusters of floor(N / S) or one more rows share out."""
    clusters = _matched(scores, len(scores) // scores.shape[1])
    rest = (clusters < 0).nonzero().squeeze(1)
    clusters[rest] = _matched(scores[rest], 1)
    return clusters


def _matched(scores: Tensor, capacity: int) -> Tensor:
    """The cluster of each row, at most ``capacity`` rows to a cluster and -1 for rows that find no place.

    Every row asks the cluster of its highest score that has not turned it down, and every cluster keeps the rows with
    the highest scores of all that ask. As both sides go by the same scores, this ends where going through all pairs
    from the highest score on does.
    """
    scores, full = scores.clone(), scores.shape[1]
    while True:
        best, clusters = scores.max(dim=1)
        clusters = torch.where(best > -torch.inf, clusters, full)  # turned down by all: behind the last cluster
        by_score = best.argsort(descending=True, stable=True)
        ordered, by_cluster = clusters[by_score].sort(stable=True)
        rank = torch.arange(len(ordered), device=ordered.device) - torch.searchsorted(ordered, ordered)
        refused = by_score[by_cluster[(rank >= capacity) & (ordered < full)]]
        if not len(refused):
            return torch.where(clusters < full, clusters, -1)
        scores[refused, clusters[refused]] = -torch.inf
