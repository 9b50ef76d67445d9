"""The consistency of two views of mixed images, of GLMC."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ltseg.core.errors import InvalidValueError
from ltseg.core.features import FeatureBatch, chosen_views
from ltseg.core.geometry import directions
from ltseg.core.reduction import reduce_losses
from ltseg.registry import MODELS
from ltseg.regularizers.projection import LinearProjection
from ltseg.regularizers.regularizer import Regularizer, not_built

__all__ = ['MixtureConsistencyRegularizer']


@MODELS.register_module()
class MixtureConsistencyRegularizer(Regularizer):
    """Each of two views is to be foreseen from the other one::

        L = -cos(u1, sg z2) - cos(u2, sg z1),    z = P h,    u = Q z

    with linear layers P and Q, and sg that stops the gradient. The mean is over samples. L lies between -2 and 2.

    Args:
        out_channels: Of P and Q.
        views: Which two of the views it takes.
        **options: As for :class:`ltseg.regularizers.regularizer.Regularizer`.

    Raises:
        ValueError: If there are fewer views than ``views`` names, as in segmentation.

    Source:
        Du et al., Global and Local Mixture Consistency Cumulative Learning for Long-tailed Visual Recognitions (GLMC),
        CVPR 2023, where the views are those of ``ltseg.GlobalLocalMixture``. Layers and sizes are those of released
        code: 128 channels for CIFAR, 256 for larger networks, and a weight of 4 for CIFAR-LT with factor 100, of 10 for
        ImageNet-LT.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import MixtureConsistencyRegularizer
        >>> term = MixtureConsistencyRegularizer(out_channels=2)
        >>> term.build(num_classes=2, feature_dim=2)
        >>> for layer in (term.projection, term.prediction):  # P h = Q h = h
        ...     _ = layer.load_state_dict({'out_weight': torch.eye(2), 'out_bias': torch.zeros(2)})
        >>> for angle in (0.0, torch.pi / 3, torch.pi):  # between the two views of a sample
        ...     views = torch.tensor([[[1.0, 0.0], [2.0 * torch.tensor(angle).cos(), 2.0 * torch.tensor(angle).sin()]]])
        ...     print(round(term(FeatureBatch(views, torch.tensor([0]), 2)).item(), 4))
        -2.0
        -1.0
        2.0
    """

    short_name = 'GLMC'

    def __init__(self, out_channels: int = 128, views: Sequence[int] = (0, 1), **options: Any) -> None:
        super().__init__(**{'loss_name': 'loss_mixture_consistency', **options})
        if len(views) != 2 or any(not isinstance(view, int) or view < 0 for view in views):
            raise InvalidValueError('MixtureConsistencyRegularizer.views', 'numbers of two views', repr(views))
        self.out_channels, self.views = out_channels, list(views)
        self.projection: nn.Module | None = None
        self.prediction: nn.Module | None = None

    def build(self, num_classes: int, feature_dim: int) -> None:
        self.projection = LinearProjection(feature_dim, self.out_channels)
        self.prediction = LinearProjection(self.out_channels, self.out_channels)

    def value(self, batch: FeatureBatch) -> Tensor:
        if self.projection is None or self.prediction is None:
            raise not_built(self)
        if max(self.views) >= batch.features.shape[1]:
            hint = 'Let the data preprocessor give two views, which heads of segmentation have not.'
            got = f'{batch.features.shape[1]} views'
            raise InvalidValueError('MixtureConsistencyRegularizer', f'the views {self.views}', got, hint)
        projected = self.projection(chosen_views(batch.features, self.views))  # (N, 2, out_channels)
        foreseen, seen = (
            directions(rows.flatten(0, 1)) for rows in (self.prediction(projected), projected.detach().flip(1))
        )
        losses = -(foreseen * seen).sum(1).unflatten(0, (-1, 2)).sum(1)
        if batch.valid is None:
            return reduce_losses(losses, losses.new_full((), len(losses)), sync=self.sync)
        return reduce_losses(losses.where(batch.valid, 0.0), batch.valid.sum(), sync=self.sync)
