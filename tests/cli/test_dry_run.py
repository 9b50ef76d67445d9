"""What would fail after the first validation interval fails before training, with a hint that works."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hinted import hinted
from mmengine.config import Config
from PIL import Image
from tiny_training import quick_tools, tool, write_classification, write_training

from ltseg.cli import check
from ltseg.cli.config_files import register_modules
from ltseg.cli.dry_run import dry_run
from ltseg.core.errors import UsageError

CLASSES = ('aa', 'b', 'c')
ACCURACY = {'type': 'mmpretrain.Accuracy'}
LOAD = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}, {'type': 'PackSegInputs'}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes; validation has no pixel of the last one."""
    for split, classes in (('train', 3), ('val', 2)):
        for kind in ('images', 'labels'):
            (tmp_path / kind / split).mkdir(parents=True)
        for index in range(2):
            noise = np.random.default_rng(index).integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(noise).save(tmp_path / f'images/{split}/{index}.jpg')
            Image.fromarray(noise[..., 0] % classes).save(tmp_path / f'labels/{split}/{index}.png')
    return tmp_path


def config_of(folder: Path, **changes: Any) -> Config:
    def loader(split: str) -> dict:
        prefix = {'img_path': f'images/{split}', 'seg_map_path': f'labels/{split}'}
        dataset = {'type': 'mmseg.BaseSegDataset', 'data_root': str(folder), 'data_prefix': prefix}
        return {'dataset': {**dataset, 'metainfo': {'classes': CLASSES}, 'pipeline': [dict(step) for step in LOAD]}}

    config = Config(
        {
            'model': {},
            'train_dataloader': loader('train'),
            'val_dataloader': loader('val'),
            'test_dataloader': loader('val'),
            'val_evaluator': {'type': 'ltseg.LongTailIoU'},
            'test_evaluator': {'type': 'ltseg.LongTailIoU'},
            'default_hooks': {'checkpoint': {'type': 'CheckpointHook'}},
            'work_dir': str(folder / 'work_dirs/a'),
        }
    )
    config.merge_from_dict(changes)
    register_modules(config)
    return config


def fault(folder: Path, training: bool = True, **changes: Any) -> str:
    with pytest.raises(UsageError) as caught:
        dry_run(config_of(folder, **{key.replace('__', '.'): value for key, value in changes.items()}), training)
    return str(caught.value)


def test_a_sound_config_gives_the_keys_of_its_metrics(folder: Path) -> None:
    metrics = dry_run(config_of(folder)).values
    assert metrics['mIoU'] == 100 and {'IoU/aa', 'IoU/b', 'IoU/c', 'mIoU_tail'} <= metrics.keys()
    assert dry_run(config_of(folder), training=False).values.keys() == metrics.keys()


def test_save_best_of_no_metric(folder: Path) -> None:
    text = fault(folder, default_hooks__checkpoint__save_best='IoU/a')
    assert text.startswith(
        "default_hooks.checkpoint.save_best: expected the name of a metric of val_evaluator, got 'IoU/a'"
    )
    assert 'IoU/aa' in text
    dry_run(config_of(folder, **{'default_hooks.checkpoint.save_best': 'IoU/aa'}))
    dry_run(config_of(folder, **{'default_hooks.checkpoint.save_best': 'auto'}))


@pytest.mark.parametrize('key', ['IoU/c', 'Acc/c'])
def test_save_best_of_a_class_that_validation_lacks(folder: Path, key: str) -> None:
    assert f"got '{key}', whose classes have no sample there" in fault(folder, default_hooks__checkpoint__save_best=key)
    dry_run(config_of(folder, **{'default_hooks.checkpoint.save_best': key.replace('/c', '/b')}))


def test_save_best_of_a_group_that_validation_lacks(folder: Path) -> None:
    groups = {'head': ['aa'], 'medium': ['b'], 'tail': ['c']}
    changes = {'val_evaluator.groups': groups, 'default_hooks.checkpoint.save_best': 'mIoU_tail'}
    assert "'mIoU_tail', whose classes have no sample" in fault(folder, **changes)
    dry_run(config_of(folder, **{**changes, 'default_hooks.checkpoint.save_best': 'mIoU_medium'}))


def test_a_typo_in_groups(folder: Path) -> None:
    text = fault(folder, val_evaluator__groups={'head': ['aa'], 'medium': ['bb'], 'tail': ['c']})
    assert "expected names of classes (aa, b, c) or their indices, got 'bb'" in text
    dry_run(config_of(folder, **{'val_evaluator.groups': {'head': ['aa'], 'medium': ['b'], 'tail': ['c']}}))


def test_counts_of_a_metric_for_other_classes(folder: Path) -> None:
    text = fault(folder, val_evaluator__counts=[1, 2])
    assert 'LongTailIoU.counts: expected 3 classes, got 2' in text
    dry_run(config_of(folder, **{'val_evaluator.counts': [1, 2, 3]}))


@pytest.mark.parametrize('split', ['train', 'val'])
def test_a_pipeline_without_labels(folder: Path, split: str) -> None:
    changes = {f'{split}_dataloader__dataset__pipeline': [LOAD[0], LOAD[2]]}
    text = fault(folder, **changes)
    assert text.startswith(f'{split}_dataloader.dataset.pipeline: expected a pipeline that loads labels')
    hinted("Add dict(type='LoadAnnotations') to this pipeline, behind the loading of the image.", text)
    changes = {f'{split}_dataloader.dataset.pipeline': [LOAD[0], {'type': 'LoadAnnotations'}, LOAD[2]]}
    assert dry_run(config_of(folder, **changes)).values['mIoU'] == 100


def test_a_pipeline_that_packs_nothing(folder: Path) -> None:
    text = fault(folder, val_dataloader__dataset__pipeline=LOAD[:2])
    hinted("End it with dict(type='PackSegInputs')", text)
    assert text.startswith('val_dataloader.dataset.pipeline: expected a pipeline that packs data samples, got one that')
    dry_run(config_of(folder, **{'val_dataloader.dataset.pipeline': LOAD}))


def test_a_test_split_without_labels_is_meant_so_where_predictions_are_written(folder: Path) -> None:
    changes = {'test_dataloader.dataset.pipeline': [LOAD[0], LOAD[2]]}
    text = fault(folder, training=False, **changes)
    assert text.startswith('test_dataloader.dataset.pipeline')
    hinted('Use format_only=True with output_dir in the evaluator', text)
    written = {'test_evaluator.format_only': True, 'test_evaluator.output_dir': str(folder / 'out')}
    assert dry_run(config_of(folder, **changes, **written), training=False).values == {}
    assert not (folder / 'out').exists()


def test_two_metrics_of_the_same_name(folder: Path) -> None:
    both = [{'type': 'ltseg.LongTailIoU'}, {'type': 'mmseg.IoUMetric', 'iou_metrics': ['mIoU', 'mDice']}]
    text = fault(folder, val_evaluator=both)
    assert 'expected metrics of different names' in text and 'prefix' in text
    hinted("Give one of the metrics a prefix, e.g. prefix='other'", text)
    both[1]['prefix'] = 'other'
    assert 'other/mDice' in dry_run(config_of(folder, val_evaluator=both)).values


def test_a_metric_of_mmsegmentation_that_cannot_evaluate(folder: Path) -> None:
    text = fault(folder, val_evaluator={'_delete_': True, 'type': 'mmseg.IoUMetric', 'iou_metrics': ['mFoo']})
    assert text.startswith('val_evaluator (mmseg.IoUMetric)') and 'mFoo' in text


def test_every_fault_is_in_one_message_and_predictions_are_not_written(folder: Path) -> None:
    changes = {f'{split}_dataloader__dataset__pipeline': [LOAD[0], LOAD[2]] for split in ('train', 'val')}
    assert len(fault(folder, **changes).splitlines()) == 2
    dry_run(config_of(folder, **{'val_evaluator.output_dir': str(folder / 'out')}))
    assert not (folder / 'out').exists()


def test_the_command_checks_training_and_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_training(tmp_path)
    with quick_tools():
        check.main([str(config)])
        assert capsys.readouterr().out == 'No fault found.\n'
        with pytest.raises(SystemExit) as ended:
            check.main([str(config), '--cfg-options', 'default_hooks.checkpoint.save_best=IoU/cra'])
    assert ended.value.code == 1
    assert "got 'IoU/cra'" in capsys.readouterr().err
    assert not (tmp_path / 'work_dirs/training').exists()


def test_training_stops_before_it_begins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_classification(tmp_path)
    with quick_tools(), pytest.raises(SystemExit):
        tool('train')([str(config), '--cfg-options', 'default_hooks.checkpoint.save_best=accuracy/fwe'])
    assert "got 'accuracy/fwe'. Near it: accuracy/few" in capsys.readouterr().err
    with quick_tools():
        tool('train')([str(config), '--dry-run'])
    assert capsys.readouterr().out == 'No fault found. Nothing was trained.\n'
    assert not (tmp_path / 'work_dirs/training').exists()


def test_images_without_classes(tmp_path: Path, mmpretrain_registered: None) -> None:
    for split in ('train', 'val'):
        for name in CLASSES:
            (tmp_path / split / name).mkdir(parents=True)
            Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / f'{split}/{name}/0.png')

    def config(pipeline: list, **settings: Any) -> Config:
        dataset = {'type': 'mmpretrain.CustomDataset', 'pipeline': pipeline, **settings}
        loaders = {
            f'{s}_dataloader': {'dataset': {**dataset, 'data_root': str(tmp_path / s)}} for s in ('train', 'val')
        }
        return Config({'default_scope': 'mmpretrain', 'model': {}, 'val_evaluator': ACCURACY, **loaders})

    packing = [{'type': 'LoadImageFromFile'}, {'type': 'mmpretrain.PackInputs'}]
    with pytest.raises(UsageError) as caught:
        dry_run(config(packing, with_label=False, data_prefix=''))
    first, second = str(caught.value).splitlines()
    assert first.startswith('train_dataloader.dataset: expected images with their class, got images without.')
    assert first.endswith('Leave out with_label=False.') and second.startswith('val_dataloader.dataset:')
    hinted('Leave out with_label=False.', first)
    assert dry_run(config(packing, data_prefix='')).values['accuracy/top1'] == 100

    def listed(**info: Any) -> Config:
        infos = {'metainfo': {'classes': CLASSES}, 'data_list': [{'img_path': f'{tmp_path}/train/aa/0.png', **info}]}
        (tmp_path / 'list.json').write_text(json.dumps(infos))
        dataset = {'type': 'mmpretrain.BaseDataset', 'ann_file': str(tmp_path / 'list.json'), 'pipeline': packing}
        loaders = {f'{split}_dataloader': {'dataset': dataset} for split in ('train', 'val')}
        return Config({'default_scope': 'mmpretrain', 'model': {}, 'val_evaluator': ACCURACY, **loaders})

    packed, packing = packing, packing[:1]
    hinted("or in classification with dict(type='PackInputs').", lambda: dry_run(listed(gt_label=0)))
    packing = packed
    hinted("and the pipeline has to hand it to dict(type='PackInputs').", lambda: dry_run(listed()))
    assert dry_run(listed(gt_label=0)).values['accuracy/top1'] == 100
