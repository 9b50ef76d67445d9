"""A classifier for each of several experts."""

from typing import Any

import torch
from torch import Tensor, nn

from ltseg.core.errors import InvalidValueError
from ltseg.registry import MODELS

__all__ = ['ExpertClassifier']


@MODELS.register_module()
class ExpertClassifier(nn.Module):
    """Classifies the features of each of E experts with weights of its own.

    Args:
        in_channels: D.
        num_classes: K.
        experts: E.
        classifier: Config of each classifier, e.g. ``dict(type='ltseg.CosineClassifier', scale=30.0)``; None is a
            linear layer.
        spatial_dims: 0; experts give vectors.

    Shapes:
        (N * E, D), the experts of a sample one after the other -> their logits (N * E, K), for the losses;
        (N, E, D) -> the mean of the experts' logits (N, K), for predictions.

    Example:
        >>> import torch
        >>> from ltseg.heads import ExpertClassifier
        >>> classifier, views = ExpertClassifier(in_channels=4, num_classes=3, experts=2), torch.randn(5, 2, 4)
        >>> of_experts, mean = classifier(views.flatten(0, 1)), classifier(views)
        >>> tuple(of_experts.shape), tuple(mean.shape)  # for the losses, for predictions
        ((10, 3), (5, 3))
        >>> torch.allclose(of_experts.unflatten(0, (5, 2)).mean(1), mean)
        True
    """

    short_name = '{experts} experts'

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        experts: int = 3,
        classifier: dict | None = None,
        spatial_dims: int = 0,
    ) -> None:
        super().__init__()
        if spatial_dims:
            raise InvalidValueError('ExpertClassifier', 'vectors', f'{spatial_dims} spatial dimensions')
        sizes: Any = {'in_channels': in_channels, 'num_classes': num_classes, 'spatial_dims': 0}
        self.experts = nn.ModuleList(
            nn.Linear(in_channels, num_classes) if classifier is None else MODELS.build({**sizes, **classifier})
            for _ in range(experts)
        )

    def forward(self, features: Tensor) -> Tensor:
        rows = features.ndim == 2
        views = features.unflatten(0, (-1, len(self.experts))) if rows else features  # (N, E, D)
        if views.shape[1] != len(self.experts):
            hint = 'Set the same number of experts in backbone and classifier.'
            raise InvalidValueError('ExpertClassifier', f'{len(self.experts)} experts', repr(views.shape[1]), hint)
        logits = torch.stack([own(views[:, view]) for view, own in enumerate(self.experts)], 1)  # (N, E, K)
        return logits.flatten(0, 1) if rows else logits.mean(1)
