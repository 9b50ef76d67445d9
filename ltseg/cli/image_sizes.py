"""Images of different sizes that cannot become one batch, found before training."""

from typing import Any

import numpy as np
from PIL import Image
from torch import nn
from torch.utils.data import BatchSampler, DataLoader

from ltseg.cli.errors import message_of
from ltseg.core.errors import UsageError, describe

__all__ = ['check_image_sizes']

LOOKED_AT = 64  # images, spread evenly over the data set; no more than their headers are read


def check_image_sizes(loader: DataLoader, preprocessor: nn.Module, split: str) -> None:
    """Makes a batch of the two images whose sizes differ most, as far as a look at some of the files tells.

    Args:
        loader: Of the split.
        preprocessor: The model's data preprocessor.
        split: 'train', 'val' or 'test'.

    Raises:
        UsageError: If they do not become a batch.
    """
    batches = loader.batch_sampler
    if type(batches) is not BatchSampler or batches.batch_size == 1:  # another one may choose images by their size
        return
    pair = _images_of_two_sizes(loader.dataset)
    if not pair:
        return
    try:
        preprocessor(loader.collate_fn([loader.dataset[index] for index in pair]), split == 'train')
    except Exception as error:  # of any package's transforms, collate function or preprocessor
        found = message_of(error) or describe('batch', 'images of one size', f'{type(error).__name__}: {error}')
        raise UsageError(f'{split}_dataloader, {found}') from error


def _images_of_two_sizes(dataset: Any) -> list[int]:
    """Positions of the images with the shortest and with the longest shorter side; none where all are of one size."""
    sizes = {}
    for index in {*np.linspace(0, len(dataset) - 1, LOOKED_AT, dtype=int).tolist()}:
        try:
            with Image.open(dataset.get_data_info(index)['img_path']) as image:
                sizes[index] = (min(image.size), image.size)
        except Exception:  # data sets of other formats, in memory or elsewhere; loading names broken files
            continue
    if len(set(sizes.values())) < 2:
        return []
    return [min(sizes, key=lambda index: sizes[index]), max(sizes, key=lambda index: sizes[index])]
