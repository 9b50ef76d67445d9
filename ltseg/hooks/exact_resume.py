"""A resumed training goes on exactly as if it had never stopped."""

from typing import Any

import mmengine
from mmengine.dataset import InfiniteSampler
from mmengine.dist import broadcast_object_list, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmengine.runner.loops import _InfiniteDataloaderIterator
from mmengine.utils import digit_version
from torch.utils.data import BatchSampler, DataLoader

from ltseg.datasets.exact_sampling import PositionedSampler, SeededDataset, seed_everything
from ltseg.registry import HOOKS

__all__ = ['ExactResume']


@HOOKS.register_module()
class ExactResume(Hook):
    """Makes augmentation and dropout depend on the seed and the iteration only.

    mmengine restores weights, optimizer, schedules and the order of the samples; augmentation and dropout draw from
    generators whose state is lost. This hook replaces that state by a rule:

    - each sample is loaded with generators seeded from (seed, its position in the training's stream), in the main
      process or in any number of workers;
    - each iteration starts with generators seeded from (seed, iteration, rank).

    It does so in ``before_train``, when the iteration to go on from is known: it builds the data loader anew around
    the same data set and a sampler that jumps to that iteration, so that no skipped image is decoded. Nothing else in
    a config has to change. A batch sampler, or an infinite sampler, that is not one of mmengine's or torch's own keeps
    its order, with a warning, and only the second rule holds.

    On the CPU the weights are then equal bit for bit; on a GPU as far as its kernels are deterministic.

    Example:
        >>> import tempfile, torch
        >>> from mmengine.model import BaseModel
        >>> from mmengine.runner import Runner
        >>> class Model(BaseModel):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.weight, self.seen = torch.nn.Parameter(torch.zeros(())), []
        ...     def forward(self, inputs, mode='loss'):
        ...         self.seen.append((inputs.item(), torch.rand(()).item()))  # the latter as dropout draws it
        ...         return {'loss': self.weight}
        >>> def trained(folder, iterations, resume=False):
        ...     runner = Runner(
        ...         Model(), folder, train_dataloader=dict(
        ...             dataset=[{'inputs': sample} for sample in range(5)], batch_size=1, num_workers=0,
        ...             sampler=dict(type='InfiniteSampler'), collate_fn=dict(type='default_collate')),
        ...         train_cfg=dict(by_epoch=False, max_iters=iterations),
        ...         optim_wrapper=dict(optimizer=dict(type='SGD', lr=1)),
        ...         default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=2, by_epoch=False)),
        ...         custom_hooks=[dict(type='ltseg.ExactResume')], default_scope='mmengine', log_level='ERROR',
        ...         randomness=dict(seed=0), resume=resume, experiment_name=f'{folder}{iterations}')
        ...     _ = runner.train()
        ...     return runner.model.seen
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     whole = trained(f'{folder}/whole', 4)
        ...     first = trained(f'{folder}/parts', 2)
        ...     second = trained(f'{folder}/parts', 4, resume=True)  # doctest: +ELLIPSIS
        Loads checkpoint by local backend from path: ...iter_2.pth
        >>> first + second == whole, len(second)  # as if it had never stopped
        (True, 2)
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Replaces the data loader of the training loop."""
        loop, old = runner.train_loop, runner.train_loop.dataloader
        if not _is_known(old):
            name = f'{type(old.batch_sampler).__name__} of {type(old.sampler).__name__}'
            runner.logger.warning(f'ExactResume: {name} keeps its own order; augmentation is not exact after a resume.')
            return
        by_epoch = isinstance(loop, EpochBasedTrainLoop)
        seed = [runner.seed]
        broadcast_object_list(seed)  # under diff_rank_seed each process has another, but they share the samples
        sampler = _positioned(old, seed[0], loop.epoch if by_epoch else loop.iter, by_epoch)
        loop.dataloader = _rebuilt(old, SeededDataset(old.dataset, seed[0]), sampler)
        if not by_epoch:
            loop.dataloader_iterator = _ResumedIterator(loop.dataloader, loop.iter)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seeds what the model draws, such as dropout; the batch has been loaded."""
        # The last number sets this stream apart from those of the samples, which have one number less.
        seed_everything(runner.seed, runner.iter, get_rank(), 1)


def _is_known(loader: DataLoader) -> bool:
    """Whether the order of the samples is a function of seed and epoch, as far as can be seen."""
    derived = isinstance(loader.sampler, InfiniteSampler) and type(loader.sampler) is not InfiniteSampler
    return type(loader.batch_sampler) is BatchSampler and not derived


def _positioned(loader: DataLoader, seed: int, done: int, by_epoch: bool) -> PositionedSampler:
    """The sampler of ``loader`` from where ``done`` iterations, or epochs, end."""
    batch_size = loader.batch_size or 1
    sampler: Any = loader.sampler
    place = {'rank': get_rank(), 'world_size': get_world_size()}
    if isinstance(sampler, InfiniteSampler):
        # A fresh one: mmengine's may have been read ahead. It never ends, so that there is one pass only.
        fresh = InfiniteSampler(sampler.dataset, shuffle=sampler.shuffle, seed=seed)
        return PositionedSampler(fresh, start=done * batch_size, **place)
    if hasattr(sampler, 'seed'):
        sampler.seed = seed
    if by_epoch:
        return PositionedSampler(sampler, epoch=done, follow_epochs=True, **place)
    passes, batches = divmod(done, len(loader))
    return PositionedSampler(sampler, epoch=passes, start=batches * batch_size, **place)


def _rebuilt(old: DataLoader, dataset: SeededDataset, sampler: PositionedSampler) -> DataLoader:
    """``old`` with another data set and sampler."""
    return DataLoader(
        dataset,
        batch_size=old.batch_size,
        sampler=sampler,
        num_workers=old.num_workers,
        collate_fn=old.collate_fn,
        pin_memory=old.pin_memory,
        drop_last=old.drop_last,
        timeout=old.timeout,
        worker_init_fn=old.worker_init_fn,
        multiprocessing_context=old.multiprocessing_context,
        prefetch_factor=old.prefetch_factor,
        persistent_workers=old.persistent_workers,
    )


class _ResumedIterator(_InfiniteDataloaderIterator):
    """Starts where the sampler starts: mmengine's skipping of what has been trained on skips nothing.

    mmengine skips nothing before 0.10.3; up to 0.10.7 it calls ``next`` once for each iteration to skip, and from then
    on ``skip_iter``.
    """

    def __init__(self, dataloader: DataLoader, done: int) -> None:
        calls_next = digit_version(mmengine.__version__) >= digit_version('0.10.3')
        self._to_skip = done if calls_next and not hasattr(_InfiniteDataloaderIterator, 'skip_iter') else 0
        super().__init__(dataloader)

    def skip_iter(self, num_iters: int) -> None:
        """Nothing to do."""

    def __next__(self) -> Any:
        if self._to_skip:
            self._to_skip -= 1
            return None
        return super().__next__()
