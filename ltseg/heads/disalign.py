"""The adaptive calibration of distribution alignment."""

from typing import Any

import torch
from torch import Tensor, nn

from ltseg.core.layout import per_class
from ltseg.heads.scaled_classifier import AdaptedClassifier
from ltseg.registry import MODELS

__all__ = ['DisAlignClassifier']


@MODELS.register_module()
class DisAlignClassifier(AdaptedClassifier):
    """Calibrates the logits of a trained classifier as far as each sample needs it::

        z^_k = c (alpha_k z_k + beta_k) + (1 - c) z_k,    c = sigmoid(v . h + d)

    alpha = 1 and beta = 0 at first, so that z^ = z. The second stage trains ``logit_scale`` (alpha), ``logit_bias``
    (beta) and ``confidence`` (v and d) alone, with ``ltseg.ReweightedLoss(scheme='generalized')``.

    Args:
        in_channels: D.
        num_classes: K.
        spatial_dims: 2 for maps, 0 for vectors.
        normalized_confidence: Whether a batch normalisation and a ReLU come before the sigmoid, as in the released code
            for segmentation, where c is then at least 1/2. The paper has neither.

    Source:
        Zhang et al., Distribution Alignment: A Unified Framework for Long-Tail Visual Recognition, CVPR 2021,
        section 3 (adaptive calibration).

    Example:
        >>> import torch
        >>> from ltseg.heads import DisAlignClassifier
        >>> classifier, features = DisAlignClassifier(in_channels=2, num_classes=2, spatial_dims=0), torch.ones(1, 2)
        >>> _ = classifier.load_state_dict({'weight': torch.eye(2)}, strict=False)  # of a first stage
        >>> classifier(features).allclose(torch.ones(1, 2))  # nothing is calibrated yet
        True
        >>> classifier.logit_bias.data[1] = 2.0
        >>> for parameter in classifier.confidence.parameters():
        ...     _ = parameter.data.zero_()  # so that c = 1/2
        >>> classifier(features).detach()  # half of the shift
        tensor([[1., 2.]])
    """

    short_name = 'DisAlign'

    def __init__(
        self, in_channels: int, num_classes: int, spatial_dims: int = 2, normalized_confidence: bool = False
    ) -> None:
        super().__init__(in_channels, num_classes, spatial_dims)
        self.logit_scale = nn.Parameter(torch.ones(num_classes))
        self.logit_bias = nn.Parameter(torch.zeros(num_classes))
        linear: Any = nn.Conv2d(in_channels, 1, 1) if spatial_dims else nn.Linear(in_channels, 1)
        norm = nn.BatchNorm2d if spatial_dims else nn.BatchNorm1d
        self.confidence = nn.Sequential(linear, norm(1), nn.ReLU()) if normalized_confidence else linear

    def adapted(self, logits: Tensor, features: Tensor) -> Tensor:
        confidence = torch.sigmoid(self.confidence(features))
        calibrated = logits * per_class(self.logit_scale, logits) + per_class(self.logit_bias, logits)
        return confidence * calibrated + (1 - confidence) * logits
