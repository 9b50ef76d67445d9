"""Center loss."""

from typing import Any

from torch import Tensor

from ltseg.registry import MODELS
from ltseg.regularizers.centers import Centers
from ltseg.regularizers.within_class import CenterPull

__all__ = ['CenterLoss']


@MODELS.register_module()
class CenterLoss(CenterPull):
    """Squared distances from the class centres, in which all samples weigh the same::

        L_C = 1/2 mean_i |h_i - c_yi|^2,    c_k <- c_k - learning_rate * n_k / (1 + n_k) * (c_k - mu_k)

    With equal class counts it is half of :class:`ltseg.regularizers.WithinClassRegularizer`.

    Args:
        centers: 'learnable' (paper), 'batch' or 'ema' (ours).
        **options: As for :class:`ltseg.regularizers.within_class.CenterPull`.

    Source:
        Wen et al., A Discriminative Feature Learning Approach for Deep Face Recognition, ECCV 2016, eq. 2 and 4. The
        paper adds samples up; the mean, as in most code, keeps the weight free of the batch size. The code of the NCR
        paper has no 1/2. The dense form is our extension.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import CenterLoss
        >>> rows = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 5.0]])  # class 0 has the mean (2, 0)
        >>> batch = FeatureBatch(rows[:, None], torch.tensor([0, 0, 1]), num_classes=2)
        >>> round(CenterLoss(centers='batch')(batch).item(), 4)  # 1/2 (1 + 1 + 0) / 3
        0.3333
    """

    short_name = 'center loss'

    def __init__(self, centers: Centers = 'learnable', **options: Any) -> None:
        super().__init__(centers, **{'loss_name': 'loss_center', **options})

    def class_weights(self, counts: Tensor) -> Tensor:
        return (0.5 / counts.sum().clamp(min=1)).expand_as(counts)

    def center_rates(self, counts: Tensor) -> Tensor:
        return counts / (1 + counts)
