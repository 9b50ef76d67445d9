"""Running a function in two processes that are joined by torch.distributed."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import distributed, multiprocessing


def in_two_processes(function: Callable[..., None], *arguments: Any) -> None:
    """Calls ``function(rank, *arguments)`` in each of two processes; an error in one of them is raised here."""
    with tempfile.TemporaryDirectory() as folder:
        places = (function, Path(folder, 'meeting'), arguments)
        multiprocessing.start_processes(_joined, places, nprocs=2, start_method='fork')


def _joined(rank: int, function: Callable[..., None], meeting: Path, arguments: tuple) -> None:
    distributed.init_process_group('gloo', init_method=f'file://{meeting}', rank=rank, world_size=2)
    function(rank, *arguments)
    distributed.barrier()
    os._exit(0)  # destroying the group can hang with torch 2.1
