"""What keeps the experts of an ensemble different."""

from typing import Any

from torch import Tensor

from ltseg.core.checks import check_integer, check_range
from ltseg.core.errors import InvalidValueError
from ltseg.core.sample_losses import SampleLosses
from ltseg.losses.logits_loss import LogitsLoss
from ltseg.registry import MODELS
from ltseg.schedules import epochs_done

__all__ = ['ExpertDiversityLoss', 'class_temperatures']


def class_temperatures(prior: Tensor, sharpening: float) -> Tensor:
    """``w_k = (sharpening K pi_k + 1 - sharpening) / max_j (...)`` of a prior pi (K,), in (0, 1]."""
    temperatures = sharpening * len(prior) * prior + 1 - sharpening
    return temperatures / temperatures.max()


@MODELS.register_module()
class ExpertDiversityLoss(LogitsLoss):
    """The divergence of E experts from their mean, to be made larger (``diversity_factor < 0``)::

        loss = diversity_factor * mean(T)^2 * sum_e KL(softmax(zbar / T) || softmax(z_e / T)),    zbar = mean_e z_e

    averaged over samples. zbar sends no gradient. T is 1 before epoch ``begin``; from then on rare classes have lower
    ones, by :func:`class_temperatures`.

    It is one of the losses of a head with an :class:`ltseg.heads.ExpertClassifier`, which gives it the experts of a
    sample as rows one after the other; another loss is the experts' own, with ``loss_weight=E`` for the sum over them.

    Args:
        experts: E, at least 2.
        diversity_factor: At most 0. -0.2 is the paper's for most data sets, -0.45 for CIFAR-100-LT.
        sharpening: Of the temperatures, in [0, 1). 0.05 is the released code's; 0.02 for ResNeXt-50 on ImageNet-LT.
        begin: Epoch, counted from 0, from which on T depends on the class; None is never.

    Source:
        Wang et al., Long-tailed Recognition by Routing Diverse Distribution-Aware Experts (RIDE), ICLR 2021,
        section 3.2 (diversity). The released code, followed here, measures against the mean of the logits, where the
        paper has all pairs of experts.

    Example:
        >>> import torch
        >>> from ltseg.losses import ExpertDiversityLoss
        >>> loss, labels = ExpertDiversityLoss(experts=2, begin=None), torch.tensor([0, 0])  # one sample, two experts
        >>> loss(torch.tensor([[2.0, 0.0], [2.0, 0.0]]), labels).abs().item()  # they agree
        0.0
        >>> round(loss(torch.tensor([[2.0, 0.0], [0.0, 2.0]]), labels).item(), 4)  # they do not: that is rewarded
        -0.1735
    """

    short_name = 'expert diversity'
    of_single_samples = False  # the experts of a sample are rows one after the other

    def __init__(
        self,
        experts: int = 3,
        diversity_factor: float = -0.2,
        sharpening: float = 0.05,
        begin: int | None = 160,
        **options: Any,
    ) -> None:
        counts = {} if begin is not None else {'counts': 'batch'}  # nothing to wait for
        super().__init__(**{'loss_name': 'loss_diversity', **counts, **options})
        check_integer('ExpertDiversityLoss.experts', experts, 2)
        check_range('ExpertDiversityLoss.diversity_factor', diversity_factor, -float('inf'), 0)
        check_range('ExpertDiversityLoss.sharpening', sharpening, 0, 1 - 1e-9)
        if begin is not None:
            check_range('ExpertDiversityLoss.begin', begin, 0)
        self.experts, self.diversity_factor, self.sharpening, self.begin = experts, diversity_factor, sharpening, begin

    def prepare(self, logits: Tensor, labels: Tensor, ignore_index: int) -> SampleLosses:
        if len(logits) % self.experts:
            hint = 'Set the same number of experts in backbone, classifier and losses.'
            expected = f'{self.experts} rows for each sample'
            raise InvalidValueError('ExpertDiversityLoss', expected, repr(len(logits)), hint)
        temperature = self._temperature(logits, labels, ignore_index)

        def sample_losses(logits: Tensor, labels: Tensor) -> tuple[Tensor, None]:
            views = logits.unflatten(0, (-1, self.experts)) / temperature  # (N, E, K, *)
            target = views.detach().mean(1, keepdim=True).log_softmax(2)
            divergence = (target.exp() * (target - views.log_softmax(2))).sum(2).flatten(0, 1)  # (N * E, *)
            losses = self.diversity_factor * self.experts * temperature.mean() ** 2 * divergence
            return (losses if labels.is_floating_point() else losses * (labels != ignore_index)), None

        return sample_losses

    def _temperature(self, logits: Tensor, labels: Tensor, ignore_index: int) -> Tensor:
        """(K, 1, ...) or (1,)."""
        if self.begin is None:
            return logits.new_ones(1)
        counts = self.count(logits, labels, ignore_index)  # from the start, so that missing counts come to light
        begun = (epochs_done() >= self.begin) * 1.0
        temperatures = class_temperatures(counts.prior.to(logits), self.sharpening) ** begun
        return temperatures.view(-1, *[1] * (logits.ndim - 2))
