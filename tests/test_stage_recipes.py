"""The second stages of the two-stage recipes do what their papers say."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS

from ltseg.cli.stages import stages_of

ROOT = Path(__file__).parents[1] / 'configs' / 'classification'
DISALIGN = ['head.fc.logit_scale', 'head.fc.logit_bias', 'head.fc.confidence']
every_data_set = pytest.mark.parametrize('data', ['cifar10lt100', 'cifar100lt100'])


@cache
def stages(method: str, data: str, model: str = 'resnet32') -> list[Config]:
    config = Config.fromfile(ROOT / f'{model}_{method}_{data}.py')
    config.work_dir = 'work_dirs'
    return stages_of(config)


def hook(stage: Config, name: str) -> dict[str, Any]:
    (found,) = [hook for hook in stage.custom_hooks if hook.type == f'ltseg.{name}']
    return found


@every_data_set
@pytest.mark.parametrize(
    ('method', 'trained', 'sampler', 'rate', 'decay'),
    [
        ('crt', ['head.fc'], 'ltseg.ClassBalancedSampler', 0.2 * 128 / 512, 5e-4),
        ('lws', ['head.fc.scale'], 'ltseg.ClassBalancedSampler', 0.2 * 128 / 512, 5e-4),
        ('disalign', DISALIGN, 'DefaultSampler', 0.1, 5e-4),
        ('mislas', ['head.fc'], 'ltseg.ClassAwareSampler', 0.1, 2e-4),
        ('weight_balancing', ['head.fc'], 'DefaultSampler', 0.01, 0.1),
    ],
)
def test_second_stage(data: str, method: str, trained: list[str], sampler: str, rate: float, decay: float) -> None:
    first, second = stages(method, data)
    assert (first.train_cfg.max_epochs, second.train_cfg.max_epochs) == (200, 10)
    assert hook(second, 'TrainOnly')['parameters'] == trained
    assert second.train_dataloader.sampler.type == sampler and first.train_dataloader.sampler.type == 'DefaultSampler'
    optimizer = second.optim_wrapper.optimizer
    assert (optimizer.lr, optimizer.weight_decay) == pytest.approx((rate, decay))
    (schedule,) = second.param_scheduler
    assert (schedule.type, schedule.T_max) == ('CosineAnnealingLR', 10)
    assert (hook(second, 'TrainOnly').get('reinitialize') == ['head.fc']) == (method == 'crt')


@pytest.mark.parametrize(
    ('data', 'smoothing', 'factor', 'shifts'),
    [('cifar10lt100', (0.3, 0.0), 0.5, False), ('cifar100lt100', (0.4, 0.1), 0.2, True)],
)
def test_mislas(data: str, smoothing: tuple[float, float], factor: float, shifts: bool) -> None:
    first, second = stages('mislas', data)
    assert first.model.train_cfg.augments[0].type == 'Mixup' and second.model.train_cfg is None
    loss = second.model.head.loss
    assert (loss.type, (loss.head, loss.tail)) == ('ltseg.LabelAwareSmoothingLoss', smoothing)
    assert hook(second, 'TrainOnly').get('freeze_statistics', True) == (not shifts)
    factors = second.optim_wrapper.paramwise_cfg.custom_keys
    assert {name: each.lr_mult for name, each in factors.items()} == {'head.fc.weight': factor, 'head.fc.bias': factor}


@every_data_set
def test_weight_balancing(data: str) -> None:
    first, second = stages('weight_balancing', data)
    optimizer = first.optim_wrapper.optimizer
    assert (optimizer.lr, optimizer.weight_decay) == (0.01, 5e-3)
    assert first.param_scheduler[0].type == 'CosineAnnealingLR'
    assert second.model.head.loss.type == 'ltseg.ClassBalancedLoss'
    assert hook(second, 'MaxNorm')['ratio'] == 0.1


@every_data_set
def test_gcl(data: str) -> None:
    first, second = stages('gcl_crt', data)
    assert [stage.model.head.loss.type for stage in (first, second)] == ['ltseg.GCLLoss'] * 2
    assert 'scale' not in first.model.head.loss and second.model.head.loss.scale == 20
    assert second.model.train_cfg.augments[0].type == 'Mixup' and second.train_cfg.max_epochs == 30
    assert second.train_dataloader.sampler.type == 'ltseg.ClassBalancedSampler'
    trained = hook(second, 'TrainOnly')
    assert trained['parameters'] == ['head.fc'] and 'reinitialize' not in trained


@pytest.mark.parametrize('data', ['imagenetlt', 'placeslt', 'inaturalist2018'])
@pytest.mark.parametrize(
    ('method', 'trained', 'sampler', 'rate'),
    [
        ('crt', ['head.fc'], 'ltseg.ClassBalancedSampler', 0.2 * 1024 / 512),
        ('lws', ['head.fc.scale'], 'ltseg.ClassBalancedSampler', 0.2 * 1024 / 512),
        ('mislas', ['head.fc'], 'ltseg.ClassAwareSampler', 0.1),
    ],
)
def test_second_stage_on_large_sets(data: str, method: str, trained: list[str], sampler: str, rate: float) -> None:
    first, second = stages(method, data, 'resnet50')
    assert first.model.train_cfg.augments == [dict(type='Mixup', alpha=0.2)] and second.model.train_cfg is None
    assert hook(second, 'TrainOnly')['parameters'] == trained
    assert second.train_dataloader.sampler.type == sampler and second.train_cfg.max_epochs == 10
    assert second.optim_wrapper.optimizer.lr == pytest.approx(rate)
    if method == 'mislas':
        loss, data_set = second.model.head.loss, DATASETS.get(second.train_dataloader.dataset.type)
        assert (loss.head, loss.tail) == ((0.4, 0.1) if data == 'placeslt' else (0.3, 0.0))
        assert second.train_dataloader.sampler.length == data_set.TOTALS['train']
        factors = second.optim_wrapper.paramwise_cfg.custom_keys.values()
        assert {each.lr_mult for each in factors} == {0.05}


@pytest.mark.parametrize(
    ('model', 'data', 'epochs', 'rate', 'map_size'),
    [
        ('resnet32', 'cifar10lt100', 60, 0.01, 8),
        ('resnet32', 'cifar100lt100', 60, 0.01, 8),
        ('resnext50', 'imagenetlt', 60, 0.01, 7),
        ('resnet152', 'placeslt', 30, 0.0001, 7),
    ],
)
def test_oltr(model: str, data: str, epochs: int, rate: float, map_size: int) -> None:
    first, second = stages('oltr', data, model)
    assert 'classifier' not in first.model.head and 'regularizers' not in first.model.head
    assert second.train_cfg.max_epochs == epochs and second.optim_wrapper.optimizer.lr == rate
    (schedule,) = second.param_scheduler
    assert schedule.milestones == [epochs // 3, epochs * 2 // 3]
    sampler = second.train_dataloader.sampler
    assert (sampler.type, sampler.samples_per_visit) == ('ltseg.ClassAwareSampler', 4)
    assert (second.model.neck[0].type, second.model.neck[0].map_size) == ('ltseg.ModulatedAttentionNeck', map_size)
    assert second.model.head.classifier.type == 'ltseg.MetaEmbeddingClassifier'
    assert second.model.head.regularizers[0].loss_weight == 0.01 and hook(second, 'MeasureClasses')
    (factor,) = second.optim_wrapper.paramwise_cfg.custom_keys.values()
    if data == 'placeslt':
        assert factor.lr_mult == 100 and first.optim_wrapper.optimizer.lr == 0.001
        assert hook(second, 'TrainOnly')['parameters'] == ['neck', 'head']
    else:
        assert factor.lr_mult == 10 and not any(each.type == 'ltseg.TrainOnly' for each in second.custom_hooks)
