"""Which weights a model gets, and which are refused."""

from pathlib import Path

import pytest
import torch
from hinted import hinted
from torch import nn

from ltseg.trained.weights import check_weights, load_weights


def test_weights_of_another_model(tmp_path: Path) -> None:
    model = nn.ModuleDict({'backbone': nn.Linear(2, 3), 'auxiliary_head': nn.Linear(3, 4)})
    state = model.state_dict()

    def save(weights: dict[str, torch.Tensor]) -> str:
        torch.save({'state_dict': weights}, tmp_path / 'a.pth')
        return str(tmp_path / 'a.pth')

    def check(**changes: torch.Tensor | None) -> None:
        named = {key.replace('__', '.'): value for key, value in changes.items()}
        kept = {key: value for key, value in (state | named).items() if value is not None}
        check_weights(model, save(kept))

    check()
    check(auxiliary_head__weight=None, more=torch.ones(1))  # predictions do not need them
    check_weights(nn.ModuleDict({'module': model}), save(state))
    with pytest.raises(ValueError, match=r'a\.pth.*backbone\.bias of shape \(3,\).*without backbone\.bias'):
        check(backbone__bias=None)
    hinted('Give the config that it was trained with.', lambda: check(backbone__weight=torch.ones(2, 3)))
    with pytest.raises(ValueError, match=r'shape \(3, 2\), got .*backbone\.weight of shape \(2, 3\)'):
        check(backbone__weight=torch.ones(2, 3))


def test_weights_are_loaded_beside_other_parts(tmp_path: Path) -> None:
    """Such as an auxiliary head of other classes, and the wrapper of a parallel training."""
    trained = nn.ModuleDict(
        {'backbone': nn.Linear(2, 3), 'auxiliary_head': nn.Linear(3, 4), 'teacher': nn.Linear(1, 1)}
    )
    state = {f'module.{key}': value for key, value in trained.state_dict().items()}
    torch.save({'state_dict': state}, tmp_path / 'a.pth')
    model = nn.ModuleDict({'backbone': nn.Linear(2, 3), 'auxiliary_head': nn.Linear(3, 5)})
    assert load_weights(model, str(tmp_path / 'a.pth')) is model
    assert torch.equal(model['backbone'].weight, trained['backbone'].weight)
    with pytest.raises(ValueError, match='Give the config that it was trained with'):
        load_weights(nn.ModuleDict({'neck': nn.Linear(2, 3)}), str(tmp_path / 'a.pth'))
