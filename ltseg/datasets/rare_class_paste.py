"""Pasting of rare classes that an image lacks."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ltseg.core.checks import check_choice, check_positive, check_range
from ltseg.core.errors import InvalidValueError
from ltseg.counts.groups import ClassGroups
from ltseg.datasets.class_sampling import class_shares
from ltseg.datasets.cut_outs import paste_classes
from ltseg.datasets.image_classes import image_classes_of
from ltseg.datasets.pasting import PastingTransform
from ltseg.nested_datasets import dataset_classes
from ltseg.registry import TRANSFORMS

__all__ = ['RareClassPaste']

NAME_THEM = 'Name classes that have pixels: classes=[...].'
LEAVE_OUT = 'Leave it out.'


@TRANSFORMS.register_module()
class RareClassPaste(PastingTransform):
    """Pastes rare classes that an image lacks from other training images: of the rare classes R without a pixel in it::

        ceil(sample_ratio |R|) of them, without replacement, by q(c) = n_c^exponent / sum_{j in R} n_j^exponent

    n_c are the pixels of class c in the data set. For each class that is drawn, all of its pixels in one image come in,
    each image that contains the class being equally likely (:func:`ltseg.datasets.cut_outs.paste_classes`). Stands in
    the pipeline of :class:`PastingDataset`. If the pipeline of the data set inside crops, it may lose the class, and
    nothing is pasted then: crop behind it.

    Args:
        classes: Names of the rare classes; None takes the tail third of the classes by pixels, as the metrics do.
        sample_ratio: Share of the missing rare classes that are pasted, in [0, 1].
        resize_ratio: Sides of what is pasted in relation to those of its image, above 0.
        exponent: 0 draws all classes alike; -1 in inverse proportion to their pixels.

    Raises:
        ValueError: When the data set is built: if it has no class of a name, or no image with such a class, or an image
            has no label file.

    Source:
        Han et al., AUCSeg: AUC-oriented pixel-level long-tail semantic segmentation, NeurIPS 2024, tail-classes memory
        bank. There a bank in each process holds the last 5 augmented images of each class and starts empty; here all
        images are drawn from, so that a training run resumes exactly. The exponent is ours; theirs is 0.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from PIL import Image
        >>> from ltseg.datasets import PastingDataset
        >>> loading = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
        >>> with tempfile.TemporaryDirectory() as root:
        ...     for name, labels in (('a', [0, 0, 0]), ('b', [0, 1, 0])):
        ...         labels = np.array([labels] * 2, np.uint8)
        ...         Image.fromarray(100 * labels).save(Path(root, f'{name}.jpg'))
        ...         Image.fromarray(labels).save(Path(root, f'{name}.png'))
        ...     images = dict(
        ...         type='BaseSegDataset', data_prefix=dict(img_path=root, seg_map_path=root), pipeline=loading,
        ...         metainfo=dict(classes=('road', 'car')))
        ...     data = PastingDataset(images, pipeline=[dict(type='ltseg.RareClassPaste', classes=['car'])])
        ...     data[0]['gt_seg_map'].tolist()
        [[0, 1, 0], [0, 1, 0]]
    """

    short_name = 'rare-class pasting'

    def __init__(
        self,
        classes: Sequence[str] | None = None,
        sample_ratio: float = 1.0,
        resize_ratio: float = 1.0,
        exponent: float = 0.0,
    ) -> None:
        super().__init__()
        check_range('RareClassPaste.sample_ratio', sample_ratio, 0, 1)
        check_positive('RareClassPaste.resize_ratio', resize_ratio)
        check_range('RareClassPaste.exponent', exponent, -10, 10)
        self.classes, self.sample_ratio = classes, sample_ratio
        self.resize_ratio, self.exponent = resize_ratio, exponent

    def prepare(self, dataset: Any) -> None:
        """Finds the rare classes and the images that contain them."""
        super().prepare(dataset)
        held, names = image_classes_of(dataset), dataset_classes(dataset)
        pixels = np.bincount(held.classes, held.samples, minlength=self.num_classes)
        ignored = self.ignore_index if self.ignore_index < self.num_classes else None
        tail = ClassGroups.tertiles(torch.from_numpy(pixels), ignored).tail
        rare = tail if self.classes is None else self._named(names)
        self.images = {k: held.images[held.classes == k] for k in rare if pixels[k]}
        self._check_found(rare, names)
        self.shares = class_shares(pixels, self.exponent)

    def paste(self, results: dict[str, Any]) -> None:
        """Pastes into a sample."""
        missing = np.setdiff1d(list(self.images), results['gt_seg_map'])
        if not len(missing):
            return
        number = math.ceil(self.sample_ratio * len(missing) - 1e-9)
        shares = self.shares[missing] / self.shares[missing].sum()
        for k in np.random.choice(missing, number, replace=False, p=shares):
            paste_classes(results, self.source(np.random.choice(self.images[k]), results), [k], self.resize_ratio)

    def _named(self, names: tuple[str, ...]) -> list[int]:
        for name in self.classes or ():
            check_choice('RareClassPaste.classes', name, names)
        return [names.index(name) for name in self.classes or ()]

    def _check_found(self, rare: Sequence[int], names: tuple[str, ...]) -> None:
        absent = [names[k] for k in rare if k not in self.images]
        if absent and self.classes is not None:
            raise InvalidValueError(
                'RareClassPaste.classes', 'classes with pixels', f'{absent[0]!r} with none', LEAVE_OUT
            )
        if not self.images:
            got = f'none among the tail of {len(names)} classes'
            raise InvalidValueError('RareClassPaste.classes', 'a rare class with pixels', got, NAME_THEM)
