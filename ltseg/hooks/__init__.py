"""Hooks: counting before training, schedules, monitors."""

import ltseg.registry  # noqa: F401  isort: skip (names mmengine where it is missing)

from ltseg.hooks.autocast import AutocastOptimWrapper
from ltseg.hooks.cluster_subclasses import ClusterSubclasses
from ltseg.hooks.collapse_monitor import CollapseMonitor
from ltseg.hooks.count_classes import CountClasses
from ltseg.hooks.deferred_rules import DeferredRules
from ltseg.hooks.exact_resume import ExactResume
from ltseg.hooks.gradient_monitor import GradientMonitor
from ltseg.hooks.learn_from_experts import LearnFromExperts
from ltseg.hooks.max_norm import MaxNorm
from ltseg.hooks.measure_classes import MeasureClasses
from ltseg.hooks.meta_covariances import MetaCovariances
from ltseg.hooks.stop_on_nan import SkippingOptimWrapper, StopOnNaN
from ltseg.hooks.train_only import TrainOnly
from ltseg.hooks.validation_recall import ValidationRecall

__all__ = [
    'AutocastOptimWrapper',
    'ClusterSubclasses',
    'CollapseMonitor',
    'CountClasses',
    'DeferredRules',
    'ExactResume',
    'GradientMonitor',
    'LearnFromExperts',
    'MaxNorm',
    'MeasureClasses',
    'MetaCovariances',
    'SkippingOptimWrapper',
    'StopOnNaN',
    'TrainOnly',
    'ValidationRecall',
]
