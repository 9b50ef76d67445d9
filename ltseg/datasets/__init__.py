"""Data sets, checked loading, sampling, and augmentation of whole batches.

What extends MMSegmentation is left out where it is not installed: classification does not need it.
"""

from importlib.util import find_spec

from ltseg.compat import quietly

with quietly():
    from ltseg.datasets.batch_colours import BatchColorJitter, BatchRandomGrayscale, BatchSimAugment
    from ltseg.datasets.batch_policies import BatchAutoAugment, BatchRandAugment
    from ltseg.datasets.batch_transforms import (
        BatchCutout,
        BatchRandomCrop,
        BatchRandomFlip,
        BatchRandomResizedCrop,
    )
    from ltseg.datasets.bilateral_sampling import BilateralSampler
    from ltseg.datasets.checked_images import LoadCheckedImage
    from ltseg.datasets.cifar import CIFARDataset
    from ltseg.datasets.class_sampling import ClassAwareSampler, ClassBalancedSampler, RepeatFactorSampler
    from ltseg.datasets.exact_sampling import PositionedSampler, SeededDataset
    from ltseg.datasets.list_files import ImageNetLTDataset, INaturalist2018Dataset, PlacesLTDataset
    from ltseg.datasets.long_tailed import LongTailedDataset

if find_spec('mmseg') is not None:
    with quietly():
        from ltseg.datasets.camvid import CamVidDataset
        from ltseg.datasets.checked_loading import LoadCheckedAnnotations
        from ltseg.datasets.cityscapes import CityscapesDataset
        from ltseg.datasets.mini_city import MiniCityDataset

__all__ = [
    'BatchAutoAugment',
    'BatchColorJitter',
    'BatchCutout',
    'BatchRandAugment',
    'BatchRandomCrop',
    'BatchRandomFlip',
    'BatchRandomGrayscale',
    'BatchRandomResizedCrop',
    'BatchSimAugment',
    'BilateralSampler',
    'CIFARDataset',
    'CamVidDataset',
    'CityscapesDataset',
    'ClassAwareSampler',
    'ClassBalancedSampler',
    'INaturalist2018Dataset',
    'ImageNetLTDataset',
    'LoadCheckedAnnotations',
    'LoadCheckedImage',
    'LongTailedDataset',
    'MiniCityDataset',
    'PlacesLTDataset',
    'PositionedSampler',
    'RepeatFactorSampler',
    'SeededDataset',
]
