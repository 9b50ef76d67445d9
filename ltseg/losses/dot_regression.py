"""Dot-regression loss on a fixed simplex classifier."""

from typing import Any

import torch
from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.core.layout import per_class
from ltseg.core.precision import widened
from ltseg.core.sample_losses import SampleLosses
from ltseg.losses.logits_loss import LogitsLoss
from ltseg.registry import MODELS

__all__ = ['DotRegressionLoss']


@MODELS.register_module()
class DotRegressionLoss(LogitsLoss):
    """Pulls each feature towards its class vector of a fixed simplex, with no push::

        loss = 1/2 s_y^2 (z_y - |h|)^2 / |h|,    z_y = m_y . h,    s_k = sqrt(g / n_k), g = mean of the present n

    with m the unit vectors of an equiangular tight frame and |h| without gradient. It is 0 exactly where every feature
    points along its class vector, and its gradient ``-s_y^2 (1 - cos) m_y`` does not depend on the length of h.

    It needs the norm of the features, and so a head that hands it over:
    ``LongTailSegHead(classifier=dict(type='ltseg.ETFClassifier'))``, or ``LongTailClsHead``.

    Deviations: the paper fixes the norms E_H; |h| of each sample is what its released code uses, and so is the scale s
    of the class vectors by the counts of the batch (``balanced=True``; 1 for absent classes).

    Args:
        balanced: Whether class vectors are scaled by the counts.

    Source:
        Yang et al., Inducing Neural Collapse in Imbalanced Learning: Do We Really Need a Learnable Classifier at the
        End of Deep Neural Network?, NeurIPS 2022, eq. 8.

    Example:
        >>> import torch
        >>> from ltseg.losses import DotRegressionLoss
        >>> loss, labels = DotRegressionLoss(balanced=False), torch.tensor([0])
        >>> norm = torch.tensor([2.0])  # |h|; along a class vector of two, the logits are |h| and -|h|
        >>> loss(torch.tensor([[2.0, -2.0]]), labels, feature_norm=norm).item()  # along its own class
        0.0
        >>> loss(torch.tensor([[-2.0, 2.0]]), labels, feature_norm=norm).item()  # 1/2 (-2 - 2)^2 / 2
        4.0
    """

    short_name = 'dot regression'

    needs_feature_norm = True
    of_single_samples = False  # the norms are those of the features of the whole batch

    def __init__(self, balanced: bool = True, **options: Any) -> None:
        super().__init__(**{'counts': 'batch', 'loss_name': 'loss_dot_regression', **options})
        self.balanced = balanced
        self._feature_norm: Tensor | None = None

    def forward(  # type: ignore[override]
        self, logits: Tensor, labels: Tensor, *args: Any, feature_norm: Tensor | None = None, **kwargs: Any
    ) -> Tensor:
        """As :meth:`LogitsLoss.forward`, with ``feature_norm`` (N, *), the norms |h| of the features."""
        if feature_norm is None:
            hint = "Use LongTailSegHead or LongTailClsHead with classifier=dict(type='ltseg.ETFClassifier')."
            raise InvalidValueError('DotRegressionLoss', 'the norms of the features', 'none', hint)
        self._feature_norm = feature_norm.detach()
        try:
            return super().forward(logits, labels, *args, **kwargs)
        finally:
            self._feature_norm = None

    def prepare(self, logits: Tensor, labels: Tensor, ignore_index: int) -> SampleLosses:
        norm = torch.as_tensor(self._feature_norm, dtype=logits.dtype).clamp(min=1e-8).unsqueeze(1)  # (N, 1, *)
        scale = logits.new_ones(logits.shape[1])  # s^2
        if self.balanced:
            counts = widened(self.count(logits, labels, ignore_index).samples)
            present = counts > 0
            scale = (counts.sum() / present.sum().clamp(min=1) / counts).where(present, 1.0).to(logits.dtype)

        def sample_losses(logits: Tensor, labels: Tensor) -> tuple[Tensor, None]:
            if labels.is_floating_point():  # the losses of the classes, mixed as their labels are
                weights = labels.to(logits) * per_class(scale, logits)
            else:
                valid = labels != ignore_index
                indices = labels.where(valid, 0)
                weights = (scale[indices] * valid).unsqueeze(1)
                logits = logits.gather(1, indices.unsqueeze(1))
            return (0.5 * (logits - norm) ** 2 / norm * weights).sum(1), None

        return sample_losses
