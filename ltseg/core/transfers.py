"""Copies from the CPU to a device."""

import torch
from torch import Tensor

__all__ = ['sent']


def sent(values: Tensor, device: torch.device) -> Tensor:
    """``values`` of the CPU on ``device``, by a copy that the CPU does not wait for."""
    if device.type == 'cuda':  # from other memory, the copy would wait for the work before it
        values = values.pin_memory()
    return values.to(device, non_blocking=True)
