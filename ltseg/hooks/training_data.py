"""The data of a training run, read in another order or a second time."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

from mmengine.dist import get_dist_info
from mmengine.registry import DATA_SAMPLERS
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from ltseg.datasets.exact_sampling import PositionedSampler, SeededDataset

__all__ = ['endless_batches', 'training_batches', 'validation_batches']

EACH_ONCE = {'type': 'DefaultSampler', 'shuffle': False, 'round_up': False}  # in one of the processes


def training_batches(runner: Runner, sampler: dict = EACH_ONCE, batch_size: int | None = None) -> DataLoader:
    """Batches of the training data in an order of their own.

    Args:
        runner: That trains.
        sampler: Config of the sampler, which gets the data set; by default each sample comes once, in one process.
        batch_size: None is that of training.
    """
    return _reordered(runner.train_loop.dataloader, sampler, batch_size)


def endless_batches(runner: Runner, sampler: dict, batch_size: int | None = None) -> Iterator[Any]:
    """One batch of the training data for each iteration, in an order of their own, from the iteration of ``runner`` on.

    A resumed training run has the batches, images augmented as they were, that it would have had.

    Args:
        runner, sampler, batch_size: As of :func:`training_batches`.
    """
    plain = training_batches(runner, sampler, batch_size)
    passes, batches = divmod(runner.iter, len(plain))
    rank, world_size = get_dist_info()
    ordered = PositionedSampler(plain.sampler, rank, world_size, passes, batches * (plain.batch_size or 1))
    loader = _loader(plain, SeededDataset(plain.dataset, runner.seed or 0), ordered)
    return chain.from_iterable(repeat(loader))


def validation_batches(runner: Runner) -> DataLoader:
    """Batches of the validation data, each sample in one process."""
    return _reordered(runner.val_loop.dataloader, EACH_ONCE)


def _reordered(loader: DataLoader, sampler: dict, batch_size: int | None = None) -> DataLoader:
    given: Any = loader.dataset
    dataset = given.dataset if isinstance(given, SeededDataset) else given  # its indices are of the run's own stream
    return _loader(loader, dataset, DATA_SAMPLERS.build({'dataset': dataset, **sampler}), batch_size)


def _loader(like: DataLoader, dataset: Any, sampler: Any, batch_size: int | None = None) -> DataLoader:
    return DataLoader(
        dataset,
        batch_size=batch_size or like.batch_size,
        sampler=sampler,
        num_workers=like.num_workers,
        collate_fn=like.collate_fn,
        worker_init_fn=like.worker_init_fn,
    )
