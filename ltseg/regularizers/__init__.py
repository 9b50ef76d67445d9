"""Terms on features, class means and classifier vectors that a head adds to its losses."""

from ltseg.regularizers.balanced_contrastive import BalancedContrastiveLoss
from ltseg.regularizers.between_class import BetweenClassRegularizer
from ltseg.regularizers.center_collapse import CenterCollapseRegularizer
from ltseg.regularizers.center_loss import CenterLoss
from ltseg.regularizers.discriminative_centroids import DiscriminativeCentroidsLoss
from ltseg.regularizers.distributional_robustness import DistributionalRobustnessLoss
from ltseg.regularizers.group import RegularizerGroup
from ltseg.regularizers.hybrid_contrastive import HybridContrastiveLoss
from ltseg.regularizers.memory_jitter import MemoryJitter
from ltseg.regularizers.mixture_consistency import MixtureConsistencyRegularizer
from ltseg.regularizers.parametric_contrastive import ParametricContrastiveLoss
from ltseg.regularizers.peer_to_peer import PeerToPeerRegularizer
from ltseg.regularizers.prototypical_contrastive import PrototypicalContrastiveLoss
from ltseg.regularizers.range_loss import RangeLoss
from ltseg.regularizers.regularizer import Regularizer
from ltseg.regularizers.residual_branches import ResidualBranchLoss
from ltseg.regularizers.subclass_balanced import SubclassBalancedContrastiveLoss
from ltseg.regularizers.supervised_contrastive import SupervisedContrastiveLoss
from ltseg.regularizers.targeted_contrastive import TargetedContrastiveLoss
from ltseg.regularizers.weight_repulsion import WeightRepulsion
from ltseg.regularizers.within_class import WithinClassRegularizer

__all__ = [
    'BalancedContrastiveLoss',
    'BetweenClassRegularizer',
    'CenterCollapseRegularizer',
    'CenterLoss',
    'DiscriminativeCentroidsLoss',
    'DistributionalRobustnessLoss',
    'HybridContrastiveLoss',
    'MemoryJitter',
    'MixtureConsistencyRegularizer',
    'ParametricContrastiveLoss',
    'PeerToPeerRegularizer',
    'PrototypicalContrastiveLoss',
    'RangeLoss',
    'Regularizer',
    'RegularizerGroup',
    'ResidualBranchLoss',
    'SubclassBalancedContrastiveLoss',
    'SupervisedContrastiveLoss',
    'TargetedContrastiveLoss',
    'WeightRepulsion',
    'WithinClassRegularizer',
]
