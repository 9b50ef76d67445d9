"""CUDA graphs, which repeat the operators of an iteration with the numbers that Python had in their capture."""

import torch

from ltseg.core.errors import WrongStateError
from ltseg.core.torch_versions import is_compiling

__all__ = ['RUN_BEFORE', 'is_capturing', 'refuse_capture']

RUN_BEFORE = 'Run an iteration on the same device before the graph is captured.'


def is_capturing() -> bool:
    """Whether a CUDA graph is being captured."""
    return not is_compiling() and torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()


def refuse_capture(what: str, why: str, hint: str) -> None:
    """Raises RuntimeError while a CUDA graph is captured.

    Args:
        what: The place that cannot be captured.
        why: What would go wrong.
        hint: What to do.
    """
    if is_capturing():
        raise WrongStateError(what, 'to run outside of a CUDA graph', f'a capture, {why}', hint)
