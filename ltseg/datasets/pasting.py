"""Transforms that paste from other training images, and the data set in whose pipeline they find these."""

from abc import abstractmethod
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.datasets import MultiImageMixDataset

from ltseg.core.errors import WrongStateError
from ltseg.counts.label_files import ignored_label_of
from ltseg.datasets.cut_outs import check_alike, check_labelled
from ltseg.nested_datasets import dataset_classes, transforms_of
from ltseg.registry import DATASETS

__all__ = ['PastingDataset', 'PastingTransform']

NO_DATASET = "Use it in the pipeline of dict(type='ltseg.PastingDataset', dataset=dict(...), pipeline=[...])."


class PastingTransform(BaseTransform):
    """Pastes parts of other images of the data set; :class:`PastingDataset` says which data set that is.

    What is drawn comes from numpy's global generator, as in the transforms of mmcv, and nothing is kept from one image
    to the next.

    Example:
        >>> import numpy as np
        >>> from ltseg.datasets.cut_outs import paste_classes
        >>> from ltseg.datasets.pasting import PastingTransform
        >>> class PasteAll(PastingTransform):
        ...     def paste(self, results):
        ...         source = self.source(0, results)
        ...         paste_classes(results, source, self.classes_in(source['gt_seg_map']))
        >>> class Images(list):
        ...     metainfo = {'classes': ('road', 'car')}
        >>> def sample(*labels):
        ...     return {'img': np.zeros((1, 2, 3), np.uint8), 'gt_seg_map': np.array([labels])}
        >>> transform = PasteAll()
        >>> transform.prepare(Images([sample(1, 255)]))  # PastingDataset does this
        >>> transform(sample(0, 0))['gt_seg_map']
        array([[1, 0]])
    """

    def __init__(self) -> None:
        self.dataset: Any = None

    def prepare(self, dataset: Any) -> None:
        """Takes the data set to paste from, before training starts."""
        self.dataset = dataset
        self.ignore_index = ignored_label_of(dataset)
        self.num_classes = len(dataset_classes(dataset))

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """The sample with what has been pasted.

        Raises:
            RuntimeError: If there is no data set to paste from.
            ValueError: If a sample has no image with labels of its size.
        """
        if self.dataset is None:
            raise WrongStateError(type(self).__name__, 'a data set to paste from', 'none', NO_DATASET)
        check_labelled(type(self).__name__, results)
        self.paste(results)
        return results

    @abstractmethod
    def paste(self, results: dict[str, Any]) -> None:
        """Pastes into a sample."""

    def source(self, index: int, results: dict[str, Any]) -> dict[str, Any]:
        """Another image of the data set with its labels, to paste into ``results``."""
        sample, where = self.dataset[index], f'{type(self).__name__}, image {index} of the data set inside'
        check_labelled(where, sample)
        check_alike(where, results['img'], sample['img'])
        return sample

    def classes_in(self, labels: np.ndarray) -> np.ndarray:
        """The classes that occur in labels (H, W), without what is ignored."""
        found = np.unique(labels)
        return found[(found >= 0) & (found < self.num_classes) & (found != self.ignore_index)]


@DATASETS.register_module()
class PastingDataset(MultiImageMixDataset):
    """MMSegmentation's ``MultiImageMixDataset`` for transforms that choose by classes which images they paste from.

    They see the data set inside when this one is built, so that label files are counted once, in the main process, and
    what is wrong with the data or the arguments is said before training starts. Everything else, class counts too, is
    as in the data set inside.

    Args:
        dataset: Config of the data set, whose pipeline loads images and labels and does not pack them.
        pipeline: Configs of the transforms that follow; :class:`PastingTransform` among them pastes.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from PIL import Image
        >>> from ltseg.datasets import PastingDataset
        >>> loading = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
        >>> with tempfile.TemporaryDirectory() as root:
        ...     for name, label in (('a', 0), ('b', 1)):
        ...         Image.fromarray(np.full((4, 6, 3), 100 * label, np.uint8)).save(Path(root, f'{name}.jpg'))
        ...         Image.fromarray(np.full((4, 6), label, np.uint8)).save(Path(root, f'{name}.png'))
        ...     images = dict(
        ...         type='BaseSegDataset', data_prefix=dict(img_path=root, seg_map_path=root), pipeline=loading,
        ...         metainfo=dict(classes=('road', 'car')))
        ...     sample = PastingDataset(images, [dict(type='ltseg.RareClassPaste', classes=['car'])])[0]
        >>> np.unique(sample['gt_seg_map']), np.unique(sample['img'])  # all of the only car over all of the road
        (array([1], dtype=uint8), array([100], dtype=uint8))
    """

    short_name = 'pasting'

    def full_init(self) -> None:
        """Lists the images, and lets transforms see them."""
        if self._fully_initialized:
            return
        super().full_init()
        for transform in transforms_of(self):
            if isinstance(transform, PastingTransform):
                transform.prepare(self.dataset)
