"""Sums and rows over all processes that carry their gradient back.

A value that every process computes from what is summed or gathered here is the same in each. Going back, a process
adds up what all of them want of its share; DistributedDataParallel then averages over processes, which leaves the
gradient of one process with the joined batch. Every process must come here, forward and backward.
"""

from typing import Any

import torch
from torch import Tensor, distributed

from ltseg.core.reduction import all_reduced_sum, world_size

__all__ = ['gathered_rows', 'summed']


def summed(value: Tensor) -> Tensor:
    """The sum of ``value`` over all processes, with its gradient."""
    return _Sum.apply(value) if world_size() > 1 else value


def gathered_rows(value: Tensor) -> Tensor:
    """The rows (N_r, *) of all processes in the order of their ranks, (sum N_r, *), with their gradient."""
    return _Gather.apply(value) if world_size() > 1 else value


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return all_reduced_sum(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return all_reduced_sum(gradient.contiguous())


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        count = torch.tensor([len(value)], device=value.device)
        counts = [torch.zeros_like(count) for _ in range(world_size())]
        distributed.all_gather(counts, count)
        sizes = [int(size) for size in counts]
        padded = value.new_zeros(max(sizes), *value.shape[1:])  # collectives want equal shapes
        padded[: len(value)] = value
        parts = [torch.empty_like(padded) for _ in sizes]
        distributed.all_gather(parts, padded)
        rank = distributed.get_rank()
        ctx.begin, ctx.size = sum(sizes[:rank]), len(value)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return all_reduced_sum(gradient.contiguous())[ctx.begin : ctx.begin + ctx.size]
