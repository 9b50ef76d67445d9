"""Space on the disk for a checkpoint, looked at before hours of training."""

import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import torch
from mmengine.registry import OPTIMIZERS
from torch import Tensor, nn

from ltseg.config_parts import type_name
from ltseg.core.errors import FileWriteError

__all__ = ['check_space', 'checkpoint_bytes']

HOW = ('foreach', 'fused', 'capturable')  # how an optimizer computes, which changes nothing in what it keeps


def check_space(model: nn.Module, config: Mapping[str, Any]) -> None:
    """Raises FileWriteError where the disk has less space than a single checkpoint takes."""
    work_dir = config['work_dir']
    needed, free = checkpoint_bytes(model, config), shutil.disk_usage(work_dir).free
    if free < needed:
        expected = f'{needed / 2**20:,.0f} MiB of free space for the first checkpoint'
        raise FileWriteError(f'work dir {work_dir}', expected, f'{free / 2**20:,.0f} MiB', 'Give another --work-dir.')


def checkpoint_bytes(model: nn.Module, config: Mapping[str, Any]) -> int:
    """Bytes of the weights, of their average (EMAHook), and of what the optimizer keeps, as far as that is known."""
    weights = _bytes(value for value in model.state_dict().values() if isinstance(value, Tensor))
    averages = any(type_name(hook) == 'EMAHook' for hook in config.get('custom_hooks') or ())
    return weights * (1 + averages) + _kept_states(config) * _bytes(p for p in model.parameters() if p.requires_grad)


def _kept_states(config: Mapping[str, Any]) -> int:
    """Values that a checkpoint keeps of the optimizer for each value of a parameter; 0 where that cannot be known."""
    if not ((config.get('default_hooks') or {}).get('checkpoint') or {}).get('save_optimizer', True):
        return 0
    optimizer = (config.get('optim_wrapper') or {}).get('optimizer') or {}
    parameter = torch.zeros(16, 16, requires_grad=True)
    for gradient in (torch.ones(16, 16), torch.ones(16, 16).to_sparse()):
        with suppress(Exception):  # optimizers of any package; SparseAdam takes no dense gradient
            kept = {key: value for key, value in optimizer.items() if key not in HOW}
            built = OPTIMIZERS.build({**kept, 'params': [parameter]})
            parameter.grad = gradient
            built.step()
            values = (value for value in built.state[parameter].values() if isinstance(value, Tensor))
            return sum(value.numel() for value in values) // parameter.numel()
    return 0


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
