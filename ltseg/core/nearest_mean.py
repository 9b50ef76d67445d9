"""Nearest class mean: a classifier made from the features of the training samples, without any training."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError
from ltseg.core.geometry import class_means, directions
from ltseg.core.precision import widened
from ltseg.core.reduction import all_reduced_sum

__all__ = ['FEATURE_FORMS', 'NearestMean']

FEATURE_FORMS = ('un', 'l2n', 'cl2n')


class NearestMean(nn.Module):
    """The nearest class mean as the linear classifier ``w_k = 2 mu_k, b_k = -|mu_k|^2``::

        z_k = 2 mu_k . f(h) - |mu_k|^2 = |f(h)|^2 - |f(h) - mu_k|^2,    argmax_k z_k = argmin_k |f(h) - mu_k|

    The features ``f(h)`` are taken as they are ('un'), with length 1 ('l2n'), or with length 1 after the mean of all
    training features was subtracted ('cl2n'); class means are those of ``f(h)``. A class without samples is never
    predicted. All is in the widest numbers of the device, because distances are small differences of large numbers.

    Args:
        features: ``h`` of the training samples, (N, D).
        labels: Their classes, (N,) int64 in [0, K).
        num_classes: K.
        form: 'un', 'l2n' or 'cl2n'.
        sync: Whether the samples of all processes count. Then every process must come here.

    Shapes: (N, D) -> (N, K).

    Raises:
        ValueError: If the form is none of these, or there are no samples.

    Source:
        Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020, section 4; the
        three forms are its released code's.

    Example:
        >>> import torch
        >>> from ltseg.core.nearest_mean import NearestMean
        >>> features, labels = torch.tensor([[0.0, 1.0], [0.0, 3.0], [4.0, 0.0]]), torch.tensor([0, 0, 1])
        >>> classifier = NearestMean(features, labels, num_classes=2)  # of the means (0, 2) and (4, 0)
        >>> classifier(torch.tensor([[1.0, 2.0], [3.0, 2.0]])).argmax(1).tolist()
        [0, 1]
    """

    def __init__(
        self, features: Tensor, labels: Tensor, num_classes: int, form: str = 'un', sync: bool = False
    ) -> None:
        super().__init__()
        check_choice('NearestMean.form', form, FEATURE_FORMS)
        self.form = form
        self.weight: Tensor
        self.bias: Tensor
        self.center: Tensor
        rows = widened(features.detach())
        total = torch.cat([rows.sum(0), rows.new_tensor([len(rows)])])
        total = all_reduced_sum(total) if sync else total
        if total[-1] == 0:
            raise InvalidValueError('NearestMean', 'samples of at least one class', 'none')
        center = total[:-1] / total[-1] if form == 'cl2n' else torch.zeros_like(total[:-1])
        self.register_buffer('center', center)
        means, counts = class_means(self._formed(rows), labels, num_classes, sync)
        self.register_buffer('weight', 2 * means)
        self.register_buffer('bias', (-means.square().sum(1)).masked_fill(counts == 0, -torch.inf))

    def _formed(self, features: Tensor) -> Tensor:
        return features if self.form == 'un' else directions(features - self.center)

    def forward(self, features: Tensor) -> Tensor:
        return F.linear(self._formed(widened(features)), self.weight, self.bias)
