"""A classifier of causal inference: normalised in training, and without the direction of the mean feature in tests."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.checks import check_integer, check_positive, check_range
from ltseg.core.errors import InvalidValueError
from ltseg.core.layout import at_least_float32
from ltseg.core.reduction import all_reduced_sum
from ltseg.heads.classifiers import feature_products
from ltseg.registry import MODELS

__all__ = ['CausalNormClassifier']

LEAST_NORM = 1e-12  # as of F.normalize: a class vector of zeros has logits of 0 with gamma = 0 too


@MODELS.register_module()
class CausalNormClassifier(nn.Module):
    """De-confounded training and the total direct effect (TDE) in tests, by heads that share the features out::

        training:  z_i = scale / M sum_m  w_i^m / (|w_i^m| + gamma) . u^m,                       u = h / |h|
        tests:     z_i = scale / M sum_m  w_i^m / (|w_i^m| + gamma) . (u^m - alpha cos(h^m, d^m) d^m)

    with head m = 1..M having its own D / M channels of features h and class vectors w, and d^m the direction of the
    moving average of the mean feature of batches. By the paper, the optimizer's momentum draws features towards d,
    where frequent classes lie; tests take that away. With alpha = 1 features are projected on what is orthogonal to d.

    ``alpha`` has no part in training, and can be chosen for a trained model:
    ``--cfg-options model.head.classifier.alpha=1.0`` (``model.decode_head.classifier.alpha``).

    Args:
        in_channels: D, a multiple of ``heads``.
        num_classes: K.
        heads: M.
        scale: tau of the paper.
        gamma: Added to the norms of class vectors, so that longer ones have larger logits.
        alpha: How much of the mean direction is taken away; 0 is the classifier of training.
        momentum: Of the moving average, mu.
        spatial_dims: 2 for maps, 0 for vectors.

    Raises:
        ValueError: If ``heads`` does not divide ``in_channels``.

    Shapes: (N, D, H, W) -> (N, K, H, W), or (N, D) -> (N, K). The weight has the shape of the layer that it replaces.

    Source:
        Tang et al., Long-Tailed Classification by Keeping the Good and Removing the Bad Momentum Causal Effect, NeurIPS
        2020, section 4, with tau = 16, gamma = 1/32 and two heads; alpha is 1 on CIFAR-10, 1.5 on CIFAR-100
        and 3 on ImageNet-LT in released code. As there, d is normalised in each head. A momentum that follows the
        learning rate (ImageNet-LT) is left out. The average over all processes and the dense form, in which pixels are
        samples, ignored ones among them, are ours.

    Example:
        >>> import torch
        >>> from ltseg.heads import CausalNormClassifier
        >>> layer = CausalNormClassifier(2, 2, heads=1, scale=1.0, gamma=0.0, alpha=1.0, spatial_dims=0)
        >>> layer.weight.data.copy_(torch.eye(2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
        >>> layer(torch.tensor([[3.0, 4.0], [5.0, -4.0]])).detach()[0]  # cosines; the mean feature lies along (1, 0)
        tensor([0.6000, 0.8000])
        >>> layer.eval()(torch.tensor([[3.0, 4.0]])).detach()
        tensor([[0.0000, 0.8000]])
    """

    short_name = 'causal norm'

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        heads: int = 2,
        scale: float = 16.0,
        gamma: float = 0.03125,
        alpha: float = 1.5,
        momentum: float = 0.9,
        spatial_dims: int = 2,
    ) -> None:
        super().__init__()
        name = 'CausalNormClassifier'
        check_integer(f'{name}.heads', heads, 1)
        check_positive(f'{name}.scale', scale)
        for option, value in (('gamma', gamma), ('alpha', alpha)):
            check_range(f'{name}.{option}', value, 0)
        check_range(f'{name}.momentum', momentum, 0, 1)
        if in_channels % heads:
            hint = 'Set heads=1.'
            raise InvalidValueError(f'{name}.heads', f'a divisor of the {in_channels} channels', repr(heads), hint)
        self.heads, self.scale, self.gamma, self.alpha, self.momentum = heads, scale, gamma, alpha, momentum
        self.weight = nn.Parameter(torch.empty(num_classes, in_channels, *[1] * spatial_dims))
        nn.init.uniform_(self.weight, -(in_channels**-0.5), in_channels**-0.5)
        self.register_buffer('mean_feature', torch.zeros(in_channels))
        self.mean_feature: Tensor

    @property
    def class_vectors(self) -> Tensor:
        """The class vectors (K, D), with their gradient."""
        return self.weight.flatten(1)

    def forward(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            features = at_least_float32(features)
            parts = F.normalize(self._of_heads(features), dim=2)
            if not self.training:
                mean = F.normalize(self._of_heads(self.mean_feature[None].to(features.dtype)), dim=2)
                mean = mean.view(*mean.shape, *[1] * (features.ndim - 2))
                parts = parts - self.alpha * (parts * mean).sum(2, keepdim=True) * mean
            elif torch.is_grad_enabled():
                self._observe(features.detach())
            vectors = self._of_heads(self.weight.to(features.dtype))
            norms = torch.linalg.vector_norm(vectors, dim=2, keepdim=True) + self.gamma
            vectors = vectors / norms.clamp(min=LEAST_NORM)
            return feature_products(parts.flatten(1, 2), vectors.flatten(1, 2)) * (self.scale / self.heads)

    def _of_heads(self, vectors: Tensor) -> Tensor:
        """(N, D, *) -> (N, M, D / M, *)."""
        return vectors.unflatten(1, (self.heads, -1))

    def _observe(self, features: Tensor) -> None:
        """Moves the average, of which the direction counts only: it may start at zero."""
        rows = features.transpose(0, 1).flatten(1)
        sums = all_reduced_sum(torch.cat([rows.sum(1), rows.new_full((1,), rows.shape[1])]))
        mean = (sums[:-1] / sums[-1].clamp(min=1)).to(self.mean_feature.dtype)
        self.mean_feature.lerp_(torch.where(mean.isfinite().all(), mean, self.mean_feature), 1 - self.momentum)
