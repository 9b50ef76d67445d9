"""Configs of neural-collapse and contrastive methods: recipes, differences, and AllNC against its equations."""

from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from test_classification_configs import CIFAR, learning_rates
from test_configs import MODELS as SEGMENTORS
from test_configs import differences, used
from torch.nn import functional as F

from ltseg.cli.stages import stages_of
from ltseg.datasets.profiles import profile_counts
from ltseg.schedules import Progress, Schedule

pytestmark = pytest.mark.usefixtures('mmpretrain_registered')

CONFIGS = Path(__file__).parents[1] / 'configs'
REGULARIZERS = ('model.head.regularizers', 'model.decode_head.regularizers')
DENSE_LOSS = 'model.decode_head.loss_decode'
DECAY = 'optim_wrapper.optimizer.weight_decay'
BEGIN = 'custom_hooks.3.begin'  # of deferred re-weighting
# A method, its baseline, and what the names of all settings that differ start with.
ON_CIFAR = [
    ('ncr_drw', 'ce_drw', (*REGULARIZERS, DECAY, BEGIN, 'model.train_cfg')),
    *((name, 'ncr_drw', REGULARIZERS) for name in ('ncr_within_drw', 'ncr_between_drw')),
    *((name, 'ncr_drw', REGULARIZERS) for name in ('center_loss_drw', 'ncr_center_between_drw')),
    ('ncr_mse', 'mse', REGULARIZERS),
    *((f'ncr_ride{number}', f'ride{number}', (*REGULARIZERS, DECAY)) for number in (2, 4)),
    *((f'ncr_{base}', base, (*REGULARIZERS, DECAY)) for base in ('ldam_drw', 'logit_adjusted', 'ride')),
    *((f'lwr_{base}', base, REGULARIZERS) for base in ('balanced_softmax', 'logit_adjusted', 'focal', 'ce_drw')),
    ('supcon', 'bcl', REGULARIZERS),
    ('kcl', 'supcon', REGULARIZERS),
    ('tsc', 'supcon', REGULARIZERS),
    ('hybrid_psc', 'hybrid_sc', REGULARIZERS),
    *((method, 'ce', REGULARIZERS) for method in ('dro_lt', 'range_loss', 'mbj')),
]
ON_IMAGENET = [
    ('resnext50_ncr_drw', 'resnext50_ce_drw'),
    *(
        (f'resnext50_ncr_{base}', f'resnext50_{base}')
        for base in ('ldam_drw', 'logit_adjusted', 'ride', 'ride2', 'ride4')
    ),
    *(
        (f'resnet50_lwr_{base}', f'resnet50_{base}')
        for base in ('balanced_softmax', 'logit_adjusted', 'focal', 'ce_drw')
    ),
]
ON_CAMVID = [
    ('arb_ncr', 'arb', REGULARIZERS),
    ('arb_p2p', 'arb', REGULARIZERS),
    ('balanced_softmax_lwr', 'balanced_softmax', REGULARIZERS),
    ('logit_adjusted_bcl', 'logit_adjusted', REGULARIZERS),
    ('allnc', 'ce', (*REGULARIZERS, DENSE_LOSS)),
]
# Images of a batch, learning rate, weight decay.
RECIPES = {
    'ncr_drw': (128, 0.1, 5e-4),
    'bcl': (256, 0.15, 5e-4),
    'supcon': (256, 0.15, 5e-4),
    'allnc': (64, 0.01, 5e-3),
}


@cache
def read(name: str) -> Config:
    return Config.fromfile(CONFIGS / f'{name}.py')


def on_cifar(method: str, data: str = CIFAR[0]) -> Config:
    return read(f'classification/resnet32_{method}_{data}')


@pytest.mark.parametrize(('method', 'base', 'starts'), ON_CIFAR)
@pytest.mark.parametrize('data', CIFAR)
def test_differs_from_its_baseline_in_its_terms_only(method: str, base: str, starts: tuple, data: str) -> None:
    changed = differences(used(on_cifar(base, data)), used(on_cifar(method, data)))
    assert changed and all(name.startswith(starts) for name in changed)


@pytest.mark.parametrize(('method', 'base'), ON_IMAGENET)
def test_differs_from_its_baseline_on_imagenet_in_its_terms_only(method: str, base: str) -> None:
    ours, baseline = (used(read(f'classification/{name}_imagenetlt')) for name in (method, base))
    changed = differences(baseline, ours)
    assert changed and all(name.startswith((*REGULARIZERS, BEGIN)) for name in changed)


# Images of a batch, epochs, learning rate, weight decay; weight and temperature of the contrast.
LARGE_RECIPES = {
    'resnet50_bcl_imagenetlt': (256, 90, 0.1, 5e-4, 0.35, 0.07),
    'resnext50_bcl_imagenetlt': (256, 90, 0.1, 5e-4, 0.35, 0.07),
    'resnet50_bcl_inaturalist2018': (256, 100, 0.2, 1e-4, 0.35, 0.07),
    'resnext50_bcl_rand_sim_imagenetlt': (256, 90, 0.1, 5e-4, 0.35, 0.07),
    'resnext50_bcl_rand_rand_imagenetlt': (256, 90, 0.1, 5e-4, 0.35, 0.07),
    'resnext50_ncr_drw_imagenetlt': (256, 200, 0.05, 5e-4, 0.05, None),
    'resnext50_allnc_imagenetlt': (128, 90, 0.1, 2e-4, 2.0, None),
    'resnet50_allnc_inaturalist2018': (128, 90, 0.1, 2e-4, 2.0, None),
}


@pytest.mark.parametrize('name', LARGE_RECIPES)
def test_recipe_on_large_sets(name: str) -> None:
    config = read(f'classification/{name}')
    batch, epochs, rate, decay, weight, temperature = LARGE_RECIPES[name]
    optimizer, (schedule,) = config.optim_wrapper.optimizer, config.param_scheduler
    assert (config.train_dataloader.batch_size, optimizer.lr, optimizer.weight_decay) == (batch, rate, decay)
    assert (schedule.type, schedule.T_max, config.train_cfg.max_epochs) == ('CosineAnnealingLR', epochs, epochs)
    term = config.model.head.regularizers[0]
    assert (term.loss_weight, term.get('temperature')) == (weight, temperature)


@pytest.mark.parametrize(('model', 'row'), [*product(SEGMENTORS, ON_CAMVID)])
def test_dense_form_differs_from_its_baseline_in_its_terms_only(model: str, row: tuple) -> None:
    method, base, starts = row
    ours, baseline = (used(read(f'{model}_{name}_camvid')) for name in (method, base))
    changed = differences(baseline, ours)
    assert changed and all(name.startswith(starts) for name in changed)


@pytest.mark.parametrize('method', RECIPES)
@pytest.mark.parametrize('data', CIFAR)
def test_recipe_is_the_one_of_the_paper(method: str, data: str) -> None:
    config = on_cifar(method, data)
    batch, rate, decay = RECIPES[method]
    optimizer = config.optim_wrapper.optimizer
    assert (config.train_dataloader.batch_size, optimizer.lr, optimizer.weight_decay) == (batch, rate, decay)
    steps = [0.2, 0.4, 0.6, 0.8] + 156 * [1] + 20 * [0.1] + 20 * [0.01]
    assert learning_rates(config.to_dict()) == pytest.approx([rate * step for step in steps])


@pytest.mark.parametrize('method', ['hybrid_sc', 'hybrid_psc'])
@pytest.mark.parametrize('data', CIFAR)
def test_hybrid_networks_go_from_contrast_to_cross_entropy(method: str, data: str) -> None:
    """Wang et al., CVPR 2021: alpha = 1 - (T / T_max)^2."""
    config = on_cifar(method, data)
    (contrast,), loss = config.model.head.regularizers, config.model.head.loss
    for epoch in (0, 99, 199):
        now, alpha = Progress(epoch=epoch, max_epochs=200), 1 - ((epoch + 1) / 200) ** 2
        assert Schedule(**contrast.schedule).factor(now) == pytest.approx(alpha)
        assert Schedule(**loss.schedule).factor(now) == pytest.approx(1 - alpha)
    assert contrast.temperature == (1.0 if (method, data) == ('hybrid_psc', CIFAR[0]) else 0.1)
    optimizer = config.optim_wrapper.optimizer
    assert (config.train_dataloader.batch_size, optimizer.lr, optimizer.weight_decay) == (512, 0.5, 1e-4)
    assert learning_rates(config.to_dict())[5::50] == pytest.approx([0.5, 0.5, 0.5, 0.05])


@pytest.mark.parametrize('data', CIFAR)
def test_weights_are_those_of_the_papers(data: str) -> None:
    many = data == 'cifar100lt100'
    within, between = on_cifar('ncr_drw', data).model.head.regularizers
    assert (within.loss_weight, between.loss_weight) == (0.01, 0.5 if many else 0.1)
    assert all(term.get('schedule') == (dict(start=0.5) if many else None) for term in (within, between))
    head = on_cifar('bcl', data).model.head
    (balanced,) = head.regularizers
    assert (head.loss.loss_weight, balanced.loss_weight, balanced.temperature) == (2.0, 0.6, 0.1)


@pytest.mark.parametrize('method', ['ncr_drw', 'ncr_drw_crt', 'ncr_between_drw', 'center_loss_drw'])
@pytest.mark.parametrize('data', CIFAR)
def test_ncr_mixes_images_and_defers_re_weighting_to_the_last_twenty_epochs(method: str, data: str) -> None:
    config = on_cifar(method, data)
    assert config.model.train_cfg.augments == [dict(type='Mixup', alpha=0.2)]
    assert config.custom_hooks[3] == dict(type='ltseg.DeferredRules', begin=180)
    assert read('classification/resnext50_ncr_drw_imagenetlt').custom_hooks[3].begin == 170


@pytest.mark.parametrize('data', CIFAR)
def test_classifier_of_ncr_goes_on_for_fifty_epochs(data: str) -> None:
    config = on_cifar('ncr_drw_crt', data).copy()
    config.work_dir = 'work_dirs'
    stage = stages_of(config)[1]
    assert stage.model.train_cfg is None and stage.optim_wrapper.optimizer.weight_decay == 0
    assert 'reinitialize' not in stage.custom_hooks[-1]
    rates = learning_rates(stage.to_dict())
    assert rates == pytest.approx(10 * [0.1] + 5 * [0.01] + 35 * [0.001])


@pytest.mark.parametrize('data', CIFAR)
def test_each_term_of_ncr_has_a_config_of_its_own(data: str) -> None:
    within, between = on_cifar('ncr_drw', data).model.head.regularizers
    center = dict(within, type='ltseg.CenterLoss', loss_weight=2 * within.loss_weight)  # which has the factor 1/2
    terms = {'ncr_within_drw': [within], 'ncr_between_drw': [between], 'center_loss_drw': [center]}
    for method, expected in (terms | {'ncr_center_between_drw': [center, between]}).items():
        assert on_cifar(method, data).model.head.regularizers == expected


@pytest.mark.parametrize('data', CIFAR)
def test_bcl_in_400_epochs_has_twice_the_warm_up(data: str) -> None:
    steps = [(epoch + 1) / 10 for epoch in range(10)] + 350 * [1] + 20 * [0.1] + 20 * [0.01]
    assert learning_rates(on_cifar('bcl_400e', data).to_dict()) == pytest.approx([0.15 * step for step in steps])


@pytest.mark.parametrize(('method', 'epochs'), [('ncr_drw_crt', 50), ('allnc_plus', 10)])
@pytest.mark.parametrize('data', CIFAR)
def test_second_stage_trains_the_classifier_alone(method: str, epochs: int, data: str) -> None:
    config = on_cifar(method, data).copy()
    config.work_dir = 'work_dirs'
    first, second = stages_of(config)
    base = on_cifar(method.removesuffix('_crt').removesuffix('_plus'), data)
    assert differences(base.model.to_dict(), first.model.to_dict()) == {}
    hooks = {hook.type: hook for hook in second.custom_hooks}
    assert hooks['ltseg.TrainOnly'].parameters == ['head.fc'] and 'ltseg.DeferredRules' not in hooks
    assert 'ltseg.CountClasses' in hooks and second.train_cfg.max_epochs == epochs
    head = MODELS.build(second.model).head
    assert head.regularizers is None and len(head.losses) == 1


def gram_gap(vectors: torch.Tensor) -> torch.Tensor:
    """Eq. 10 and 11 of AllNC."""
    size = len(vectors)
    target = size / (size - 1) * torch.eye(size) - 1 / (size - 1)
    return ((vectors @ vectors.T - target) ** 2).sum() / size**2


@pytest.mark.parametrize('epoch', [0, 3, 9])
def test_allnc_is_the_sum_of_its_equations(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eq. 8 and 10 to 14 with alpha = 1, views, classes and counts as the head sees them."""
    from mmpretrain.structures import DataSample

    for module in ('schedules', 'regularizers.regularizer'):
        monkeypatch.setattr(f'ltseg.{module}.training_progress', lambda: Progress(epoch=epoch, max_epochs=10))
    config = on_cifar('allnc').model.head.to_dict()
    counts = torch.linspace(500, 5, 10).long()
    config['loss'][1]['counts'] = counts.tolist()
    torch.manual_seed(0)
    head = MODELS.build(config).double()
    labels = torch.arange(40) % 10
    views = torch.randn(40, 2, 64, dtype=torch.float64)
    found = head.loss((views,), [DataSample().set_gt_label(int(label)) for label in labels])

    eta = 1 - ((epoch + 1) / 10) ** 3
    weights = (1 / counts)[labels].double()
    total, means_term = torch.zeros(()), torch.zeros(())
    for view in views.unbind(1):
        losses = F.cross_entropy(head.fc(view), labels, reduction='none')
        reweighted = (weights * losses).sum() / weights.sum()
        total = total + eta * losses.mean() + (1 - eta) * (reweighted + gram_gap(head.fc.weight))
        means = torch.stack([view[labels == k].mean(0) for k in range(10)])
        means_term = means_term + gram_gap(F.normalize(means - means.mean(0))) / 2
    (hybrid,) = [term for term in head.regularizers.terms if term.loss_name == 'loss_hybrid_contrastive']
    z = hybrid.projected(views.flatten(0, 1)).unflatten(0, (40, 2))
    h = hybrid.prediction(z.flatten(0, 1)).unflatten(0, (40, 2))
    contrast = torch.zeros(())
    for one, other in ((0, 1), (1, 0)):
        u = torch.stack([z[labels == k, other].mean(0) for k in range(10)])[labels]
        contrast = contrast - F.cosine_similarity(h[:, one], z[:, other]).mean()
        contrast = contrast - F.cosine_similarity(u, z[:, other]).mean()
    losses = {name: value for name, value in found.items() if 'loss' in name}
    assert set(losses) == {'loss_ce', 'loss_reweighted'} | {
        f'loss_{name}' for name in ('peer_to_peer_classifier', 'peer_to_peer_means', 'hybrid_contrastive')
    }
    torch.testing.assert_close(sum(losses.values()), total + contrast + means_term)


@pytest.mark.parametrize(('data', 'ratio'), zip(CIFAR, (6.2, 5.0), strict=True))
def test_allnc_divides_by_summed_weights_where_the_paper_divides_by_samples(data: str, ratio: float) -> None:
    """docs/methods.md says by how much, for weights that sum to K."""
    classes = on_cifar('allnc', data).model.head.num_classes
    counts = torch.tensor(profile_counts('exponential', classes, 50_000 // classes, 100))
    labels = torch.arange(classes).repeat_interleave(counts)
    term = {**on_cifar('allnc', data).model.head.loss[1], 'counts': counts.tolist(), 'schedule': None}
    ours, literal = (MODELS.build({**term, 'average': average}) for average in ('weight', 'count'))
    logits = torch.randn(len(labels), classes)
    assert (ours(logits, labels) / literal(logits, labels)).item() == pytest.approx(ratio, abs=0.05)


def test_views_of_the_recipes() -> None:
    preprocessor: Any = MODELS.build(on_cifar('bcl').data_preprocessor)
    names = [[type(step).__name__ for step in pipeline.steps] for pipeline in preprocessor.pipelines]
    strong = ['BatchRandomCrop', 'BatchRandomFlip', 'BatchAutoAugment', 'BatchCutout']
    assert names == [strong, ['BatchSimAugment'], ['BatchSimAugment']]
    preprocessor = MODELS.build(on_cifar('allnc').data_preprocessor)
    names = [[type(step).__name__ for step in pipeline.steps] for pipeline in preprocessor.pipelines]
    assert names == 2 * [['BatchRandomCrop', 'BatchRandomFlip', 'BatchRandAugment']]
