"""The simulated device refuses what CUDA refuses, notes what makes the CPU wait, and computes what the CPU computes."""

from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy

import numpy as np
import pytest
import torch
from cuda_tensor import CudaTensor
from device_events import Event
from simulated_cuda import SimulatedCuda, values_of
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.confusion import confusion_matrix

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason='there is a real CUDA device')


@pytest.fixture
def device() -> Iterator[SimulatedCuda]:
    with SimulatedCuda() as device:
        yield device


@pytest.mark.parametrize(
    ('operation', 'kind', 'operator'),
    [
        (lambda x: x.sum().item(), 'wait', '_local_scalar_dense'),
        (lambda x: bool(x.sum() > 0), 'wait', '_local_scalar_dense'),
        (lambda x: x.tolist(), 'wait', '_to_copy'),
        (lambda x: x.cpu(), 'wait', '_to_copy'),
        (lambda x: torch.zeros(4).copy_(x), 'wait', 'copy_'),
        (lambda x: x.nonzero(), 'wait', 'nonzero'),
        (lambda x: x[x > 1], 'wait', 'index'),
        (lambda x: x.index_put_((x > 1,), x[0]), 'wait', 'index_put_'),
        (lambda x: x.long().bincount(minlength=4), 'wait', 'bincount'),
        (lambda x: x.unique(), 'wait', '_unique2'),
        (lambda x: x.repeat_interleave(x.long()), 'wait', 'repeat_interleave'),
        (lambda x: x.multinomial(2), 'wait', 'multinomial'),
        (lambda x: x.histc(5), 'wait', 'histc'),
        (lambda x: torch.zeros(4).to('cuda'), 'upload', '_to_copy'),
        (lambda x: torch.tensor([1, 2], device=x.device), 'upload', '_to_copy'),
        (lambda x: torch.as_tensor(2.0, device=x.device), 'upload', '_to_copy'),
        (lambda x: x.new_tensor([1, 2]), 'upload', '_to_copy'),
        (lambda x: x.copy_(torch.zeros(4)), 'upload', 'copy_'),
        (lambda x: x[torch.tensor([0, 2])], 'upload', 'index'),
        (lambda x: x[[0, 2]], 'upload', '_to_copy'),
        (lambda x: x.double(), 'float64', '_to_copy'),
        (lambda x: torch.zeros(3, device='cuda', dtype=torch.float64), 'float64', 'zeros'),
        (lambda x: x.cumsum(0), 'nondeterministic', 'cumsum'),
        (lambda x: x.median(0), 'nondeterministic', 'median'),
    ],
)  # fmt: skip
def test_notes_what_costs_time(
    device: SimulatedCuda, operation: Callable[[Tensor], object], kind: str, operator: str
) -> None:
    tensor = torch.arange(4.0).to('cuda')
    with device.watch() as noted:
        operation(tensor)
    assert Event(kind, '', operator) in noted


@pytest.mark.parametrize(
    'operation',
    [
        lambda x: x.masked_fill(x > 1, 0.0),
        lambda x: x.__setitem__(x > 1, 0.0),
        lambda x: x.__setitem__(slice(2), 3.0),
        lambda x: x.where(x > 1, 0.0),
        lambda x: torch.zeros_like(x).scatter_add_(0, x.long(), x),
        lambda x: x.repeat_interleave(x.long(), output_size=6),
        lambda x: x.multinomial(2, replacement=True),
        lambda x: x.histc(5, 0, 3),
        lambda x: x.topk(2),
        lambda x: x.long().cumsum(0),
        lambda x: x[x.long()],
        lambda x: x * 2 + torch.tensor(1.0),
        lambda x: x.to('cuda').to(x),
        lambda x: torch.zeros(4).to('cuda', non_blocking=True),
        lambda x: torch.arange(3, device=x.device),
    ],
)
def test_is_silent_about_the_rest(device: SimulatedCuda, operation: Callable[[Tensor], object]) -> None:
    tensor = torch.arange(4.0).to('cuda')
    with device.watch() as noted:
        operation(tensor)
    assert not noted.of('wait', 'upload', 'float64', everywhere=True)


@pytest.mark.parametrize(
    ('operation', 'message'),
    [
        (lambda x: x + torch.zeros(4), 'same device'),
        (lambda x: torch.zeros(4) + x, 'same device'),
        (lambda x: torch.zeros(4)[x.long()], 'same device'),
        (lambda x: torch.stack([x[0], torch.tensor(1.0)]), 'same device'),
        (lambda x: F.cross_entropy(x[None], torch.tensor([1])), 'same device'),
        (lambda x: x.numpy(), 'convert cuda'),
        (lambda x: np.asarray(x), 'convert cuda'),
        (lambda x: torch.rand(3, device='cuda', generator=torch.Generator()), 'generator'),
        (lambda x: torch.rand(3, generator=torch.Generator('cuda')), 'generator'),
        (lambda x: nn.Linear(4, 2)(x), 'same device'),
    ],
)
def test_refuses_what_cuda_refuses(device: SimulatedCuda, operation: Callable[[Tensor], object], message: str) -> None:
    with pytest.raises((RuntimeError, TypeError), match=message):
        operation(torch.arange(4.0).to('cuda'))


def test_deterministic_algorithms_refuse_the_others(device: SimulatedCuda) -> None:
    torch.use_deterministic_algorithms(True)
    try:
        with pytest.raises(RuntimeError, match='deterministic'):
            torch.arange(4.0).to('cuda').cumsum(0)
        torch.arange(4.0).to('cuda').cumsum(0, dtype=torch.int64)
        torch.arange(4.0).cumsum(0)  # is deterministic on the CPU
    finally:
        torch.use_deterministic_algorithms(False)


def trained(device: str) -> list[Tensor]:
    """A network and its optimizer after three steps."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(4, 5, 1))
    network = deepcopy(network.to(device))
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    for _ in range(3):
        images, labels = torch.randn(2, 3, 8, 8).to(device), torch.randint(5, (2, 12, 12)).to(device)
        loss = F.cross_entropy(F.interpolate(network(images), (12, 12), mode='bilinear'), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert {x.device.type for x in (loss, *network.state_dict().values())} == {device}
    return [values_of(x) for x in (loss.detach(), *network.state_dict().values())]


def test_training_gives_the_cpus_numbers() -> None:
    expected = trained('cpu')
    with SimulatedCuda():
        found = trained('cuda')
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_moves_both_ways_and_gradients_with_it(device: SimulatedCuda) -> None:
    host = torch.ones(3, requires_grad=True)
    moved = host.to('cuda')
    assert moved.is_cuda and moved.device == torch.device('cuda:0') and moved.to('cuda') is moved
    (2 * moved).cpu().sum().backward()
    assert type(host.grad) is Tensor and host.grad.tolist() == [2, 2, 2]
    network = nn.Linear(2, 2).to('cuda')
    state = {name: value.cpu() for name, value in network.state_dict().items()}
    network.load_state_dict(state)
    assert not network.to('cpu').weight.is_cuda


def test_events_are_placed(device: SimulatedCuda) -> None:
    labels = torch.arange(4).to('cuda')
    with device.watch() as inner:
        confusion_matrix(labels, labels, 4)
    assert {event.place.split(':')[0] for event in inner} <= {'core/confusion.py'}
    tensor = torch.ones(3, requires_grad=True)
    with device.watch() as noted:
        tensor.to('cuda').sum().backward()
    assert noted.of('wait') == Counter({Event('wait', 'backward', '_to_copy'): 1})
    assert sum(device.noted.of('wait', 'upload', everywhere=True).values()) >= 3


def test_leaves_nothing_behind() -> None:
    before = {name: getattr(torch.cuda, name) for name in ('_lazy_init', 'is_available', 'synchronize')}
    kept = torch.Generator, torch.tensor, Tensor.to, Tensor.cuda, Tensor.device
    with pytest.raises(ZeroDivisionError), SimulatedCuda():
        tensor = torch.zeros(3, device='cuda')
        1 / 0  # noqa: B018
    assert before == {name: getattr(torch.cuda, name) for name in before}
    assert kept == (torch.Generator, torch.tensor, Tensor.to, Tensor.cuda, Tensor.device)
    assert isinstance(tensor, CudaTensor) and (tensor + 1).cpu().tolist() == [1, 1, 1]  # values can still be read
    with pytest.raises((RuntimeError, AssertionError, NotImplementedError)):
        torch.zeros(3, device='cuda')
