"""Every regularizer on a device, over steps in which it learns."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from allowed_events import REGULARIZERS as ALLOWED
from regularizers_under_test import REGULARIZERS, D, K, batch, name_of, registered
from side_by_side import Part, SideBySide

from ltseg.core.features import FeatureBatch
from ltseg.regularizers import RegularizerGroup

# Of pixels, from which they draw.
SAMPLED = [
    dict(type='ltseg.SupervisedContrastiveLoss', max_samples=16),
    dict(type='ltseg.SubclassBalancedContrastiveLoss', max_samples=16),
    dict(type='ltseg.BalancedContrastiveLoss', max_samples=16),
    dict(type='ltseg.TargetedContrastiveLoss', max_samples=16),
    dict(type='ltseg.ParametricContrastiveLoss', max_samples=16),
    dict(type='ltseg.PrototypicalContrastiveLoss', max_samples=16),
    dict(type='ltseg.DistributionalRobustnessLoss', radius='shared', max_samples=16),
    dict(type='ltseg.RangeLoss', max_samples=16),
    dict(type='ltseg.MemoryJitter', size=16, counts='batch'),
]


def divided(device: str, of_images: bool) -> Callable[[], Any]:
    """Value and gradients with subclasses: of images by their numbers, or of pixels by centres."""
    config = dict(type='ltseg.SubclassBalancedContrastiveLoss', least_size=2, out_channels=4)
    group = RegularizerGroup([config], K, D).to(device)
    given = batch(dtype=torch.float32, device=device)
    (term,) = group.terms
    rows = term.directions_of(given.features[:, 0])
    numbers = torch.arange(len(rows)) if of_images else None
    term.subclasses.divide(rows, given.labels, None if numbers is None else numbers.to(device))
    leaves = [given.features.requires_grad_(), *group.parameters()]

    def step() -> Any:
        values = group(FeatureBatch(leaves[0], given.labels, K, numbers=numbers))
        return values, torch.autograd.grad(sum(values.values()), leaves), term.subclasses.temperatures

    return step


def iteration(device: str, config: dict, views: int = 2) -> Callable[[], Any]:
    """The value, and its gradients in the features, the classifier and what the regularizer learns."""
    needed = [dict(type='ltseg.WithinClassRegularizer', centers='learnable')] if 'Between' in config['type'] else []
    group = RegularizerGroup([*needed, config], K, D).to(device)
    given = batch(views=views, dtype=torch.float32, device=device)
    leaves = [given.features.requires_grad_(), given.class_vectors.requires_grad_(), *group.parameters()]

    def step() -> Any:
        values = group(FeatureBatch(leaves[0], given.labels, K, leaves[1]))
        return values, torch.autograd.grad(sum(values.values()), leaves, materialize_grads=True, allow_unused=True)

    return step


PARTS = [
    *(
        Part(f'{name_of(config)} {number}', partial(iteration, config=config))
        for number, config in enumerate(REGULARIZERS)
    ),
    *(Part(f'{name_of(config)} sampled', partial(iteration, config=config), is_random=True) for config in SAMPLED),
    Part('subclasses of images', partial(divided, of_images=True)),
    Part('subclasses of pixels', partial(divided, of_images=False)),
]


@pytest.mark.parametrize('part', PARTS, ids=str)
def test_value_and_gradients_are_the_cpus(side_by_side: SideBySide, part: Part) -> None:
    side_by_side.compare(part)


def test_events_are_those_allowed(side_by_side: SideBySide) -> None:
    side_by_side.check_events(PARTS, ALLOWED)


def test_every_regularizer_is_here() -> None:
    of_branches = {'ResidualBranchLoss'}  # of a head, in test_heads.py
    here = {config['type'].removeprefix('ltseg.') for config in REGULARIZERS}
    assert {made.__name__ for made in registered()} == here | of_branches
