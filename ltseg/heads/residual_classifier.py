"""A classifier of several branches that are added up."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.checks import check_integer
from ltseg.registry import MODELS

__all__ = ['ResidualBranchClassifier']


@MODELS.register_module()
class ResidualBranchClassifier(nn.Module):
    """The sum of B branches, which share a linear layer and have a batch normalisation of the features each::

        z = sum_b z_b,    z_b = W norm_b(h) + c

    ``ltseg.ResidualBranchLoss`` teaches the first branch all classes, and each further one rarer classes alone.

    Args:
        in_channels: D.
        num_classes: K.
        branches: B, at least 1.
        spatial_dims: 2 for maps, 0 for vectors.

    Attributes:
        branch_logits: The z_b of the last call in training, (N, B, K, *); None in evaluation, and in copies.

    Shapes: (N, D, H, W) -> (N, K, H, W), or (N, D) -> (N, K).

    Source:
        Cui et al., ResLT: Residual Learning for Long-Tailed Recognition, TPAMI 2022, with the normalisations of its
        released code for CIFAR, where they come before the pooling of the map. On larger sets that code has 1x1
        convolutions in their place.

    Example:
        >>> import torch
        >>> from ltseg.heads import ResidualBranchClassifier
        >>> classifier = ResidualBranchClassifier(in_channels=4, num_classes=2, branches=3, spatial_dims=0)
        >>> logits = classifier(torch.randn(5, 4))
        >>> tuple(classifier.branch_logits.shape), torch.allclose(classifier.branch_logits.sum(1), logits)
        ((5, 3, 2), True)
    """

    short_name = '{branches} residual branches'

    def __init__(self, in_channels: int, num_classes: int, branches: int = 3, spatial_dims: int = 2) -> None:
        super().__init__()
        check_integer('ResidualBranchClassifier.branches', branches, 1)
        self.norms = nn.ModuleList(
            (nn.BatchNorm2d if spatial_dims else nn.BatchNorm1d)(in_channels) for _ in range(branches)
        )
        self.weight = nn.Parameter(torch.empty(num_classes, in_channels, *[1] * spatial_dims))
        self.bias = nn.Parameter(torch.zeros(num_classes))
        nn.init.normal_(self.weight, std=0.01)
        self.branch_logits: Tensor | None = None

    @property
    def class_vectors(self) -> Tensor:
        """The class vectors (K, D) of the linear layer, with their gradient."""
        return self.weight.flatten(1)

    def forward(self, features: Tensor) -> Tensor:
        linear = F.linear if features.ndim == 2 else F.conv2d
        logits = torch.stack([linear(norm(features), self.weight, self.bias) for norm in self.norms], 1)
        self.branch_logits = logits if self.training else None
        return logits.sum(1)

    def __getstate__(self) -> dict[str, Any]:  # what has a graph cannot be copied
        return {**self.__dict__, 'branch_logits': None}
