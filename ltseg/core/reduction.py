"""Losses of samples -> one number, with the same result however many processes share the batch."""

from typing import Literal

import torch
from torch import Tensor, distributed

from ltseg.core.precision import widest_dtype

__all__ = [
    'Average',
    'Reduction',
    'all_reduced_maximum',
    'all_reduced_sum',
    'reduce_losses',
    'with_the_sum_of',
    'world_size',
]

Average = Literal['weight', 'count']
Reduction = Literal['mean', 'sum', 'none']


def world_size() -> int:
    """Number of processes that train together; 1 where nothing is distributed."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def all_reduced_sum(value: Tensor) -> Tensor:
    """The sum of ``value`` over all processes, without gradient; every process must come here."""
    total = value.detach().clone()
    if world_size() > 1:
        distributed.all_reduce(total)
    return total


def all_reduced_maximum(value: Tensor) -> Tensor:
    """The largest ``value`` of all processes, without gradient; every process must come here."""
    largest = value.detach().clone()
    if world_size() > 1:
        distributed.all_reduce(largest, op=distributed.ReduceOp.MAX)
    return largest


def with_the_sum_of(kept: Tensor, losses: Tensor, sample_weights: Tensor | None = None, sync: bool = True) -> Tensor:
    """``losses`` times one number without gradient, with which they sum to what other losses do::

        l_i sum_j u_j k_j / sum_j u_j l_j

    Args:
        kept: k, of the shape of ``losses``; or both are sums already.
        losses: l, (N, *), 0 for ignored samples, and not negative.
        sample_weights: u, broadcast to (N, *).
        sync: Whether the sums cover all processes.
    """
    weights = 1.0 if sample_weights is None else sample_weights.to(losses.dtype)
    dtype = widest_dtype(losses.device)
    sums = torch.stack([(each.detach() * weights).sum(dtype=dtype) for each in (kept, losses)])
    total, own = all_reduced_sum(sums) if sync else sums
    factor = (total / own.where(own > 0, 1.0)).clamp(max=torch.finfo(losses.dtype).max)
    return losses * factor.to(losses.dtype)


def reduce_losses(
    losses: Tensor,
    valid_samples: Tensor,
    class_weights: Tensor | None = None,
    sample_weights: Tensor | None = None,
    average: Average = 'count',
    avg_factor: float | Tensor | None = None,
    reduction: Reduction = 'mean',
    sync: bool = True,
) -> Tensor:
    """Reduces the losses of samples::

        mean:  sum_i u_i l_i / N     N = number of valid samples, or avg_factor          (average='count')
                                     N = sum_i w_i of the class weights                  (average='weight')
        sum:   sum_i u_i l_i
        none:  u_i l_i

    with the class weights w already inside l. With ``sync`` and R > 1 processes, N is the sum over the processes and
    the result of each process is R times its share: DistributedDataParallel averages gradients over processes, so
    that loss and gradient are those of the joined batch, however unequal the ignored areas are.

    An empty or wholly ignored batch gives 0 with a graph: its losses are zeros that hang on the logits.

    Args:
        losses: l, (N, *), 0 for ignored samples.
        valid_samples: Number of samples that are not ignored, a scalar tensor.
        class_weights: w of each sample, (N, *), 0 for ignored samples; None is 1 for every valid sample.
        sample_weights: u of each sample, broadcast to (N, *), e.g. the selection of a pixel sampler. It scales the
            losses and not N, as in MMSegmentation.
        average: Which N; the two agree without class weights.
        avg_factor: Replaces the number of valid samples, and is ignored where the class weights are the normaliser.
        reduction: 'mean', 'sum' or 'none'.
        sync: Whether N covers all processes.

    Returns:
        A scalar, or (N, *) for 'none'.
    """
    if sample_weights is not None:
        losses = losses * sample_weights.to(losses.dtype)
    if reduction == 'none':
        return losses
    if reduction == 'sum':
        return losses.sum()
    dtype = widest_dtype(losses.device)
    if average == 'weight' and class_weights is not None:
        normaliser = class_weights.sum(dtype=dtype)
    elif avg_factor is None:
        normaliser = valid_samples.to(dtype)
    elif isinstance(avg_factor, Tensor):
        normaliser = avg_factor.to(losses.device, dtype)
    else:  # as a tensor it would have to be copied to the device
        normaliser = torch.full((), avg_factor, dtype=dtype, device=losses.device)
    shares = world_size() if sync else 1
    if shares > 1:
        normaliser = all_reduced_sum(normaliser)
    # where, not a branch: nothing here makes an accelerator wait for the CPU.
    normaliser = normaliser.where(normaliser > 0, 1.0)
    return losses.sum() * (shares / normaliser).to(losses.dtype)
