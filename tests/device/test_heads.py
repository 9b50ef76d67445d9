"""Heads and classifiers on a device: losses, their gradients, and predictions."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from allowed_events import HEADS as ALLOWED
from losses_under_test import COUNTS, LOSSES, OF_COSINES, K, name_of, without_chance
from mmengine.structures import PixelData
from registered_types import registered
from side_by_side import Part, SideBySide
from torch import Tensor, nn

from ltseg.registry import MODELS

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'mmpretrain_registered')

SEG = dict(type='ltseg.LongTailSegHead', head_type='FCNHead', in_channels=8, channels=8, num_classes=K, num_convs=1)
CLS = dict(type='ltseg.LongTailClsHead', head_type='LinearClsHead', in_channels=8, num_classes=K)
ARB = dict(type='ltseg.ARBLoss')
COSINE, SIMPLEX = dict(type='ltseg.CosineClassifier'), dict(type='ltseg.ETFClassifier')
CLASSIFIERS = [
    ({**COSINE, 'scale': 1.0}, dict(type='ltseg.LDAMLoss', counts=COUNTS)),
    (SIMPLEX, dict(type='ltseg.DotRegressionLoss')),
    (dict(type='ltseg.CausalNormClassifier', scale=1.0), ARB),
    (dict(type='ltseg.LearnableScaleClassifier'), ARB),
    (dict(type='ltseg.DisAlignClassifier'), ARB),
    (dict(type='ltseg.PrototypeClassifier'), ARB),
    (dict(type='ltseg.MetaEmbeddingClassifier', scale=1.0), ARB),
    (dict(type='ltseg.ResidualBranchClassifier'), ARB),
]
BRANCHES = dict(
    classifier=dict(type='ltseg.ResidualBranchClassifier'),
    regularizers=[dict(type='ltseg.ResidualBranchLoss', counts=COUNTS)],
)
MEMORY = dict(
    classifier=dict(type='ltseg.MetaEmbeddingClassifier', scale=1.0),
    regularizers=[dict(type='ltseg.DiscriminativeCentroidsLoss')],
)
# What is computed of the labels in a way of its own.
SEG_OPTIONS = {
    'align_corners': dict(align_corners=True),
    'narrow bands': dict(band_rows=1),
    'sampler': dict(sampler=dict(type='mmseg.OHEMPixelSampler', thresh=0.7, min_kept=20)),
    'two losses': dict(loss_decode=[ARB, dict(type='ltseg.FocalLoss')]),
    'regions': dict(loss_decode=[ARB, dict(type='ltseg.JaccardLoss'), dict(type='ltseg.DiceLoss', per='image')]),
    'regularizer': dict(regularizers=[dict(type='ltseg.WithinClassRegularizer')]),
    'branches': BRANCHES,
    'memory': MEMORY,
    'regularizer of few pixels': dict(regularizers=[dict(type='ltseg.SupervisedContrastiveLoss', max_samples=16)]),
}
CLS_OPTIONS = {
    'two losses': dict(loss=[ARB, dict(type='ltseg.FocalLoss')]),
    'regularizer': dict(regularizers=[dict(type='ltseg.WithinClassRegularizer')]),
    'branches': BRANCHES,
    'memory': MEMORY,
    'hidden layer': dict(head_type='StackedLinearClsHead', mid_channels=[6]),
    'accuracy': dict(cal_acc=True),
}


def gradients(losses: dict[str, Tensor], head: nn.Module, features: Tensor) -> dict[str, Tensor | None]:
    """Those of the sum of the losses, in the parameters and the features."""
    leaves = {**{name: p for name, p in head.named_parameters() if p.requires_grad}, 'features': features}
    total = sum(value for name, value in losses.items() if 'loss' in name)
    return dict(zip(leaves, torch.autograd.grad(total, [*leaves.values()], allow_unused=True), strict=True))


def segmentation(device: str, options: dict) -> Callable[[], Any]:
    from mmseg.structures import SegDataSample

    head = MODELS.build({**SEG, 'loss_decode': ARB, **options}).to(device)
    features, labels = torch.randn(2, 8, 5, 6).to(device).requires_grad_(), torch.randint(K, (2, 1, 19, 22))
    labels[:, :, :3] = 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label)).to(device) for label in labels]
    metas = [{'img_shape': (19, 22)}] * 2

    def step() -> Any:
        losses = head.train().loss([features], samples, {})
        return losses, gradients(losses, head, features), head.eval().predict([features], metas, {})

    return step


def classification(device: str, options: dict) -> Callable[[], Any]:
    from mmpretrain.structures import DataSample

    head = MODELS.build({**CLS, 'loss': ARB, **options}).to(device)
    features = torch.randn(6, 8).to(device).requires_grad_()
    samples = [DataSample().set_gt_label(label).to(device) for label in (0, 0, 1, 2, 4, 0)]

    def step() -> Any:
        losses = head.train().loss((features,), samples)
        predicted = head.eval().predict((features,), samples)
        found = [(each.pred_score, each.pred_label) for each in predicted]
        return losses, gradients(losses, head, features), found

    return step


def classifier(device: str, config: dict, spatial_dims: int) -> Callable[[], Any]:
    layer = MODELS.build({**config, 'in_channels': 8, 'num_classes': K, 'spatial_dims': spatial_dims}).to(device)
    features = torch.randn(6, 8, *[3] * spatial_dims).to(device).requires_grad_()

    def step() -> Any:
        logits = layer(features)
        return logits, gradients({'loss': logits.square().sum()}, layer, features)

    return step


def seg_parts() -> list[Part]:
    losses = [without_chance(config) for config in LOSSES if config['type'] not in OF_COSINES]
    given = {name_of(loss): dict(loss_decode=loss) for loss in losses}
    given |= {layer['type']: dict(classifier=layer, loss_decode=loss) for layer, loss in CLASSIFIERS} | SEG_OPTIONS
    return [
        Part(
            f'{way} {name}',
            partial(segmentation, options={**options, 'fused': way == 'fused', 'dropout_ratio': 0}),
            is_random=name == 'regularizer of few pixels',
        )
        for name, options in given.items()
        for way in ('plain', 'fused')
    ]


def cls_parts() -> list[Part]:
    given = {layer['type']: dict(classifier=layer, loss=loss) for layer, loss in CLASSIFIERS} | CLS_OPTIONS
    return [Part(f'cls {name}', partial(classification, options=options)) for name, options in given.items()]


def classifier_parts() -> list[Part]:
    alone = [(layer, dims) for layer, _ in CLASSIFIERS for dims in (0, 2)]
    alone.append((dict(type='ltseg.ExpertClassifier', experts=2, classifier=COSINE), 0))
    return [
        Part(f'{name_of(layer)} {dims}d', partial(classifier, config=layer, spatial_dims=dims)) for layer, dims in alone
    ]


PARTS = [*seg_parts(), *cls_parts(), *classifier_parts()]


@pytest.mark.parametrize('part', PARTS, ids=str)
def test_losses_gradients_and_predictions_are_the_cpus(side_by_side: SideBySide, part: Part) -> None:
    side_by_side.compare(part)


def test_events_are_those_allowed(side_by_side: SideBySide) -> None:
    side_by_side.check_events(PARTS, ALLOWED)


def test_every_classifier_is_here() -> None:
    known = {name for name, made in registered().items() if made.__module__.startswith('ltseg.heads')}
    known -= {'FrequencyBasedAssigner'}  # computes nothing of its own: MMDetection's assigners do
    tested = {part.make.keywords['config']['type'] for part in classifier_parts()}
    assert {f'ltseg.{name}' for name in known} == tested | {SEG['type'], CLS['type']}
