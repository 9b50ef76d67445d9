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
        model=model, epoch=0, train_loop=SimpleNamespace(dataloader=loader),
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
