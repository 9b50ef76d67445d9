"""Floating-point numbers of a device: the widest that it has, and products without rounding to fewer digits."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ['exact_products', 'widened', 'widest_dtype']

WITHOUT_FLOAT64 = ('mps',)  # Apple's GPUs, which mmengine chooses by itself


def widest_dtype(device: torch.device) -> torch.dtype:
    """float64, or float32 on a device that has no wider numbers."""
    return torch.float32 if device.type in WITHOUT_FLOAT64 else torch.float64


def widened(values: Tensor) -> Tensor:
    """``values`` in the widest floating-point numbers of their device."""
    return values.to(widest_dtype(values.device))


@contextmanager
def exact_products() -> Iterator[None]:
    """Within it, matrix products of float32 are of float32, where a user has allowed TF32 or bfloat16 for speed.

    A convolution is not for it: cuDNN rounds to TF32 (10 bits) by default.
    """
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:  # allowed under the newer name, beside which the older one must not be used
        named = torch.backends.cuda.matmul
        before, named.fp32_precision = named.fp32_precision, 'ieee'
        try:
            yield
        finally:
            named.fp32_precision = before
        return
    torch.set_float32_matmul_precision('highest')
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
