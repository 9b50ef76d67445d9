"""Decode heads with another classifier."""

from ltseg.heads.classifiers import CosineClassifier, ETFClassifier, simplex_vectors
from ltseg.heads.long_tail_seg_head import LongTailSegHead

__all__ = ['CosineClassifier', 'ETFClassifier', 'LongTailSegHead', 'simplex_vectors']
