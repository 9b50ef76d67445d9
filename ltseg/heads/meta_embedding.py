"""A classifier of features to which a memory of the class means adds what a single sample does not show."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.checks import check_positive
from ltseg.core.class_covariances import ClassCovariances
from ltseg.core.geometry import exact_distances
from ltseg.core.layout import at_least_float32
from ltseg.heads.classifiers import feature_products
from ltseg.registry import MODELS
from ltseg.regularizers.centers import MovingCenters

__all__ = ['MetaEmbeddingClassifier']

LEAST_LENGTH = 1e-12  # as of F.normalize: a feature of zeros without memory has logits of 0


@MODELS.register_module()
class MetaEmbeddingClassifier(nn.Module):
    """The dynamic meta-embedding of OLTR under its cosine classifier::

        v = h + e * sum_k o_k c_k,    o = softmax(A h + a),    e = tanh(S h + s)
        z_k = scale * w_k . v / (|w_k| (|v| + g)),             g = min_k |h - c_k| / reach

    with c_k the means of the classes in a memory. o is what the feature calls to mind ("hallucinator"), e how much of
    it each channel takes ("concept selector"), and 1 / g how near the feature is to any class ("reachability"): the
    farther it is from all of them, the smaller are its logits. This is the paper's embedding u = v / g, of which the
    classifier takes the cosines times |u| / (1 + |u|), without the division by a distance that may be 0.

    The memory is no parameter. ``ltseg.MeasureClasses`` begins it with the class means of the training features, and
    ``ltseg.DiscriminativeCentroidsLoss`` beside it lets it follow the features. Classes without samples are not in the
    memory, though they have logits; with an empty memory, v = h and g = 0, these are cosines.

    Args:
        in_channels: D.
        num_classes: K.
        scale: Factor of the cosines.
        reach: Of the memory, in units of the features.
        spatial_dims: 2 for maps, 0 for vectors.

    Shapes: (N, D, H, W) -> (N, K, H, W), or (N, D) -> (N, K). A, a (``weight``, ``bias``) have keys and shapes of the
    layer that they replace, so that a second stage begins with the classifier of the first as its hallucinator.

    Source:
        Liu et al., Large-Scale Long-Tailed Recognition in an Open World, CVPR 2019, eq. 1 to 4 and 6, with scale = 16
        and reach = 10 as in released code. Eq. 6 squares the norms, |u|^2 / (1 + |u|^2), which its authors call a
        misprint. In released code the memory has all classes. The dense form, in which pixels are samples, is ours.

    Example:
        >>> import torch
        >>> from ltseg.heads import MetaEmbeddingClassifier
        >>> classifier = MetaEmbeddingClassifier(2, 2, scale=1.0, reach=1.0, spatial_dims=0)
        >>> _ = classifier.vectors.data.copy_(torch.eye(2)), classifier.selector_weight.data.zero_()
        >>> _ = classifier.selector_bias.data.zero_()  # e = 0: nothing of the memory is added
        >>> feature = torch.tensor([[3.0, 4.0]])
        >>> classifier(feature).detach()  # an empty memory: cosines
        tensor([[0.6000, 0.8000]])
        >>> classifier.memory.begin(torch.tensor([[3.0, 9.0], [0.0, 0.0]]), torch.tensor([True, False]))
        >>> classifier(feature).detach()  # 5 away from the only known mean: |v| / (|v| + g) = 1/2
        tensor([[0.3000, 0.4000]])
    """

    short_name = 'meta-embedding'

    covariance = 'diagonal'  # of what is measured, the least

    def __init__(
        self, in_channels: int, num_classes: int, scale: float = 16.0, reach: float = 10.0, spatial_dims: int = 2
    ) -> None:
        super().__init__()
        check_positive('MetaEmbeddingClassifier.scale', scale)
        check_positive('MetaEmbeddingClassifier.reach', reach)
        self.scale, self.reach = scale, reach
        self.weight = nn.Parameter(torch.empty(num_classes, in_channels, *[1] * spatial_dims))
        self.bias = nn.Parameter(torch.empty(num_classes))
        self.selector_weight = nn.Parameter(torch.empty(in_channels, in_channels))
        self.selector_bias = nn.Parameter(torch.empty(in_channels))
        self.vectors = nn.Parameter(torch.empty(num_classes, in_channels))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(in_channels**-0.5), in_channels**-0.5)
        self.memory = MovingCenters(num_classes, in_channels)

    @property
    def class_vectors(self) -> Tensor:
        """The class vectors w (K, D), with their gradient."""
        return self.vectors

    def measured(self, statistics: ClassCovariances, confusion: Tensor) -> None:
        """Begins the memory with the class means."""
        self.memory.begin(statistics.means, statistics.counts > 0)

    def forward(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            rows = at_least_float32(features.movedim(1, -1))  # (N, *, D)
            return self._logits(rows.flatten(0, -2)).unflatten(0, rows.shape[:-1]).movedim(-1, 1)

    def _logits(self, rows: Tensor) -> Tensor:
        """Of rows (N, D), (N, K)."""
        # Copies, because a term beside the loss moves the memory before the backward pass.
        means, known = self.memory.vectors.to(rows.dtype, copy=True), self.memory.seen.clone()
        scores = F.linear(rows, self.weight.flatten(1).to(rows.dtype), self.bias.to(rows.dtype))
        recalled = scores.masked_fill(~known, torch.finfo(rows.dtype).min).softmax(1) @ means
        selector = F.linear(rows, self.selector_weight.to(rows.dtype), self.selector_bias.to(rows.dtype)).tanh()
        mixed = rows + selector * recalled
        distance = exact_distances(rows, means).masked_fill(~known, torch.inf).amin(1, keepdim=True)
        distance = torch.where(known.any(), distance, 0.0)
        length = torch.linalg.vector_norm(mixed, dim=1, keepdim=True) + distance / self.reach
        products = feature_products(mixed, F.normalize(self.vectors.to(rows.dtype)))
        return products * (self.scale / length.clamp(min=LEAST_LENGTH))
