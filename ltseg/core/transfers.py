"""Copies from the CPU to a device."""

import torch
from torch import Tensor

from ltseg.core.graph_capture import refuse_capture

__all__ = ['sent']


def sent(values: Tensor, device: torch.device) -> Tensor:
    """``values`` of the CPU on ``device``, by a copy that the CPU does not wait for.

    Raises:
        RuntimeError: In the capture of a CUDA graph, which would copy the same numbers again and again.
    """
    hint = 'Call the data preprocessor before the graph, and leave out TargetedContrastiveLoss and ClusterSubclasses.'
    refuse_capture('what is drawn or matched on the CPU', 'in which it would stay as it is', hint)
    if device.type == 'cuda':  # from other memory, the copy would wait for the work before it
        values = values.pin_memory()
    return values.to(device, non_blocking=True)
