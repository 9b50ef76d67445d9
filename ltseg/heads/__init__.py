"""Heads with another classifier, with lists of losses, and with regularizers."""

from ltseg.heads.classifiers import CosineClassifier, ETFClassifier, simplex_vectors, spread_vectors
from ltseg.heads.long_tail_cls_head import LongTailClsHead
from ltseg.heads.long_tail_seg_head import LongTailSegHead

__all__ = [
    'CosineClassifier',
    'ETFClassifier',
    'LongTailClsHead',
    'LongTailSegHead',
    'simplex_vectors',
    'spread_vectors',
]
