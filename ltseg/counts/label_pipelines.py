"""Whether labels are learned as they are in their files."""

from typing import Any

from ltseg.nested_datasets import all_datasets, innermost_datasets, transforms_of

__all__ = ['learns_label_files']

LOADERS = ('LoadAnnotations', 'LoadCheckedAnnotations', 'LoadEightBitAnnotations')
PACKAGES = ('mmcv', 'mmengine', 'mmseg', 'ltseg')  # whose transforms map no label to another


def learns_label_files(dataset: Any) -> bool:
    """Whether what is counted in the label files of a data set is what its pipelines hand on.

    True where each part loads labels with the loader of MMSegmentation or ltseg, and no transform of another package is
    there, which may map colours or identifiers to classes. What is wrong with a file is then wrong for training too.

    Args:
        dataset: Built with its pipelines.
    """
    for part in innermost_datasets(dataset):
        if not any(type(each).__name__ in LOADERS for each in transforms_of(part)):
            return False
    transforms = [each for part in all_datasets(dataset) for each in transforms_of(part)]
    return all(type(each).__module__.partition('.')[0] in PACKAGES for each in transforms)
