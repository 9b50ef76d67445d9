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
    """A segmentor of mmseg; its ``test_step`` yields logits at the size of the original image."""

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
