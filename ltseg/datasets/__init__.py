"""Data sets, checked loading, sampling, pasting, and augmentation of whole batches.

What extends MMSegmentation is left out where it is not installed, and says what is wrong where it cannot be imported:
classification does not need it.
"""

from importlib.util import find_spec
from typing import Any

from ltseg.compat import quietly
from ltseg.core.errors import MissingPackageError
from ltseg.registry import DATASETS, TRANSFORMS

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
    from ltseg.datasets.cached_vectors import CachedVectors
    from ltseg.datasets.checked_images import LoadCheckedImage
    from ltseg.datasets.cifar import CIFARDataset
    from ltseg.datasets.class_sampling import ClassAwareSampler, ClassBalancedSampler, RepeatFactorSampler
    from ltseg.datasets.class_subset import ClassSubset
    from ltseg.datasets.exact_sampling import PositionedSampler, SeededDataset
    from ltseg.datasets.list_files import ImageNetLTDataset, INaturalist2018Dataset, PlacesLTDataset
    from ltseg.datasets.long_tailed import LongTailedDataset
    from ltseg.datasets.noisy_labels import NoisyLabels
    from ltseg.datasets.rare_class_sampling import RareClassSampler
    from ltseg.datasets.resident_collate import resident_collate


def _leave_out(reason: Exception) -> None:
    """Registers what extends MMSegmentation as something that raises ``reason`` when a config asks for it."""

    def unavailable(**_: Any) -> None:
        expected = 'an mmseg that can be imported (ltseg check-env says what to do)'
        raise MissingPackageError('mmseg', expected, f'{type(reason).__name__}: {reason}') from reason

    for registry, names in (
        (DATASETS, ('CachedFeatures', 'CamVidDataset', 'CityscapesDataset', 'MiniCityDataset', 'PastingDataset')),
        (TRANSFORMS, ('ClassCrop', 'ClassMix', 'LoadCheckedAnnotations', 'RareClassPaste')),
    ):
        for name in names:
            registry.register_module(name=name, module=unavailable, force=True)


if find_spec('mmseg') is not None:
    try:
        with quietly():
            from ltseg.datasets.cached_features import CachedFeatures
            from ltseg.datasets.camvid import CamVidDataset
            from ltseg.datasets.checked_loading import LoadCheckedAnnotations
            from ltseg.datasets.cityscapes import CityscapesDataset
            from ltseg.datasets.class_crop import ClassCrop
            from ltseg.datasets.class_mix import ClassMix
            from ltseg.datasets.minicity.dataset import MiniCityDataset
            from ltseg.datasets.pasting import PastingDataset
            from ltseg.datasets.rare_class_paste import RareClassPaste
    except Exception as error:  # MMSegmentation asserts versions of mmcv, imports compiled operators, ...
        _leave_out(error)

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
    'CachedFeatures',
    'CachedVectors',
    'CamVidDataset',
    'CityscapesDataset',
    'ClassAwareSampler',
    'ClassBalancedSampler',
    'ClassCrop',
    'ClassMix',
    'ClassSubset',
    'INaturalist2018Dataset',
    'ImageNetLTDataset',
    'LoadCheckedAnnotations',
    'LoadCheckedImage',
    'LongTailedDataset',
    'MiniCityDataset',
    'NoisyLabels',
    'PastingDataset',
    'PlacesLTDataset',
    'PositionedSampler',
    'RareClassPaste',
    'RareClassSampler',
    'RepeatFactorSampler',
    'SeededDataset',
    'resident_collate',
]
