"""Every classification config trains, evaluates and saves on the files of its data, and states its one difference."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, PARAM_SCHEDULERS
from test_configs import LEAVES, differences
from tiny_images import write_cifar_batches, write_image_lists
from tiny_runs import parts, quick_runners, write_experts

from ltseg.cli.config_files import register_modules
from ltseg.cli.runner import build_runner
from ltseg.cli.stages import stages_of, stages_to_train
from ltseg.nested_datasets import innermost_configs

ROOT = Path(__file__).parents[1] / 'configs' / 'classification'
CLASSIFICATION = [leaf for leaf in LEAVES if leaf.parent == ROOT]
every_leaf = pytest.mark.parametrize('leaf', CLASSIFICATION, ids=lambda leaf: leaf.stem)

# What a config is changed in, wherever the setting occurs: batch, workers, length and depth, and a tail as short as the
# tiny data sets need.
CUT = {
    'batch_size': 256,
    'num_workers': 0,
    'persistent_workers': False,
    'max_epochs': 1,
    'val_interval': 1,
    'interval': 1,
    'depth': 20,
    'imbalance_factor': 2,
    'length': 256,  # of an epoch of classes in turn
    'begin': 0,  # of deferred rules, of a bank of contexts, and of subclasses
    'image_shape': (3, 32, 32),
}
# For the large sets besides: their lists cut down to a few classes, small crops, narrow networks from scratch.
LARGE = {'imagenet': 'imagenet_lt', 'places': 'places_lt', 'inaturalist2018': 'inaturalist2018'}
LARGE_CLASSES, LARGE_IMAGES = 5, 15
WIDTH = 8  # channels of a backbone's first stage, which has 64, and that of ResNet-18 for CIFAR as well
LARGE_CUT = {
    'num_classes': LARGE_CLASSES, 'scale': 32, 'crop_size': 32, 'map_size': 1, 'drop_last': False,
    'queue_len': LARGE_IMAGES,
}  # fmt: skip
CIFAR = ('cifar10lt100', 'cifar100lt100')
METHODS = (
    ('ce', 'ce_mixup', 'remix', 'arb', 'arb_dataset', 'balanced_softmax', 'logit_adjusted', 'vs', 'ldam', 'etf')
    + ('focal', 'class_balanced_focal', 'reweighted', 'seesaw', 'equalization', 'label_aware_smoothing')
    + ('ce_drw', 'ldam_drw', 'crt', 'lws', 'disalign', 'mislas', 'weight_balancing', 'bbn', 'ride')
    + tuple(f'resample_{how}' for how in ('class_balanced', 'square_root', 'progressive', 'repeat_factor'))
    + ('remix_drw', 'center_loss_drw', 'ncr_drw', 'ncr_drw_crt', 'ncr_ldam_drw', 'ncr_logit_adjusted', 'ncr_ride')
    + tuple(f'lwr_{base}' for base in ('balanced_softmax', 'logit_adjusted', 'focal', 'ce_drw'))
    + ('supcon', 'kcl', 'tsc', 'bcl', 'allnc', 'allnc_plus', 'hybrid_sc', 'hybrid_psc')
    + ('causal_norm', 'dro_lt', 'range_loss', 'oltr')
    + ('lade', 'glmc', 'reslt', 'gcl', 'gcl_crt', 'paco')
    + ('bcl_400e', 'mse', 'ncr_mse', 'lws_mixup', 'ncr_within_drw', 'ncr_between_drw', 'ncr_center_between_drw')
    + ('ride2', 'ride4', 'ncr_ride2', 'ncr_ride4')
    + ('csa', 'csa_mixup', 'mbj')
    + ('lfme', 'lfme_many', 'lfme_medium', 'lfme_few')
)
ON_LARGE_SETS = {  # what the five papers report and is built here
    'resnet50_{}_imagenetlt': (
        ('ce', 'ce_mixup', 'ce_drw', 'focal', 'focal_drw', 'ldam_drw', 'crt', 'lws', 'mislas', 'arb', 'bcl')
        + ('balanced_softmax', 'logit_adjusted', 'disalign', 'oltr', 'ssp')
        + ('lwr_balanced_softmax', 'lwr_logit_adjusted', 'lwr_focal', 'lwr_ce_drw', 'etf', 'csa')
    ),
    'resnext50_{}_imagenetlt': (
        ('ce', 'ce_mixup', 'ce_drw', 'ldam_drw', 'focal', 'balanced_softmax', 'logit_adjusted', 'disalign', 'ride')
        + ('bcl', 'allnc', 'ncr_drw', 'ncr_drw_crt', 'ncr_ldam_drw', 'ncr_logit_adjusted', 'ncr_ride')
        + ('crt', 'lws', 'resample_class_balanced', 'reweighted', 'causal_norm', 'lade', 'glmc', 'paco')
        + ('ride2', 'ride4', 'ncr_ride2', 'ncr_ride4', 'bcl_rand_sim', 'bcl_rand_rand')
        + ('supcon', 'kcl', 'tsc', 'equalization', 'bbn')
        + ('allnc_plus', 'arb', 'mislas', 'oltr')
        + ('lfme', 'lfme_many', 'lfme_medium', 'lfme_few')
    ),
    'resnet50_{}_placeslt': ('ce', 'ce_mixup', 'crt', 'lws', 'mislas', 'arb', 'range_loss'),
    'resnet152_{}_placeslt': ('arb', 'oltr', 'oltr_lfme', 'lfme_many', 'lfme_medium', 'lfme_few'),
    'resnet50_{}_inaturalist2018': (
        ('ce', 'ce_mixup', 'class_balanced_focal', 'ldam_drw', 'remix_drw', 'bbn', 'crt', 'lws', 'mislas', 'arb')
        + ('bcl', 'allnc', 'allnc_plus', 'disalign', 'hybrid_sc', 'hybrid_psc', 'ssp')
    ),
    'resnet152_{}_inaturalist2018': ('arb',),
    'resnet18_{}_cifar10lt100': ('ce_drw', 'ncr_drw'),
    'resnet18_{}_cifar100lt100': ('ce_drw', 'ncr_drw'),
}
SIZES = {  # of groups of 1000 and 365 classes
    'imagenetlt': dict(many=391, medium=463, few=146),
    'placeslt': dict(many=131, medium=163, few=71),
}
DRW = {'custom_hooks.3.type': "'ltseg.DeferredRules'", 'custom_hooks.3.begin': '160'}
MIXUP = {'model.train_cfg.augments.0.type': "'Mixup'", 'model.train_cfg.augments.0.alpha': '1.0'}


@cache
def read(name: str) -> dict[str, Any]:
    return Config.fromfile(ROOT / f'{name}.py').to_dict()


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp('classification')
    for num_classes in (10, 100):
        write_cifar_batches(root / f'cifar{num_classes}', num_classes)
    for name, kind in LARGE.items():
        write_image_lists(root / name, kind, LARGE_CLASSES, LARGE_IMAGES // LARGE_CLASSES)
    with quick_runners():
        yield root


@every_leaf
def test_trains_evaluates_and_saves(leaf: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config.fromfile(leaf)
    cut = cut_small(config) if leaf.stem.endswith(CIFAR) else cut_large(config, monkeypatch)
    for part in parts(config._cfg_dict):
        part.update({key: cut[key] for key in cut if key in part})
        if part.get('type') == 'ltseg.ClusterSubclasses':
            part['begin'] = 0
        if 'data_root' in part:
            part['data_root'] = str(folder / Path(part['data_root']).name)
    config.work_dir = config.experiment_name = str(folder / 'work_dirs' / leaf.stem)
    register_modules(config)
    write_experts(config, folder)
    for stage, _ in stages_to_train(stages_of(config), None):
        runner = build_runner(stage)
        runner.train()
    logged = {name: buffer.current() for name, buffer in runner.message_hub.log_scalars.items()}
    losses = [value for name, value in logged.items() if name.startswith('train/') and 'loss' in name]
    assert any(losses) and all(abs(value) < 1000 for value in losses)  # regularizers may be negative, or off at the end
    assert 0 <= logged['val/accuracy/top1'] <= 100 and 'val/accuracy/many' in logged
    saved = torch.load(Path(runner.work_dir) / 'epoch_1.pth', weights_only=False)['state_dict']
    assert saved.keys() == runner.model.state_dict().keys()
    assert all(value.isfinite().all() for value in saved.values() if value.is_floating_point())


def cut_small(config: Config) -> dict[str, Any]:
    """Takes most channels of a ResNet-18 away, and gives what else to change."""
    if config.model.backbone.type != 'ResNet_CIFAR':
        return CUT
    config.model.backbone.base_channels = WIDTH
    config.model.head.in_channels = config.model.head.in_channels * WIDTH // 64
    return {key: value for key, value in CUT.items() if key != 'depth'}


def cut_large(config: Config, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Takes pretrained weights and most channels away, and gives what else to change."""
    for part in parts(config._cfg_dict):
        if 'depth' in part:  # a backbone, alone or in one of several experts
            part.update(base_channels=WIDTH, stem_channels=WIDTH, init_cfg=None)
        if 'in_channels' in part:
            part['in_channels'] = part['in_channels'] * WIDTH // 64
        if part.get('type') == 'ltseg.ClassSubset':  # all classes in its group
            part['groups'] = {'many': 0, 'medium': 0, 'few': 0, part['group']: LARGE_CLASSES}
    (inside,) = innermost_configs(config.train_dataloader.dataset)
    data_set = DATASETS.get(inside['type'])
    monkeypatch.setattr(data_set, 'NUM_CLASSES', LARGE_CLASSES)
    monkeypatch.setattr(data_set, 'TOTALS', dict.fromkeys(data_set.TOTALS, LARGE_IMAGES))
    return {key: value for key, value in CUT.items() if key != 'depth'} | LARGE_CUT


@every_leaf
def test_heads_have_the_classes_of_the_data_set(leaf: Path) -> None:
    config = read(leaf.stem)
    data = config['train_dataloader']['dataset']
    is_part = data['type'] == 'ltseg.ClassSubset'
    heads = [config['model'], config['data_preprocessor']] if is_part else config
    numbers = {part['num_classes'] for part in parts(heads) if 'num_classes' in part}
    data_set = DATASETS.get(data['type'])
    assert len(numbers) == 1
    number = numbers.pop()
    if is_part:
        sizes = SIZES.get(leaf.stem.rpartition('_')[2], data['groups'])
        assert number == sizes[data['group']]
        return
    assert number == data_set.NUM_CLASSES if hasattr(data_set, 'NUM_CLASSES') else f'{number}lt' in leaf.stem


def test_every_method_has_both_data_sets() -> None:
    assert {f'resnet32_{method}_{data}' for method in METHODS for data in CIFAR} <= {
        leaf.stem for leaf in CLASSIFICATION
    }


def test_what_the_papers_report_on_large_sets_exists() -> None:
    names = {name.format(method) for name, methods in ON_LARGE_SETS.items() for method in methods}
    assert names <= {leaf.stem for leaf in CLASSIFICATION}


@pytest.mark.parametrize('data', CIFAR)
@pytest.mark.parametrize(
    ('method', 'base', 'expected'),
    [
        ('ce_mixup', 'ce', MIXUP),
        ('arb', 'ce_mixup', {'model.head.loss.type': "'ltseg.ARBLoss'"}),
        ('remix', 'ce', {'model.train_cfg.augments.0.type': "'ltseg.Remix'"}),
        ('balanced_softmax', 'ce', {'model.head.loss.type': "'ltseg.BalancedSoftmaxLoss'"}),
        ('ce_drw', 'ce', DRW),
        ('ldam_drw', 'ldam', DRW),
        ('remix_drw', 'remix', DRW),
        (
            'ldam',
            'ce',
            {
                'model.head.loss.type': "'ltseg.LDAMLoss'",
                'model.head.classifier.type': "'ltseg.CosineClassifier'",
            },
        ),
    ],
)
def test_states_its_one_difference(method: str, base: str, expected: dict[str, str], data: str) -> None:
    changed = differences(read(f'resnet32_{base}_{data}'), read(f'resnet32_{method}_{data}'))
    assert {name: new for name, (_, new) in changed.items()} == expected


def test_data_sets_differ_in_their_classes_only() -> None:
    changed = differences(*(read(f'resnet32_ce_{data}') for data in CIFAR))
    names = {name.split('.')[-1] for name in changed}
    assert names == {'data_root', 'num_classes', 'mean', 'std'}


def test_learning_rate_is_that_of_the_recipe() -> None:
    """Warm-up over five epochs to 0.1, then 0.01 from epoch 160 and 0.001 from epoch 180."""
    expected = [0.02, 0.04, 0.06, 0.08] + 156 * [0.1] + 20 * [0.01] + 20 * [0.001]
    assert learning_rates(read('resnet32_arb_cifar10lt100')) == pytest.approx(expected)


def learning_rates(config: dict[str, Any]) -> list[float]:
    """The learning rate of each epoch."""
    wrapper = build_optim_wrapper(torch.nn.Linear(2, 2), config['optim_wrapper'])
    schedulers = [PARAM_SCHEDULERS.build({**each, 'optimizer': wrapper}) for each in config['param_scheduler']]
    rates = []
    for _ in range(config['train_cfg']['max_epochs']):
        rates.append(wrapper.get_lr()['lr'][0])
        wrapper.step()
        for scheduler in schedulers:
            scheduler.step()
    return rates
