"""Supervised and balanced contrastive losses of unit vectors."""

from typing import Literal

import torch
from torch import Tensor

from ltseg.core.geometry import exact_distances

__all__ = [
    'Averaging',
    'contrastive_losses',
    'limited_positives',
    'parametric_losses',
    'prototype_losses',
    'robust_losses',
]

Averaging = Literal['outside', 'inside']
NEVER = -1e9  # a score whose exponential is 0 beside any real one; -inf would make the gradient of nothing nan


def contrastive_losses(
    anchors: Tensor,
    anchor_labels: Tensor,
    keys: Tensor,
    key_labels: Tensor,
    own_keys: Tensor,
    num_classes: int,
    temperature: float,
    averaging: Averaging | None = None,
    positives: Tensor | None = None,
    compared: Tensor | None = None,
) -> Tensor:
    """The loss of each anchor, which is to be found among the keys by its class::

        l_i = log D_i - 1/|P_i| sum_{p in P_i} s_ip,    s_ik = a_i . k_k / temperature

        D_i = sum_{k != i} exp(s_ik)                                  averaging=None        (SupCon)
        D_i = sum_j 1/n_ij sum_{k in B_j, k != i} exp(s_ik)           averaging='outside'   (L1 of BCL)
        D_i = sum_j exp(1/n_ij sum_{k in B_j, k != i} s_ik)           averaging='inside'    (L2 of BCL; L1 >= L2)

    with B_j the keys of class j, n_ij their number without the anchor, and P_i the keys of the anchor's class without
    the anchor. An anchor without positives has the loss 0. For class-complement, append a prototype of each class to
    the keys: it is then a positive of its class, is averaged with it, and is never an anchor.

    Args:
        anchors: (M, D), of norm 1.
        anchor_labels: (M,) int64 in [0, K), or negative for anchors to leave out, which have the loss 0.
        keys: (N, D), of norm 1, the anchors among them.
        key_labels: (N,) int64 in [0, K), or negative for keys to leave out.
        own_keys: (M,) int64, the place of each anchor among the keys.
        num_classes: K.
        temperature: Divisor of the inner products.
        averaging: One of the above.
        positives: (M, N) bool, P_i, a part of the above; it changes the positives and not D_i. Numbers, none of them
            negative, are weights of the mean over P_i. Keys to leave out are no positives.
        compared: (M, N) bool, the keys that an anchor meets at all, in D_i and in P_i; None for all.

    Returns:
        (M,). The matrices in between have M x N entries.

    Source:
        Khosla et al., Supervised Contrastive Learning, NeurIPS 2020, L_out. Zhu et al., Balanced Contrastive Learning
        for Long-Tailed Visual Recognition, CVPR 2022, eq. 6, 7 and 9; eq. 9 divides the anchor's own class by one more
        than its keys, its text and released code do not, and neither does this.
    """
    scores = anchors @ keys.T / temperature  # (M, N)
    others, same = _relations(anchor_labels, key_labels, own_keys)
    if compared is not None:
        others, same = others & compared, same & compared
    numbers = scores.new_zeros(num_classes).index_add(0, key_labels.clamp(min=0), (key_labels >= 0).to(scores.dtype))
    if averaging == 'inside':
        totals = _class_means(scores, others, key_labels, num_classes)
    else:
        totals = scores.masked_fill(~others, NEVER)
        if averaging == 'outside':
            shares = numbers.clamp(min=1).log()[key_labels.clamp(min=0)]  # (N,)
            own_share = (numbers[anchor_labels] - 1).clamp(min=1).log()[:, None]
            totals = totals - torch.where(same, own_share, shares)
    positives = same if positives is None else positives * others
    number = positives.sum(1)
    attraction = torch.where(positives > 0, positives * scores, 0.0).sum(1) / torch.where(number > 0, number, 1)
    return torch.where(number > 0, totals.logsumexp(dim=1) - attraction, 0.0)


def parametric_losses(
    anchors: Tensor,
    anchor_labels: Tensor,
    class_scores: Tensor,
    keys: Tensor,
    key_labels: Tensor,
    own_keys: Tensor,
    temperature: float,
    alpha: float,
) -> Tensor:
    """The loss of each anchor, which is to be found among the classes and among the keys by its class::

        l_i = log D_i - (u_iy + alpha sum_{p in P_i} s_ip) / (1 + alpha |P_i|)
        D_i = sum_k exp(u_ik) + sum_{k != i} exp(s_ik),    s_ik = a_i . k_k / temperature

    Args:
        anchors, anchor_labels, keys, key_labels, own_keys, temperature: As for :func:`contrastive_losses`.
        class_scores: u, (M, K), of each anchor and class.
        alpha: What a key of the anchor's class weighs as a positive beside its class.

    Returns:
        (M,).

    Source:
        Cui et al., Parametric Contrastive Learning, ICCV 2021, eq. 4, without its logit compensation: Generalized
        Parametric Contrastive Learning, TPAMI 2023.
    """
    scores = anchors @ keys.T / temperature  # (M, N)
    others, same = _relations(anchor_labels, key_labels, own_keys)
    totals = torch.cat([class_scores, scores.masked_fill(~others, NEVER)], 1).logsumexp(1)
    own_class = class_scores.gather(1, anchor_labels.clamp(min=0)[:, None]).squeeze(1)
    attraction = own_class + alpha * torch.where(same, scores, 0.0).sum(1)
    weight = 1 + alpha * same.sum(1, dtype=scores.dtype)
    return torch.where(anchor_labels >= 0, totals - attraction / weight, 0.0)


def prototype_losses(anchors: Tensor, anchor_labels: Tensor, prototypes: Tensor, temperature: float) -> Tensor:
    """The loss of each anchor, which the prototype of its class attracts and those of the others repel::

        l_i = log sum_{j != y} exp(s_ij) - s_iy,    s_ij = a_i . c_j / temperature

    The class of the anchor is no part of the sum, so that the loss is no cross entropy and has no bound of 0.

    Args:
        anchors: (M, D), of norm 1.
        anchor_labels: (M,) int64 in [0, K), or negative for anchors to leave out, which have the loss 0.
        prototypes: (K, D), of norm 1, with K of at least 2.
        temperature: Divisor of the inner products.

    Returns:
        (M,).

    Source:
        Wang et al., Contrastive Learning based Hybrid Networks for Long-Tailed Image Classification, CVPR 2021, L_PSCL.
    """
    scores = anchors @ prototypes.T / temperature  # (M, K)
    own = anchor_labels[:, None] == torch.arange(len(prototypes), device=anchor_labels.device)
    attraction = torch.where(own, scores, 0.0).sum(1)
    return torch.where(anchor_labels >= 0, scores.masked_fill(own, NEVER).logsumexp(1) - attraction, 0.0)


def robust_losses(rows: Tensor, labels: Tensor, centers: Tensor, radii: Tensor, temperature: float) -> Tensor:
    """The loss of each row, which the centre of its class is to find among all rows, wherever it lies in its ball::

        l_i = log( sum_{y_j = k} exp(-(d_kj + 2 r_k) / T) + sum_{y_j != k} exp(-d_kj / T) ) + (d_ki + 2 r_k) / T

    with k the class of row i, and d_kj = |c_k - h_j|. A centre that is moved by r_k at most comes r_k nearer to rows of
    other classes, and r_k away from its own. Where a class has a single row, l_i is no less than the loss of any centre
    in the ball, and equal to that of the worst one where the rows are in line.

    Args:
        rows: (N, D).
        labels: (N,) int64 in [0, K), or negative for rows to leave out, which have the loss 0.
        centers: (K, D).
        radii: r, (K,).
        temperature: T.

    Returns:
        (N,). The matrices in between have K x N entries.

    Source:
        Samuel and Chechik, Distributional Robustness Loss for Long-tail Learning, ICCV 2021.
    """
    distances = exact_distances(centers, rows)  # (K, N)
    same = torch.arange(len(centers), device=labels.device)[:, None] == labels
    scores = -(distances + torch.where(same, 2 * radii[:, None], 0.0)) / temperature
    totals = scores.masked_fill(labels < 0, NEVER).logsumexp(1)
    places = labels.clamp(min=0)
    return torch.where(labels >= 0, totals[places] - scores.gather(0, places[None]).squeeze(0), 0.0)


def _relations(anchor_labels: Tensor, key_labels: Tensor, own_keys: Tensor) -> tuple[Tensor, Tensor]:
    """Which keys are not the anchor and not left out, and which of these have its class, (M, N) bool each."""
    others = (key_labels >= 0) & (torch.arange(len(key_labels), device=key_labels.device) != own_keys[:, None])
    return others, (anchor_labels[:, None] == key_labels) & others


def _class_means(scores: Tensor, others: Tensor, key_labels: Tensor, num_classes: int) -> Tensor:
    """The mean score of the other keys of each class, (M, K); ``NEVER`` for classes without."""
    places = key_labels.clamp(min=0)
    empty = scores.new_zeros(len(scores), num_classes)
    sums = empty.index_add(1, places, torch.where(others, scores, 0.0))
    sizes = empty.index_add(1, places, others.to(scores.dtype))
    return (sums / sizes.clamp(min=1)).masked_fill(sizes == 0, NEVER)


def limited_positives(
    anchor_labels: Tensor,
    anchor_samples: Tensor,
    key_labels: Tensor,
    key_samples: Tensor,
    own_keys: Tensor,
    most: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The other views of each anchor's sample, and up to ``most`` random keys of other samples of its class.

    Args:
        anchor_labels: (M,) int64.
        anchor_samples: (M,) int64, the sample that each anchor is a view of.
        key_labels: (N,) int64.
        key_samples: (N,) int64.
        own_keys: (M,) int64, the place of each anchor among the keys.
        most: k.
        generator: Of the choice.

    Returns:
        (M, N) bool, for :func:`contrastive_losses`.

    Source:
        Kang et al., Exploring Balanced Feature Spaces for Representation Learning, ICLR 2021, KCL.
    """
    own_sample = anchor_samples[:, None] == key_samples
    own_views = own_sample & (torch.arange(len(key_labels), device=key_labels.device) != own_keys[:, None])
    candidates = (anchor_labels[:, None] == key_labels) & ~own_sample
    draws = torch.rand(candidates.shape, generator=generator, device=candidates.device)
    first = draws.masked_fill(~candidates, -1.0).topk(min(most, len(key_labels)), dim=1).indices
    chosen = torch.zeros_like(candidates).scatter(1, first, True) & candidates
    return own_views | chosen
