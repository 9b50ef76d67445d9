"""What mmpretrain lacks for long-tailed classification."""

from ltseg.models.augmenting_preprocessor import AugmentingClsPreprocessor
from ltseg.models.cifar_resnet import CIFARResNet
from ltseg.models.multi_view_classifier import MultiViewClassifier
from ltseg.models.remix import Remix

__all__ = ['AugmentingClsPreprocessor', 'CIFARResNet', 'MultiViewClassifier', 'Remix']
