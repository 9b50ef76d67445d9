"""A classifier by distances from learned prototypes."""

import torch
from torch import Tensor, nn

from ltseg.core.class_covariances import ClassCovariances
from ltseg.core.layout import at_least_float32
from ltseg.registry import MODELS

__all__ = ['PrototypeClassifier']


@MODELS.register_module()
class PrototypeClassifier(nn.Module):
    """Half the distance from a prototype of each class, with a temperature for each channel::

        z_k = -1/2 sqrt(sum_d ((h_d - c_kd) / t_d)^2),    t = 1 at first

    No logit grows with the length of a class vector. ``ltseg.MeasureClasses`` makes the class means of the training
    features the first prototypes, in a second stage on frozen features.

    Args:
        in_channels: D.
        num_classes: K.
        spatial_dims: 2 for maps, 0 for vectors.

    Shapes: (N, D, H, W) -> (N, K, H, W), or (N, D) -> (N, K). The prototypes have the key and the shape of the weight
    of the layer that they replace.

    Source:
        Sharma et al., Learning Prototype Classifiers for Long-Tailed Recognition, IJCAI 2023, as in released code.

    Example:
        >>> import torch
        >>> from ltseg.heads import PrototypeClassifier
        >>> classifier = PrototypeClassifier(in_channels=2, num_classes=2, spatial_dims=0)
        >>> _ = classifier.weight.data.copy_(torch.tensor([[0.0, 0.0], [3.0, 0.0]]))
        >>> classifier(torch.tensor([[3.0, 4.0]])).detach()  # distances 5 and 4
        tensor([[-2.5000, -2.0000]])
        >>> classifier.temperature.data[1] = 2.0  # what is learned of the second channel
        >>> classifier(torch.tensor([[3.0, 4.0]])).detach()[0, 1]
        tensor(-1.)
    """

    short_name = 'prototypes'

    covariance = 'diagonal'  # of what is measured, the least

    def __init__(self, in_channels: int, num_classes: int, spatial_dims: int = 2) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_classes, in_channels, *[1] * spatial_dims))
        self.temperature = nn.Parameter(torch.ones(in_channels))
        nn.init.normal_(self.weight, std=0.01)

    @property
    def class_vectors(self) -> Tensor:
        """The prototypes (K, D), with their gradient."""
        return self.weight.flatten(1)

    @torch.no_grad()
    def measured(self, statistics: ClassCovariances, confusion: Tensor) -> None:
        """Begins with the class means; classes without samples keep their prototypes."""
        seen = (statistics.counts > 0)[:, None]
        self.class_vectors.copy_(torch.where(seen, statistics.means.to(self.weight), self.class_vectors))

    def forward(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            rows = at_least_float32(features.movedim(1, -1))  # (N, *, D)
            scale = self.temperature.to(rows.dtype)
            prototypes = self.class_vectors.to(rows.dtype) / scale
            # As products, distances would be small differences of large numbers.
            exact = 'donot_use_mm_for_euclid_dist'
            distances = torch.cdist(rows.flatten(0, -2) / scale, prototypes, compute_mode=exact)  # (N *, K)
            return distances.unflatten(0, rows.shape[:-1]).movedim(-1, 1) / -2
