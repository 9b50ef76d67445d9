"""Heads with another classifier, with lists of losses, and with regularizers."""

from ltseg.heads.classifiers import CosineClassifier, ETFClassifier, simplex_vectors, spread_vectors
from ltseg.heads.disalign import DisAlignClassifier
from ltseg.heads.expert_classifier import ExpertClassifier
from ltseg.heads.long_tail_cls_head import LongTailClsHead
from ltseg.heads.long_tail_seg_head import LongTailSegHead
from ltseg.heads.scaled_classifier import LearnableScaleClassifier

__all__ = [
    'CosineClassifier',
    'DisAlignClassifier',
    'ETFClassifier',
    'ExpertClassifier',
    'LearnableScaleClassifier',
    'LongTailClsHead',
    'LongTailSegHead',
    'simplex_vectors',
    'spread_vectors',
]
