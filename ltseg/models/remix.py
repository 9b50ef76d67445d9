"""Remix: mixup whose labels lean towards the rarer class."""

import numpy as np
import torch
from torch import Tensor, nn

from ltseg.core.checks import check_positive, check_range
from ltseg.core.errors import InvalidValueError
from ltseg.core.precision import widened
from ltseg.core.transfers import sent
from ltseg.counts.sources import CountsOption, build_counts
from ltseg.registry import MODELS

__all__ = ['Remix']


@MODELS.register_module()
class Remix(nn.Module):
    """Mixes images as mixup does, and gives the whole label to the rarer class where the counts are far apart::

        x = m x_i + (1 - m) x_j      one m ~ Beta(alpha, alpha) for the batch, and a permutation i -> j of it
        y = l y_i + (1 - l) y_j      l = 0  where n_i / n_j >= kappa    and  m < tau
                                     l = 1  where n_i / n_j <= 1/kappa  and  1 - m < tau
                                     l = m  elsewhere

    with n_i the count of the class of image i. It stands where mmpretrain's ``Mixup`` does, and needs
    :func:`ltseg.models.AugmentingClsPreprocessor`: ``train_cfg=dict(augments=[dict(type='ltseg.Remix')])``.

    Args:
        alpha: Of the Beta distribution.
        kappa: Ratio of counts from which on the label leans, at least 1; infinity is mixup.
        tau: The frequent class loses its part of the label where its share of the image is below this; in [0, 1].
        counts: Where n comes from, spelled as in the losses.

    Source:
        Chou et al., Remix: Rebalanced Mixup, ECCV 2020 workshops, eq. 6.

    Example:
        >>> import torch
        >>> from ltseg.models import Remix
        >>> remix, frequent, rare = Remix(kappa=3.0, tau=0.5), torch.tensor([90.0]), torch.tensor([10.0])
        >>> for share in (0.4, 0.6):  # of the frequent image: below tau, the rare class gets the whole label
        ...     print(remix.label_shares(share, frequent, rare).item())
        0.0
        0.6000000238418579
        >>> round(remix.label_shares(0.4, frequent, frequent).item(), 2)  # equal counts: mixup
        0.4
    """

    short_name = 'Remix'

    def __init__(
        self, alpha: float = 1.0, kappa: float = 3.0, tau: float = 0.5, counts: CountsOption = 'dataset'
    ) -> None:
        super().__init__()
        check_positive('Remix.alpha', alpha)
        check_range('Remix.kappa', kappa, 1)
        check_range('Remix.tau', tau, 0, 1)
        self.alpha, self.kappa, self.tau = alpha, kappa, tau
        self.counts = build_counts(counts)

    def forward(self, inputs: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Mixes a batch.

        Args:
            inputs: Images, (N, C, H, W).
            scores: One-hot labels, (N, K).

        Returns:
            Images and labels of the same shapes, the labels in float32.

        Raises:
            ValueError: If the labels are not (N, K).
        """
        if scores.ndim != 2 or len(scores) != len(inputs):
            got = (tuple(inputs.shape), tuple(scores.shape))
            raise InvalidValueError('Remix', 'images (N, C, H, W) and one-hot labels (N, K)', repr(got))
        share = np.random.beta(self.alpha, self.alpha)  # drawn as MMPretrain's Mixup draws them
        partner = sent(torch.randperm(len(inputs)), inputs.device)
        labels, scores = scores.argmax(1), scores.float()
        counts = widened(self.counts(labels, scores.shape[1]).samples)[labels]
        label_share = self.label_shares(share, counts, counts[partner]).to(scores)[:, None]
        mixed = share * inputs + (1 - share) * inputs[partner]
        return mixed, label_share * scores + (1 - label_share) * scores[partner]

    def label_shares(self, share: float, counts: Tensor, partner_counts: Tensor) -> Tensor:
        """l of each image, (N,), for the image share m and the counts n_i and n_j."""
        to_partner = (counts >= self.kappa * partner_counts) & (share < self.tau)
        to_own = (partner_counts >= self.kappa * counts) & (1 - share < self.tau)
        shares = torch.full_like(counts, share)
        return shares.masked_fill(to_partner, 0.0).masked_fill(to_own, 1.0)

    def extra_repr(self) -> str:
        return f'alpha={self.alpha}, kappa={self.kappa}, tau={self.tau}'
