"""Copies of a part of a network."""

import pytest
import torch
from torch import nn

from ltseg.models.branches import branch_off


def network() -> nn.Sequential:
    torch.manual_seed(0)
    stages = [nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3)) for _ in range(3)]
    return nn.Sequential(*stages)


def test_each_row_passes_through_each_path():
    """Forked once; the copies of the next part go on with their own rows."""
    model, rows = network(), torch.randn(4, 3)
    first, second, third = model
    branches = [branch_off(model, '1', 2), branch_off(model, '2', 2, forks=False)]
    result = model(rows).view(4, 2, 3)
    assert branches[0].copies[0] is second and branches[1].copies[0] is third
    for path in range(2):
        expected = branches[1].copies[path](branches[0].copies[path](first(rows)))
        torch.testing.assert_close(result[:, path], expected)
    torch.testing.assert_close(result[:, 0], third(second(first(rows))))
    assert not torch.allclose(result[:, 0], result[:, 1])


def test_one_path_can_be_chosen():
    model, rows = network(), torch.randn(4, 3)
    branches = branch_off(model, '2', 3)
    every = model(rows).view(4, 3, 3)
    for path in range(3):
        branches.chosen = path
        torch.testing.assert_close(model(rows), every[:, path])


def test_last_block():
    model = network()
    last = model[1][2]
    branches = branch_off(model, '1.-1', 2)
    assert model[1][2] is branches and branches.copies[0] is last
    assert not torch.equal(branches.copies[1].weight, last.weight)


@pytest.mark.parametrize('name', ['7', '1.2.-1', 'layer3'])
def test_what_is_not_there(name):
    with pytest.raises(ValueError, match=r'expected a module of Sequential \(0, 1, 2\)'):
        branch_off(network(), name, 2)
