"""A collate function that leaves images where they are."""

from collections.abc import Sequence
from typing import Any

from mmengine.dataset import pseudo_collate
from torch.utils.data import get_worker_info

from ltseg.core.labelled_batches import LabelledBatch
from ltseg.registry import FUNCTIONS

__all__ = ['resident_collate']


@FUNCTIONS.register_module()
def resident_collate(samples: Sequence[Any]) -> Any:
    """Hands on places and labels of a batch instead of its images, where the data set holds all of them in memory.

    With ``train_dataloader=dict(collate_fn=dict(type='ltseg.resident_collate'))``,
    :class:`ltseg.models.AugmentingClsPreprocessor` takes the images from a copy of the whole split on the device, as
    bytes, and an iteration moves places and labels only. Batches are equal bit for bit to those of mmengine's
    ``pseudo_collate``, which is used for other data sets and in worker processes.

    Args:
        samples: What the data set gives: a :class:`ltseg.core.labelled_batches.LabelledBatch`, or packed samples.

    Returns:
        inputs and data_samples.

    Example:
        >>> from ltseg.datasets import resident_collate
        >>> resident_collate([{'inputs': 1, 'data_samples': 'a'}, {'inputs': 2, 'data_samples': 'b'}])  # not in memory
        {'inputs': [1, 2], 'data_samples': ['a', 'b']}
    """
    if isinstance(samples, LabelledBatch) and get_worker_info() is None:
        return {'inputs': samples.images, 'data_samples': samples.samples}
    return pseudo_collate(samples)
