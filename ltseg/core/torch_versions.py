"""Names that moved between the versions of PyTorch that are supported: 2.0 and newer."""

from collections.abc import Callable

import torch

__all__ = ['is_compiling']

# Looked up once: the compiler knows this function by its identity, and would trace into one that wraps it.
is_compiling: Callable[[], bool] = (
    torch.compiler.is_compiling  # since torch 2.3
    if hasattr(getattr(torch, 'compiler', None), 'is_compiling')
    else torch._utils.is_compiling
)
"""Whether ``torch.compile`` is tracing the caller."""
