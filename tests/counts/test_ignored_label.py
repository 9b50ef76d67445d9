"""One ignored label from the many places of a config that name it."""

from typing import Any

import pytest
from hinted import hinted
from mmengine.config import Config

from ltseg.counts.ignored_label import (
    homes_of,
    ignored_in_evaluation,
    ignored_in_training,
    settle_ignored_label,
)

pytestmark = pytest.mark.usefixtures('mmseg_registered')


def config_of(**changes: Any) -> Config:
    """Every place that can name an ignored label, and none does."""
    dataset = {'type': 'BaseSegDataset', 'pipeline': [{'type': 'LoadAnnotations'}]}
    pad = {'type': 'Pad', 'pad_val': {'img': 0}}
    padding = [{'type': 'RandomRotate'}, {'type': 'RandomCrop'}, {'type': 'ltseg.ClassCrop'}, pad]
    wrapped = {'type': 'RepeatDataset', 'dataset': {**dataset, 'pipeline': padding}}
    head = {'type': 'FCNHead', 'num_classes': 5}
    config = Config(
        {
            'model': {
                'data_preprocessor': {'type': 'SegDataPreProcessor'},
                'backbone': {'type': 'Net', 'num_classes': 1000},
                'decode_head': [head, {'type': 'ltseg.LongTailSegHead', 'num_classes': 5}],
                'auxiliary_head': {**head, 'loss_decode': {'type': 'ltseg.ARBLoss'}},
            },
            'train_dataloader': {'dataset': wrapped},
            'val_dataloader': {'dataset': dataset},
            'test_dataloader': None,
            'val_evaluator': [{'type': 'ltseg.LongTailIoU'}, {'type': 'Other'}],
            'test_evaluator': {'type': 'mmseg.IoUMetric'},
        }
    )
    config.merge_from_dict({key.replace('__', '.'): value for key, value in changes.items()})
    return config


PLACES = {
    'model.decode_head.0.ignore_index',
    'model.decode_head.1.ignore_index',
    'model.auxiliary_head.ignore_index',
    'train_dataloader.dataset.dataset.ignore_index',
    'val_dataloader.dataset.ignore_index',
    'val_evaluator.0.ignore_index',
    'test_evaluator.ignore_index',
    'model.data_preprocessor.seg_pad_val',
    'train_dataloader.dataset.dataset.pipeline.0.seg_pad_val',
    'train_dataloader.dataset.dataset.pipeline.1.ignore_index',
    'train_dataloader.dataset.dataset.pipeline.2.ignore_index',
    'train_dataloader.dataset.dataset.pipeline.3.pad_val.seg',
}


def test_places() -> None:
    assert {home.path for home in homes_of(config_of())} == PLACES


def test_without_a_name_it_is_255_and_nothing_changes() -> None:
    config, before = config_of(), config_of().to_dict()
    assert settle_ignored_label(config, training=True) == []
    assert config.to_dict() == before
    assert ignored_in_training(config) == ignored_in_evaluation(config, 'val') == 255


@pytest.mark.parametrize(
    'place', [path for path in sorted(PLACES) if 'evaluator' not in path and 'pad' not in path and 'line' not in path]
)
def test_what_one_place_names_all_others_follow(place: str) -> None:
    config = config_of(**{place: 7})
    assert ignored_in_training(config) == ignored_in_evaluation(config, 'test') == 7
    (word,) = settle_ignored_label(config, training=True)
    assert word.startswith(f'The ignored label is 7, from {place}. These follow it: ')
    assert {home.path: home.label for home in homes_of(config)} == dict.fromkeys(PLACES, 7)
    assert all(path in word for path in PLACES - {place})
    assert settle_ignored_label(config, training=True) == []


def test_a_metric_may_leave_out_another_label() -> None:
    """Training goes on as it is; the split of the metric alone is evaluated so."""
    config = config_of(test_evaluator__ignore_index=3)
    assert ignored_in_training(config) == ignored_in_evaluation(config, 'val') == 255
    assert ignored_in_evaluation(config, 'test') == 3
    (word,) = settle_ignored_label(config, training=True)
    assert word.startswith('test_evaluator.ignore_index=3, but training ignores 255')
    assert settle_ignored_label(config, training=False) == [word]


def test_padding_does_not_decide() -> None:
    config = config_of(model__data_preprocessor__seg_pad_val=0)
    assert ignored_in_training(config) == 255
    assert settle_ignored_label(config, training=True) == [
        'model.data_preprocessor.seg_pad_val=0, but the ignored label is 255: padded pixels are not ignored. '
        'Set model.data_preprocessor.seg_pad_val=255.'
    ]
    assert settle_ignored_label(config, training=False) == []  # nothing is padded with a label
    hinted('Set ', lambda: settle_ignored_label(config, training=True))
    assert settle_ignored_label(config_of(model__data_preprocessor__seg_pad_val=255), training=True) == []


@pytest.mark.parametrize(
    ('first', 'second'),
    [
        ('model.decode_head.0.ignore_index', 'model.auxiliary_head.ignore_index'),
        ('model.auxiliary_head.ignore_index', 'train_dataloader.dataset.dataset.ignore_index'),
        ('train_dataloader.dataset.dataset.ignore_index', 'val_dataloader.dataset.ignore_index'),
        ('model.decode_head.1.ignore_index', 'val_evaluator.0.ignore_index'),
    ],
)
def test_names_that_contradict_each_other_are_a_fault_of_training(first: str, second: str) -> None:
    config = config_of(**{first: 0, second: 255})
    with pytest.raises(ValueError, match=f'{first}=0, {second}=255') as caught:
        settle_ignored_label(config, training=True)
    assert 'name it in the head only: the others follow' in str(caught.value)
    hinted('Give all of them the same, or name it in the head only: the others follow.', str(caught.value))
    settle_ignored_label(config_of(**{first: 0, second: 0}), training=True)
    settle_ignored_label(config, training=False)  # of a model that is trained already
    only_head = config_of(model__decode_head__0__ignore_index=0)
    settle_ignored_label(only_head, training=True)


def test_a_head_of_sigmoids_names_none() -> None:
    config = config_of(model__auxiliary_head__ignore_index=None)
    assert ignored_in_training(config) == 255
    assert settle_ignored_label(config, training=True) == []


def test_labels_that_are_reduced_to_255_are_ignored() -> None:
    config = config_of(train_dataloader__dataset__dataset__reduce_zero_label=True)
    settle_ignored_label(config, training=True)
    config.model.auxiliary_head.ignore_index = 0
    with pytest.raises(ValueError, match='writes 255 for what it ignores'):
        settle_ignored_label(config, training=True)
    config = config_of(train_dataloader__dataset__dataset__reduce_zero_label=True)
    config.model.auxiliary_head.ignore_index = 0
    hinted(
        'Leave ignore_index at 255 in heads, data sets and metrics, or set reduce_zero_label=False.',
        lambda: settle_ignored_label(config, training=True),
    )
    for right in ({'reduce_zero_label': True}, {'reduce_zero_label': False, 'ignore_index': 0}):
        config = config_of()
        config.train_dataloader.dataset.dataset.update(right)
        settle_ignored_label(config, training=True)
