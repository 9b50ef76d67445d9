"""From losses of samples to one number."""

import pytest
import torch

from ltseg.core.reduction import reduce_losses


def test_normalisers():
    losses, weights = torch.tensor([2.0, 6.0, 0.0]), torch.tensor([1.0, 3.0, 0.0])
    valid = torch.tensor(2)
    assert reduce_losses(losses, valid) == 4
    assert reduce_losses(losses, valid, weights, average='weight') == 2
    assert reduce_losses(losses, valid, average='weight') == 4
    assert reduce_losses(losses, valid, weights, average='count') == 4
    assert reduce_losses(losses, valid, avg_factor=8) == 1
    assert reduce_losses(losses, valid, weights, average='weight', avg_factor=8) == 2
    assert reduce_losses(losses, valid, reduction='sum') == 8
    assert reduce_losses(losses, valid, reduction='none').tolist() == [2, 6, 0]


def test_sample_weights_scale_the_losses_only():
    losses, chosen = torch.tensor([2.0, 6.0, 4.0, 0.0]), torch.tensor([1.0, 0.0, 1.0, 1.0])
    assert reduce_losses(losses, torch.tensor(3), sample_weights=chosen) == 2


@pytest.mark.parametrize('average', ['weight', 'count'])
def test_nothing_valid_is_zero_with_a_graph(average):
    logits = torch.randn(3, requires_grad=True)
    reduced = reduce_losses(logits * 0, torch.tensor(0), torch.zeros(3), average=average)
    reduced.backward()
    assert reduced == 0 and (logits.grad == 0).all()


def test_sample_weights_are_factors():
    losses, weights = torch.tensor([2.0, 6.0]), torch.tensor([0.5, 2.0])
    assert reduce_losses(losses, torch.tensor(2), sample_weights=weights) == 6.5


def test_every_normaliser_is_that_of_all_processes(monkeypatch):
    """The other process adds 3 to it, and averaging over two halves the result."""
    monkeypatch.setattr('ltseg.core.reduction.world_size', lambda: 2)
    monkeypatch.setattr('ltseg.core.reduction.all_reduced_sum', lambda value: value + 3)
    losses, valid, weights = torch.tensor([2.0, 6.0]), torch.tensor(2), torch.tensor([1.0, 3.0])
    assert reduce_losses(losses, valid).item() == pytest.approx(2 * 8 / 5)
    assert reduce_losses(losses, valid, avg_factor=2).item() == pytest.approx(2 * 8 / 5)
    assert reduce_losses(losses, valid, weights, average='weight').item() == pytest.approx(2 * 8 / 7)
    assert reduce_losses(losses, valid, avg_factor=2, sync=False) == 4


@pytest.mark.parametrize('average', ['weight', 'count'])
def test_a_normaliser_below_one_divides_as_it_is(average):
    """Two pixels with class weights 0.1 and 0.2: their weighted mean is no smaller than the losses."""
    weights = torch.tensor([0.1, 0.2])
    losses = weights * torch.tensor([6.0, 3.0])
    of_count = {'avg_factor': 0.3} if average == 'count' else {}
    reduced = reduce_losses(losses, torch.tensor(2), weights, average=average, **of_count)
    assert reduced.item() == pytest.approx((0.1 * 6 + 0.2 * 3) / 0.3)


def test_a_tiny_normaliser_is_kept_and_only_zero_is_replaced():
    losses = torch.tensor([4e-12])
    for weight in (1e-12, 1e-30):
        reduced = reduce_losses(losses, torch.tensor(1), torch.tensor([weight]), average='weight')
        assert reduced.item() == pytest.approx(4e-12 / weight, rel=1e-5)
    zeros = torch.zeros(1)
    assert reduce_losses(zeros, torch.tensor(1), zeros, average='weight') == 0


def test_the_normaliser_counts_beyond_single_precision():
    """2^24 + 1 valid pixels, which float32 would take for 2^24."""
    losses = torch.tensor([2.0**24 + 1], dtype=torch.float64)
    assert reduce_losses(losses, torch.tensor(2**24 + 1)) == 1
    assert reduce_losses(losses, torch.tensor(2), avg_factor=2**24 + 1) == 1
