"""A CUDA device without a GPU: tensors that say ``cuda:0`` and compute on the CPU.

    with PretendedCuda() as device:
        loss = MODELS.build(config).to('cuda')
        logits = torch.randn(8, 5).to('cuda').requires_grad_()
        with device.watch() as noted:
            loss(logits, labels.to('cuda')).backward()
        assert not noted.of('wait', 'upload')  # the CPU never had to wait for the device

Within it, code that says ``'cuda'`` works as it does on a GPU, and what CUDA would refuse raises: CPU and CUDA tensors
in one operation, a CPU generator for CUDA numbers, conversion to NumPy, and, under
``torch.use_deterministic_algorithms``, an operator that has no such algorithm. What costs time there is noted, see
``KINDS``.

How: ``CudaTensor`` wraps a CPU tensor and looks to Python like a CUDA tensor. PyTorch's C++ code is told 'meta', a
device without memory that every build knows, because autograd works for CUDA only in the presence of a driver. Each
``Operator`` is checked, noted, and computed on the CPU, so that values are the CPU's, random numbers included.

It cannot show: speed and memory; numbers as CUDA rounds them; races between streams; what PyTorch does differently by
itself on CUDA (autocast has no effect, and optimizers are not fused); compiled code; more than one device.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from unittest import mock

import torch
from device_rules import INDEXING, devices_clash, is_nondeterministic, waits
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

import ltseg

CUDA = torch.device('cuda:0')
CARRIER = torch.device('meta')  # what C++ sees
PACKAGE = str(Path(ltseg.__file__).parent) + os.sep
AUTOGRAD = os.path.join('torch', 'autograd', '__init__.py')
KINDS = {
    'wait': 'the CPU waits until the device has done all work before',
    'upload': 'a blocking copy to the device: the CPU waits for the copy',
    'float64': 'computation in double precision, which some devices lack, and which is slow on others',
    'nondeterministic': 'an operator without a deterministic algorithm on CUDA',
}


class Event(NamedTuple):
    """Something that costs time on a GPU."""

    kind: str  # of KINDS
    place: str  # 'losses/logits_loss.py:forward', 'backward' for PyTorch's autograd, '' outside of ltseg
    operator: str


class Events(Counter[Event]):
    """How often which event came."""

    def of(self, *kinds: str, everywhere: bool = False) -> Counter[Event]:
        """Events of these kinds in ltseg and in backward passes, or also in other code."""
        return Counter({e: n for e, n in self.items() if e.kind in kinds and (e.place or everywhere)})


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
    """A tensor on the pretended device; ``inner`` has its values."""

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

    def __setitem__(self, index: Any, value: Any) -> None:
        # For CUDA tensors, PyTorch leaves a number on the CPU.
        super().__setitem__(index, value if isinstance(value, Tensor) else torch.tensor(value, dtype=self.dtype))

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


class Operator:
    """A call of an operator of PyTorch."""

    def __init__(self, func: Any, args: Sequence, kwargs: dict[str, Any]) -> None:
        self.func, self.args, self.kwargs = func, args, kwargs
        self.name, self.overload = func.overloadpacket.__name__, func._overloadname
        tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
        self.cuda = [x for x in tensors if isinstance(x, CudaTensor)]
        self.host = [x for x in tensors if not isinstance(x, CudaTensor)]
        self.is_copy = self.name in ('_to_copy', 'copy_')

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
    """The CPU tensor with the values of a tensor on the pretended device; anything else as it is."""
    return value.inner if isinstance(value, CudaTensor) else value


class PretendedCuda(TorchDispatchMode):
    """Within it there is a device 'cuda'; ``noted`` are the events since it began."""

    def __init__(self) -> None:
        super().__init__()
        self.noted = Events()
        self._generators: dict[int, torch.Generator] = {}

    def __enter__(self) -> 'PretendedCuda':
        with ExitStack() as stack:
            for place, name, value in (
                (torch.cuda, '_lazy_init', nothing),
                (torch.cuda, 'is_available', lambda: True),
                (torch.cuda, 'device_count', lambda: 1),
                (torch.cuda, 'synchronize', nothing),
                (torch.cuda, 'is_current_stream_capturing', nothing),
                (torch, 'Generator', self._generator_type()),
                *((torch, name, make) for name, make in NEW_TENSOR.items()),
                (Tensor, 'data', CudaTensor.data),
                (Tensor, 'to', moved),
                (Tensor, 'pin_memory', lambda tensor, *_: tensor),
                (Tensor, 'cuda', lambda tensor, *_, **options: tensor.to(CUDA, **options)),
            ):
                stack.enter_context(mock.patch.object(place, name, value))
            self._undo = stack.pop_all()
        return super().__enter__()

    def __exit__(self, *fault: Any) -> None:
        super().__exit__(*fault)
        self._undo.close()

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence = (), kwargs: dict | None = None) -> Any:
        operator = Operator(func, args, kwargs or {})
        operator.check(self._generators)
        events = list(operator.events())
        result = operator.result()
        if any(isinstance(x, CudaTensor) and x.dtype == torch.float64 for x in tree_flatten(result)[0]):
            events.append('float64')
        if events:
            place = place_in_package()
            self.noted.update(Event(kind, place, operator.name) for kind in events)
        return result

    @contextmanager
    def watch(self) -> Iterator[Events]:
        """Collects the events within it."""
        before, noted = self.noted, Events()
        self.noted = noted
        try:
            yield noted
        finally:
            before.update(noted)
            self.noted = before

    def _generator_type(self) -> type:
        """Generators that can be on the device, with the CPU's numbers."""
        generators = self._generators

        class Generator(torch.Generator):
            def __new__(cls, device: torch.device | str = 'cpu') -> 'Generator':
                generator = super().__new__(cls, 'cpu')
                if torch.device(device).type == CUDA.type:
                    generators[generator._cdata] = generator
                return generator

            @property
            def device(self) -> torch.device:
                return CUDA if self._cdata in generators else torch.device('cpu')

        return Generator


def nothing(*_: Any) -> None:
    """What CUDA's initialization and synchronization do without CUDA."""


def through_cpu(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function that makes a tensor on the CPU and copies it, as PyTorch does where no mode can see it."""

    def new_tensor(data: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        made = make(data, dtype=dtype)
        made = made if device is None else made.to(device)
        return made.requires_grad_() if requires_grad else made

    torch.jit._builtins._register_builtin(new_tensor, f'aten::{make.__name__}')  # for what is scripted meanwhile
    return new_tensor


NEW_TENSOR = {make.__name__: through_cpu(make) for make in (torch.tensor, torch.as_tensor)}


def moved(tensor: Tensor, *args: Any, move: Any = Tensor.to, **kwargs: Any) -> Tensor:
    """``Tensor.to``: the device has its index from the start, for which C++ would ask the driver."""
    args, kwargs = tree_map(lambda x: CUDA if is_cuda_device(x) else x, (args, kwargs))
    if isinstance(tensor, CudaTensor) and not kwargs.get('copy'):
        options = {name: value for name, value in kwargs.items() if name != 'copy'}
        device, dtype, _, memory_format = torch._C._nn._parse_to(*args, **options)
        if device in (None, CUDA, CARRIER) and dtype in (None, tensor.dtype) and memory_format is None:
            return tensor
    return move(tensor, *args, **kwargs)


def is_cuda_device(value: Any) -> bool:
    """Whether a value names the device, with or without its index."""
    return isinstance(value, str | torch.device) and str(value).split(':')[0] == CUDA.type


def place_in_package() -> str:
    """The innermost function of ltseg that runs now, or 'backward', or ''."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(PACKAGE):
            return f'{path[len(PACKAGE) :]}:{frame.f_code.co_name}'
        if path.endswith(AUTOGRAD):
            return 'backward'
        frame = frame.f_back
    return ''
