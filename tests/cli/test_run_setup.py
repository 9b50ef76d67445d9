"""What decides a result: the same on every machine, and nothing that a seed or a work dir changes."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
from mmengine.config import Config

from ltseg.cli.run_setup import evaluation_setup, training_setup
from ltseg.core.literals import literal_settings

CONFIGS = Path(__file__).parents[2] / 'configs'
FILES = ['unet_ce_camvid.py', 'unet_ldam_cityscapes.py', 'classification/resnet32_ride_cifar10lt100.py',
         'classification/resnet50_crt_placeslt.py', 'classification/resnet32_allnc_cifar10lt100.py']  # fmt: skip


def config() -> Config:
    return Config.fromfile(CONFIGS / 'unet_ce_camvid.py')


def changed(change: Callable[[Config], object]) -> Config:
    other = deepcopy(config())
    change(other)
    return other


@pytest.mark.parametrize(
    'change',
    [
        lambda c: c.merge_from_dict({'randomness.seed': 7, 'randomness.deterministic': True}),
        lambda c: c.merge_from_dict({'work_dir': '/home/other/run', 'launcher': 'pytorch', 'log_level': 'DEBUG'}),
        lambda c: c.merge_from_dict({'train_dataloader.num_workers': 8, 'train_dataloader.persistent_workers': False}),
        lambda c: c.merge_from_dict({'train_dataloader.dataset.data_root': '/mnt/camvid'}),
        lambda c: c.merge_from_dict({'default_hooks.checkpoint.interval': 3, 'default_hooks.logger.interval': 1}),
        lambda c: c.merge_from_dict({'train_cfg.val_interval': 10, 'env_cfg.cudnn_benchmark': False}),
        lambda c: c.merge_from_dict({'resume': True, 'load_from': 'work_dirs/x/iter_400.pth'}),
        lambda c: c.custom_hooks.append(dict(type='ltseg.CollapseMonitor')),
    ],
)
def test_seed_place_and_watching_do_not_count(change: Callable[[Config], object]) -> None:
    assert training_setup(changed(change)) == training_setup(config())


@pytest.mark.parametrize(
    'change',
    [
        lambda c: c.merge_from_dict({'model.decode_head.loss_decode.type': 'ltseg.ARBLoss'}),
        lambda c: c.merge_from_dict({'optim_wrapper.type': 'AmpOptimWrapper'}),
        lambda c: c.merge_from_dict({'train_dataloader.batch_size': 3}),
        lambda c: c.merge_from_dict({'train_cfg.max_iters': 3}),
        lambda c: c.merge_from_dict({'load_from': 'work_dirs/x/iter_400.pth'}),
        lambda c: c.custom_hooks.append(dict(type='EMAHook')),
    ],
)
def test_everything_else_counts(change: Callable[[Config], object]) -> None:
    assert training_setup(changed(change)) != training_setup(config())


def test_weights_and_absolute_paths_are_the_same_on_another_machine() -> None:
    here, there = (
        dict(
            model=dict(pretrained=f'{home}/weights/r50.pth', head=dict(loss=dict(counts=f'{home}/counts/camvid.json'))),
            train_dataloader=dict(dataset=dict(data_root=home, ann_file=f'{home}/lists/train.txt')),
            load_from=f'{home}/ce/iter_400.pth',
        )
        for home in ('/home/a', '/mnt/disk/b')
    )
    setup = training_setup(here)
    assert setup == training_setup(there)
    assert setup['model']['pretrained'] == 'weights/r50.pth' and setup['load_from'] == 'ce/iter_400.pth'
    assert training_setup({**here, 'load_from': '/home/a/arb/iter_400.pth'}) != setup
    other = deepcopy(here)
    other['train_dataloader']['dataset']['ann_file'] = '/home/a/folds/train.txt'
    assert training_setup(other) != setup


def test_earlier_stages_count() -> None:
    stages = [dict(model=dict(depth=depth), load_from=None) for depth in (18, 50)]
    last = dict(model=dict(depth=18), load_from='work_dirs/a/epoch_200.pth')
    one, other = (training_setup(last, [stage]) for stage in stages)
    assert one != other
    assert one == training_setup({**last, 'load_from': 'epoch_7.pth'}, [stages[0]])


def test_the_evaluation_counts_by_itself() -> None:
    one = evaluation_setup(config(), 'test')
    assert one['evaluation']['dataset']['split'] == 'test'
    assert one == evaluation_setup(changed(lambda c: c.test_dataloader.update(num_workers=9)), 'test')
    assert one != evaluation_setup(changed(lambda c: c.model.test_cfg.update(mode='slide')), 'test')
    assert one != evaluation_setup(config(), 'test', tta=True)
    assert one != evaluation_setup(config(), 'val')


@pytest.mark.parametrize('file', FILES)
def test_the_text_in_a_checkpoint_gives_the_same_setup(file: str) -> None:
    given = Config.fromfile(CONFIGS / file)
    setup = training_setup(given)
    assert setup and training_setup(literal_settings(given.pretty_text)) == setup
    assert json.loads(json.dumps(setup, allow_nan=False)) == setup


def test_values_that_json_lacks_become_texts() -> None:
    setup = training_setup(dict(model=dict(type=Config, high=float('inf'), where=Path('/a/b/c/d'))))
    assert setup == {'model': {'type': 'Config', 'high': 'inf', 'where': 'c/d'}}
