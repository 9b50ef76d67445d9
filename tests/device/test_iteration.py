"""In an iteration, and in an evaluation of many taus, the CPU never waits for a GPU without need."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from simulated_cuda import SimulatedCuda, values_of
from torch import Tensor, nn

from ltseg.core import batch_transform
from ltseg.core.posthoc import predictions_over_tau
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.sources import ClassCountsSource
from ltseg.datasets.batch_policies import OPERATIONS
from ltseg.hooks import StopOnNaN
from ltseg.registry import MODELS
from ltseg.trained.tau_curve import evaluate_over_tau

CONFIGS = Path(__file__).parents[2] / 'configs' / 'classification'
METHODS = ('ce', 'bcl', 'supcon', 'kcl', 'tsc', 'allnc', 'remix', 'ldam_drw', 'class_balanced_focal', 'bbn', 'ride')


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """What is drawn for batches, copy by copy."""
    found: list[Tensor] = []
    send = batch_transform.sent
    monkeypatch.setattr(batch_transform, 'sent', lambda values, where: found.append(values) or send(values, where))
    return found


@pytest.mark.usefixtures('mmpretrain_registered')
@pytest.mark.parametrize('method', METHODS)
def test_an_iteration_of_a_classifier(device: SimulatedCuda, copies: list[Tensor], method: str) -> None:
    """One copy, which nobody waits for, brings all random numbers; TSC alone matches its classes on the CPU."""
    from mmpretrain.structures import DataSample

    config = Config.fromfile(CONFIGS / f'resnet32_{method}_cifar10lt100.py')
    model: Any = MODELS.build({**config.model, 'data_preprocessor': dict(config.data_preprocessor)}).to('cuda')
    for module in model.modules():
        if isinstance(module, ClassCountsSource) and module.waiting:
            module.fill(ClassCounts.from_list([100.0 - 9 * k for k in range(10)]))
    images = torch.randint(256, (8, 3, 32, 32), dtype=torch.uint8).to('cuda')
    labels = [label.to('cuda') for label in torch.arange(8)]
    for _ in range(2):  # in the first, constants come to the device
        copies.clear()
        samples = [DataSample().set_gt_label(label.reshape(1)) for label in labels]
        with device.watch() as noted:
            losses = model(**model.data_preprocessor({'inputs': images, 'data_samples': samples}, True), mode='loss')
            sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert len(copies) == 1
    found = {event.place for event in noted.of('wait', 'upload')}
    assert found == ({'regularizers/targeted_contrastive.py:step'} if method == 'tsc' else set())


@pytest.mark.parametrize('name', OPERATIONS)
def test_an_operation_on_images(device: SimulatedCuda, name: str) -> None:
    operation, _, most = OPERATIONS[name]
    images, amounts = (torch.rand(4, 3, 8, 8) * 255).to('cuda'), torch.full((4,), most).to('cuda')
    with device.watch() as noted:
        operation(images, amounts)
    assert not noted.of('wait', 'upload', everywhere=True)


@pytest.mark.parametrize('counts', ['dataset', 'batch'])
@pytest.mark.parametrize(
    'rule',
    [
        dict(type='ltseg.PriorBias'),
        dict(type='ltseg.ClassWeights', weights=(1.0, 2.0, 3.0)),
        dict(type='ltseg.Weighting', beta=0.9),
        dict(type='ltseg.Weighting', scheme='enet'),
        dict(type='ltseg.LabelSmoothing'),
    ],
    ids=lambda rule: rule.get('scheme', rule['type']),
)
def test_what_rules_make_of_counts_stays_on_the_device(device: SimulatedCuda, rule: dict, counts: str) -> None:
    loss = MODELS.build(dict(type='ltseg.LongTailLoss', rules=[rule], counts=counts)).to('cuda')
    if counts == 'dataset':
        loss.counts.fill(ClassCounts.from_list([90.0, 9.0, 1.0]))
    logits, labels = torch.randn(6, 3).to('cuda').requires_grad_(), torch.arange(6).remainder(3).to('cuda')
    first = loss(logits, labels, avg_factor=6)
    with device.watch() as noted:
        again = loss(logits, labels, avg_factor=6)
        again.backward()
    assert values_of(again).equal(values_of(first)) and not noted.of('wait', 'upload')
    if counts == 'dataset' and rule['type'] != 'ltseg.ClassWeights':
        loss.counts.fill(ClassCounts.from_list([1.0, 9.0, 200.0]))  # and it is made anew of other counts
        assert not values_of(loss(logits, labels, avg_factor=6)).equal(values_of(first))


def test_all_weights_are_looked_at_once(device: SimulatedCuda) -> None:
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(20))).to('cuda')
    runner: Any = SimpleNamespace(iter=0, max_iters=10, hooks=(), optim_wrapper=None, model=model)
    runner.message_hub = MessageHub('test_all_weights_are_looked_at_once')
    hook, outputs = StopOnNaN(), {f'loss_{k}': torch.ones(()).to('cuda') for k in range(3)}
    hook.after_train_iter(runner, 0, outputs=outputs)
    with device.watch() as noted:
        hook.before_val(runner)
    assert noted.of('wait').total() == 1
    model[7].bias.data[1] = torch.nan
    with pytest.raises(FloatingPointError, match=r'the weight 7\.bias is not finite at iteration 1'):
        hook.before_val(runner)


@pytest.mark.parametrize('maps', [True, False], ids=['maps', 'images'])
def test_a_curve_over_tau_is_fetched_at_its_end(device: SimulatedCuda, maps: bool) -> None:
    """However many images and taus there are, with the matrices of the CPU."""
    size, found = (1, 4, 6, 5) if maps else (20, 4), []
    logits, prior = [torch.randn(size) for _ in range(3)], torch.tensor([0.6, 0.3, 0.08, 0.02]).log().double()
    labels = [each.argmax(1).roll(1, 0) for each in logits]
    for where in ('cpu', 'cuda'):
        batches = [(x.to(where), y.to(where)) for x, y in zip(logits, labels, strict=True)]
        taus, moved = (-1.0, 0.0, 0.5, 1.0), prior.to(where)
        with device.watch() as noted:
            found.append(
                evaluate_over_tau(batches, lambda z: predictions_over_tau(z, moved, taus), len(taus), 4, 255)  # noqa: B023
            )
    assert torch.equal(*found) and found[0].sum() == len(taus) * sum(each.numel() for each in labels)
    assert noted.of('wait').total() == 1
