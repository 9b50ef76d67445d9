"""Augmentation of batches, data preprocessors, and models on a device."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from allowed_events import MODELS as ALLOWED
from registered_types import registered
from side_by_side import Part, SideBySide

from ltseg.registry import MODELS, TRANSFORMS

pytestmark = pytest.mark.usefixtures('mmpretrain_registered')

K = 5
TRANSFORM_NAMES = sorted(name for name, made in registered().items() if '.datasets.batch_' in made.__module__)
CIFAR = dict(type='ltseg.CIFARResNet', depth=20, base_channels=4)
CE = dict(type='ltseg.CrossEntropyLoss')
POOLING = dict(type='GlobalAveragePooling')
HEAD = dict(type='ltseg.LongTailClsHead', num_classes=K, in_channels=16, loss=CE)
EXPERTS = dict(
    classifier=dict(type='ltseg.ExpertClassifier', experts=3),
    classified_views=[0, 1, 2],
    loss=[CE, dict(type='ltseg.ExpertDiversityLoss', begin=None)],
)
CLASSIFIERS = {
    'several views': dict(type='ltseg.MultiViewClassifier', backbone=CIFAR, neck=POOLING, head=HEAD),
    'rotations': dict(type='ltseg.RotationClassifier', backbone=CIFAR, neck=POOLING, head=HEAD),
    'an auxiliary head': dict(
        type='ltseg.MultiViewClassifier', backbone=CIFAR, neck=POOLING, head=HEAD, auxiliary_head=HEAD
    ),
    'experts': dict(
        type='ltseg.MultiViewClassifier',
        backbone=dict(type='ltseg.ExpertBackbone', backbone=CIFAR, experts=3),
        head={**HEAD, **EXPERTS},
    ),
    'bottleneck': dict(
        type='ltseg.MultiViewClassifier',
        backbone=CIFAR,
        neck=[dict(type='ltseg.BottleneckNeck', in_channels=16), POOLING],
        head=HEAD,
    ),
    'two branches': dict(
        type='ltseg.BilateralClassifier', backbone=CIFAR, neck=POOLING, head={**HEAD, 'in_channels': 32}
    ),
    'contexts': dict(
        type='ltseg.ContextShiftClassifier',
        backbone=CIFAR,
        neck=POOLING,
        head=HEAD,
        bank_size=2,
        threshold=0.0,
        begin=0,
        image_shape=(3, 16, 16),
        train_cfg=dict(augments=[dict(type='Mixup', alpha=1.0)]),
    ),
}
ENCODER = dict(type='ltseg.TIMMEncoder', model_name='tf_efficientnet_lite0', weights=None, out_indices=(0, 1, 2))
REMIX = dict(type='ltseg.Remix', counts=[500, 200, 80, 20, 5])
MIXTURE = dict(type='ltseg.GlobalLocalMixture', exponent=0.2, counts=[500, 200, 80, 20, 5])
FLIP, CROP = dict(type='ltseg.BatchRandomFlip'), dict(type='ltseg.BatchRandomCrop')
NORM = dict(mean=[120.0, 110.0, 100.0], std=[50.0, 60.0, 70.0], to_rgb=True)
PREPROCESSORS = {
    'augmentations': dict(augmentations=[CROP, FLIP]),
    'views': dict(views=[[CROP], [dict(type='ltseg.BatchSimAugment')]]),
    'mixing': dict(batch_augments=dict(augments=[REMIX])),
    'mixing of two views': dict(views=[[CROP], [CROP]], batch_augments=dict(augments=[MIXTURE])),
}


def images(number: int = 16) -> torch.Tensor:
    return torch.randint(256, (number, 3, 16, 16), dtype=torch.uint8)


def samples(number: int) -> list:
    from mmpretrain.structures import DataSample

    return [DataSample().set_gt_label(index % K) for index in range(number)]


def augmentation(device: str, name: str) -> Callable[[], Any]:
    transform, given = TRANSFORMS.build(dict(type=f'ltseg.{name}')), images().to(device)
    return lambda: transform(given)


def preprocessing(device: str, options: dict) -> Callable[[], Any]:
    """Training batches from the loader, which are on the CPU."""
    config = dict(type='ltseg.AugmentingClsPreprocessor', num_classes=K, **NORM, **options)
    preprocessor, batch = MODELS.build(config).to(device), {'inputs': images(8), 'data_samples': samples(8)}

    def step() -> Any:
        np.random.seed(0)  # of mixing
        done = preprocessor(batch, training=True)
        labels = [sample.get('gt_score', sample.gt_label) for sample in done['data_samples']]
        return done['inputs'], labels

    return step


def classification(device: str, config: dict) -> Callable[[], Any]:
    """Losses, gradients and predictions."""
    model = MODELS.build(config).to(device)
    inputs, labels = torch.rand(6, 3, 16, 16).to(device), [sample.to(device) for sample in samples(6)]

    def step() -> Any:
        np.random.seed(0)  # of mixing
        losses = model.train()(inputs, labels, mode='loss')
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        gradients = torch.autograd.grad(sum(losses.values()), trained, allow_unused=True)
        return losses, gradients, [sample.pred_score for sample in model.eval()(inputs, labels, mode='predict')]

    return step


def neck(device: str) -> Callable[[], Any]:
    """A decoded map and its gradients."""
    layer = MODELS.build(dict(type='ltseg.UNetNeck', in_channels=(4, 8), channels=(6,))).to(device)
    maps = [torch.rand(2, 4, 8, 12).to(device), torch.rand(2, 8, 4, 6).to(device).requires_grad_()]

    def step() -> Any:
        (decoded,) = layer(maps)
        return decoded, torch.autograd.grad(decoded.square().mean(), [maps[1], *layer.parameters()])

    return step


def attention(device: str) -> Callable[[], Any]:
    """A map, and its gradients."""
    layer = MODELS.build(dict(type='ltseg.ModulatedAttentionNeck', in_channels=8, map_size=4))
    torch.nn.init.normal_(layer.out.weight)  # which begins with zeros
    layer, maps = layer.to(device), torch.rand(2, 8, 4, 4).to(device).requires_grad_()

    def step() -> Any:
        (attended,) = layer((maps,))
        return attended, torch.autograd.grad(attended.square().mean(), [maps, *layer.parameters()])

    return step


def encoder(device: str) -> Callable[[], Any]:
    """Maps of a backbone."""
    layer, images = MODELS.build(ENCODER).to(device).eval(), torch.rand(2, 3, 32, 48).to(device)
    return lambda: layer(images)


def given_maps(device: str) -> Callable[[], Any]:
    """Maps from the loader, which are on the CPU."""
    preprocessor = MODELS.build(dict(type='ltseg.FeaturePreprocessor', training_dtype='bfloat16')).to(device)
    backbone = MODELS.build(dict(type='ltseg.GivenFeatures')).to(device)
    batch = {'inputs': [list(torch.rand(2, 4, 8, 8)), list(torch.rand(2, 6, 4, 4))]}
    return lambda: [backbone(preprocessor(batch, training)['inputs']) for training in (True, False)]


PARTS = [
    *(Part(name, partial(augmentation, name=name)) for name in TRANSFORM_NAMES),
    *(Part(f'preprocessor with {name}', partial(preprocessing, options=o)) for name, o in PREPROCESSORS.items()),
    Part('given maps', given_maps),
    Part('neck', neck),
    Part('attention', attention),
    *([Part('encoder', encoder)] if find_spec('timm') else []),
    *(Part(f'classifier of {name}', partial(classification, config=config)) for name, config in CLASSIFIERS.items()),
]


@pytest.mark.parametrize('part', PARTS, ids=str)
def test_results_are_the_cpus(side_by_side: SideBySide, part: Part) -> None:
    side_by_side.compare(part)


def test_events_are_those_allowed(side_by_side: SideBySide) -> None:
    side_by_side.check_events(PARTS, ALLOWED)


def test_every_model_is_here() -> None:
    known = {f'ltseg.{name}' for name, made in registered().items() if made.__module__.startswith('ltseg.models')}
    others = ['AugmentingClsPreprocessor', 'FeaturePreprocessor', 'GivenFeatures', 'ModulatedAttentionNeck', 'UNetNeck']
    text = repr((CLASSIFIERS, REMIX, MIXTURE, ENCODER, [f'ltseg.{name}' for name in others]))
    assert not {name for name in known if f"'{name}'" not in text}
