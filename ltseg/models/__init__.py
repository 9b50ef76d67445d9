"""What mmpretrain lacks for long-tailed classification."""

from ltseg.models.augmenting_preprocessor import AugmentingClsPreprocessor
from ltseg.models.bbn import BilateralClassifier
from ltseg.models.bottleneck_neck import BottleneckNeck
from ltseg.models.cifar_resnet import CIFARResNet
from ltseg.models.multi_view_classifier import MultiViewClassifier
from ltseg.models.remix import Remix
from ltseg.models.ride import ExpertBackbone

__all__ = [
    'AugmentingClsPreprocessor',
    'BilateralClassifier',
    'BottleneckNeck',
    'CIFARResNet',
    'ExpertBackbone',
    'MultiViewClassifier',
    'Remix',
]
