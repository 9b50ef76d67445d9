"""Classification configs follow the recipes of the papers, differ in their method only, and their method is at work."""

from functools import cache
from itertools import product
from math import cos, pi
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATA_SAMPLERS, MODELS
from test_classification_configs import CIFAR, ROOT, WIDTH, learning_rates
from test_configs import differences, used
from torch.nn import functional as F

from ltseg.datasets.profiles import profile_counts

pytestmark = pytest.mark.usefixtures('mmpretrain_registered')

LOSSES = ('focal', 'class_balanced_focal', 'balanced_softmax', 'logit_adjusted', 'vs', 'seesaw', 'equalization') + (
    'label_aware_smoothing',
    'reweighted',
)
SAMPLERS = tuple(f'resample_{how}' for how in ('class_balanced', 'square_root', 'progressive', 'repeat_factor'))
LARGE = ('imagenetlt', 'placeslt', 'inaturalist2018')
LOSS, SAMPLER, MIXUP = 'model.head.loss.', 'train_dataloader.sampler.', 'model.train_cfg.augments.'

# A config, its baseline, and what the names of all settings that differ start with.
DIFFERENCES = [
    *((f'resnet32_{loss}_{data}', f'resnet32_ce_{data}', LOSS) for loss, data in product(LOSSES, CIFAR)),
    *((f'resnet32_{sampler}_{data}', f'resnet32_ce_{data}', SAMPLER) for sampler, data in product(SAMPLERS, CIFAR)),
    *((f'resnet32_arb_dataset_{data}', f'resnet32_arb_{data}', f'{LOSS}counts') for data in CIFAR),
    *((f'resnet50_ce_mixup_{data}', f'resnet50_ce_{data}', MIXUP) for data in LARGE),
    *((f'resnet50_arb_{data}', f'resnet50_ce_mixup_{data}', LOSS) for data in LARGE),
    *(
        (f'{model}_{loss}_imagenetlt', f'{model}_ce_imagenetlt', LOSS)
        for model, loss in product(('resnet50', 'resnext50'), ('focal', 'balanced_softmax'))
    ),
    ('resnet50_logit_adjusted_imagenetlt', 'resnet50_ce_imagenetlt', LOSS),
    ('resnet152_arb_placeslt', 'resnet50_arb_placeslt', 'model.backbone.'),
]
# Epochs, images of a step and processes that share them, weight decay, and alpha of mixup. All start at 0.1.
RECIPES = {
    # Xie et al. (ARB), appendix C, and where it is silent or contradicts itself their released code.
    'resnet32_arb_cifar10lt100': (200, 128, 1, 2e-4, 1.0),
    'resnet32_arb_cifar100lt100': (200, 128, 1, 2e-4, 1.0),
    'resnet50_arb_imagenetlt': (200, 1024, 8, 5e-4, 0.2),
    'resnet50_arb_placeslt': (90, 1024, 8, 5e-4, 0.2),
    'resnet50_arb_inaturalist2018': (200, 1024, 8, 1e-4, 0.2),
    # Zhu et al. (BCL), section 4.2.
    'resnext50_balanced_softmax_imagenetlt': (90, 256, 1, 5e-4, None),
}


@cache
def read(name: str) -> dict[str, Any]:
    return used(Config.fromfile(ROOT / f'{name}.py'))


@pytest.mark.parametrize(('name', 'base', 'start'), DIFFERENCES, ids=[name for name, *_ in DIFFERENCES])
def test_differs_from_its_baseline_in_its_method_only(name: str, base: str, start: str) -> None:
    changed = differences(read(base), read(name))
    assert changed and all(setting.startswith(start) for setting in changed)


@pytest.mark.parametrize('name', RECIPES)
def test_recipe_is_the_one_of_the_paper(name: str) -> None:
    epochs, batch, processes, weight_decay, alpha = RECIPES[name]
    config = read(name)
    expected = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=weight_decay)
    assert config['optim_wrapper']['optimizer'] == expected
    assert config['train_cfg']['max_epochs'] == epochs
    assert config['train_dataloader']['batch_size'] * processes == batch
    augments = config['model'].get('train_cfg', {}).get('augments', [])
    assert augments == ([] if alpha is None else [dict(type='Mixup', alpha=alpha)])


@pytest.mark.parametrize('name', [name for name in RECIPES if 'cifar' not in name])
def test_learning_rate_falls_on_a_cosine(name: str) -> None:
    rates = learning_rates(read(name))
    assert rates == pytest.approx([0.05 * (1 + cos(pi * epoch / len(rates))) for epoch in range(len(rates))])


def sizes(data: str) -> list[int]:
    """Images of each class of 'cifar10lt100' or 'cifar100lt100'."""
    num_classes = int(data.removeprefix('cifar').removesuffix('lt100'))
    return profile_counts('exponential', num_classes, 50_000 // num_classes, 100)


@pytest.mark.parametrize(('loss', 'data'), list(product(LOSSES, CIFAR)))
def test_loss_is_not_cross_entropy_on_its_data(loss: str, data: str) -> None:
    """A threshold that no class of the data set passes would leave cross entropy."""
    counts = sizes(data)
    config = dict(read(f'resnet32_{loss}_{data}')['model']['head']['loss'])
    if config['type'] != 'ltseg.SeesawLoss':  # counts what it sees
        config['counts'] = counts
    torch.manual_seed(0)
    labels = torch.from_numpy(np.random.default_rng(0).choice(np.repeat(np.arange(len(counts)), counts), 128))
    logits = torch.randn(128, len(counts), requires_grad=True)
    (found,) = torch.autograd.grad(MODELS.build(config)(logits, labels), logits)
    (plain,) = torch.autograd.grad(F.cross_entropy(logits, labels), logits)
    assert (found - plain).norm() > 0.05 * plain.norm()


class Labels:
    """As much of a data set as a sampler asks for."""

    def __init__(self, counts: list[int]) -> None:
        self.labels = np.repeat(np.arange(len(counts)), counts)

    def __len__(self) -> int:
        return len(self.labels)

    def get_gt_labels(self) -> np.ndarray:
        return self.labels


@pytest.mark.parametrize(('name', 'data'), list(product(SAMPLERS, CIFAR)))
def test_sampler_shows_more_of_rare_classes(name: str, data: str) -> None:
    counts = np.array(sizes(data))
    config = dict(read(f'resnet32_{name}_{data}')['train_dataloader']['sampler'])
    if config.get('mode') == 'progressive':
        config['epochs'] = 200
    dataset = Labels(counts.tolist())
    sampler = DATA_SAMPLERS.build(config, default_args=dict(dataset=dataset, seed=0))
    sampler.set_epoch(199)
    drawn = np.bincount(dataset.labels[list(sampler)], minlength=len(counts))
    tail, head = slice(-len(counts) // 5, None), slice(len(counts) // 5)
    more = drawn / drawn.sum() / (counts / counts.sum())
    assert more[tail].mean() > 1.3 and more[head].mean() < 0.98


@pytest.mark.parametrize(
    ('name', 'parameters'),
    [('resnet50_ce_imagenetlt', 25_557_032), ('resnext50_ce_imagenetlt', 25_028_904)],
)
def test_networks_have_their_published_size(name: str, parameters: int) -> None:
    model = MODELS.build(read(name)['model'])
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_only_the_block_and_the_classifier_train_on_places() -> None:
    from mmpretrain.structures import DataSample

    config = Config(dict(model=read('resnet50_ce_placeslt')['model'])).model
    assert config.backbone.init_cfg.type == 'Pretrained'
    config.backbone.update(base_channels=WIDTH, stem_channels=WIDTH, init_cfg=None)
    config.neck[0].in_channels = config.head.in_channels = 2048 * WIDTH // 64
    model = MODELS.build(config).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    samples = [DataSample().set_gt_label(label) for label in range(4)]
    losses = model(torch.randn(4, 3, 64, 64), samples, mode='loss')
    losses['loss'].backward()
    trained = {name.split('.')[0] for name, value in model.named_parameters() if value.grad is not None}
    assert trained == {'neck', 'head'}
    assert all(value.grad is not None for part in (model.neck, model.head) for value in part.parameters())
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and all(name.startswith('neck.') for name in moved)  # statistics of batch normalisation
