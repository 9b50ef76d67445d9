"""Data sets, checked loading, and sampling."""

from ltseg.compat import quietly

with quietly():
    from ltseg.datasets.camvid import CamVidDataset
    from ltseg.datasets.checked_loading import LoadCheckedAnnotations, LoadCheckedImage
    from ltseg.datasets.cityscapes import CityscapesDataset
    from ltseg.datasets.exact_sampling import PositionedSampler, SeededDataset
    from ltseg.datasets.mini_city import MiniCityDataset

__all__ = [
    'CamVidDataset',
    'CityscapesDataset',
    'LoadCheckedAnnotations',
    'LoadCheckedImage',
    'MiniCityDataset',
    'PositionedSampler',
    'SeededDataset',
]
