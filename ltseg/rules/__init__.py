"""Long-tail rules: class counts -> :class:`ltseg.core.adjustment.Adjustment`. One file, one idea."""

from ltseg.rules.class_weights import ClassWeights
from ltseg.rules.label_smoothing import LabelSmoothing
from ltseg.rules.margin import Margin
from ltseg.rules.miss_rate_weighting import MissRateWeighting
from ltseg.rules.prior_bias import PriorBias
from ltseg.rules.rule import Rule
from ltseg.rules.temperature import Temperature
from ltseg.rules.weighting import Weighting

__all__ = [
    'ClassWeights',
    'LabelSmoothing',
    'Margin',
    'MissRateWeighting',
    'PriorBias',
    'Rule',
    'Temperature',
    'Weighting',
]
