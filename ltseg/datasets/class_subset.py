"""The images of some classes of a classification data set."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from mmengine.dataset import force_full_init

from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError
from ltseg.core.labelled_batches import LabelledBatch
from ltseg.counts.shots import SHOT_NAMES, ShotsOption, build_shots
from ltseg.datasets.labelled_images import labels_of
from ltseg.datasets.labelled_wrapper import LabelledWrapper, relabelled, relabelled_batch
from ltseg.nested_datasets import dataset_classes
from ltseg.registry import DATASETS

__all__ = ['ClassSubset']


@DATASETS.register_module()
class ClassSubset(LabelledWrapper):
    """Images of a group of classes of another data set, those with many, medium or few images, with labels of its own.

    The classes keep their names and their order. Experts of ``ltseg.LearnFromExperts`` learn from such parts, which are
    less imbalanced than the whole.

    Args:
        dataset: Any classification data set of mmengine, mmpretrain or ltseg with one label for each image, or its
            config.
        group: 'many', 'medium' or 'few'.
        groups: As of ``ltseg.LongTailAccuracy``.
        grouped_by: The data set, or its config, whose images are counted for groups by thresholds; None is the data set
            itself. Validation and test images have other counts than those of training.

    Raises:
        ValueError: If the group has less than two classes, or an image no single label.

    Source:
        Xiang et al. (LFME), ECCV 2020, section 4.1: cardinality-adjacent subsets.

    Example:
        >>> from mmengine.dataset import BaseDataset
        >>> from ltseg.datasets import ClassSubset
        >>> class Pets(BaseDataset):
        ...     METAINFO = {'classes': ('cat', 'yak', 'dog', 'owl')}
        ...     def load_data_list(self):
        ...         return [{'gt_label': label} for label in (0, 1, 2, 3, 0, 2, 0, 2)]
        >>> data = ClassSubset(Pets(), group='few', groups=dict(many='> 2', few='< 2'))
        >>> data.CLASSES, data.get_gt_labels().tolist()
        (('yak', 'owl'), [0, 1])
    """

    short_name = '{dataset}, {group}'

    def __init__(
        self,
        dataset: Any,
        group: Literal['many', 'medium', 'few'],
        groups: ShotsOption = None,
        grouped_by: Any = None,
    ) -> None:
        check_choice('ClassSubset.group', group, SHOT_NAMES)
        self.group, self.groups = group, groups
        self.grouped_by = DATASETS.build(grouped_by) if isinstance(grouped_by, dict) else grouped_by
        super().__init__(dataset)

    def choose_labels(self) -> np.ndarray:
        """Chooses the images, and gives their labels."""
        names = dataset_classes(self.dataset)
        labels = _known_labels(self.dataset, names)
        counted = labels if self.grouped_by is None else _known_labels(self.grouped_by, names)
        samples = torch.from_numpy(np.bincount(counted, minlength=len(names)))
        classes = sorted(build_shots(self.groups, samples, names).of(self.group))
        if len(classes) < 2:
            got = f'{len(classes)} of {len(names)}'
            raise InvalidValueError('ClassSubset', f'two classes or more with {self.group} images', got)
        self.class_names = tuple(names[index] for index in classes)
        place = np.full(len(names), -1)
        place[classes] = np.arange(len(classes))
        self.indices = np.flatnonzero(place[labels] >= 0)
        return place[labels[self.indices]]

    @property
    def metainfo(self) -> dict[str, Any]:
        """That of the data set inside with the names of these classes."""
        return {**self.dataset.metainfo, 'classes': self.class_names}

    @force_full_init
    def get_data_info(self, idx: int) -> dict[str, Any]:
        """The data info of an image."""
        return {**self.dataset.get_data_info(int(self.indices[idx])), 'gt_label': int(self._labels[idx])}

    @force_full_init
    def __getitem__(self, idx: int) -> Any:
        return relabelled(self.dataset[int(self.indices[idx])], int(self._labels[idx]))

    @property
    def packed_samples(self) -> Callable[[Sequence[int]], LabelledBatch] | None:
        """Gives the samples of many indices at once, where the data set inside does."""
        inside = getattr(self.dataset, 'packed_samples', None)
        if inside is None:
            return None
        return lambda places: relabelled_batch(inside(self.indices[list(places)].tolist()), self._labels[list(places)])


def _known_labels(dataset: Any, names: tuple[str, ...]) -> np.ndarray:
    """The labels of a data set, which has these classes."""
    labels, found = labels_of(dataset), dataset_classes(dataset)
    if found != names or not names:
        hint = 'Give the data sets metainfo=dict(classes=...) with the same names.'
        expected = f'the classes {", ".join(names)}' if names else 'names of the classes'
        raise InvalidValueError('ClassSubset', expected, ', '.join(found) or 'none', hint)
    if labels.max(initial=0) >= len(names):
        hint = 'Name all classes in metainfo.'
        raise InvalidValueError('ClassSubset', f'labels of the {len(names)} classes', repr(int(labels.max())), hint)
    return labels
