"""One computation on the CPU and on a device, compared."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from device_events import KINDS, Events
from real_cuda import RealCuda
from simulated_cuda import SimulatedCuda, values_of
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

Device = SimulatedCuda | RealCuda
# Builds a part of ltseg for 'cpu' or 'cuda', and gives what one iteration computes: tensors in dicts and lists.
Make = Callable[[str], Callable[[], Any]]
# Kind and place of an event: how often it comes in an iteration, and why.
Allowed = Mapping[tuple[str, str], tuple[int, str]]
WAITING = ('wait', 'upload')
ITERATIONS = 2  # the first one may look at constants


@dataclass(frozen=True)
class Part:
    """Something of ltseg that computes on a device.

    ``is_random``: it draws its numbers on the device, so that a real one draws others. ``real_tolerance`` is for a real
    device, which rounds in its own ways.
    """

    name: str
    make: Make
    is_random: bool = False
    real_tolerance: float = 1e-3

    def __str__(self) -> str:
        return self.name

    def computed(self, place: str, device: Device | None = None) -> tuple[list[Any], Events]:
        """What each iteration computes, and the events of the last one."""
        torch.manual_seed(0)
        step, results, noted = self.make(place), [], Events()
        for _ in range(ITERATIONS):
            torch.manual_seed(7)
            with nullcontext(noted) if device is None else device.watch() as noted:
                results.append(step())
        return results, noted


def on_cpu(value: Any) -> Any:
    return values_of(value.detach()).cpu() if isinstance(value, Tensor) else value


def shape_of(value: Any) -> Any:
    return torch.tensor(value.shape) if isinstance(value, Tensor) else value


class SideBySide:
    """Compares parts, and keeps their events."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._events: dict[str, Events] = {}

    def compare(self, part: Part) -> None:
        """The part computes on the device what it computes on the CPU."""
        expected, _ = part.computed('cpu')
        with self.device:
            found, self._events[part.name] = part.computed('cuda', self.device)
        assert {x.device.type for x in tree_flatten(found)[0] if isinstance(x, Tensor)} <= {'cuda'}, 'a CPU tensor'
        expected, found = tree_map(on_cpu, expected), tree_map(on_cpu, found)
        if part.is_random and self.device.is_real:
            expected, found = tree_map(shape_of, expected), tree_map(shape_of, found)
        tolerance = part.real_tolerance if self.device.is_real else 1e-5
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance / 10, equal_nan=True)

    def check_events(self, parts: Sequence[Part], allowed: Allowed) -> None:
        """What costs time in an iteration is what the table says, no more and no less."""
        for part in parts:
            if part.name not in self._events:
                self.compare(part)
        found = summary(self._events[part.name] for part in parts)
        expected = {key: times for key, (times, _) in allowed.items()}
        if self.device.is_real:  # it does not tell what for, and not everything
            places = {place for kind, place in expected if kind in WAITING}
            assert not {place for _, place in found} - places
            return
        faults = [
            f'{key}: {found.get(key, 0)} in an iteration, in the table {expected.get(key, 0)}'
            for key in sorted({*found, *expected})
            if found.get(key) != expected.get(key)
        ]
        assert not faults, '\n'.join(faults)


def summary(of_parts: Iterable[Events]) -> dict[tuple[str, str], int]:
    """How often the CPU waits at each place, in the part where it does most often; 1 for what else there is."""
    found: Counter[tuple[str, str]] = Counter()
    for events in of_parts:
        times: Counter[tuple[str, str]] = Counter()
        for (kind, place, _), number in events.of(*KINDS).items():
            if kind in WAITING:
                times[kind, place] += number
            else:
                times[kind, place.split(':')[0] if kind == 'float64' else place] = 1
        found |= times
    return dict(found)
