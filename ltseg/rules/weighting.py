"""Class weights from class counts."""

import warnings
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.checks import check_choice, check_range
from ltseg.core.errors import InvalidValueError
from ltseg.core.precision import widened
from ltseg.core.shares import shares_of
from ltseg.counts.class_counts import ClassCounts
from ltseg.registry import MODELS
from ltseg.rules.rule import Rule

__all__ = ['SCHEMES', 'Weighting', 'effective_number']

SCHEMES = ('effective_number', 'inverse', 'sqrt_inverse', 'median_frequency', 'enet', 'generalized')


def effective_number(counts: Tensor, one_minus_beta: Tensor | float) -> Tensor:
    """``(1 - beta^n) / (1 - beta)``, exact also where ``1 - beta`` is tiny; n itself where it is 0.

    Source:
        Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, eq. 2.
    """
    if isinstance(one_minus_beta, int | float):
        one_minus_beta = counts.new_full((), one_minus_beta)
    effective = -torch.expm1(counts * torch.log1p(-one_minus_beta)) / one_minus_beta
    return effective.where(one_minus_beta > 0, counts)


@MODELS.register_module()
@dataclass(frozen=True, kw_only=True)
class Weighting(Rule):
    """Weights the loss of each class; every scheme is normalised to sum to K::

        effective_number   w_k = (1 - beta) / (1 - beta^(n_k))       n_k = 0 counts as 1
        inverse            w_k = 1 / n_k
        sqrt_inverse       w_k = n_k^(-1/2)
        generalized        w_k = n_k^(-rho)
        median_frequency   w_k = median(f) / f_k,    f_k = n_k / (samples of the images that contain k)
        enet               w_k = 1 / log(1.02 + n_k / sum n)

    Effective numbers saturate at 1 / (1 - beta): with pixel counts and the usual beta of 0.9999 all weights are 1.
    ``beta='1-1/N'``, N the number of samples of the data set, does not.

    Args:
        scheme: One of the names above.
        beta: In [0, 1], or '1-1/N'; for effective numbers. 0 gives equal weights, 1 gives 1 / n.
        rho: Exponent of 'generalized'.

    Source:
        Cui et al., CVPR 2019, eq. 2; Zhang et al., Distribution Alignment, CVPR 2021, eq. 10 ('generalized'); Eigen
        and Fergus, ICCV 2015, section 6.3.2 (median frequency); Paszke et al., ENet, 2016, section 5.2.

    Example:
        >>> from ltseg.counts.class_counts import ClassCounts
        >>> from ltseg.rules import Weighting
        >>> pixels = ClassCounts.from_list([9_000_000, 1_000_000])
        >>> for beta in (0.9999, '1-1/N'):  # effective numbers of pixels saturate with the usual beta
        ...     print([round(weight, 3) for weight in Weighting(beta=beta)(pixels).weight.tolist()])
        [1.0, 1.0]
        [0.276, 1.724]
        >>> [round(weight, 3) for weight in Weighting(scheme='inverse')(pixels).weight.tolist()]
        [0.2, 1.8]
    """

    short_name = 'weighting ({scheme})'

    scheme: Literal['effective_number', 'inverse', 'sqrt_inverse', 'median_frequency', 'enet', 'generalized'] = (
        'effective_number'
    )
    beta: float | Literal['1-1/N'] = 0.9999
    rho: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice('Weighting.scheme', self.scheme, SCHEMES)
        if isinstance(self.beta, str):
            check_choice('Weighting.beta', self.beta, ('1-1/N',))
        else:
            check_range('Weighting.beta', self.beta, 0, 1)
        check_range('Weighting.rho', self.rho, 0)

    @property
    def defined_at_zero(self) -> bool:  # type: ignore[override]
        return self.scheme in ('enet', 'effective_number')

    def adjustment(self, counts: Tensor, given: ClassCounts) -> Adjustment:
        return Adjustment(weight=_normalised(self._weights(counts, given)))

    def _weights(self, counts: Tensor, given: ClassCounts) -> Tensor:
        if self.scheme == 'effective_number':
            one_minus_beta = 1 / counts.sum().clamp(min=1) if isinstance(self.beta, str) else 1 - self.beta
            return 1 / effective_number(counts.clamp(min=1), one_minus_beta)
        if self.scheme == 'enet':
            return 1 / torch.log(1.02 + shares_of(counts))
        if self.scheme == 'median_frequency':
            frequency = counts / self._samples_of_images(given)
            return frequency.median() / frequency
        return counts ** -{'inverse': 1.0, 'sqrt_inverse': 0.5, 'generalized': self.rho}[self.scheme]

    def _samples_of_images(self, given: ClassCounts) -> Tensor:
        if given.samples_of_images is None:
            hint = 'Use pixel counts of a table made by ltseg count, or another scheme.'
            raise InvalidValueError('median frequency', 'the samples of the images with each class', 'none', hint)
        return widened(given.samples_of_images).clamp(min=max(self.floor, 1))

    def check_constant(
        self, counts: ClassCounts, class_names: tuple[str, ...] | None = None, cause_of_zeros: str = ''
    ) -> None:
        if not self.defined_at_zero:
            super().check_constant(counts, class_names, cause_of_zeros)
        if self.scheme != 'effective_number':
            return
        used = widened(counts.of(self.unit)).clamp(min=1)
        weight = _normalised(self._weights(used, counts))
        if used.max() > 10 * used.min() and weight.max() < 1.01 * weight.min():
            hint = "Use beta='1-1/N'."
            warnings.warn(
                f'Weighting: effective numbers with beta={self.beta} are equal for all classes although the counts '
                f'differ up to {used.max() / used.min():.0f} : 1, so they change nothing. {hint}',
                stacklevel=2,
            )


def _normalised(weight: Tensor) -> Tensor:
    """``weight`` scaled to sum to the number of classes."""
    return weight * (weight.numel() / torch.sum(weight))
