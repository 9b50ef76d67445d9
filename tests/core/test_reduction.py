"""From losses of samples to one number."""

import pytest
import torch

from ltseg.core.reduction import reduce_losses


def test_normalisers():
    losses, weights = torch.tensor([2.0, 6.0, 0.0]), torch.tensor([1.0, 3.0, 0.0])
    valid = torch.tensor(2)
    assert reduce_losses(losses, valid) == 4
    assert reduce_losses(losses, valid, weights, average='weight') == 2
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
