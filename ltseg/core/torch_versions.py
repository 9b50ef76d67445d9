"""Names that moved between the versions of PyTorch that are supported: 2.0 and newer."""

from collections.abc import Callable

import torch
from torch import Tensor

from ltseg.core.errors import MissingPackageError

__all__ = ['is_compiling', 'opaque']


def _find_is_compiling() -> Callable[[], bool]:
    """PyTorch's own function, wherever this version has it.

    Raises:
        ImportError: If PyTorch is older than 2.0, which cannot compile.
    """
    if hasattr(getattr(torch, 'compiler', None), 'is_compiling'):
        return torch.compiler.is_compiling  # since torch 2.3
    if hasattr(torch, 'compile'):
        return torch._utils.is_compiling
    hint = "torch >= 2.0 is needed: pip install -U 'torch>=2.0'"
    raise MissingPackageError('ltseg', 'torch >= 2.0', f'torch {torch.__version__}', hint)


# Looked up once: the compiler knows this function by its identity, and would trace into one that wraps it.
is_compiling: Callable[[], bool] = _find_is_compiling()
"""Whether ``torch.compile`` is tracing the caller."""


def opaque(name: str, function: Callable[..., Tensor], fake: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An operator ``ltseg::name`` that compiled code calls as it is, without a look at the numbers of Python in it.

    Args:
        name: Of the operator.
        function: What it computes, with annotations of types; no gradient goes through it.
        fake: Gives a tensor of the shape and type of the result.

    Returns:
        ``function`` itself with torch < 2.4, for which compiled code is left.
    """
    if not hasattr(torch.library, 'custom_op'):
        return function
    operator = torch.library.custom_op(f'ltseg::{name}', function, mutates_args=())
    operator.register_fake(fake)
    return operator
