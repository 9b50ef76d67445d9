"""What mmpretrain lacks for long-tailed classification."""

from ltseg.models.augmenting_preprocessor import AugmentingClsPreprocessor

__all__ = ['AugmentingClsPreprocessor']
