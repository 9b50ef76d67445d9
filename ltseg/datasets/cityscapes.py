"""Cityscapes, with a word on what to do where it is missing."""

import os

from mmseg.datasets import CityscapesDataset as MMSegCityscapesDataset

from ltseg.datasets.data_folders import CheckedFolders
from ltseg.registry import DATASETS

__all__ = ['CityscapesDataset']


@DATASETS.register_module()
class CityscapesDataset(CheckedFolders, MMSegCityscapesDataset):
    """MMSegmentation's Cityscapes, 19 classes; missing files end in a message that says how to get them.

    Source: Cordts et al., The Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from ltseg.datasets import CityscapesDataset
        >>> folders = dict(img_path='leftImg8bit/val', seg_map_path='gtFine/val')
        >>> with tempfile.TemporaryDirectory() as root:
        ...     for place, suffix in (('leftImg8bit', 'leftImg8bit'), ('gtFine', 'gtFine_polygons')):
        ...         path = Path(root, place, 'val/ulm', f'ulm_0_{suffix}.' + ('json' if 'poly' in suffix else 'png'))
        ...         path.parent.mkdir(parents=True)
        ...         path.touch()
        ...     try:
        ...         CityscapesDataset(data_root=root, data_prefix=folders)
        ...     except FileNotFoundError as error:  # the labels are there, but not in the form that training reads
        ...         print(error.hint.replace(root, 'data/cityscapes'))
        The official polygons.json files are there: make the labels from them with
            ltseg prepare-cityscapes data/cityscapes
    """

    short_name = 'Cityscapes'

    GUIDE = """
Download leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip from https://www.cityscapes-dataset.com (free, after
registration), unpack both into {root}, then make the label images:
    ltseg prepare-cityscapes {root}
Layout:
    {root}/leftImg8bit/{train,val}/<city>/*_leftImg8bit.png
    {root}/gtFine/{train,val}/<city>/*_gtFine_labelTrainIds.png
Elsewhere on your disk? Give the tools --data-root FOLDER, or set data_root in each data set of the config."""

    def guide(self, missing_label: str | None = None) -> str:
        """Short where only the conversion of the official labels is missing."""
        for official in ('polygons.json', 'labelIds.png'):
            source = (missing_label or '').replace('labelTrainIds.png', official)
            if missing_label and os.path.isfile(source):
                return (
                    f'The official {official} files are there: make the labels from them with\n'
                    f'    ltseg prepare-cityscapes {self.data_root}'
                )
        return super().guide(missing_label)
