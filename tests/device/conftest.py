"""The device of these tests, simulated or real."""

from collections.abc import Iterator

import pytest
import torch
from mmengine.logging import MessageHub
from real_cuda import RealCuda
from side_by_side import SideBySide
from simulated_cuda import SimulatedCuda


@pytest.fixture(scope='session')
def side_by_side(request: pytest.FixtureRequest) -> SideBySide:
    """Compares the CPU with the device that --device names."""
    if request.config.getoption('--device') == 'cuda':
        return SideBySide(RealCuda())
    if torch.cuda.is_available():
        pytest.skip('a GPU is here: run these tests on it with --device cuda')
    if not hasattr(torch.utils, 'swap_tensors'):
        pytest.skip('the simulated device needs torch.utils.swap_tensors, of PyTorch 2.3')
    return SideBySide(SimulatedCuda())


@pytest.fixture
def device() -> Iterator[SimulatedCuda]:
    """The simulated device, for one test."""
    if torch.cuda.is_available() or not hasattr(torch.utils, 'swap_tensors'):
        pytest.skip('for a CPU alone, with PyTorch 2.3 or newer')
    with SimulatedCuda() as device:
        yield device


@pytest.fixture(autouse=True)
def no_training() -> Iterator[None]:
    """Forgets the progress of training runs in other tests, which schedules read, and leaves none behind."""
    MessageHub._instance_dict.clear()
    yield
    MessageHub._instance_dict.clear()
