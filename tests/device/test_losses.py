"""Every loss with every way of counting on a device."""

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import pytest
import torch
from allowed_events import LOSSES as ALLOWED
from losses_under_test import COUNTS, LOSSES, REGION_LOSSES, UNFUSED_LOSSES, K, batch, name_of, without_chance
from registered_types import registered
from side_by_side import Part, SideBySide

from ltseg.core.class_covariances import ClassCovariances
from ltseg.core.errors import LtsegError
from ltseg.core.features import FeatureBatch
from ltseg.counts.class_counts import ClassCounts
from ltseg.losses import RISDALoss
from ltseg.losses.logits_loss import LogitsLoss
from ltseg.registry import MODELS

MODES = ('batch', 'ema', 'accumulated', 'dataset', COUNTS)
TABLE = ClassCounts(torch.tensor(COUNTS), torch.tensor([90, 30, 20, 10, 8]), torch.tensor([3000, 900, 800, 400, 100]))
SCHEMES = [
    dict(type='ltseg.ReweightedLoss', scheme=scheme, counts=COUNTS)
    for scheme in ('sqrt_inverse', 'median_frequency', 'generalized')
]
LAYOUTS = {
    'samples': dict(size=(12,)),
    'maps': dict(size=(2, 6, 7)),
    'soft': dict(size=(12,), soft=True),
}
VIEWS = dict(type='ltseg.ExpertDiversityLoss', experts=3, begin=None)
MASKS = dict(type='ltseg.MaskClassificationLoss', class_weight=[1.0] * (len(COUNTS) - 1) + [0.1])
QUERIES = {**MASKS, 'rules': [dict(type='ltseg.PriorBias')], 'counts': COUNTS[:-1]}
# Of samples (N, K) alone, or with a norm for each.
OTHERS = (dict(type='ltseg.DotRegressionLoss'), VIEWS, {**VIEWS, 'begin': 0, 'counts': COUNTS}, MASKS, QUERIES)
LFME = dict(type='ltseg.LFMELoss', counts=COUNTS)
OF_FEATURES = [
    dict(type='ltseg.ISDALoss', ramp=(1.0, 1.0)),
    dict(type='ltseg.ISDALoss', ramp=(1.0, 1.0), covariance='diagonal'),
    dict(type='ltseg.RISDALoss'),
]


def loss_on(device: str, config: dict) -> LogitsLoss:
    """A loss that has counted its data set, on a device."""
    loss = MODELS.build(without_chance(config)).to(device)
    if config.get('counts') == 'dataset':
        loss.counts.fill(TABLE)
    return loss


def iteration(
    device: str, config: dict, size: tuple[int, ...], soft: bool = False, **more: torch.Tensor
) -> Callable[[], Any]:
    """The value and the gradient in the logits; ``soft`` labels are probabilities."""
    loss = loss_on(device, config)
    logits, labels = batch(*size, dtype=torch.float32, device=device)
    if soft:
        labels = logits.flip(0).softmax(1)
    logits.requires_grad_()
    given = {name: value.to(device) for name, value in more.items()}

    def step() -> list[torch.Tensor]:
        value = loss(logits, labels, ignore_index=255, **given)
        return [value, *torch.autograd.grad(value, logits)]

    return step


def of_features(device: str, config: dict) -> Callable[[], Any]:
    """Of a loss that sees features, with the gradient in these and in the class vectors."""
    loss, labels = MODELS.build(config).build(K, 3).to(device), torch.arange(12).to(device) % K
    features, vectors = (torch.randn(size, 3).to(device).requires_grad_() for size in (12, K))
    if isinstance(loss, RISDALoss):
        loss.measured(ClassCovariances.of(features, labels, K), torch.ones(K, K).to(device))

    def step() -> list[torch.Tensor]:
        with loss.observing(FeatureBatch(features[:, None], labels, K, vectors)):
            value = loss(features @ vectors.T, labels)
        return [value, *torch.autograd.grad(value, [features, vectors]), loss.covariances]

    return step


def of_experts(device: str, config: dict, size: tuple[int, ...]) -> Callable[[], Any]:
    """Of a loss that learns from experts, of whom something is known."""
    loss, groups = MODELS.build(config).to(device), ((0, 3), (1, 2, 4))
    logits, labels = batch(*size, dtype=torch.float32, device=device)
    loss.meet([torch.tensor(group).to(device) for group in groups], *torch.tensor([[9] * K, [1] * K]).to(device))
    loss.lessons = [torch.randn(size[0], len(group), *size[1:]).to(device) for group in groups]
    logits.requires_grad_()

    def step() -> list[torch.Tensor]:
        value = loss(logits, labels, ignore_index=255)
        return [value, *torch.autograd.grad(value, logits)]

    return step


def is_accepted(part: Part) -> bool:
    """Whether a loss works with these counts and labels, for which some formulas have no value."""
    try:
        part.make('cpu')()
    except LtsegError:
        return False
    return True


def parts() -> list[Part]:
    configs = []
    for config, mode in product((*LOSSES, *REGION_LOSSES, *UNFUSED_LOSSES, *SCHEMES), MODES):
        config = {**config, 'counts': mode} if 'counts' in config else config
        if config not in configs:
            configs.append(config)
    made = [
        Part(f'{name_of(c)}-{c.get("counts")}-{layout}', partial(iteration, config=c, **options))
        for c, (layout, options) in product(configs, LAYOUTS.items())
    ]
    made = [part for part in made if is_accepted(part)]
    norms = torch.rand(12, generator=torch.Generator().manual_seed(0)) + 1
    for number, config in enumerate(OTHERS):
        more = {'feature_norm': norms} if config['type'] == 'ltseg.DotRegressionLoss' else {}
        made.append(Part(f'{name_of(config)}-{number}', partial(iteration, config=config, size=(12,), **more)))
    made += [Part(f'{name_of(config)} of features', partial(of_features, config=config)) for config in OF_FEATURES]
    for layout in ('samples', 'maps'):
        made.append(Part(f'LFMELoss-{layout}', partial(of_experts, config=LFME, **LAYOUTS[layout])))
    return made


PARTS = parts()


@pytest.mark.parametrize('part', PARTS, ids=str)
def test_value_and_gradient_are_the_cpus(side_by_side: SideBySide, part: Part) -> None:
    side_by_side.compare(part)


def test_events_are_those_allowed(side_by_side: SideBySide) -> None:
    side_by_side.check_events(PARTS, ALLOWED)


def test_every_loss_is_here() -> None:
    losses = {name for name, made in registered().items() if isinstance(made, type) and issubclass(made, LogitsLoss)}
    assert losses == {part.make.keywords['config']['type'].removeprefix('ltseg.') for part in PARTS}
