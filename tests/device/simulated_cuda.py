"""A CUDA device without a GPU: tensors that say ``cuda:0`` and compute on the CPU.

    with SimulatedCuda() as device:
        loss = MODELS.build(config).to('cuda')
        logits = torch.randn(8, 5).to('cuda').requires_grad_()
        with device.watch() as noted:
            loss(logits, labels.to('cuda')).backward()
        assert not noted.of('wait', 'upload')  # the CPU never had to wait for the device

Within it, code that says ``'cuda'`` works as it does on a GPU, and what CUDA would refuse raises: CPU and CUDA tensors
in one operation, a CPU generator for CUDA numbers, conversion to NumPy, and, under
``torch.use_deterministic_algorithms``, an operator that has no such algorithm. What costs time there is noted, see
``device_events.KINDS``.

How: ``CudaTensor`` wraps a CPU tensor and looks to Python like a CUDA tensor. PyTorch's C++ code is told 'meta', a
device without memory that every build knows, because autograd works for CUDA only in the presence of a driver. Each
``Operator`` is checked, noted, and computed on the CPU, so that values are the CPU's, random numbers included.

It cannot show: speed and memory; numbers as CUDA rounds them; races between streams; what PyTorch does differently by
itself on CUDA (autocast has no effect, and optimizers are not fused); compiled code; more than one device.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
from cuda_tensor import CARRIER, CUDA, CudaTensor, Operator, values_of
from device_events import Event, Events, place_in_package
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

__all__ = ['SimulatedCuda', 'values_of']

RUNTIME = {  # of torch.cuda, with one device that has nothing to do
    '_lazy_init': lambda: None,
    'device_count': lambda: 1,
    'get_device_name': lambda device=None: 'simulated',
    'is_available': lambda: True,
    'is_current_stream_capturing': lambda: False,
    'max_memory_allocated': lambda device=None: 0,
    'reset_peak_memory_stats': lambda device=None: None,
    'synchronize': lambda device=None: None,
}


class SimulatedCuda(TorchDispatchMode):
    """Within it there is a device 'cuda'; ``noted`` are the events since it began."""

    is_real = False

    def __init__(self) -> None:
        super().__init__()
        self.noted = Events()
        self._generators: dict[int, torch.Generator] = {}

    def __enter__(self) -> 'SimulatedCuda':
        with ExitStack() as stack:
            patches = [(torch.cuda, name, value) for name, value in RUNTIME.items()]
            patches += [(torch, name, make) for name, make in NEW_TENSOR.items()]
            patches += [(torch, 'Generator', self._generator_type()), (Tensor, 'data', CudaTensor.data)]
            patches += [(Tensor, 'to', moved), (Tensor, 'pin_memory', lambda tensor, *_: tensor)]
            patches += [(Tensor, 'cuda', lambda tensor, *_, **given: tensor.to(CUDA, **given))]
            for place, name, value in patches:
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
