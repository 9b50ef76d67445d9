"""Encoders, necks and classifiers that MMSegmentation and MMPretrain lack."""

from ltseg.models.augmenting_preprocessor import AugmentingClsPreprocessor
from ltseg.models.bbn import BilateralClassifier
from ltseg.models.bottleneck_neck import BottleneckNeck
from ltseg.models.cifar_resnet import CIFARResNet
from ltseg.models.context_shift import ContextShiftClassifier
from ltseg.models.given_features import FeaturePreprocessor, GivenFeatures
from ltseg.models.global_local_mixture import GlobalLocalMixture
from ltseg.models.modulated_attention import ModulatedAttentionNeck
from ltseg.models.multi_view_classifier import MultiViewClassifier
from ltseg.models.remix import Remix
from ltseg.models.ride import ExpertBackbone
from ltseg.models.rotation_classifier import RotationClassifier
from ltseg.models.timm_encoder import TIMMEncoder
from ltseg.models.unet_neck import UNetNeck

__all__ = [
    'AugmentingClsPreprocessor',
    'BilateralClassifier',
    'BottleneckNeck',
    'CIFARResNet',
    'ContextShiftClassifier',
    'ExpertBackbone',
    'FeaturePreprocessor',
    'GivenFeatures',
    'GlobalLocalMixture',
    'ModulatedAttentionNeck',
    'MultiViewClassifier',
    'Remix',
    'RotationClassifier',
    'TIMMEncoder',
    'UNetNeck',
]
