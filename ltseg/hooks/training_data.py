"""The data of a training run, read in another order or a second time."""

from typing import Any

from mmengine.registry import DATA_SAMPLERS
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from ltseg.datasets.exact_sampling import SeededDataset

__all__ = ['training_batches', 'validation_batches']

EACH_ONCE = {'type': 'DefaultSampler', 'shuffle': False, 'round_up': False}  # in one of the processes


def training_batches(runner: Runner, sampler: dict = EACH_ONCE, batch_size: int | None = None) -> DataLoader:
    """Batches of the training data in an order of their own.

    Args:
        runner: That trains.
        sampler: Config of the sampler, which gets the data set; by default each sample comes once, in one process.
        batch_size: None is that of training.
    """
    return _reordered(runner.train_loop.dataloader, sampler, batch_size)


def validation_batches(runner: Runner) -> DataLoader:
    """Batches of the validation data, each sample in one process."""
    return _reordered(runner.val_loop.dataloader, EACH_ONCE)


def _reordered(loader: DataLoader, sampler: dict, batch_size: int | None = None) -> DataLoader:
    given: Any = loader.dataset
    dataset = given.dataset if isinstance(given, SeededDataset) else given  # its indices are of the run's own stream
    return DataLoader(
        dataset,
        batch_size=batch_size or loader.batch_size,
        sampler=DATA_SAMPLERS.build({'dataset': dataset, **sampler}),
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        worker_init_fn=loader.worker_init_fn,
    )
