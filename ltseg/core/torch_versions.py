"""Names that moved between the versions of PyTorch that are supported: 2.0 and newer."""

from collections.abc import Callable
from typing import Any

import torch

from ltseg.core.errors import MissingPackageError

__all__ = ['HAS_OPERATORS', 'is_compiling', 'opaque']


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


HAS_OPERATORS = hasattr(torch.library, 'custom_op')  # since torch 2.4


def opaque(
    name: str,
    function: Callable[..., Any],
    fake: Callable[..., Any],
    schema: str | None = None,
    backward: tuple[Callable[..., Any], Callable[..., None]] | None = None,
) -> Callable[..., Any]:
    """An operator ``ltseg::name`` that compiled code calls as it is, without a look at the numbers of Python in it.

    Args:
        name: Of the operator.
        function: What it computes.
        fake: Gives tensors of the shapes and types of the result.
        schema: Types of arguments and result; by default they are those that ``function`` is annotated with.
        backward: As an autograd function has it, and what keeps for it what it needs, ``(ctx, inputs, output)``; None
            lets no gradient through.

    Returns:
        ``function`` itself with torch < 2.4, for which compiled code is left.
    """
    if not HAS_OPERATORS:
        return function
    operator = torch.library.custom_op(f'ltseg::{name}', function, mutates_args=(), schema=schema)
    operator.register_fake(fake)
    if backward is not None:
        operator.register_autograd(backward[0], setup_context=backward[1])
    return operator
