"""Class counts of what sampler and pipeline deliver, measured by drawing from them."""

from collections.abc import Iterator
from copy import copy
from functools import partial
from itertools import count, islice
from typing import Any

import torch
from mmengine.dataset import InfiniteSampler
from torch import Tensor
from torch.utils.data import DataLoader

from ltseg.core.errors import InvalidValueError
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.ignored_pixels import MMSEG_IGNORED
from ltseg.counts.label_counts import count_labels
from ltseg.datasets.exact_sampling import SeededDataset, generators_kept

__all__ = ['sampled_counts']

IGNORED = {'gt_sem_seg': MMSEG_IGNORED, 'gt_label': -100}  # where nobody says what is

NO_LABELS = "Let the pipeline end with dict(type='PackSegInputs') or dict(type='PackInputs'), or use counts='ema'."


def sampled_counts(
    loader: DataLoader, num_classes: int, ignore_index: int | None, number: int, seed: int
) -> ClassCounts:
    """The counts of ``number`` training samples, as the sampler chooses them and the pipeline leaves them.

    They are those with which training begins where its hook is ``ltseg.ExactResume`` and this process the only one;
    the sampler and all generators are left as they are.

    Args:
        loader: Of the training loop.
        num_classes: K.
        ignore_index: Label that is not counted; None is 255 in segmentation, and none in classification.
        number: Samples to draw, from as many epochs as it takes.
        seed: Of the training run.

    Raises:
        ValueError: If a sample has no labels, or one outside the classes.
    """
    places = zip(islice(_indices(loader.sampler, seed), number), count(), strict=False)
    counted = DataLoader(
        SeededDataset(loader.dataset, seed),
        batch_size=None,
        sampler=list(places),  # type: ignore[arg-type]
        num_workers=loader.num_workers,
        collate_fn=partial(_counts_of, num_classes=num_classes, ignore_index=ignore_index),
        multiprocessing_context=loader.multiprocessing_context,
    )
    with generators_kept():
        return ClassCounts(*sum(counted, torch.zeros(3, num_classes, dtype=torch.int64)))


def _indices(sampler: Any, seed: int) -> Iterator[int]:
    """The stream of a sampler from its first epoch on; the sampler itself stays where it is."""
    if isinstance(sampler, InfiniteSampler):  # it remembers what it gave
        yield from InfiniteSampler(sampler.dataset, shuffle=sampler.shuffle, seed=seed)
    sampler = copy(sampler)
    if hasattr(sampler, 'second'):  # of ltseg.BilateralSampler
        sampler.second = copy(sampler.second)
    if hasattr(sampler, 'seed'):
        sampler.seed = seed
    epochs = getattr(sampler, 'epochs', None)  # of a sampler that goes from one order to another
    for epoch in count():
        if hasattr(sampler, 'set_epoch'):
            sampler.set_epoch(epoch % epochs if epochs else epoch)
        yield from sampler


def _counts_of(sample: Any, num_classes: int, ignore_index: int | None) -> Tensor:
    """The counts of one sample, (3, K), as of :func:`count_labels`."""
    packed = sample.get('data_samples') if isinstance(sample, dict) else None
    for name, ignored in IGNORED.items():
        if packed is not None and name in packed:
            labels = packed.get(name)
            ignored = ignored if ignore_index is None else ignore_index
            return count_labels(getattr(labels, 'data', labels).long(), num_classes, ignored)
    raise InvalidValueError("counts='sampled'", 'samples with labels', 'some without', NO_LABELS)
