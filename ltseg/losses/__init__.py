"""Losses on logits: one that applies rules, its presets under the papers' names, those on regions, and others."""

import ltseg.registry  # noqa: F401  isort: skip (names mmengine where it is missing)

from ltseg.losses.arb import ARBLoss
from ltseg.losses.class_mean import ClassMeanLoss
from ltseg.losses.class_sums import ClassSumsLoss
from ltseg.losses.dot_regression import DotRegressionLoss
from ltseg.losses.equalization import EqualizationLoss
from ltseg.losses.expert_diversity import ExpertDiversityLoss
from ltseg.losses.lade import LADERLoss
from ltseg.losses.ldam import LDAMLoss
from ltseg.losses.logit_noise import BLVLoss, GCLLoss
from ltseg.losses.logits_loss import LogitsLoss
from ltseg.losses.long_tail_loss import LongTailLoss
from ltseg.losses.lovasz import LovaszLoss
from ltseg.losses.mask_classification import MaskClassificationLoss
from ltseg.losses.multiple_experts import LFMELoss
from ltseg.losses.presets import (
    BalancedSoftmaxLoss,
    CDTLoss,
    ClassBalancedLoss,
    CrossEntropyLoss,
    DifficultyBalancedLoss,
    FocalLoss,
    LabelAwareSmoothingLoss,
    LogitAdjustedLoss,
    RecallLoss,
    ReweightedLoss,
    VSLoss,
)
from ltseg.losses.ranking import PairwiseRankingLoss
from ltseg.losses.region import DiceLoss, JaccardLoss, RegionLoss, TverskyLoss
from ltseg.losses.ruled_loss import RuledLoss
from ltseg.losses.seesaw import SeesawLoss
from ltseg.losses.semantic_augmentation import ISDALoss, RISDALoss
from ltseg.losses.squared_error import SquaredErrorLoss

__all__ = [
    'ARBLoss',
    'BLVLoss',
    'BalancedSoftmaxLoss',
    'CDTLoss',
    'ClassBalancedLoss',
    'ClassMeanLoss',
    'ClassSumsLoss',
    'CrossEntropyLoss',
    'DiceLoss',
    'DifficultyBalancedLoss',
    'DotRegressionLoss',
    'EqualizationLoss',
    'ExpertDiversityLoss',
    'FocalLoss',
    'GCLLoss',
    'ISDALoss',
    'JaccardLoss',
    'LADERLoss',
    'LDAMLoss',
    'LFMELoss',
    'LabelAwareSmoothingLoss',
    'LogitAdjustedLoss',
    'LogitsLoss',
    'LongTailLoss',
    'LovaszLoss',
    'MaskClassificationLoss',
    'PairwiseRankingLoss',
    'RISDALoss',
    'RecallLoss',
    'RegionLoss',
    'ReweightedLoss',
    'RuledLoss',
    'SeesawLoss',
    'SquaredErrorLoss',
    'TverskyLoss',
    'VSLoss',
]
