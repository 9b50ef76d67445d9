"""Heads with another classifier, with lists of losses, and with regularizers; how queries of masks are matched."""

from ltseg.heads.causal_norm import CausalNormClassifier
from ltseg.heads.classifiers import CosineClassifier, ETFClassifier, simplex_vectors, spread_vectors
from ltseg.heads.disalign import DisAlignClassifier
from ltseg.heads.expert_classifier import ExpertClassifier
from ltseg.heads.frequency_assigner import FrequencyBasedAssigner, queries_of_classes
from ltseg.heads.long_tail_cls_head import LongTailClsHead
from ltseg.heads.long_tail_seg_head import LongTailSegHead
from ltseg.heads.meta_embedding import MetaEmbeddingClassifier
from ltseg.heads.prototype_classifier import PrototypeClassifier
from ltseg.heads.residual_classifier import ResidualBranchClassifier
from ltseg.heads.scaled_classifier import LearnableScaleClassifier

__all__ = [
    'CausalNormClassifier',
    'CosineClassifier',
    'DisAlignClassifier',
    'ETFClassifier',
    'ExpertClassifier',
    'FrequencyBasedAssigner',
    'LearnableScaleClassifier',
    'LongTailClsHead',
    'LongTailSegHead',
    'MetaEmbeddingClassifier',
    'PrototypeClassifier',
    'ResidualBranchClassifier',
    'queries_of_classes',
    'simplex_vectors',
    'spread_vectors',
]
