"""Which images of a data set hold which classes, in classification and in segmentation."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ltseg.core.errors import InvalidValueError, UnusableLabelsError
from ltseg.counts.data_set_counts import class_names_of
from ltseg.counts.image_counts import pixels_of_images
from ltseg.counts.label_files import ignored_label_of
from ltseg.counts.main_process import on_main_process
from ltseg.datasets.labelled_images import labels_of

__all__ = ['ImageClasses', 'image_classes_of']

OF_SEGMENTATION = {'seg_map_path', 'seg_fields'}  # in data infos


@dataclass(frozen=True, eq=False)
class ImageClasses:
    """The pairs of an image and a class that it holds, P in all, in the order of the images.

    Args:
        images: Index of the image, (P,) int64.
        classes: The class, (P,) int64.
        samples: Pixels of the class in the image; 1 where an image is one sample. (P,) int64.
        sizes: Pixels of each image, ignored ones included; or its number of classes. (N,) int64.

    Example:
        >>> import numpy as np
        >>> from ltseg.datasets.image_classes import ImageClasses
        >>> pixels = np.array([[98, 2], [90, 10], [100, 0]])  # of two classes in three images
        >>> images, classes = pixels.nonzero()
        >>> held = ImageClasses(images, classes, pixels[images, classes], pixels.sum(1))
        >>> held.counts.tolist(), held.of_share(0.05).counts.tolist()  # images of each class
        ([3, 2], [3, 1])
        >>> held.image_shares(np.array([0.0, 1.0])).tolist()  # where class 1 alone is drawn
        [0.5, 0.5, 0.0]
    """

    images: np.ndarray
    classes: np.ndarray
    samples: np.ndarray
    sizes: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """Images that hold each class, (K,) int64; K is one more than the last class that is held."""
        return np.bincount(self.classes)

    def of_share(self, min_share: float) -> 'ImageClasses':
        """The pairs with at least this share of the image's pixels; where a class has no such pair, all of its."""
        kept = self.samples >= self.least_shares(min_share)[self.classes] * self.sizes[self.images]
        return ImageClasses(self.images[kept], self.classes[kept], self.samples[kept], self.sizes)

    def least_shares(self, min_share: float) -> np.ndarray:
        """``min_share`` of each class that has so large a share of some image, and 0 of the others, (K,)."""
        enough = self.samples >= min_share * self.sizes[self.images]
        return np.where(np.bincount(self.classes, enough) > 0, min_share, 0.0)

    def image_shares(self, class_shares: np.ndarray) -> np.ndarray:
        """The probability of each image where a class is drawn by its share (K,), then one of its images, (N,)."""
        of_each = (class_shares / np.maximum(self.counts, 1))[self.classes]
        return np.bincount(self.images, of_each, minlength=len(self.sizes))


def image_classes_of(dataset: Any) -> ImageClasses:
    """The classes of the images of any data set or wrapper of mmengine, MMPretrain or MMSegmentation.

    They are what ``get_gt_labels``, ``get_cat_ids`` or ``pixels_of_images`` of the data set say (the last as
    ``ltseg.CachedFeatures`` has it), or 'gt_label' in its data infos. In
    segmentation they are read from the label files, in parallel and by one process for all, each of which must come
    here. Nothing is kept on the disk: a file takes a core about a millisecond at 360 x 480, ten at 1024 x 2048.

    Raises:
        ValueError: If the data set cannot tell, no image holds a class, or a label file cannot be used; names it.
    """
    getattr(dataset, 'full_init', lambda: None)()
    if hasattr(dataset, 'get_gt_labels'):
        found = _of_labels(labels_of(dataset))
    elif (lists := _lists_of(dataset)) is not None:
        found = _of_lists(dataset, lists)
    elif hasattr(dataset, 'pixels_of_images'):
        found = _of_pixels(dataset.pixels_of_images())
    elif OF_SEGMENTATION & _first_info(dataset).keys():
        found = on_main_process(lambda: _of_label_files(dataset))
    else:
        found = _of_labels(labels_of(dataset))
    if not len(found.images):
        got = f'{len(found.sizes)} images without any'
        raise UnusableLabelsError(type(dataset).__name__, 'images with classes', got)
    return found


def _lists_of(dataset: Any) -> list[np.ndarray] | None:
    """What ``get_cat_ids`` says of each image; None where it is not there, or not implemented as in MMSegmentation."""
    if not hasattr(dataset, 'get_cat_ids'):
        return None
    try:
        return [np.unique(np.asarray(dataset.get_cat_ids(index), np.int64)) for index in range(len(dataset))]
    except NotImplementedError:
        return None


def _first_info(dataset: Any) -> dict[str, Any]:
    if not hasattr(dataset, 'get_data_info'):
        expected, got = 'a data set with get_gt_labels, get_cat_ids or get_data_info', 'one without'
        hint = "Give it get_cat_ids(index), which lists the classes of an image, or take mmengine's BaseDataset."
        raise InvalidValueError(type(dataset).__name__, expected, got, hint)
    return dataset.get_data_info(0) if len(dataset) else {}


def _of_labels(labels: np.ndarray) -> ImageClasses:
    ones = np.ones_like(labels)
    return ImageClasses(np.arange(len(labels)), labels, ones, ones)


def _of_lists(dataset: Any, lists: list[np.ndarray]) -> ImageClasses:
    sizes = np.array([len(own) for own in lists], np.int64)
    classes = np.concatenate([np.empty(0, np.int64), *lists])
    if (classes < 0).any():
        raise InvalidValueError(type(dataset).__name__, 'classes of at least 0', repr(int(classes.min())))
    return ImageClasses(np.arange(len(sizes)).repeat(sizes), classes, np.ones_like(classes), sizes)


def _of_label_files(dataset: Any) -> ImageClasses:
    names, ignored = class_names_of(dataset), ignored_label_of(dataset)
    return _of_pixels(pixels_of_images(dataset, len(names), ignored, with_ignored=True).numpy())


def _of_pixels(pixels: np.ndarray) -> ImageClasses:
    """From pixels of each class and of what is ignored, (N, K + 1)."""
    images, classes = pixels[:, :-1].nonzero()
    return ImageClasses(images, classes, pixels[images, classes], pixels.sum(1))
