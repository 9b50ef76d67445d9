"""CIFAR-10 and CIFAR-100, from the official batches or from a folder or zip file of pictures, held in memory."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError
from ltseg.core.labelled_batches import ChosenImages, ImageStore, LabelledBatch, LabelledSamples
from ltseg.datasets.cifar_files import SIDE, find_batches, find_pictures, read_batches, read_pictures
from ltseg.datasets.labelled_images import LabelledImages
from ltseg.registry import DATASETS

__all__ = ['CIFARDataset']

CIFAR10 = 'airplane automobile bird cat deer dog frog horse ship truck'
CIFAR100 = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
    flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
    motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate
    poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider
    squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
    wardrobe whale willow_tree wolf woman worm"""
OFFICIAL = {10: tuple(CIFAR10.split()), 100: tuple(CIFAR100.split())}


@DATASETS.register_module()
class CIFARDataset(LabelledImages):
    """CIFAR-10 or CIFAR-100: 50,000 / 10,000 images of 32 x 32 in 10 or 100 classes (fine labels), in memory as uint8.

    Serves two layouts below the data root: the official Python batches, and one folder of pictures for each class,
    ``train/<class>/*`` and ``test/<class>/*``, unpacked or as a zip file. The order of a tree is that of its sorted
    names, which is not that of the batches.

    Images are read when the data set is built, or at the first sample where the pipeline is empty, so that counting
    labels decodes nothing. A sample has img (32, 32, 3) uint8 red, green, blue, gt_label and sample_idx.

    Args:
        split: 'train' or 'test'.
        num_classes: 10 or 100.
        data_root: Folder or zip file.
        kwargs: Arguments of mmengine's ``BaseDataset``. Other ``classes`` in ``metainfo`` are an order of the official
            names, and labels follow them.

    Raises:
        FileNotFoundError: If there are no data; says where to get them and how to lay them out.
        ValueError: If files are broken, or folders are not those of the classes; names them.

    Source: Krizhevsky, Learning multiple layers of features from tiny images, 2009.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from PIL import Image
        >>> from ltseg.datasets.cifar import OFFICIAL, CIFARDataset
        >>> with tempfile.TemporaryDirectory() as root:
        ...     for name in OFFICIAL[10]:
        ...         Path(root, 'train', name).mkdir(parents=True)
        ...         Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(Path(root, 'train', name, '0.png'))
        ...     data = CIFARDataset(data_root=root)
        ...     print(len(data), data.CLASSES[:2], data[1]['gt_label'], data[1]['img'].shape)
        10 ('airplane', 'automobile') 1 (32, 32, 3)
    """

    short_name = 'CIFAR-{num_classes}'

    GUIDE = """
Download the Python version from https://www.cs.toronto.edu/~kriz/cifar.html and unpack it into {root}, or put or link a
tree of pictures there. Layout, one of:
    {root}/cifar-10-batches-py/{data_batch_1..5,test_batch}     {root}/cifar-100-python/{train,test}
    {root}/{train,test}/<class>/*.png or *.jpg                  a zip file of such a tree: data_root='FILE.zip'
Elsewhere on your disk? Give the tools --data-root FOLDER, or set data_root in each data set of the config."""

    def __init__(self, split: str = 'train', num_classes: int = 10, data_root: str = '', **kwargs: Any) -> None:
        check_choice('CIFARDataset.split', split, ('train', 'test'))
        if num_classes not in OFFICIAL:
            raise InvalidValueError('CIFARDataset.num_classes', '10 or 100', repr(num_classes))
        self.split, self.num_classes = split, num_classes
        self._pictures: list[str] | None = None  # files of a tree; None with batches
        self._images: np.ndarray | None = None
        self._stored: ImageStore | None = None
        self._tabled: tuple[Any, Tensor] | None = None  # what it was made from, and the table
        kwargs['metainfo'] = {'classes': OFFICIAL[num_classes]} | (kwargs.get('metainfo') or {})
        names = kwargs['metainfo']['classes']
        if sorted(names) != sorted(OFFICIAL[num_classes]):
            raise InvalidValueError('CIFARDataset.metainfo', f'the {num_classes} official names', repr(list(names)))
        super().__init__(data_root=data_root, **kwargs)

    @property
    def images(self) -> np.ndarray:
        """All images of the split, (N, 32, 32, 3) uint8, red, green, blue."""
        if self._images is None:
            self._images = read_pictures(self.data_root, self._pictures or [])
        return self._images

    def full_init(self) -> None:
        """Reads the labels, and the images unless the pipeline is empty."""
        super().full_init()
        if self.pipeline.transforms:
            _ = self.images

    def load_data_list(self) -> list[dict[str, Any]]:
        """A label for each image, and the place of the image in ``images``.

        Raises:
            FileNotFoundError: If there are no data.
            ValueError: If files are broken, or folders are not those of the classes.
        """
        names, root = list(self.CLASSES), self.data_root
        if batches := find_batches(root, self.num_classes, self.split):
            self._images, official = read_batches(batches, self.num_classes)
            order = [names.index(name) for name in OFFICIAL[self.num_classes]]
            labels = [order[label] for label in official]
        else:
            found = find_pictures(root, self.split)
            if not found:
                raise self._missing(f'CIFAR-{self.num_classes} at {root!r}', 'neither layout')
            folders = {folder for folder, _ in found}
            if folders != set(names):
                raise InvalidValueError(
                    str(self._missing(f'a folder for each class in {self.split}', _difference(folders, names)))
                )
            self._pictures = [path for _, path in found]
            labels = [names.index(folder) for folder, _ in found]
        return [{'gt_label': label, 'place': place} for place, label in enumerate(labels)]

    def prepare_data(self, idx: int) -> Any:
        """The sample after the pipeline."""
        info = self.get_data_info(idx)
        info['img'] = self.images[info.pop('place')]
        info['img_shape'] = info['ori_shape'] = (SIDE, SIDE)
        return self.pipeline(info)

    @property
    def __getitems__(self) -> Callable[[Sequence[int]], LabelledBatch] | None:
        return self.packed_samples  # torch takes one by one where this is None

    @property
    def packed_samples(self) -> Callable[[Sequence[int]], LabelledBatch] | None:
        """Gives the samples of many indices at once, much faster than one by one.

        None where the pipeline is not mmpretrain's ``PackInputs`` with default arguments alone.
        """
        transforms = self.pipeline.transforms
        if len(transforms) != 1 or type(transforms[0]).__name__ != 'PackInputs':
            return None
        return self._packed if vars(transforms[0]) == vars(type(transforms[0])()) else None

    def _packed(self, indices: Sequence[int]) -> LabelledBatch:
        from mmpretrain.structures import DataSample

        places, labels = self._table[:, list(indices)]
        samples = LabelledSamples(labels, list(indices), (SIDE, SIDE), DataSample)
        return LabelledBatch(ChosenImages(self._store, places), samples)

    @property
    def _table(self) -> Tensor:
        """Place and label of each image, (2, N)."""
        kept = self.data_bytes if self.serialize_data else self.data_list  # another object in a part of the data set
        if self._tabled is None or self._tabled[0] is not kept:
            infos = [self.get_data_info(index) for index in range(len(self))]
            self._tabled = kept, torch.tensor([[info[key] for info in infos] for key in ('place', 'gt_label')])
        return self._tabled[1]

    @property
    def _store(self) -> ImageStore:
        if self._stored is None:
            self._stored = ImageStore(torch.from_numpy(self.images))
        return self._stored


def _difference(folders: set[str], names: list[str]) -> str:
    missing, more = sorted(set(names) - folders), sorted(folders - set(names))
    return f'{len(missing)} missing {missing[:3]}, {len(more)} of no class {more[:3]}'
