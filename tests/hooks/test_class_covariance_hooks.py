"""MeasureClasses measures what a naive pass does; the meta step is the derivative of what it says it is."""

from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.model import BaseModel
from small_training import COUNTS, training
from torch import Tensor, nn
from torch.utils.data import DataLoader
from two_processes import in_two_processes

from ltseg.core.class_covariances import ClassCovariances
from ltseg.core.features import FeatureBatch
from ltseg.hooks import MetaCovariances
from ltseg.losses import ISDALoss, RISDALoss
from ltseg.registry import MODELS

K, D = len(COUNTS), 4
MEASURE, META = {'type': 'ltseg.MeasureClasses'}, {'type': 'ltseg.MetaCovariances', 'meta_lr': 0.5}


class Images(list):
    """Vectors with labels, as data sets of images are."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        labels = torch.arange(K).repeat_interleave(torch.tensor(COUNTS)).tolist()
        super().__init__({'inputs': torch.randn(3), 'label': label} for label in labels)

    def get_gt_labels(self) -> list[int]:
        return [each['label'] for each in self]


class Model(BaseModel):
    """A trunk with a normalisation, and a loss that sees what enters the classifier."""

    def __init__(self, loss: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.trunk, self.norm, self.fc = nn.Linear(3, D), nn.BatchNorm1d(D), nn.Linear(D, K)
        self.loss = loss.build(K, D)

    def forward(self, inputs: Tensor, label: Tensor, mode: str = 'loss') -> dict[str, Tensor]:
        features = self.norm(self.trunk(inputs.to(self.fc.weight))).tanh()
        with self.loss.observing(FeatureBatch(features[:, None], label, K, self.fc.weight)):
            return {'loss': self.loss(self.fc(features), label)}


def meta_step(model: Model, rate: float) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """The slope that the hook finds, and the batches of the iteration and of the meta step."""
    data = Images()
    loader = DataLoader(data, batch_size=len(data))
    groups = [{'params': [*model.parameters()], 'lr': rate}]
    runner: Any = SimpleNamespace(
        model=model, iter=0, seed=0, train_loop=SimpleNamespace(dataloader=loader),
        optim_wrapper=SimpleNamespace(param_groups=groups))  # fmt: skip
    hook = MetaCovariances(meta_lr=0.5, sampler=dict(type='DefaultSampler', shuffle=False), batch_size=5)
    hook.before_train(runner)
    (batch,) = loader
    hook.before_train_iter(runner, 0, batch)
    slope = (model.loss.covariances - model.loss.replaced) / 0.5
    hook.after_train_iter(runner, 0)
    assert model.loss.replaced is None
    return slope, batch, {name: value[:5] for name, value in batch.items()}


def test_the_meta_step_is_the_derivative_of_the_loss_after_a_step() -> None:
    model = Model(ISDALoss(strength=2.0, ramp=(1.0, 1.0))).double().train()
    model.loss.covariances.copy_(torch.eye(D).expand(K, D, D))
    before = deepcopy(model.state_dict())
    slope, batch, balanced = meta_step(model, rate=0.3)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(each.grad is None for each in model.parameters())

    def after_step(covariances: Tensor) -> float:
        moved = deepcopy(model)
        moved.loss.replaced = covariances
        moved(**batch)['loss'].backward()
        with torch.no_grad():
            for each in moved.parameters():
                each -= 0.3 * each.grad
            features = moved.norm(moved.trunk(balanced['inputs'].double())).tanh()
            return nn.functional.cross_entropy(moved.fc(features), balanced['label']).item()

    direction, step = torch.randn(K, D, D, dtype=torch.float64), 1e-4
    ends = [after_step(model.loss.covariances + sign * step * direction) for sign in (1, -1)]
    assert slope.abs().max() > 1e-4
    torch.testing.assert_close((slope * direction).sum().item(), (ends[0] - ends[1]) / (2 * step), rtol=1e-4, atol=0)


def test_without_a_step_covariances_have_no_slope() -> None:
    slope, *_ = meta_step(Model(ISDALoss(ramp=(1.0, 1.0))).train(), rate=0.0)
    assert not slope.any()


def settings() -> dict[str, Any]:
    return {
        'train_dataloader': {
            'dataset': Images(), 'batch_size': 5, 'num_workers': 0, 'collate_fn': {'type': 'default_collate'},
            'sampler': {'type': 'DefaultSampler', 'shuffle': True}}}  # fmt: skip


def test_training_keeps_statistics_of_its_own_batches(tmp_path: Path) -> None:
    model = Model(ISDALoss())
    training(tmp_path, model, META, {'type': 'ltseg.ExactResume'}, epochs=2, **settings()).train()
    assert model.loss.seen.tolist() == [2 * count for count in COUNTS]
    assert model.norm.num_batches_tracked == 4 and model.loss.replaced is None


def test_a_meta_step_leaves_running_counts_alone(tmp_path: Path) -> None:
    rules = [dict(type='ltseg.PriorBias'), dict(type='ltseg.MissRateWeighting')]
    losses = [ISDALoss(counts='accumulated', momentum=1.0, rules=rules) for _ in range(2)]
    for place, (loss, hooks) in enumerate(zip(losses, ([], [META]), strict=True)):
        still = {'optimizer': {'type': 'SGD', 'lr': 0.0}}
        training(tmp_path / str(place), Model(loss), *hooks, epochs=2, optim_wrapper=still, **settings()).train()
    states = [{k: v for k, v in loss.state_dict().items() if k.endswith('_extra_state')} for loss in losses]
    assert len(states[0]) >= 2 and all(value.any() for value in states[0].values())
    torch.testing.assert_close(states[1], states[0])


@pytest.mark.parametrize('length', [{'epochs': 4}, {'iterations': 8}])
def test_a_resumed_training_has_the_balanced_batches_of_a_whole_one(tmp_path: Path, length: dict) -> None:
    """Three images at a time make more balanced batches than an epoch has."""
    hooks = {**META, 'batch_size': 3, 'meta_lr': 2.0}, {'type': 'ltseg.ExactResume'}
    whole, first, second = (Model(ISDALoss(strength=5.0, ramp=(1.0, 1.0))) for _ in range(3))
    half = {key: value // 2 for key, value in length.items()}
    saved = settings()
    if 'iterations' in length:
        saved['train_dataloader']['sampler'] = {'type': 'InfiniteSampler', 'shuffle': True}
        saved['default_hooks'] = {'checkpoint': {'type': 'CheckpointHook', 'interval': 4, 'by_epoch': False}}
    training(tmp_path / 'whole', whole, *hooks, **length, **saved).train()
    training(tmp_path / 'parts', first, *hooks, **half, **saved).train()
    training(tmp_path / 'parts', second, *hooks, **length, **saved, resume=True).train()
    assert not torch.equal(first.trunk.weight, whole.trunk.weight)
    torch.testing.assert_close(second.state_dict(), whole.state_dict(), rtol=0, atol=0)


def meta_step_of_a_part(rank: int, folder: Path) -> None:
    torch.save(slope_of(slice(rank, None, 2)), folder / f'{rank}.pth')


def slope_of(part: slice) -> Tensor:
    """What the meta step finds of a part of 12 samples and 6 balanced ones, without a normalisation over the batch."""
    model = Model(ISDALoss(strength=2.0, ramp=(1.0, 1.0))).double().train()
    model.norm = nn.Identity()
    model.loss.covariances.copy_(torch.eye(D).expand(K, D, D))
    generator = torch.Generator().manual_seed(4)
    inputs, labels = torch.randn(18, 3, generator=generator, dtype=torch.float64), torch.arange(18) % K
    first, second = ({'inputs': inputs[s][part], 'label': labels[s][part]} for s in (slice(12), slice(12, 18)))
    hook = MetaCovariances(meta_lr=1.0)
    hook._loss, hook._batches = model.loss, iter([second])
    groups = [{'params': [*model.parameters()], 'lr': 0.5}]
    runner: Any = SimpleNamespace(model=model, optim_wrapper=SimpleNamespace(param_groups=groups))
    hook.before_train_iter(runner, 0, first)
    return model.loss.covariances - model.loss.replaced


def test_two_processes_take_the_meta_step_of_the_joined_batch(tmp_path: Path) -> None:
    in_two_processes(meta_step_of_a_part, tmp_path)
    expected = slope_of(slice(None))
    assert expected.abs().max() > 1e-4
    for rank in range(2):
        torch.testing.assert_close(torch.load(tmp_path / f'{rank}.pth'), expected)


@pytest.fixture
def classifier() -> Any:
    from mmpretrain.models import ImageClassifier

    torch.manual_seed(0)
    return ImageClassifier(
        backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
        neck=dict(type='mmpretrain.GlobalAveragePooling'),
        head=dict(type='ltseg.LongTailClsHead', in_channels=8, num_classes=K, loss=dict(type='ltseg.RISDALoss')),
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'),
    )


@pytest.mark.usefixtures('mmpretrain_registered')
def test_measures_every_training_image_once(tmp_path: Path, classifier: Any) -> None:
    from mmpretrain.structures import DataSample

    labels = torch.arange(K).repeat_interleave(torch.tensor(COUNTS))
    images = torch.rand(len(labels), 3, 8, 8)
    data = [{'inputs': x, 'data_samples': DataSample().set_gt_label(y)} for x, y in zip(images, labels, strict=True)]
    loader = {
        'dataset': data, 'batch_size': 2, 'num_workers': 0, 'collate_fn': {'type': 'pseudo_collate'},
        'sampler': {'type': 'InfiniteSampler', 'shuffle': True}}  # fmt: skip
    still = {'optimizer': {'type': 'SGD', 'lr': 1e-12}}
    hooks = MEASURE, {'type': 'ltseg.ExactResume'}, {'type': 'ltseg.TrainOnly', 'parameters': ['head.fc']}
    training(tmp_path, classifier, *hooks, iterations=2, train_dataloader=loader, optim_wrapper=still).train()
    with torch.no_grad():
        features = classifier.eval().extract_feat(images)[0]
        taken = classifier.head.fc(features).argmax(1)
    loss, graph = classifier.head.loss_module, torch.zeros(K, K)
    for y, k in zip(labels, taken, strict=True):
        graph[y, k] += 1 / COUNTS[y]
    expected = ClassCovariances.of(features, labels, K)
    torch.testing.assert_close(loss.means, expected.means)
    torch.testing.assert_close(loss.moves, graph @ expected.means - expected.means)
    torch.testing.assert_close(loss.covariances[0], expected.covariances[0])  # of the most frequent class
    borrowed = torch.einsum('yk,kde->yde', graph, expected.covariances)
    torch.testing.assert_close(loss.covariances[1:], borrowed[1:])


@pytest.mark.usefixtures('mmpretrain_registered')
def test_says_what_is_missing(tmp_path: Path, classifier: Any) -> None:
    hinted("Add custom_hooks=[dict(type='ltseg.MeasureClasses')].", lambda: Model(RISDALoss())(**balanced()))
    hinted(
        "Give a head loss=dict(type='ltseg.RISDALoss'), or remove the hook.",
        lambda: training(tmp_path / '0', Model(ISDALoss()), MEASURE, **settings()).train(),
    )
    plain = deepcopy(classifier)
    plain.head.loss_module = nn.CrossEntropyLoss()
    hinted(
        "Give the head loss=dict(type='ltseg.ISDALoss'), or remove the hook.",
        lambda: training(tmp_path / '1', plain, META, **settings()).train(),
    )
    training(tmp_path / '2', Model(ISDALoss()), META, epochs=1, **settings()).train()


def balanced() -> dict[str, Tensor]:
    return {'inputs': torch.randn(K, 3), 'label': torch.arange(K)}


@pytest.mark.usefixtures('mmpretrain_registered')
def test_prototypes_begin_with_the_class_means(tmp_path: Path, classifier: Any) -> None:
    from mmpretrain.structures import DataSample

    head = dict(type='ltseg.LongTailClsHead', in_channels=8, num_classes=K, loss=dict(type='ltseg.CrossEntropyLoss'))
    classifier.head = MODELS.build({**head, 'classifier': dict(type='ltseg.PrototypeClassifier')})
    data = [{'inputs': torch.rand(3, 8, 8), 'data_samples': DataSample().set_gt_label(i % K)} for i in range(6)]
    loader = {
        'dataset': data, 'batch_size': 2, 'num_workers': 0, 'collate_fn': {'type': 'pseudo_collate'},
        'sampler': {'type': 'DefaultSampler', 'shuffle': True}}  # fmt: skip
    still = {'optimizer': {'type': 'SGD', 'lr': 1e-12}}
    hooks = MEASURE, {'type': 'ltseg.TrainOnly', 'parameters': ['head.fc']}
    training(tmp_path, classifier, *hooks, epochs=1, train_dataloader=loader, optim_wrapper=still).train()
    with torch.no_grad():
        features = classifier.eval().extract_feat(torch.stack([each['inputs'] for each in data]))[0]
    expected = torch.stack([features[k::K].mean(0) for k in range(K)])
    torch.testing.assert_close(classifier.head.fc.weight.detach(), expected)
