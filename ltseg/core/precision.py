"""Floating-point numbers of a device: the widest that it has."""

import torch
from torch import Tensor

__all__ = ['widened', 'widest_dtype']

WITHOUT_FLOAT64 = ('mps',)  # Apple's GPUs, which mmengine chooses by itself


def widest_dtype(device: torch.device) -> torch.dtype:
    """float64, or float32 on a device that has no wider numbers."""
    return torch.float32 if device.type in WITHOUT_FLOAT64 else torch.float64


def widened(values: Tensor) -> Tensor:
    """``values`` in the widest floating-point numbers of their device."""
    return values.to(widest_dtype(values.device))
