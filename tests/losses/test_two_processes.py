"""Two processes against one on the joined batch: loss, gradient and counts, with unequal ignored areas."""

import copy

import pytest
import torch
from losses_under_test import LOSSES, REGION_LOSSES, UNFUSED_LOSSES, K, batch, name_of, without_chance
from two_processes import in_two_processes

from ltseg.losses import ClassSumsLoss, LongTailLoss
from ltseg.losses.fused import fused_losses

OF_IMAGES = [config for config in UNFUSED_LOSSES if config.get('per') == 'image']  # else processes do not sort together
CASES = [without_chance(config) for config in LOSSES + REGION_LOSSES + OF_IMAGES]
SCENARIOS = ('unequal', 'one rank ignores all')


def build(config):
    from ltseg.registry import MODELS

    return MODELS.build(config)


def halves(scenario):
    logits, labels = batch(4, 6, 5)
    labels[0, :4] = 255
    if scenario == SCENARIOS[1]:
        labels[2:] = 255
    return (logits[:2], labels[:2]), (logits[2:], labels[2:])


def banded(loss, logits, labels):
    """Value and gradient without upsampled logits, here at the resolution of the labels."""
    for _ in range(2):
        logits = logits.detach().clone().requires_grad_()
        (value,), _ = fused_losses([loss], logits, labels, ignore_index=255, band_rows=2)
    return value.detach(), torch.autograd.grad(value, logits)[0]


def run(rank, folder):
    """One of two processes: what each loss gives, with the gradient averaged as DistributedDataParallel does."""
    results = {}
    for scenario in SCENARIOS:
        for index, config in enumerate(CASES):
            loss = build(config)
            logits, labels = halves(scenario)[rank]
            for _ in range(2):  # twice, for those that accumulate
                logits = logits.detach().clone().requires_grad_()
                value = loss(logits, labels, ignore_index=255)
                (gradient,) = torch.autograd.grad(value, logits)
            results[scenario, index] = value.detach(), gradient / 2, loss.counts(labels, K, 255).samples
            if isinstance(loss, LongTailLoss | ClassSumsLoss) and loss.can_be_fused:
                results['banded', scenario, index] = banded(build(config), logits, labels), (value.detach(), gradient)
    torch.save(results, f'{folder}/{rank}.pth')


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp('ranks')
    in_two_processes(run, str(folder))
    return [torch.load(folder / f'{rank}.pth') for rank in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize('scenario', SCENARIOS)
@pytest.mark.parametrize('index', range(len(CASES)), ids=[name_of(c) for c in CASES])
def test_two_processes_are_one(results, scenario, index):
    joined = [torch.cat(parts) for parts in zip(*halves(scenario), strict=True)]
    loss = build(copy.deepcopy(CASES[index]))
    for _ in range(2):
        logits = joined[0].detach().clone().requires_grad_()
        value = loss(logits, joined[1], ignore_index=255)
        (gradient,) = torch.autograd.grad(value, logits)
    parts = [ranks[scenario, index] for ranks in results]
    torch.testing.assert_close((parts[0][0] + parts[1][0]) / 2, value.detach())
    torch.testing.assert_close(torch.cat([part[1] for part in parts]), gradient)
    counted = loss.counts(joined[1], K, 255).samples
    for part in parts:
        torch.testing.assert_close(part[2], counted)


@pytest.mark.slow
@pytest.mark.parametrize('rank', range(2))
def test_bands_share_normalisers_and_sums_with_all_processes(results, rank):
    pairs = [value for key, value in results[rank].items() if key[0] == 'banded']
    assert pairs
    for found, expected in pairs:
        torch.testing.assert_close(found, expected)
