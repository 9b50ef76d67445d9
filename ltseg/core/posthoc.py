"""Post-hoc logit adjustment: the prior is taken out of, or put back into, a trained model's logits."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.core.layout import at_least_float32, per_class
from ltseg.core.precision import widened
from ltseg.core.shares import shares_of

__all__ = ['posthoc_logits', 'check_logits', 'log_prior_of', 'predictions_over_tau']


def log_prior_of(
    counts: Tensor, floor: float = 0.0, class_names: Sequence[str] = (), cause_of_zeros: str = ''
) -> Tensor:
    """Logarithm of the share of samples that each class has.

    Args:
        counts: Samples of each class, (K,).
        floor: Counts below it are raised to it.
        class_names: For the message.
        cause_of_zeros: Why classes have no samples, where it is known, and what to do then; for the message.

    Returns:
        (K,), in the widest numbers of the device.

    Raises:
        ValueError: If a class has no samples and no floor is given. Its logarithm is -inf: any tau above 0 would
            make it the prediction everywhere.
    """
    floored = widened(counts).clamp(min=floor)
    absent = (floored == 0).nonzero().flatten().tolist()
    if absent:
        names = ', '.join(class_names[k] if class_names else str(k) for k in absent)
        hint = cause_of_zeros or 'Give a floor (1: as if each such class had one sample).'
        raise InvalidValueError('log_prior_of', 'a count above 0 for each class', f'0 for class {names}', hint)
    return shares_of(floored).log()


def check_logits(logits: Tensor) -> None:
    """Refuses outputs to which a constant per class must not be added.

    Raises:
        ValueError: If there is one channel only (a sigmoid's), or if the classes sum to 1 with nothing below 0: these
            are probabilities, as test-time augmentation averages them, and the adjustment has to come before.
    """
    if logits.shape[1] < 2:
        raise InvalidValueError('check_logits', 'logits of two or more classes', repr(tuple(logits.shape)))
    if bool((logits >= 0).all()) and bool(((logits.sum(dim=1) - 1).abs() < 1e-3).all()):
        hint = 'Evaluate without test-time augmentation, and with a model that returns logits.'
        raise InvalidValueError('check_logits', 'logits', 'probabilities', hint)


def posthoc_logits(logits: Tensor, log_prior: Tensor, tau: float) -> Tensor:
    """``z_k - tau * log pi_k``.

    The sign is opposite to that of the logit-adjusted *loss*, which adds the prior during training. With ``pi`` the
    training prior, tau = 1 turns the posterior of a model trained with cross entropy into that of balanced classes; a
    negative tau moves a model that was trained with the prior in its loss back towards cross entropy.

    Args:
        logits: (N, K, *).
        log_prior: ``log pi``, (K,), of ``log_prior_of``.
        tau: Strength; 0 changes nothing.

    Returns:
        (N, K, *) in float32 or better.

    Source:
        Menon et al., Long-Tail Learning via Logit Adjustment, ICLR 2021, eq. 9.
    """
    logits = at_least_float32(logits)
    return logits - _offset(logits, log_prior, tau)


def predictions_over_tau(logits: Tensor, log_prior: Tensor, taus: Iterable[float]) -> Iterator[Tensor]:
    """``argmax_k z_k - tau log pi_k`` for one tau after another, with one buffer for all of them.

    Args:
        logits: (N, K, *).
        log_prior: ``log pi``, (K,).
        taus: Strengths.

    Yields:
        Class indices (N, *) int64 for each tau.
    """
    logits = at_least_float32(logits)
    buffer = torch.empty_like(logits)
    for tau in taus:
        torch.sub(logits, _offset(logits, log_prior, tau), out=buffer)
        yield buffer.max(dim=1).indices  # on a CPU about three times as fast as argmax


def _offset(logits: Tensor, log_prior: Tensor, tau: float) -> Tensor:
    if log_prior.shape != logits.shape[1:2]:
        hint = 'Give the prior of the data set that the model was trained on.'
        raise InvalidValueError(
            'log_prior', f'{logits.shape[1]} classes, as the logits', repr(tuple(log_prior.shape)), hint
        )
    return per_class((tau * widened(log_prior)).to(logits), logits)
