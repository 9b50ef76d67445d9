"""Losses of logits under noise that grows with the rarity of the class."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.checks import check_positive, check_range
from ltseg.core.differentiated_cross_entropy import ShiftedCrossEntropy
from ltseg.core.layout import per_class
from ltseg.core.precision import widened
from ltseg.core.sample_losses import SampleLosses
from ltseg.losses.cosine_logits import OfCosines
from ltseg.losses.logits_loss import LogitsLoss
from ltseg.registry import MODELS

__all__ = ['BLVLoss', 'GCLLoss']


class _LogitNoiseLoss(LogitsLoss):
    """Cross entropy of ``scale * (z_k + a_k min(sigma |e_k|, 1))``, e normal; without the noise out of training."""

    def __init__(self, sigma: float, scale: float, **options: Any) -> None:
        super().__init__(**options)
        check_range(f'{type(self).__name__}.sigma', sigma, 0)
        check_positive(f'{type(self).__name__}.scale', scale)
        self.sigma, self.scale = sigma, scale

    @abstractmethod
    def amplitudes(self, counts: Tensor) -> Tensor:
        """a, (K,), for counts (K,) of at least 1."""

    def prepare(self, logits: Tensor, labels: Tensor, ignore_index: int) -> SampleLosses:
        amplitudes = self._current_amplitudes(logits, labels, ignore_index) if self.training else None

        def noise(logits: Tensor, labels: Tensor) -> Tensor:
            if amplitudes is None:
                return logits.new_zeros(())
            size = torch.randn_like(logits).mul_(self.sigma).abs_().clamp_(max=1)
            return size.mul_(per_class(amplitudes, logits))

        scale = None if self.scale == 1 else logits.new_full(logits.shape[1:2], self.scale)
        return ShiftedCrossEntropy(noise, ignore_index, Adjustment(scale=scale))

    def _current_amplitudes(self, logits: Tensor, labels: Tensor, ignore_index: int) -> Tensor:
        counts = widened(self.count(logits, labels, ignore_index).samples).clamp(min=1)
        return self.amplitudes(counts).to(logits.dtype)


@MODELS.register_module()
class BLVLoss(_LogitNoiseLoss):
    """Balancing logit variation: cross entropy of logits that noise raises, those of rare classes most::

        z'_k = z_k + c_k min(|d_k|, 1),    d_k ~ N(0, sigma^2)
        c_k = log(sum_m n_m / n_k) / max_j log(sum_m n_m / n_j)

    with d drawn for each sample and class from torch's generator, and counts of at least 1. Out of training z' = z.

    In expectation the noise is a bias ``E min(|d|, 1) c_k``: logit adjustment with
    ``tau = -E min(|d|, 1) / max_j log(sum_m n_m / n_j)``, opposite in sign to balanced softmax. For sigma = 4,
    E min(|d|, 1) is 0.9008, which makes tau -0.09 where the rarest class has one sample in 20,000.

    Args:
        sigma: Standard deviation of d, at least 0; for large ones the noise is always at its bound of 1.
        **options: As for :class:`ltseg.losses.LogitsLoss`.

    Source:
        Wang et al., Balancing Logit Variation for Long-Tailed Semantic Segmentation, CVPR 2023. Sigma and the bound are
        those of released code, which has log(max_m n_m / n_k) instead in some versions.

    Example:
        >>> import torch
        >>> from ltseg.losses import BLVLoss
        >>> loss, logits = BLVLoss(counts=[100, 10, 1]), torch.zeros(3, 3)
        >>> loss.amplitudes(torch.tensor([100.0, 10.0, 1.0]))  # log(1.11), log(11.1) and log(111) over log(111)
        tensor([0.0222, 0.5111, 1.0000])
        >>> always_at_the_bound = BLVLoss(sigma=1e9, counts=[100, 10, 1])
        >>> always_at_the_bound(logits, torch.arange(3), reduction_override='none')
        tensor([1.6657, 1.1768, 0.6878])
        >>> loss.eval()(logits, torch.arange(3)).exp()  # out of training: log 3
        tensor(3.)
    """

    short_name = 'BLV'

    def __init__(self, sigma: float = 4.0, **options: Any) -> None:
        super().__init__(sigma, 1.0, **{'loss_name': 'loss_blv', **options})

    def amplitudes(self, counts: Tensor) -> Tensor:
        """c, (K,), for counts (K,) of at least 1."""
        rarity = torch.log(counts.sum() / counts)
        return rarity / rarity.max()


@MODELS.register_module()
class GCLLoss(OfCosines, _LogitNoiseLoss):
    """Gaussian clouded logit adjustment: cross entropy of cosines that noise lowers, those of rare classes most::

        z'_k = scale (z_k - strength c_k min(|d_k|, 1)),    d_k ~ N(0, sigma^2)
        c_k = log(max_m n_m / n_k) / max_j log(max_m n_m / n_j)

    with d drawn for each sample and class from torch's generator, and counts of at least 1; equal counts give c = 0.
    Out of training z' = scale z. The logits have to be cosines
    (``LongTailSegHead(classifier=dict(type='ltseg.CosineClassifier'))``); a warning says so once when they are not.

    In expectation the noise is a bias: logit adjustment of ``scale z`` with
    ``tau = scale strength E min(|d|, 1) / log(max_m n_m / min_m n_m)``. For sigma = 1/3, E min(|d|, 1) is 0.2657, which
    makes tau 1.73 where counts differ by a factor of 100.

    Deviations: the released class has a constant margin, too, which its training scripts set to 0.

    Args:
        sigma: Standard deviation of d, at least 0.
        strength: Of the noise of the rarest class, at least 0; the released script for CIFAR has 0.5.
        scale: Factor of the cosines.
        **options: As for :class:`ltseg.losses.LogitsLoss`.

    Source:
        Li et al., Long-Tailed Visual Recognition via Gaussian Clouded Logit Adjustment, CVPR 2022, as in released code.

    Example:
        >>> import torch
        >>> from ltseg.losses import GCLLoss
        >>> loss = GCLLoss(sigma=1e9, strength=0.5, scale=2.0, counts=[100, 10, 1])  # noise always at its bound
        >>> loss.amplitudes(torch.tensor([100.0, 10.0, 1.0]))
        tensor([ 0.0000, -0.2500, -0.5000])
        >>> loss(torch.zeros(3, 3), torch.arange(3), reduction_override='none')  # of logits 0, -0.5 and -1
        tensor([0.6803, 1.1803, 1.6803])
    """

    short_name = 'GCL'

    def __init__(self, sigma: float = 1 / 3, strength: float = 1.0, scale: float = 30.0, **options: Any) -> None:
        super().__init__(sigma, scale, **{'loss_name': 'loss_gcl', **options})
        check_range('GCLLoss.strength', strength, 0)
        self.strength = strength

    def prepare(self, logits: Tensor, labels: Tensor, ignore_index: int) -> SampleLosses:
        self.expect_cosines(logits)
        return super().prepare(logits, labels, ignore_index)

    def amplitudes(self, counts: Tensor) -> Tensor:
        """``-strength c``, (K,), for counts (K,) of at least 1."""
        rarity = torch.log(counts / counts.max())
        return self.strength * rarity / -rarity.min().clamp(max=-torch.finfo(rarity.dtype).tiny)
