"""Data sets, checked loading, and sampling."""

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
    from ltseg.datasets.camvid import CamVidDataset
    from ltseg.datasets.checked_loading import LoadCheckedAnnotations, LoadCheckedImage
    from ltseg.datasets.cifar import CIFARDataset
    from ltseg.datasets.cityscapes import CityscapesDataset
    from ltseg.datasets.class_sampling import ClassAwareSampler, ClassBalancedSampler, RepeatFactorSampler
    from ltseg.datasets.exact_sampling import PositionedSampler, SeededDataset
    from ltseg.datasets.list_files import ImageNetLTDataset, INaturalist2018Dataset, PlacesLTDataset
    from ltseg.datasets.long_tailed import LongTailedDataset
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
