"""Nearest class mean: a classifier made from the features of the training samples, without any training."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.checks import check_choice, fault

__all__ = ['FEATURE_FORMS', 'NearestMean', 'class_sums', 'formed']

FEATURE_FORMS = ('un', 'l2n', 'cl2n')


def class_sums(features: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Sums of the features of each class, (K, D) float64, and numbers of samples, (K,) int64.

    Args:
        features: (N, D).
        labels: (N,) int64 in [0, K).
        num_classes: K.
    """
    sums = torch.zeros(num_classes, features.shape[1], dtype=torch.float64, device=features.device)
    sums.index_add_(0, labels, features.double())
    return sums, torch.bincount(labels, minlength=num_classes)


class NearestMean(nn.Module):
    """The nearest class mean as the linear classifier ``w_k = 2 mu_k, b_k = -|mu_k|^2``::

        z_k = 2 mu_k . f(h) - |mu_k|^2 = |f(h)|^2 - |f(h) - mu_k|^2,    argmax_k z_k = argmin_k |f(h) - mu_k|

    The features ``f(h)`` are taken as they are ('un'), with length 1 ('l2n'), or with length 1 after the mean of all
    training features was subtracted ('cl2n'); class means are those of ``f(h)``. A class without samples is never
    predicted.

    Args:
        sums: Sums of ``f(h)`` over the training samples of each class, (K, D).
        numbers: Training samples of each class, (K,).
        form: 'un', 'l2n' or 'cl2n'.
        center: Mean of all training features, (D,); for 'cl2n'.

    Shapes: (N, D) -> (N, K).

    Raises:
        ValueError: If the form is none of these, a center is missing, or no class has a sample.

    Source:
        Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020, section 4; the
        three forms are its released code's.
    """

    def __init__(self, sums: Tensor, numbers: Tensor, form: str = 'un', center: Tensor | None = None) -> None:
        super().__init__()
        check_choice('NearestMean.form', form, FEATURE_FORMS)
        if (form == 'cl2n') != (center is not None):
            raise ValueError(fault('NearestMean.center', "the mean of all features for 'cl2n' only", center))
        if not bool((numbers > 0).any()):
            raise ValueError(fault('NearestMean', 'training samples of at least one class', 'none'))
        self.form = form
        self.weight: Tensor
        self.bias: Tensor
        self.center: Tensor
        means = sums.double() / numbers.clamp(min=1)[:, None]  # (K, D)
        bias = (-means.square().sum(1)).masked_fill(numbers == 0, -torch.inf)
        self.register_buffer('weight', 2 * means.float())
        self.register_buffer('bias', bias.float())
        self.register_buffer('center', torch.zeros(means.shape[1]) if center is None else center.float())

    def forward(self, features: Tensor) -> Tensor:
        return F.linear(formed(features.float(), self.form, self.center), self.weight, self.bias)


def formed(features: Tensor, form: str, center: Tensor) -> Tensor:
    """``f(h)`` of features (N, D), where ``center`` (D,) is 0 but for 'cl2n'."""
    return features if form == 'un' else F.normalize(features - center, dim=1)
