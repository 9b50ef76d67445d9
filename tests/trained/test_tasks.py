"""Which trained model a config has, and which label it leaves out."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from mmengine.structures import PixelData
from torch import nn

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


def test_splits_with_labels_of_the_size_of_the_images(mmseg_registered: None) -> None:
    from mmseg.structures import SegDataSample

    trained = TrainedSegmentor.__new__(TrainedSegmentor)
    logits, labels = torch.randn(3, 4, 6), torch.zeros(1, 4, 6, dtype=torch.int64)

    def result(labels: torch.Tensor | None) -> Any:
        sample = SegDataSample(seg_logits=PixelData(data=logits))
        if labels is not None:
            sample.gt_sem_seg = PixelData(data=labels)
        trained.model = SimpleNamespace(test_step=lambda _: [sample])
        return next(trained.logits_and_labels({}, 'prior'))

    hinted('Choose a split with labels, and keep LoadAnnotations in its pipeline.', lambda: result(None))
    hinted(
        "Put LoadAnnotations behind Resize in the test pipeline, as mmseg's configs do.",
        lambda: result(labels[..., :3]),
    )
    assert result(labels)[1] is labels and torch.equal(result(labels)[0], logits[None])


def test_predictions_of_several_layers_are_adjusted_by_the_prior(mmpretrain_registered: None) -> None:
    from mmpretrain.structures import DataSample

    trained = TrainedClassifier.__new__(TrainedClassifier)
    scores = torch.tensor([0.7, 0.2, 0.1])

    def result(by: str, *labels: int) -> Any:
        sample = DataSample().set_pred_score(scores)
        for label in labels:
            sample.set_gt_label(label)
        trained.model = SimpleNamespace(test_step=lambda _: [sample], head=nn.Identity())
        return next(trained.logits_and_labels({}, by))

    hinted('Adjust by the prior instead.', lambda: result('norm', 1))
    hinted('Choose a split with labels.', lambda: result('prior'))
    logits, labels = result('prior', 1)
    torch.testing.assert_close(logits.softmax(1), scores[None])
    assert labels.tolist() == [1]
