"""Classifiers that take the place of a head's last linear layer or 1x1 convolution."""

import warnings
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.checks import check_positive
from ltseg.core.errors import InvalidValueError
from ltseg.core.geometry import simplex_vectors
from ltseg.core.layout import at_least_float32
from ltseg.core.precision import exact_products
from ltseg.core.torch_versions import is_compiling
from ltseg.registry import MODELS

__all__ = [
    'CosineClassifier',
    'ETFClassifier',
    'bias_of',
    'branches_of',
    'simplex_vectors',
    'spread_vectors',
    'vectors_of',
]


def vectors_of(classifier: nn.Module) -> Tensor | None:
    """The class vectors (K, D) of a linear layer, a 1x1 convolution or a classifier of this package; None of others."""
    if isinstance(classifier, nn.Linear | nn.Conv2d) and classifier.weight.shape[2:].numel() == 1:
        return classifier.weight.flatten(1)
    return getattr(classifier, 'class_vectors', None)


def bias_of(classifier: nn.Module) -> Tensor | None:
    """The bias (K,) of a linear layer or a 1x1 convolution; None of others, and where there is none."""
    return classifier.bias if isinstance(classifier, nn.Linear | nn.Conv2d) else None


def branches_of(classifier: nn.Module, samples: int) -> Tensor | None:
    """The logits of each branch in the last call, (N, V, B, K) of N samples or pixels; None without branches."""
    logits = getattr(classifier, 'branch_logits', None)  # (N, B, K, *)
    if logits is None:
        return None
    return logits.unsqueeze(-1).flatten(3).movedim(3, 1).reshape(samples, -1, *logits.shape[1:3])


@MODELS.register_module()
class CosineClassifier(nn.Module):
    """Cosines of features and class vectors, times a scale: ``z_k = scale * w_k . h / (|w_k| |h|)``, without bias.

    Args:
        in_channels: D.
        num_classes: K.
        scale: Factor of the cosines. LDAM wants 1 and has a scale of its own.
        spatial_dims: 2 for maps, 0 for vectors.

    Shapes: (N, D, H, W) -> (N, K, H, W), or (N, D) -> (N, K). The weight has the shape of the layer that it replaces.

    Example:
        >>> import torch
        >>> from ltseg.heads import CosineClassifier
        >>> classifier = CosineClassifier(in_channels=2, num_classes=2, spatial_dims=0)
        >>> _ = classifier.load_state_dict({'weight': torch.tensor([[2.0, 0.0], [0.0, 7.0]])})
        >>> classifier(torch.tensor([[3.0, 4.0], [30.0, 40.0]])).detach()  # no length matters
        tensor([[0.6000, 0.8000],
                [0.6000, 0.8000]])
    """

    short_name = 'cosine'

    def __init__(self, in_channels: int, num_classes: int, scale: float = 1.0, spatial_dims: int = 2) -> None:
        super().__init__()
        check_positive('CosineClassifier.scale', scale)
        self.scale = scale
        self.weight = nn.Parameter(torch.empty(num_classes, in_channels, *[1] * spatial_dims))
        nn.init.kaiming_normal_(self.weight)

    @property
    def class_vectors(self) -> Tensor:
        """The class vectors (K, D), with their gradient."""
        return self.weight.flatten(1)

    def forward(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            features = at_least_float32(features)
            return feature_products(F.normalize(features), F.normalize(self.weight.to(features.dtype))) * self.scale


@MODELS.register_module()
class ETFClassifier(nn.Module):
    """A fixed classifier whose vectors form a simplex; features go through a batch normalisation first.

    In fewer than K - 1 dimensions there is no simplex, and :func:`spread_vectors` takes its place, with a warning.

    Args:
        in_channels: D, at least K / 2.
        num_classes: K.
        seed: Of the orientation. The vectors are also saved with the model.
        spatial_dims: 2 for maps, 0 for vectors.

    Shapes: (N, D, H, W) -> (N, K, H, W), or (N, D) -> (N, K).

    Source:
        Yang et al., Inducing Neural Collapse in Imbalanced Learning, NeurIPS 2022, section 3.2; the batch
        normalisation is its released code's.

    Example:
        >>> from ltseg.heads import ETFClassifier
        >>> vectors = ETFClassifier(in_channels=4, num_classes=3, spatial_dims=0).class_vectors
        >>> (vectors @ vectors.T).round(decimals=4)  # 1, and -1 / (K - 1) between classes
        tensor([[ 1.0000, -0.5000, -0.5000],
                [-0.5000,  1.0000, -0.5000],
                [-0.5000, -0.5000,  1.0000]])
        >>> [name for name, _ in ETFClassifier(4, 3).named_parameters()]  # the vectors are not trained
        ['norm.weight', 'norm.bias']
    """

    short_name = 'ETF'

    def __init__(self, in_channels: int, num_classes: int, seed: int = 0, spatial_dims: int = 2) -> None:
        super().__init__()
        self.norm = (nn.BatchNorm2d if spatial_dims else nn.BatchNorm1d)(in_channels)
        vectors = spread_vectors(num_classes, in_channels, torch.Generator().manual_seed(seed)).float()
        if in_channels < num_classes - 1:
            hint = 'Use wider features for the method of the paper.'
            warnings.warn(
                f'ETFClassifier: a simplex of {num_classes} classes needs {num_classes - 1} feature dimensions, got '
                f'{in_channels}. Small simplices in orthogonal subspaces take its place. {hint}',
                stacklevel=2,
            )
        # Not called weight: MMSegmentation's heads initialise what is called so.
        self.register_buffer('vectors', vectors.view(*vectors.shape, *[1] * spatial_dims))
        self.vectors: Tensor
        self.feature_norm: Tensor | None = None

    @property
    def class_vectors(self) -> Tensor:
        """The class vectors (K, D)."""
        return self.vectors.flatten(1)

    def forward(self, features: Tensor) -> Tensor:
        features = at_least_float32(self.norm(features))  # dot regression is about small differences of long vectors
        # For the dot-regression loss, which the head computes right after this call.
        self.feature_norm = features.detach().norm(dim=1) if self.training else None
        with torch.autocast(features.device.type, enabled=False):
            return feature_products(features, self.vectors.to(features.dtype))


def feature_products(features: Tensor, vectors: Tensor) -> Tensor:
    """Features (N, D, *) times class vectors (K, D, *1), in the precision of both: TF32 has 3 digits only."""
    with nullcontext() if is_compiling() else exact_products():
        if features.ndim == 2:
            return F.linear(features, vectors)
        if features.device.type == 'cpu':
            return F.conv2d(features, vectors)
        return (vectors.flatten(1) @ features.flatten(2)).unflatten(2, features.shape[2:])  # cuDNN would round


def spread_vectors(num_classes: int, dimensions: int, generator: torch.Generator | None = None) -> Tensor:
    """Unit vectors with the smallest possible largest cosine and sum 0.

    With D >= K - 1 this is :func:`ltseg.core.geometry.simplex_vectors`. With fewer dimensions some cosine must be at
    least 0, and it is exactly 0 here: the classes are split into K - D groups of nearly equal size (class k belongs to
    group k mod (K - D)), each group is a simplex, and the groups span orthogonal subspaces.

    Args:
        num_classes: K.
        dimensions: D, at least K / 2.
        generator: Of the orientation.

    Returns:
        (K, D) float64.

    Raises:
        ValueError: If D < K / 2, where no vectors with cosines of at most 0 exist.

    Source:
        Rankin, The closest packing of spherical caps in n dimensions, Glasgow Mathematical Journal 1955 (the bounds);
        their use for classifiers with few dimensions is ours.
    """
    if dimensions >= num_classes - 1:
        return simplex_vectors(num_classes, dimensions, generator)
    if 2 * dimensions < num_classes:
        hint = 'Use wider features or a learned classifier.'
        raise InvalidValueError(
            'simplex', f'at least {(num_classes + 1) // 2} feature dimensions', repr(dimensions), hint
        )
    groups, column = num_classes - dimensions, 0
    vectors = torch.zeros(num_classes, dimensions, dtype=torch.float64)
    for group in range(groups):
        size = len(range(group, num_classes, groups))
        vectors[group::groups, column : column + size - 1] = simplex_vectors(size, size - 1, generator)
        column += size - 1
    random = torch.randn(dimensions, dimensions, dtype=torch.float64, generator=generator)
    return vectors @ torch.linalg.qr(random).Q
