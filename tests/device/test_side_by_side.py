"""The comparison finds other values, events that no row allows, and rows that are no longer true."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from device_events import Event
from real_cuda import SYNCHRONIZATION, RealCuda
from side_by_side import Part, SideBySide
from simulated_cuda import SimulatedCuda

WAIT = ('wait', 'backward')


def download(device: str) -> Callable[[], Any]:
    """The gradient of a CPU tensor, for which a GPU is waited for."""
    leaf = torch.ones(3, requires_grad=True)
    return lambda: torch.autograd.grad(leaf.to(device).square().sum(), leaf)[0].to(device)


@pytest.fixture
def simulated() -> SideBySide:
    return SideBySide(SimulatedCuda())


def test_other_values_on_the_device_are_found(simulated: SideBySide) -> None:
    simulated.compare(Part('equal', download))
    with pytest.raises(AssertionError, match='not close'):
        simulated.compare(Part('other', lambda device: lambda: torch.ones(3).to(device) * len(device)))
    with pytest.raises(AssertionError, match='a CPU tensor'):
        simulated.compare(Part('left behind', lambda device: lambda: torch.ones(3)))


def test_the_table_is_true(simulated: SideBySide) -> None:
    parts = [Part('download', download)]
    simulated.check_events(parts, {WAIT: (1, 'for the test')})
    with pytest.raises(AssertionError, match=r"\('wait', 'backward'\): 1 in an iteration, in the table 0"):
        simulated.check_events(parts, {})
    with pytest.raises(AssertionError, match='1 in an iteration, in the table 2'):
        simulated.check_events(parts, {WAIT: (2, 'for the test')})
    with pytest.raises(AssertionError, match=r"\('upload', 'losses/arb.py:prepare'\): 0 in an iteration"):
        simulated.check_events(parts, {WAIT: (1, 'for the test'), ('upload', 'losses/arb.py:prepare'): (1, 'gone')})


def test_warnings_of_a_real_device_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    modes = ['default']
    monkeypatch.setattr(torch.cuda, 'get_sync_debug_mode', lambda: modes[-1])
    monkeypatch.setattr(torch.cuda, 'set_sync_debug_mode', modes.append)
    with RealCuda() as device, device.watch() as noted:
        assert modes[-1] == 'warn' and not torch.backends.cudnn.allow_tf32
        for message in (SYNCHRONIZATION, 'something else', SYNCHRONIZATION):
            warnings.warn(message, stacklevel=1)
    assert modes[-1] == 'default' and torch.backends.cudnn.allow_tf32
    assert noted == {Event('wait', '', ''): 2}
