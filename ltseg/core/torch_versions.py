"""Names that moved between the versions of PyTorch that are supported: 2.0 and newer."""

from collections.abc import Callable

import torch

__all__ = ['is_compiling']


def _never() -> bool:
    return False


# Looked up once: a compiler knows the function by its identity, and would have to trace through one of ours.
is_compiling: Callable[[], bool] = next(
    (
        module.is_compiling
        for module in (getattr(torch, 'compiler', None), torch._utils)  # torch >= 2.3, torch 2.1 and 2.2
        if hasattr(module, 'is_compiling')
    ),
    _never,
)
"""Whether ``torch.compile`` is tracing the caller."""
