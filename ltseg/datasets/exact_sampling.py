"""Random augmentation that depends on the position of a sample in the stream of a training run, and on nothing else."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.device import get_device
from torch.utils.data import Dataset, Sampler

from ltseg.registry import DATASETS

__all__ = ['PositionedSampler', 'SeededDataset', 'generators_kept', 'seed_everything']


def seed_everything(*state: int, accelerators: bool = True) -> None:
    """Seeds the generators of Python, numpy and torch from whole numbers of at least 0, e.g. (seed, position).

    Without ``accelerators`` only torch's generator for the CPU is seeded, which is some hundred times faster.
    ``torch.manual_seed`` itself is called for accelerators other than CUDA only: it notes a stack trace for each kind
    that is not in use.
    """
    words = np.random.SeedSequence(state).generate_state(4)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))
    seed = int(words[2]) << 32 | int(words[3])
    if accelerators and get_device() not in ('cpu', 'cuda'):
        torch.manual_seed(seed)
        return
    torch.default_generator.manual_seed(seed)
    if accelerators and torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


@contextmanager
def generators_kept() -> Iterator[None]:
    """Gives the generators of Python, numpy and torch on the CPU back the state that they had before."""
    state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(state[0])
        np.random.set_state(state[1])
        torch.set_rng_state(state[2])


class PositionedSampler(Sampler):
    """The indices of another sampler, each with its position in the stream of all processes: (index, position).

    Args:
        sampler: Gives the indices of this process, the same ones each time it is iterated in the same epoch.
        rank: Number of this process; position = rank + processes * place in this process's stream.
        world_size: Number of processes.
        epoch: Pass over the sampler to start in.
        start: Indices of that pass to leave out, because they were trained on before an interruption.
        follow_epochs: Whether the training loop says which epoch it is in; otherwise passes are counted here.

    Example:
        >>> from ltseg.datasets.exact_sampling import PositionedSampler
        >>> list(PositionedSampler([7, 5, 9], rank=1, world_size=2))  # the other process has the positions 0, 2 and 4
        [(7, 1), (5, 3), (9, 5)]
    """

    def __init__(
        self,
        sampler: Any,
        rank: int = 0,
        world_size: int = 1,
        epoch: int = 0,
        start: int = 0,
        follow_epochs: bool = False,
    ) -> None:
        self.sampler, self.rank, self.world_size = sampler, rank, world_size
        self.epoch, self.start, self.follow_epochs = epoch, start, follow_epochs

    def __iter__(self) -> Iterator[tuple[int, int]]:
        if hasattr(self.sampler, 'set_epoch'):
            self.sampler.set_epoch(self.epoch)
        base = self.epoch * len(self.sampler)
        for place, index in enumerate(self.sampler):
            if place >= self.start:
                yield index, (base + place) * self.world_size + self.rank
        self.start = 0
        self.epoch += not self.follow_epochs

    def __len__(self) -> int:
        return len(self.sampler)

    def set_epoch(self, epoch: int) -> None:
        """Takes the epoch over where the loop counts epochs."""
        if self.follow_epochs:
            self.epoch = epoch


@DATASETS.register_module()
class SeededDataset(Dataset):
    """A data set whose sample (index, position) is loaded with generators seeded from (seed, position).

    The sample is then the same whichever worker loads it and whatever was loaded before. Everything else, such as
    ``metainfo``, is that of the data set inside.

    Args:
        dataset: The data set, or its config.
        seed: Of the training run.

    Example:
        >>> import torch
        >>> from ltseg.datasets import SeededDataset
        >>> class Noise:
        ...     def __getitem__(self, index):
        ...         return torch.rand(()).item()
        >>> data = SeededDataset(Noise(), seed=0)
        >>> first, second = data[7, 0], data[7, 1]  # the same image at two positions of the stream
        >>> first == second, first == data[7, 0]  # whatever was loaded in between
        (False, True)
    """

    def __init__(self, dataset: Any, seed: int = 0) -> None:
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
        self.seed = seed

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ('dataset', 'seed'):
            super().__setattr__(name, value)
        else:  # a hook that exchanges the pipeline means that of the data set inside
            setattr(self.dataset, name, value)

    def __getitem__(self, place: tuple[int, int]) -> Any:
        index, position = place
        seed_everything(self.seed, position, accelerators=False)  # data are loaded on the CPU
        return self.dataset[index]

    @property
    def __getitems__(self) -> Callable[[Sequence[tuple[int, int]]], list[Any]] | None:
        """Takes many samples at once where the data set inside does so without random numbers; else None."""
        inside = getattr(self.dataset, 'packed_samples', None)
        return None if inside is None else lambda places: inside([index for index, _ in places])

    def __len__(self) -> int:
        return len(self.dataset)

    def __getattr__(self, name: str) -> Any:
        # A copy has no ``dataset`` yet; torch must not fetch past the seeds by the ``__getitems__`` of what is inside.
        if name == 'dataset' or name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.dataset, name)
