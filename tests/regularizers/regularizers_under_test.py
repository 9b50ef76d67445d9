"""Every registered regularizer, so that a new one cannot escape the property tests."""

import torch

from ltseg.core.features import FeatureBatch
from ltseg.registry import MODELS
from ltseg.regularizers import Regularizer, RegularizerGroup

K, D = 5, 8
COUNTS = [900, 300, 120, 40, 8]

# One config or more of each registered regularizer.
REGULARIZERS = [
    dict(type='ltseg.WithinClassRegularizer'),
    dict(type='ltseg.WithinClassRegularizer', centers='batch'),
    dict(type='ltseg.WithinClassRegularizer', centers='ema', over_classes='sum'),
    dict(type='ltseg.BetweenClassRegularizer'),
    dict(type='ltseg.BetweenClassRegularizer', centers='ema'),
    dict(type='ltseg.BetweenClassRegularizer', angles='least'),
    dict(type='ltseg.CenterLoss'),
    dict(type='ltseg.CenterLoss', centers='batch'),
    dict(type='ltseg.CenterCollapseRegularizer', counts=COUNTS),
    dict(type='ltseg.CenterCollapseRegularizer', classifier='linear', counts='batch'),
    dict(type='ltseg.CenterCollapseRegularizer', channels=4, counts='accumulated'),
    dict(type='ltseg.PeerToPeerRegularizer'),
    dict(type='ltseg.PeerToPeerRegularizer', centers='batch'),
    dict(type='ltseg.PeerToPeerRegularizer', on='classifier'),
    dict(type='ltseg.WeightRepulsion'),
    dict(type='ltseg.WeightRepulsion', threshold=-1.0, schedule=None),
    dict(type='ltseg.SupervisedContrastiveLoss'),
    dict(type='ltseg.SupervisedContrastiveLoss', hidden_channels=None),
    dict(type='ltseg.TargetedContrastiveLoss', positives=None),  # else they are random
    dict(type='ltseg.SubclassBalancedContrastiveLoss'),
    dict(type='ltseg.SubclassBalancedContrastiveLoss', hidden_channels=None, anchors='classes'),
    dict(type='ltseg.BalancedContrastiveLoss'),
    dict(type='ltseg.BalancedContrastiveLoss', averaging='inside', prototypes='ema', hidden_channels=16),
    dict(type='ltseg.BalancedContrastiveLoss', averaging='prototypes', prototypes='learnable', hidden_channels=16),
    dict(type='ltseg.BalancedContrastiveLoss', hidden_channels=None, anchors='classes'),
    dict(type='ltseg.ParametricContrastiveLoss'),
    dict(type='ltseg.ParametricContrastiveLoss', alpha=2.0, hidden_channels=None, anchors='classes'),
    dict(type='ltseg.PrototypicalContrastiveLoss'),
    dict(type='ltseg.PrototypicalContrastiveLoss', hidden_channels=None, anchors='classes'),
    dict(type='ltseg.DistributionalRobustnessLoss', counts=COUNTS),
    dict(type='ltseg.DistributionalRobustnessLoss', radius='learned', hidden_channels=16),
    dict(type='ltseg.DistributionalRobustnessLoss', radius='shared', anchors='samples'),
    dict(type='ltseg.DiscriminativeCentroidsLoss', repulsion=0.5, momentum=0.9),
    dict(type='ltseg.RangeLoss', margin=20.0),
    dict(type='ltseg.RangeLoss', ranges=3, hidden_channels=16),
    dict(type='ltseg.ParametricContrastiveLoss', counts=COUNTS, queue_size=100, hidden_channels=16),
    dict(type='ltseg.HybridContrastiveLoss'),
    dict(type='ltseg.MixtureConsistencyRegularizer'),
    dict(type='ltseg.MemoryJitter', size=200, exponent=0.0, counts=COUNTS),  # else it is random
]
# Their gradient is not the derivative of their value.
STOPPING_GRADIENTS = (
    'ltseg.HybridContrastiveLoss',
    'ltseg.DistributionalRobustnessLoss',
    'ltseg.DiscriminativeCentroidsLoss',
    'ltseg.MixtureConsistencyRegularizer',
)
OF_TWO_VIEWS = ('ltseg.MixtureConsistencyRegularizer',)  # and of no single one


def name_of(config: dict) -> str:
    """A short test id."""
    return '-'.join(str(value).removeprefix('ltseg.') for key, value in config.items() if key != 'counts')


def built(config: dict, **more: object) -> Regularizer:
    """The regularizer for K classes and D dimensions, with the same random start each time."""
    torch.manual_seed(0)
    return RegularizerGroup([{**config, **more}], K, D).terms[0]


def batch(
    size: int = 40, views: int = 2, dtype: torch.dtype = torch.float64, classes: int = K, device: str = 'cpu'
) -> FeatureBatch:
    """Random long-tailed samples of the first ``classes`` classes, and a classifier."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(size, views, D, generator=generator, dtype=torch.float64).to(dtype)
    labels = torch.multinomial(torch.logspace(0, -1, K)[:classes], max(size, 1), True, generator=generator)[:size]
    labels[:classes] = torch.arange(classes)[:size]
    classifier = torch.randn(K, D, generator=generator, dtype=torch.float64).to(dtype)
    return FeatureBatch(features.to(device), labels.to(device), K, classifier.to(device))


def value_and_gradients(regularizer: Regularizer, given: FeatureBatch) -> tuple[torch.Tensor, ...]:
    """The value, and its gradients in features and classifier."""
    torch.manual_seed(7)  # of samples of pixels
    leaves = [given.features.detach().clone().requires_grad_(), given.class_vectors.detach().clone().requires_grad_()]
    value = regularizer(FeatureBatch(leaves[0], given.labels, K, leaves[1], given.valid))
    gradients = torch.autograd.grad(value, leaves, materialize_grads=True, allow_unused=True)
    return value.detach(), *gradients


def registered() -> set[type]:
    """All registered regularizers."""
    MODELS.get('WeightRepulsion')
    return {c for c in MODELS.module_dict.values() if isinstance(c, type) and issubclass(c, Regularizer)}
