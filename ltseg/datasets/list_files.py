"""ImageNet-LT, Places-LT and iNaturalist 2018 from their public lists."""

import os

from ltseg.core.errors import InvalidValueError
from ltseg.core.json_files import parse_json
from ltseg.datasets.image_lists import ImageListDataset
from ltseg.registry import DATASETS

__all__ = ['INaturalist2018Dataset', 'ImageNetLTDataset', 'PlacesLTDataset']

SPLITS = ('train', 'val', 'test')


@DATASETS.register_module()
class ImageNetLTDataset(ImageListDataset):
    """ImageNet-LT: 115,846 training images of 1,000 classes, 1,280 to 5 each; 20,000 for validation, 50,000 for test.

    Source: Liu et al., Large-scale long-tailed recognition in an open world, CVPR 2019.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from ltseg.datasets import ImageNetLTDataset
        >>> with tempfile.TemporaryDirectory() as root:
        ...     with Path(root, 'ImageNet_LT_val.txt').open('w') as stream:
        ...         for name, label in (('a.JPEG', 0), ('b.JPEG', 999)):
        ...             print(name, label, file=stream)
        ...             Path(root, name).touch()
        ...     part = ImageNetLTDataset('val', data_root=root, check=False)
        ...     print(part.get_gt_labels().tolist(), len(part.CLASSES))
        ...     try:
        ...         ImageNetLTDataset('val', data_root=root)
        ...     except ValueError as error:  # an incomplete list does not pass for the data set
        ...         print(error.expected, error.got, sep='; ')
        [0, 999] 1000
        20000 images; 2
    """

    short_name = 'ImageNet-LT'

    LISTS = {split: f'ImageNet_LT_{split}.txt' for split in SPLITS}
    TOTALS = {'train': 115_846, 'val': 20_000, 'test': 50_000}
    NUM_CLASSES = 1000
    GUIDE = """
Get the images of ILSVRC 2012 from https://www.image-net.org and the lists ImageNet_LT_{train,val,test}.txt that
https://github.com/zhmiao/OpenLongTailRecognition-OLTR links to. Layout:
    {root}/ImageNet_LT_train.txt ...       lines: train/n01440764/n01440764_190.JPEG 0
    {root}/train/n01440764/*.JPEG ...      {root}/val/ILSVRC2012_val_00000001.JPEG ...
Elsewhere on your disk? Give the tools --data-root FOLDER, or set data_root in each data set of the config."""


@DATASETS.register_module()
class PlacesLTDataset(ImageListDataset):
    """Places-LT: 62,500 training images of 365 scenes, 4,980 to 5 each; 7,300 for validation, 36,500 for test.

    Source: Liu et al., Large-scale long-tailed recognition in an open world, CVPR 2019.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from ltseg.datasets import PlacesLTDataset
        >>> with tempfile.TemporaryDirectory() as root:
        ...     with Path(root, 'Places_LT_val.txt').open('w') as stream:
        ...         for name, label in (('a.jpg', 0), ('b.jpg', 364)):
        ...             print(name, label, file=stream)
        ...             Path(root, name).touch()
        ...     part = PlacesLTDataset('val', data_root=root, check=False)
        ...     print(part.get_gt_labels().tolist(), len(part.CLASSES))
        [0, 364] 365
    """

    short_name = 'Places-LT'

    LISTS = {split: f'Places_LT_{split}.txt' for split in SPLITS}
    TOTALS = {'train': 62_500, 'val': 7_300, 'test': 36_500}
    NUM_CLASSES = 365
    GUIDE = """
Get the small images (256 x 256) of Places365-Standard from http://places2.csail.mit.edu/download.html and the lists
Places_LT_{train,val,test}.txt that https://github.com/zhmiao/OpenLongTailRecognition-OLTR links to. Layout:
    {root}/Places_LT_train.txt ...         lines: data_256/a/airfield/00000005.jpg 0
    {root}/data_256/a/airfield/*.jpg ...   {root}/val_256/Places365_val_00000001.jpg ...
Elsewhere on your disk? Give the tools --data-root FOLDER, or set data_root in each data set of the config."""


@DATASETS.register_module()
class INaturalist2018Dataset(ImageListDataset):
    """iNaturalist 2018: 437,513 training images of 8,142 species, 1,000 to 2 each; 24,426 for validation, 3 each.

    Reads the competition's ``train2018.json`` and ``val2018.json``, or, where these are not there, lists
    ``iNaturalist18_{train,val}.txt`` with lines ``path label``.

    Source: Van Horn et al., The iNaturalist species classification and detection dataset, CVPR 2018.

    Example:
        >>> import json, tempfile
        >>> from pathlib import Path
        >>> from ltseg.datasets import INaturalist2018Dataset
        >>> with tempfile.TemporaryDirectory() as root:
        ...     images, labels = [{'id': 5, 'file_name': 'a.jpg'}], [{'image_id': 5, 'category_id': 8141}]
        ...     _ = Path(root, 'val2018.json').write_text(json.dumps({'images': images, 'annotations': labels}))
        ...     Path(root, 'a.jpg').touch()
        ...     part = INaturalist2018Dataset('val', data_root=root, check=False)
        ...     print(part.get_gt_labels().tolist(), len(part.CLASSES))
        [8141] 8142
    """

    short_name = 'iNaturalist 2018'

    LISTS = {'train': 'train2018.json', 'val': 'val2018.json'}
    LINES = {'train': 'iNaturalist18_train.txt', 'val': 'iNaturalist18_val.txt'}
    TOTALS = {'train': 437_513, 'val': 24_426}
    NUM_CLASSES = 8142
    GUIDE = """
Get train_val2018.tar.gz, train2018.json and val2018.json as https://github.com/visipedia/inat_comp says. Layout:
    {root}/train2018.json, {root}/val2018.json
        or lists {root}/iNaturalist18_train.txt, {root}/iNaturalist18_val.txt
    {root}/train_val2018/<group>/<species>/*.jpg
Elsewhere on your disk? Give the tools --data-root FOLDER, or set data_root in each data set of the config."""

    def _existing_list(self, data_root: str, split: str) -> str:
        lines, official = self.LINES[split], self.LISTS[split]
        use_lines = os.path.isfile(os.path.join(data_root, lines))
        return lines if use_lines and not os.path.isfile(os.path.join(data_root, official)) else official

    def _entries(self, path: str) -> list[tuple[str, int]]:
        if not path.endswith('.json') or not os.path.isfile(path):
            return super()._entries(path)
        try:
            with open(path, encoding='utf-8') as stream:
                content = parse_json(stream.read(), nan=True)
            labels = {entry['image_id']: int(entry['category_id']) for entry in content['annotations']}
            return [(image['file_name'], labels[image['id']]) for image in content['images']]
        except (KeyError, TypeError, ValueError) as error:
            reason = f'{type(error).__name__}: {error}'
            raise InvalidValueError(f'annotation file {path}', "the competition's JSON", reason) from error
