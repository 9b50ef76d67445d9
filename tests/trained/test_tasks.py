"""Which trained model a config has, and which label it leaves out."""

from typing import Any

import pytest
from mmengine.config import Config

from ltseg.trained.model import TrainedModel
from ltseg.trained.tasks import TrainedClassifier, TrainedSegmentor, trained_model


@pytest.mark.parametrize(
    ('config', 'kind'),
    [
        ({'default_scope': 'mmpretrain'}, TrainedClassifier),
        ({'default_scope': 'mmseg'}, TrainedSegmentor),
        ({}, TrainedSegmentor),
    ],
)
def test_the_default_scope_chooses_the_model(config: dict, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(TrainedModel, '__init__', lambda self, *arguments: given.extend(arguments))
    assert type(trained_model(Config(config), 'a.pth', 'table.json')) is kind
    assert given[1:] == ['a.pth', 'table.json']


def test_the_ignored_label_is_that_of_the_metric_else_that_of_training(mmseg_registered: None) -> None:
    """Through wrappers of data sets too, which do not hand it on."""
    model = TrainedSegmentor.__new__(TrainedSegmentor)
    inner = {'type': 'BaseSegDataset', 'ignore_index': 11}
    wrapped = {'type': 'RepeatDataset', 'dataset': {'type': 'ConcatDataset', 'datasets': [inner]}}
    model.config = Config({'train_dataloader': {'dataset': wrapped}, 'test_evaluator': [{'type': 'ltseg.LongTailIoU'}]})
    assert [model.ignored_label(split) for split in ('val', 'test')] == [11, 11]
    model.config.test_evaluator[0]['ignore_index'] = 0
    assert [model.ignored_label(split) for split in ('val', 'test')] == [11, 0]
    model.config = Config({})
    assert model.ignored_label('val') == 255
