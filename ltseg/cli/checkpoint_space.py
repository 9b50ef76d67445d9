"""Space on the disk for a checkpoint, looked at before hours of training."""

import shutil
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from ltseg.config_parts import type_name
from ltseg.core.errors import FileWriteError

__all__ = ['check_space', 'checkpoint_bytes']

STATES = {'Adam': 2, 'AdamW': 2, 'NAdam': 2, 'RAdam': 2}  # tensors that an optimizer keeps for each parameter


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
    if not ((config.get('default_hooks') or {}).get('checkpoint') or {}).get('save_optimizer', True):
        return 0
    optimizer = (config.get('optim_wrapper') or {}).get('optimizer') or {}
    if type_name(optimizer) == 'SGD':
        return int(bool(optimizer.get('momentum')))
    return STATES.get(type_name(optimizer), 0)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
