"""A random loss on random logits against its equation in float64."""

import math
import warnings
from random import Random
from typing import Any

import torch
from torch import Tensor

import ltseg.losses  # noqa: F401  registers them
from ltseg.registry import MODELS

__all__ = ['check_loss']

TOLERANCE = 2e-4  # of float32, relative to the largest logit
LOSSES = ('CrossEntropy', 'ARB', 'BalancedSoftmax', 'LogitAdjusted', 'CDT', 'VS', 'Focal', 'LDAM')


def check_loss(number: int) -> str:
    """Compares the value and the gradient of the loss with this number.

    Returns:
        What was compared.

    Raises:
        AssertionError: If they differ.
    """
    random = Random(number)
    kind, arguments = _chosen(random)
    logits, labels, counts, ignored = _batch(random, kind)
    if kind not in ('CrossEntropy', 'ARB', 'Focal'):
        arguments['counts'] = counts
    loss = MODELS.build({'type': f'ltseg.{kind}Loss', **arguments})
    ours, exact = logits.clone().requires_grad_(), logits.double().requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # one class alone teaches nothing, as ARBLoss says
        results = loss(ours, labels, ignore_index=ignored), _expected(kind, arguments, exact, labels, ignored)
    gradient, expected_gradient = (torch.autograd.grad(v, z)[0] for v, z in zip(results, (ours, exact), strict=True))
    value, expected = (each.item() for each in results)
    what = f'{kind}Loss({arguments}) of {tuple(logits.shape)}'
    limit = TOLERANCE * max(1.0, float(logits.abs().max()))
    assert abs(value - expected) <= limit * max(1.0, abs(expected)), f'{what}: {value}, {expected}'
    gap = float((gradient.double() - expected_gradient).abs().max())
    allowed = limit * max(0.01 * arguments.get('scale', 1), float(expected_gradient.abs().max()))
    assert gap <= allowed, f'{what}: gradients differ by {gap}'
    return what


def _chosen(random: Random) -> tuple[str, dict[str, Any]]:
    kind = random.choice(LOSSES)
    known = {
        'LogitAdjusted': {'tau': random.uniform(0.1, 2)},
        'CDT': {'gamma': random.uniform(0, 1)},
        'VS': {'gamma': random.uniform(0, 1), 'tau': random.uniform(0, 2)},
        'Focal': {'gamma': random.choice((0.5, 1.0, 2.0, 5.0))},
        'LDAM': {'max_margin': random.uniform(0.1, 1), 'scale': random.choice((1.0, 10.0, 30.0))},
    }
    return kind, {**known.get(kind, {}), **random.choice(({}, {'loss_weight': random.uniform(0.1, 3)}))}


def _batch(random: Random, kind: str) -> tuple[Tensor, Tensor, list[int], int]:
    """Logits (N, K, *), labels (N, *), counts of each class, and the ignored label."""
    generator = torch.Generator().manual_seed(random.randrange(2**31))
    classes, size = random.choice((2, 3, 19, 150)), random.choice(((1,), (7,), (2, 5, 3), (1, 16, 16)))
    spread = random.choice((0.1, 1.0, 10.0, 100.0))
    logits = torch.randn(size[0], classes, *size[1:], generator=generator) * spread
    if kind == 'LDAM':
        logits = logits.clamp(-1, 1)  # cosines
    labels = torch.randint(0, random.choice((1, classes)), size, generator=generator)
    ignored = random.choice((255, -100, classes - 1))
    labels[torch.rand(size, generator=generator) < random.choice((0, 0, 0.5, 1))] = ignored
    return logits, labels, [random.choice((1, 10, 10**5, 10**9)) for _ in range(classes)], ignored


def _expected(kind: str, arguments: dict[str, Any], logits: Tensor, labels: Tensor, ignored: int) -> Tensor:
    """``-(1 - p_y)^g log p_y`` with ``p = softmax(s z + b - m onehot(y))``, the mean over valid samples."""
    rows, flat = logits.movedim(1, -1).reshape(-1, logits.shape[1]), labels.flatten()
    rows, flat = rows[flat != ignored], flat[flat != ignored]
    if not len(flat):
        return (logits * 0).sum()
    counts = torch.tensor(arguments.get('counts') or torch.bincount(flat, minlength=rows.shape[1]).tolist()).double()
    bias, scale, margin = torch.zeros_like(counts), torch.ones_like(counts), torch.zeros_like(counts)
    if kind in ('ARB', 'BalancedSoftmax', 'LogitAdjusted', 'VS'):
        bias = arguments.get('tau', 1.0) * counts.log()
    if kind in ('CDT', 'VS'):
        scale = (counts / counts.max()) ** arguments['gamma']
    if kind == 'LDAM':
        scale = scale * arguments['scale']
        margin = arguments['scale'] * arguments['max_margin'] * (counts.min() / counts) ** 0.25
    moved = scale * rows + bias - margin * torch.nn.functional.one_hot(flat, rows.shape[1])
    logs = moved.log_softmax(1).gather(1, flat[:, None])[:, 0]
    focusing = arguments['gamma'] if kind == 'Focal' else 0.0
    # Roots have no derivative at 0, where a sample is right beyond all doubt.
    losses = -((-logs.expm1()).clamp(min=1e-30) ** focusing if focusing else 1.0) * logs
    return arguments.get('loss_weight', 1.0) * losses.sum() / math.prod(flat.shape)
