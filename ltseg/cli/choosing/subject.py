"""What differs between the choice of a loss for a segmentor and for an image classifier."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from ltseg.cli.choosing.axes import IMAGE_AXES, PIXEL_AXES, Axes
from ltseg.cli.choosing.methods import CLASSIFIER_METHODS, METHODS, Candidate
from ltseg.config_parts import type_name
from ltseg.core.errors import UsageError
from ltseg.counts.ignored_label import ignored_in_training
from ltseg.counts.image_counts import pixels_of_images
from ltseg.datasets.labelled_images import labels_of
from ltseg.metrics.task import CLASSIFICATION, SEGMENTATION, Task, task_of

__all__ = ['Subject', 'check_subject', 'classes_of_images', 'subject_of']

CLASSIFIERS = ('ImageClassifier', 'MultiViewClassifier')


@dataclass(frozen=True)
class Subject:
    """A kind of model whose head is trained on features.

    Args:
        task: What it does.
        head: Key of its head.
        head_type: The head of ltseg, in which any other can be wrapped.
        always_wrapped: Whether each method needs that, not only those that set more than the loss.
        loss: Key of the head's loss.
        methods: What is compared by default.
        axes: The rates of its curves.
        batch_size: Features in a batch of training.
        iterations: Of training of each head.
        of_one_size: Whether validation images are, so that several pass the backbone at once.
        adjust: What ``ltseg adjust`` is told beside config and checkpoint, so that tau is chosen by the same rate.
    """

    task: Task
    head: str
    head_type: str
    always_wrapped: bool
    loss: str
    methods: Mapping[str, Candidate]
    axes: Axes
    batch_size: int
    iterations: int
    of_one_size: bool
    adjust: str


SEGMENTOR = Subject(
    SEGMENTATION, 'decode_head', 'ltseg.LongTailSegHead', False, 'loss_decode', METHODS, PIXEL_AXES,
    batch_size=8, iterations=600, of_one_size=False, adjust='',
)  # fmt: skip
CLASSIFIER = Subject(
    CLASSIFICATION, 'head', 'ltseg.LongTailClsHead', True, 'loss', CLASSIFIER_METHODS, IMAGE_AXES,
    batch_size=128, iterations=2000, of_one_size=True, adjust=' --criterion accuracy/mean_class',
)  # fmt: skip


def subject_of(config: Mapping[str, Any]) -> Subject:
    """The kind of model of a config."""
    return CLASSIFIER if task_of(config) is CLASSIFICATION else SEGMENTOR


def check_subject(config: Config) -> None:
    """Raises UsageError for a model that has no backbone and a single head, or gives its head more than features."""
    subject = subject_of(config)
    head, name = config.model.get(subject.head), subject.head.replace('_', ' ')
    if 'backbone' not in config.model:
        got = 'a model without backbone'
    elif not isinstance(head, Mapping):
        got = type(head).__name__
    elif subject is CLASSIFIER and type_name(config.model) not in CLASSIFIERS:
        got = f'{type_name(config.model)}, which gives its head more than features'
    else:
        return
    hint = 'Choose with another model of the same backbone: the order of losses is about the data.'
    raise UsageError('ltseg choose', f'a model with a backbone and one {name}', got, hint)


def classes_of_images(config: Config, dataset: Any, num_classes: int) -> Tensor:
    """How much each training image holds of each class, (N, K): pixels, or whether it is of the class."""
    if task_of(config) is SEGMENTATION:
        return pixels_of_images(dataset, num_classes, ignored_in_training(config))
    labels = torch.from_numpy(labels_of(dataset))
    held = torch.zeros(len(labels), num_classes, dtype=torch.bool)
    held[torch.arange(len(labels)), labels] = True
    return held
