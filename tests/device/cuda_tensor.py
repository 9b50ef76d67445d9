"""Tensors that say they are on a CUDA device and hold their values on the CPU, and what operators do to them."""

from collections.abc import Container, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from device_rules import INDEXING, devices_clash, is_nondeterministic, waits
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

__all__ = ['CARRIER', 'CUDA', 'CudaTensor', 'Operator', 'values_of']

CUDA = torch.device('cuda:0')
CARRIER = torch.device('meta')  # what C++ sees


def data_of(tensor: Tensor) -> Tensor:
    """``Tensor.data``."""
    return tensor.detach() if isinstance(tensor, CudaTensor) else torch._C.TensorBase.data.__get__(tensor)


def set_data(tensor: Tensor, value: Tensor) -> None:
    """``tensor.data = value``, which may change device and shape of the very tensor."""
    if not isinstance(tensor, CudaTensor) and not isinstance(value, CudaTensor):
        torch._C.TensorBase.data.__set__(tensor, value)
        return
    other = value.detach()
    if isinstance(tensor, nn.Parameter):
        other = nn.Parameter(other, requires_grad=tensor.requires_grad)
    torch.utils.swap_tensors(tensor, other)


class CudaTensor(Tensor):
    """A tensor on the simulated device; ``inner`` has its values."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    is_cuda, is_cpu, is_meta = True, False, False
    data = property(data_of, set_data)
    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> 'CudaTensor':
        tensor = Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=CARRIER,
        )
        tensor.inner = inner
        return tensor

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Sequence = (), kwargs: dict | None = None) -> Any:
        return Operator(func, args, kwargs or {}).result()  # values can be looked at after the context

    @property
    def device(self) -> torch.device:
        return CUDA

    def get_device(self) -> int:
        return 0

    def new_tensor(self, data: Any, **kwargs: Any) -> Tensor:
        return torch.tensor(data, **{'dtype': self.dtype, 'device': CUDA, **kwargs})

    def __getitem__(self, index: Any) -> Tensor:
        return super().__getitem__(uploaded(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        # For CUDA tensors, PyTorch leaves a number on the CPU.
        value = value if isinstance(value, Tensor) else torch.tensor(value, dtype=self.dtype)
        super().__setitem__(uploaded(index), value)

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")

    __array__ = numpy

    def __deepcopy__(self, memo: dict) -> 'CudaTensor':
        if id(self) not in memo:
            memo[id(self)] = CudaTensor(self.inner.detach().clone()).requires_grad_(self.requires_grad)
            memo[id(self)].__dict__.update({k: v for k, v in self.__dict__.items() if k != 'inner'})
        return memo[id(self)]

    def __repr__(self) -> str:
        return f'{self.inner}@cuda'


def uploaded(index: Any) -> Any:
    """An index with tensors instead of lists, which PyTorch copies to the device of what is indexed."""
    if isinstance(index, tuple):
        return tuple(map(uploaded, index))
    return torch.tensor(index).to(CUDA) if isinstance(index, list | np.ndarray) else index


class Operator:
    """A call of an operator of PyTorch."""

    def __init__(self, func: Any, args: Sequence, kwargs: dict[str, Any]) -> None:
        self.func, self.args, self.kwargs = func, args, kwargs
        self.name, self.overload = func.overloadpacket.__name__, func._overloadname
        tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
        self.cuda = [x for x in tensors if isinstance(x, CudaTensor)]
        self.host = [x for x in tensors if not isinstance(x, CudaTensor)]
        self.is_copy = self.name in ('_to_copy', 'copy_')
        if any(x.device == CARRIER for x in self.host):
            raise NotImplementedError(f'{func}: PyTorch made a tensor where the simulated device does not see it')

    @property
    def gives_cuda(self) -> bool:
        """Whether the result is on the device."""
        if self.name == 'copy_':
            return isinstance(self.args[0], CudaTensor)
        device = self.kwargs.get('device')
        return bool(self.cuda) if device is None else torch.device(device).type in (CUDA.type, CARRIER.type)

    def check(self, generators: Container[int] = ()) -> None:
        """Raises what CUDA raises; ``generators`` are those of the device."""
        generator = self.kwargs.get('generator')
        if generator is not None and (generator._cdata in generators) != self.gives_cuda:
            expected, found = ('cuda', 'cpu') if self.gives_cuda else ('cpu', 'cuda')
            raise RuntimeError(f"Expected a '{expected}' device type for generator but found '{found}'")
        if self.cuda and self.host and not self.is_copy and devices_clash(self.name, self.host, self.args):
            raise RuntimeError(f'Expected all tensors to be on the same device, but found cuda:0 and cpu: {self.func}')
        if torch.are_deterministic_algorithms_enabled() and 'nondeterministic' in self.events():
            raise RuntimeError(f'{self.name} does not have a deterministic implementation')

    def events(self) -> Iterator[str]:
        """The kinds of events that this call is, but 'float64'."""
        if self.is_copy and self.cuda and not self.gives_cuda:
            yield 'wait'
        elif self.is_copy and self.host and self.gives_cuda and not self.returns_at_once():
            yield 'upload'
        elif self.cuda:
            if waits(self.name, self.overload, self.args, self.kwargs):
                yield 'wait'
            if self.name in INDEXING and any(type(index) is Tensor for index in self.args[1]):
                yield 'upload'
            if is_nondeterministic(self.name, self.overload, self.args, self.kwargs):
                yield 'nondeterministic'

    def returns_at_once(self) -> bool:
        """Whether a copy to the device is one that the CPU does not wait for."""
        return bool(self.kwargs.get('non_blocking') or self.args[2:3] == (True,))

    def result(self) -> Any:
        """What it gives, computed on the CPU."""
        args, kwargs = tree_map(values_of, (tuple(self.args), self.kwargs))
        if kwargs.get('device') is not None:
            kwargs['device'] = torch.device('cpu')
        result = self.func(*args, **kwargs)
        given = {id(x.inner): x for x in self.cuda}  # what works in place gives back what it was given

        def placed(value: Any) -> Any:
            is_new = isinstance(value, Tensor) and id(value) not in given
            return CudaTensor(value) if is_new else given.get(id(value), value)

        return tree_map(placed, result) if self.gives_cuda else result


def values_of(value: Any) -> Any:
    """The CPU tensor with the values of a tensor on the simulated device; anything else as it is."""
    return value.inner if isinstance(value, CudaTensor) else value
