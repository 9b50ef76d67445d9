"""Class means, or classifier vectors, as a simplex."""

from typing import Any, Literal

import torch
from torch import Tensor

from ltseg.core.checks import check_choice
from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import centred_directions, class_means, simplex_gram
from ltseg.registry import MODELS
from ltseg.regularizers.known_means import KnownMeansRegularizer

__all__ = ['PeerToPeerRegularizer']


@MODELS.register_module()
class PeerToPeerRegularizer(KnownMeansRegularizer):
    """The squared distance of a Gram matrix from that of a simplex::

        L_P(V) = 1/K^2 sum_ij (v_i . v_j - rho_ij)^2,    rho_ij = 1 for i = j, else -1 / (K - 1)

    It is 0 if and only if the v are a simplex of unit vectors, which needs D >= K - 1.

    Args:
        on: 'means' takes the class means as seen from their centre, v_k = (mu_k - mu_C) / |mu_k - mu_C| with
            mu_C = mean_k mu_k. 'classifier' takes the classifier vectors as they are, whose norms it draws to 1.
        centers: For means: 'ema' fills absent classes up with moving averages, without gradient, and 'batch' leaves
            them out. K counts the classes with a mean; two always lie opposite each other, so that fewer than three
            give 0.
        momentum: Of the moving averages.
        **options: As for :class:`ltseg.regularizers.regularizer.Regularizer`.

    Source:
        Zhang et al., All-around Neural Collapse for Imbalanced Classification, TKDE 2025, L_p. The paper is silent
        about absent classes and the space of the means; memory and the features that enter the classifier are our
        choices. Its centre is the mean of all samples, from where the term is 0 only for class means at distances that
        are proportional to 1 / n_k. Each view has its own means, and the term is the mean over views. The dense form is
        our extension.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import PeerToPeerRegularizer
        >>> term, features = PeerToPeerRegularizer(on='classifier'), torch.zeros(0, 1, 2)
        >>> for vectors in ([[1.0, 0.0], [-1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]):  # a simplex; a right angle
        ...     batch = FeatureBatch(features, torch.zeros(0).long(), 2, torch.tensor(vectors))
        ...     print(term(batch).item())  # 0, and (0 + 1 + 1 + 0) / 4
        0.0
        0.5
    """

    short_name = 'P2P ({on})'

    def __init__(
        self,
        on: Literal['means', 'classifier'] = 'means',
        centers: Literal['batch', 'ema'] = 'ema',
        *,
        momentum: float = 0.9,
        **options: Any,
    ) -> None:
        check_choice('PeerToPeerRegularizer.on', on, ('means', 'classifier'))
        check_choice('PeerToPeerRegularizer.centers', centers, ('batch', 'ema'))
        remember = on == 'means' and centers == 'ema'
        super().__init__(remember, momentum, **{'loss_name': f'loss_peer_to_peer_{on}', **options})
        self.on = on

    def value(self, batch: FeatureBatch) -> Tensor:
        if self.on == 'classifier':
            return peer_to_peer(batch.class_vectors)
        views = [class_means(view, batch.labels, batch.num_classes, self.sync) for view in batch.features.unbind(1)]
        counts = views[0][1]
        self.observe(torch.stack([means for means, _ in views]).mean(0), counts)
        values = []
        for means, _ in views:
            means, known = self.known_means(means, counts)
            values.append(peer_to_peer(centred_directions(means, known), known))
        return torch.stack(values).mean()


def peer_to_peer(vectors: Tensor, known: Tensor | None = None) -> Tensor:
    """L_P of the vectors (K, D) of the classes ``known`` (K,); None for all, however few."""
    gram = vectors @ vectors.T
    if known is None:
        return (gram - simplex_gram(gram, len(gram))).square().mean()
    count = known.sum()
    pairs = known & known[:, None] & (count > 2)
    squares = (gram - simplex_gram(gram, count.clamp(min=2))).square()
    return torch.where(pairs, squares, 0.0).sum() / count.clamp(min=1) ** 2
