"""Data sets, checked loading, and sampling."""

from ltseg.compat import quietly

with quietly():
    from ltseg.datasets.batch_transforms import BatchCutout, BatchRandomCrop, BatchRandomFlip
    from ltseg.datasets.camvid import CamVidDataset
    from ltseg.datasets.checked_loading import LoadCheckedAnnotations, LoadCheckedImage
    from ltseg.datasets.cifar import CIFARDataset
    from ltseg.datasets.cityscapes import CityscapesDataset
    from ltseg.datasets.exact_sampling import PositionedSampler, SeededDataset
    from ltseg.datasets.long_tailed import LongTailedDataset
    from ltseg.datasets.mini_city import MiniCityDataset

__all__ = [
    'BatchCutout',
    'BatchRandomCrop',
    'BatchRandomFlip',
    'CIFARDataset',
    'CamVidDataset',
    'CityscapesDataset',
    'LoadCheckedAnnotations',
    'LoadCheckedImage',
    'LongTailedDataset',
    'MiniCityDataset',
    'PositionedSampler',
    'SeededDataset',
]
