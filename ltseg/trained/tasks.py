"""Trained segmentors and trained image classifiers."""

import os
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.core.posthoc import check_logits
from ltseg.counts.ignored_label import ignored_in_evaluation
from ltseg.heads.predicted_logits import class_scores
from ltseg.metrics.task import CLASSIFICATION, SEGMENTATION, task_of
from ltseg.trained.model import TrainedModel

__all__ = ['TrainedClassifier', 'TrainedSegmentor', 'trained_model']


class TrainedSegmentor(TrainedModel):
    """A segmentor of mmseg; its ``test_step`` yields logits at the size of the original image.

    Example:
        >>> import tempfile, torch
        >>> from mmengine.config import Config
        >>> from mmengine.structures import PixelData
        >>> from mmseg.structures import SegDataSample
        >>> from ltseg.counts.class_counts import ClassCounts
        >>> from ltseg.counts.table import CountsTable
        >>> from ltseg.trained.model import build_model
        >>> from ltseg.trained.tasks import TrainedSegmentor
        >>> config = Config(dict(default_scope='mmseg', model=dict(
        ...     type='mmseg.EncoderDecoder', test_cfg=dict(mode='whole'),
        ...     backbone=dict(type='mmseg.ResNet', depth=18, stem_channels=2, base_channels=2),
        ...     decode_head=dict(
        ...         type='mmseg.FCNHead', in_channels=16, channels=16, num_convs=0, concat_input=False, num_classes=3),
        ... )))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save(build_model(config).state_dict(), f'{folder}/weights.pth')
        ...     CountsTable(ClassCounts.from_list([900, 90, 10]), ('road', 'car', 'pole')).save(f'{folder}/counts.json')
        ...     trained = TrainedSegmentor(config, f'{folder}/weights.pth', f'{folder}/counts.json')
        >>> sizes = dict(img_shape=(32, 32), ori_shape=(48, 48))
        >>> sample = SegDataSample(gt_sem_seg=PixelData(data=torch.zeros(1, 48, 48)), metainfo=sizes)
        >>> batch = dict(inputs=torch.zeros(1, 3, 32, 32), data_samples=[sample])
        >>> logits, labels = next(trained.logits_and_labels(batch, by='prior'))
        >>> trained.num_classes, tuple(logits.shape), tuple(labels.shape)
        (3, (1, 3, 48, 48), (1, 48, 48))
    """

    task = SEGMENTATION
    _checked = False  # whether the model gives logits

    @property
    def num_classes(self) -> int:
        return self.model.out_channels

    def ignored_label(self, split: str) -> int:
        return ignored_in_evaluation(self.config, split)

    def logits_and_labels(self, batch: dict[str, Any], by: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Logits (1, K, H, W) and labels (1, H, W) of each image."""
        for sample in self.model.test_step(batch):
            where = getattr(sample, 'img_path', 'an image')
            if 'gt_sem_seg' not in sample:
                hint = 'Choose a split with labels, and keep LoadAnnotations in its pipeline.'
                raise InvalidValueError(f'labels of {where}', 'a label map', 'none', hint)
            logits, labels = sample.seg_logits.data.unsqueeze(0), sample.gt_sem_seg.data
            if logits.shape[2:] != labels.shape[1:]:
                size, got = tuple(logits.shape[2:]), tuple(labels.shape[1:])
                hint = "Put LoadAnnotations behind Resize in the test pipeline, as mmseg's configs do."
                raise InvalidValueError(f'labels of {where}', f'the size {size}', repr(got), hint)
            if not self._checked:  # once, because looking makes a GPU wait
                check_logits(logits)
                self._checked = True
            yield logits, labels


class TrainedClassifier(TrainedModel):
    """An image classifier of mmpretrain, which hands out probabilities.

    Where they are the softmax of the last layer its logits are adjusted. For other heads the logarithms of the
    probabilities are, which are logits but for a constant in each image: logit adjustment has the same best class then,
    tau-normalisation, which scales each class differently, has not.

    Example:
        >>> import tempfile, torch
        >>> from mmengine.config import Config
        >>> from mmpretrain.structures import DataSample
        >>> from ltseg.counts.class_counts import ClassCounts
        >>> from ltseg.counts.table import CountsTable
        >>> from ltseg.trained.model import build_model
        >>> from ltseg.trained.tasks import TrainedClassifier
        >>> config = Config(dict(default_scope='mmpretrain', model=dict(
        ...     type='mmpretrain.ImageClassifier', data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'),
        ...     backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
        ...     neck=dict(type='mmpretrain.GlobalAveragePooling'),
        ...     head=dict(type='mmpretrain.LinearClsHead', in_channels=8, num_classes=3))))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save(build_model(config).state_dict(), f'{folder}/weights.pth')
        ...     CountsTable(ClassCounts.from_list([900, 90, 10]), ('cat', 'dog', 'owl')).save(f'{folder}/counts.json')
        ...     trained = TrainedClassifier(config, f'{folder}/weights.pth', f'{folder}/counts.json')
        >>> samples = [DataSample().set_gt_label(label) for label in (0, 2)]
        >>> batch = dict(inputs=torch.rand(2, 3, 8, 8), data_samples=samples)
        >>> logits, labels = next(trained.logits_and_labels(batch, by='prior'))
        >>> trained.num_classes, tuple(logits.shape), labels.tolist()
        (3, (2, 3), [0, 2])
    """

    task = CLASSIFICATION

    @property
    def num_classes(self) -> int:
        return self.model.head.num_classes

    def ignored_label(self, split: str) -> int:
        return -100  # no label of a class

    def logits_and_labels(self, batch: dict[str, Any], by: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Logits (N, K) and labels (N,) of the batch."""
        logits, exact, results = class_scores(self.model, batch)
        if by == 'norm' and not exact:
            expected, hint = 'a head that predicts the softmax of its last layer', 'Adjust by the prior instead.'
            raise InvalidValueError('tau-normalisation', expected, repr(type(self.model.head).__name__), hint)
        if 'gt_label' not in results[0]:
            raise InvalidValueError('labels', 'a class for each image', 'none', 'Choose a split with labels.')
        yield logits, torch.cat([result.gt_label for result in results])


def trained_model(
    config: Config, checkpoint: str | os.PathLike, table: str | os.PathLike | None = None
) -> TrainedSegmentor | TrainedClassifier:
    """The trained model of MMSegmentation that the config's default scope names; arguments as of ``TrainedModel``."""
    kind = TrainedClassifier if task_of(config) is CLASSIFICATION else TrainedSegmentor
    return kind(config, checkpoint, table)
