"""The first CUDA device of this machine, with the interface of the simulated one."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from device_events import Event, Events, place_in_package

SYNCHRONIZATION = 'called a synchronizing CUDA operation'


class RealCuda:
    """Notes only that the CPU waits: PyTorch does not tell for what, and for blocking copies it says the same."""

    is_real = True

    def __enter__(self) -> 'RealCuda':
        self._float32 = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
        self._float32.__enter__()
        return self

    def __exit__(self, *fault: Any) -> None:
        self._float32.__exit__(*fault)

    @contextmanager
    def watch(self) -> Iterator[Events]:
        """Collects the events within it."""
        noted = Events()

        def note(message: Warning | str, category: type, filename: str, lineno: int, *_: Any) -> None:
            if SYNCHRONIZATION in str(message):
                noted[Event('wait', place_in_package(), '')] += 1

        before = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings():
            warnings.simplefilter('always')
            warnings.showwarning = note
            torch.cuda.set_sync_debug_mode('warn')
            try:
                yield noted
            finally:
                torch.cuda.set_sync_debug_mode(before)
