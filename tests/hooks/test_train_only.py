"""Only what is named moves; the rest keeps weights and statistics; a fresh classifier is fresh once."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.model import MMDistributedDataParallel
from small_training import Network, training
from two_processes import in_two_processes

HOOK = {'type': 'ltseg.TrainOnly', 'parameters': ['head.fc']}


def changed(model: Network, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


def copied(model: Network) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        ({}, {'head.fc.weight', 'head.fc.bias'}),
        ({'parameters': ['head.fc.bias']}, {'head.fc.bias'}),
        ({'parameters': ['head', 'trunk.0.weight']}, {'head.fc.weight', 'head.fc.bias', 'trunk.0.weight'}),
    ],
)
def test_the_rest_stays(tmp_path: Path, options: dict, expected: set[str]) -> None:
    """Weight decay and momentum do not move it either."""
    model = Network()
    before = copied(model)
    training(tmp_path, model, {**HOOK, **options}).train()
    assert changed(model, before) == expected
    assert {mode for _, mode in model.steps} == {False}


def test_statistics_follow_the_batches_where_asked(tmp_path: Path) -> None:
    """And in layers with a trained parameter."""
    cases: list[dict] = [{'freeze_statistics': False}, {'parameters': ['head.fc', 'trunk.1.bias']}]
    for number, options in enumerate(cases):
        model = Network()
        before = copied(model)
        training(tmp_path / str(number), model, {**HOOK, **options}).train()
        assert {mode for _, mode in model.steps} == {True}
        assert {'trunk.1.running_mean', 'trunk.1.running_var'} < changed(model, before)
        assert not {'trunk.0.weight', 'trunk.1.weight'} & changed(model, before)


def test_classifier_is_drawn_anew_once(tmp_path: Path) -> None:
    """After the weights of the stage before are loaded, and not after a resume."""
    hook, still = {**HOOK, 'reinitialize': ['head.fc']}, {'optimizer': {'type': 'SGD', 'lr': 1e-9}}
    before = Network()
    torch.nn.init.constant_(before.head.fc.weight, 5.0)
    torch.save({'state_dict': before.state_dict(), 'meta': {}}, tmp_path / 'first.pth')
    options: dict[str, Any] = {'load_from': str(tmp_path / 'first.pth'), 'optim_wrapper': still}
    model = Network()
    training(tmp_path / 'second', model, hook, **options).train()
    weight = model.head.fc.weight.detach()
    assert 0 < weight.abs().max() < 0.05 and model.head.fc.bias.abs().max() < 1e-6
    resumed = Network()
    options |= {'load_from': str(tmp_path / 'second' / 'epoch_2.pth'), 'resume': True}
    training(tmp_path / 'third', resumed, hook, **options).train()
    assert torch.equal(resumed.head.fc.weight, weight)


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        ({'parameters': ['head.cf']}, "got 'head.cf'. Near it: head.fc"),
        ({'reinitialize': ['haed.fc']}, "got 'haed.fc'. Near it: head.fc"),
        ({'parameters': 'head.fc'}, 'expected lists of names'),
        ({'parameters': []}, 'expected lists of names'),
    ],
)
def test_wrong_names(tmp_path: Path, options: dict, expected: str) -> None:
    model = Network()
    with pytest.raises(ValueError, match=expected):
        training(tmp_path, model, {**HOOK, **options}).train()
    assert model.steps == []


def in_process(rank: int, folder: Path) -> None:
    model = Network()
    before = copied(model)
    runner = training(folder / 'run', model, {**HOOK, 'reinitialize': ['head.fc']})
    runner.model = MMDistributedDataParallel(model)
    runner.wrap_model = lambda settings, module: MMDistributedDataParallel(module)
    torch.manual_seed(rank)  # each process would draw another classifier
    runner.train()
    torch.save((model.state_dict(), changed(model, before)), folder / f'{rank}.pth')


def test_processes_wait_for_no_gradient_of_what_is_frozen(tmp_path: Path) -> None:
    in_two_processes(in_process, tmp_path)
    (first, moved), (second, _) = (torch.load(tmp_path / f'{rank}.pth', weights_only=False) for rank in range(2))
    assert moved == {'head.fc.weight', 'head.fc.bias'}
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_normalisation_drawn_anew_scales_by_one(tmp_path: Path) -> None:
    model, still = Network(), {'optimizer': {'type': 'SGD', 'lr': 1e-9}}
    torch.nn.init.constant_(model.trunk[1].weight, 5.0)
    torch.nn.init.constant_(model.trunk[1].bias, 5.0)
    training(tmp_path, model, {**HOOK, 'reinitialize': ['trunk.1']}, optim_wrapper=still).train()
    assert (model.trunk[1].weight == 1).all() and (model.trunk[1].bias == 0).all()


def test_the_near_name_trains(tmp_path: Path) -> None:
    hinted('Near it: ', lambda: training(tmp_path, Network(), {**HOOK, 'parameters': ['head.cf']}).train())
    model = Network()
    before = copied(model)
    training(tmp_path, model, {**HOOK, 'parameters': ['head.fc']}).train()  # the nearest
    assert changed(model, before) == {'head.fc.weight', 'head.fc.bias'}
