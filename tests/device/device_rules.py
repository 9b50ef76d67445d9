"""What CUDA does with an operator, for the simulated device; from the sources and the documentation of PyTorch."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

# The host waits for all work before them, because the size of the result, or a check of it, depends on values.
WAITING = {
    '_linalg_check_errors',
    '_local_scalar_dense',  # item(), float(), int(), bool(), `if tensor`
    '_unique',
    '_unique2',
    'bincount',  # reads its range
    'equal',
    'is_nonzero',
    'masked_select',
    'nonzero',
    'unique_consecutive',
    'unique_dim',
}
INDEXING = {'_index_put_impl_', '_unsafe_index', 'index', 'index_put', 'index_put_'}
# CPU tensors without dimensions may meet CUDA tensors, but not here.
SAME_DEVICE_ONLY = {'cat', 'gather', 'index_add', 'index_add_', 'index_copy', 'index_copy_', 'index_select', 'lerp'}
SAME_DEVICE_ONLY |= {'scatter', 'scatter_', 'scatter_add', 'scatter_add_', 'stack'}
# Those that torch.use_deterministic_algorithms documents to raise RuntimeError on CUDA.
NONDETERMINISTIC = {
    '_adaptive_avg_pool2d_backward',
    '_adaptive_avg_pool3d_backward',
    '_ctc_loss_backward',
    'adaptive_max_pool2d_backward',
    'avg_pool3d_backward',
    'fractional_max_pool2d_backward',
    'fractional_max_pool3d_backward',
    'grid_sampler_2d_backward',
    'grid_sampler_3d_backward',
    'histc',
    'kthvalue',
    'max_pool3d_with_indices_backward',
    'max_unpool2d',
    'max_unpool3d',
    'nll_loss2d_backward',
    'nll_loss2d_forward',
    'put_',
    'reflection_pad1d_backward',
    'reflection_pad2d_backward',
    'replication_pad1d_backward',
    'replication_pad2d_backward',
    'replication_pad3d_backward',
    'upsample_bicubic2d_backward',
    'upsample_bilinear2d_backward',
    'upsample_linear1d_backward',
    'upsample_trilinear3d_backward',
}


def waits(name: str, overload: str, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether the host waits for this operator on CUDA tensors (copies between devices are another matter)."""
    if name == 'multinomial':  # looks for weights that are negative or all 0, unless it draws with replacement
        draws, replacement = args[1], len(args) > 2 and args[2] or kwargs.get('replacement', False)
        return draws == 1 or not replacement
    if name == 'repeat_interleave':
        return overload == 'Tensor' and kwargs.get('output_size') is None
    if name == 'histc':
        low, high = args[2:4] if len(args) > 3 else (0, 0)
        return low == high  # then it reads the range
    if name in INDEXING and any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]):
        return not is_masked_fill(name, args)
    return name in WAITING


def is_masked_fill(name: str, args: Sequence[Any]) -> bool:
    """Whether this is ``x[mask] = number``, which PyTorch does without looking for the places."""
    indices = [index for index in args[1] if index is not None]
    return name.lstrip('_').startswith('index_put') and len(indices) == 1 and is_host_number(args[2])


def is_host_number(value: Tensor) -> bool:
    """Whether a tensor is a number in the memory of the CPU."""
    return type(value) is Tensor and value.numel() == 1 and value.device.type == 'cpu'


def is_nondeterministic(name: str, overload: str, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether CUDA has no deterministic way to compute this."""
    if name == 'cumsum':
        return (kwargs.get('dtype') or args[0].dtype).is_floating_point
    if name == 'bincount':
        return len(args) > 1 and args[1] is not None
    return name in NONDETERMINISTIC or (name == 'median' and overload.startswith('dim'))


def devices_clash(name: str, host: Sequence[Tensor], args: Sequence[Any]) -> bool:
    """Whether CUDA refuses these CPU tensors beside CUDA ones."""
    if name in INDEXING:  # only the indices, and a number that is assigned, may be on the CPU
        same = [args[0], *(value for value in args[2:3] if value.ndim)]
        return any(tensor is other for tensor in host for other in same)
    return name in SAME_DEVICE_ONLY or any(tensor.ndim for tensor in host)
