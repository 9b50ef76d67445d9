"""Which image of a segmentation data set holds how much of which class."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ltseg.counts.ignored_pixels import MMSEG_IGNORED
from ltseg.counts.label_files import counts_of_files, label_file, remote_backend

__all__ = ['images_with_all_classes', 'pixels_of_images']


def pixels_of_images(
    dataset: Any, num_classes: int, ignore_index: int = MMSEG_IGNORED, with_ignored: bool = False
) -> Tensor:
    """Pixels of each class in each image, (N, K) int64, from the label files; no image is read.

    Args:
        dataset: Any data set or wrapper with ``get_data_info``.
        num_classes: K.
        ignore_index: Label that is not counted.
        with_ignored: Whether to add a last column with the ignored pixels.

    Raises:
        ValueError: If an image has no label file, or one that cannot be used; names it.
    """
    files = [label_file(dataset, index) for index in range(len(dataset))]
    different = list(dict.fromkeys(files))
    counted = counts_of_files(different, num_classes, ignore_index, None, True, remote_backend(dataset))
    rows = (np.append(of_image, sum(ignored.values())) for of_image, ignored in counted)
    by_file = {file: row if with_ignored else row[:-1] for file, row in zip(different, rows, strict=True)}
    return torch.from_numpy(np.stack([by_file[file] for file in files]))


def images_with_all_classes(pixels: Tensor, number: int, seed: int = 0) -> tuple[int, ...]:
    """A part of the images, drawn at random but such that no class is lost.

    Of each class, the one in the fewest images first, so many images are taken that half of them would do for all
    classes alike, or as many as there are; the rest is drawn from all.

    Args:
        pixels: Of each class in each image, or whether it holds the class, (N, K).
        number: Of images to take.
        seed: Of the draw.

    Returns:
        Their indices in order; more than ``number`` where the classes would not fit otherwise.

    Example:
        >>> import torch
        >>> from ltseg.counts.image_counts import images_with_all_classes
        >>> pixels = torch.tensor([[9, 0], [9, 0], [9, 0], [8, 1]])
        >>> 3 in images_with_all_classes(pixels, 2), len(images_with_all_classes(pixels, 2))
        (True, 2)
    """
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(seed))
    has = pixels > 0
    least = max(number // (2 * pixels.shape[1]), 1)
    taken = torch.zeros(len(pixels), dtype=torch.bool)
    for index in has.sum(0).argsort().tolist():
        missing = max(least - int(has[taken, index].sum()), 0)
        taken[order[(has[:, index] & ~taken)[order]][:missing]] = True
    taken[order[~taken[order]][: max(number - int(taken.sum()), 0)]] = True
    return tuple(taken.nonzero().flatten().tolist())
