"""Class vectors stay within the radius of the first stage, with any optimizer."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from small_training import Network, training

from ltseg.hooks.max_norm import norm_bound, project_rows

HOOK = {'type': 'ltseg.MaxNorm'}


def norms(model: Network) -> torch.Tensor:
    return model.head.fc.weight.detach().norm(dim=1)


@pytest.mark.parametrize('shape', [(3, 4), (3, 4, 1, 1)])
def test_projection(shape: tuple[int, ...]) -> None:
    """Short rows stay bit for bit, long ones keep their direction, and once is enough."""
    weight = torch.randn(shape)
    weight *= (torch.tensor([1.0, 2.0, 5.0]) / weight.flatten(1).norm(dim=1)).view(-1, *[1] * (len(shape) - 1))
    assert norm_bound(weight, 0.1) == pytest.approx(1.4)
    assert (norm_bound(weight, 0.0), norm_bound(weight, 1.0)) == pytest.approx((1.0, 5.0))
    once = weight.clone()
    project_rows(once, 1.4)
    torch.testing.assert_close(once.flatten(1).norm(dim=1), torch.tensor([1.0, 1.4, 1.4]))
    assert torch.equal(once[0], weight[0])
    torch.testing.assert_close(torch.cosine_similarity(once.flatten(1), weight.flatten(1)), torch.ones(3))
    twice = once.clone()
    project_rows(twice, 1.4)
    torch.testing.assert_close(twice, once)
    zeros = torch.zeros(2, 4)
    project_rows(zeros, 1.0)
    assert (zeros == 0).all()


@pytest.mark.parametrize('optimizer', ['SGD', 'AdamW'])
def test_norms_stay_within_the_radius(tmp_path: Path, optimizer: str) -> None:
    model = Network()
    radius = norm_bound(model.head.fc.weight, 0.1)
    runner = training(tmp_path, model, HOOK, optim_wrapper={'optimizer': {'type': optimizer, 'lr': 0.5}})
    runner.train()
    assert norms(model).max() <= radius * (1 + 1e-6)
    assert model.head.fc.bias.abs().max() > 0.1


def test_the_radius_has_the_ratio_asked_for(tmp_path: Path) -> None:
    model = Network()
    longest = norms(model).max().item()
    options: dict[str, Any] = {'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.5}}}
    training(tmp_path, model, {**HOOK, 'ratio': 1.0}, **options).train()
    assert norms(model).max().item() == pytest.approx(longest)


def test_vectors_are_projected_before_they_are_averaged(tmp_path: Path) -> None:
    runner = training(tmp_path, Network(), {'type': 'EMAHook'}, HOOK)
    kinds = [type(hook).__name__ for hook in runner.hooks]
    assert kinds.index('MaxNorm') < kinds.index('EMAHook')


def test_radius_is_that_of_the_first_stage_after_a_resume(tmp_path: Path) -> None:
    whole, resumed = Network(), Network()
    options: dict[str, Any] = {'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.5}}}
    training(tmp_path, whole, HOOK, **options).train()
    radius = norm_bound(whole.head.fc.weight, 0.1)
    runner = training(tmp_path / 'r', resumed, HOOK, load_from=f'{tmp_path}/epoch_1.pth', resume=True, **options)
    runner.train()
    (hook,) = [hook for hook in runner.hooks if type(hook).__name__ == 'MaxNorm']
    assert hook.bound == norm_bound(Network().head.fc.weight, 0.1) != radius
    assert torch.equal(whole.head.fc.weight, resumed.head.fc.weight)


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        ({'classifier': 'head'}, r'a layer with class vectors \(K, D\)'),
        ({'classifier': 'trunk.1'}, r'a layer with class vectors \(K, D\)'),
        ({'ratio': 1.5}, r'a number in \[0, 1\]'),
    ],
)
def test_faults(tmp_path: Path, options: dict, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        training(tmp_path, Network(), {**HOOK, **options}).train()


def test_an_untrained_classifier_has_no_radius(tmp_path: Path) -> None:
    model = Network()
    torch.nn.init.zeros_(model.head.fc.weight)
    hinted('Load a checkpoint with a trained classifier.', lambda: training(tmp_path, model, HOOK).train())
    torch.save({'state_dict': Network().state_dict(), 'meta': {}}, tmp_path / 'trained.pth')
    training(tmp_path, model, HOOK, load_from=str(tmp_path / 'trained.pth')).train()
    assert norms(model).min() > 0
