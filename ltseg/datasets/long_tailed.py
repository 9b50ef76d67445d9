"""A long-tailed part of a balanced classification data set."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import force_full_init
from mmengine.dist import is_main_process

from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError
from ltseg.datasets.chosen_indices import ChosenIndices, fingerprint
from ltseg.datasets.labelled_images import labels_of
from ltseg.datasets.labelled_wrapper import LabelledWrapper
from ltseg.datasets.profiles import PROFILES, profile_counts
from ltseg.registry import DATASETS

__all__ = ['LongTailedDataset']


@DATASETS.register_module()
class LongTailedDataset(LabelledWrapper):
    """Images of another data set, so many of each class that class sizes have a long tail.

    The class in place k of ``class_order`` keeps n_k images (:func:`profile_counts`), which are the first n_k of a
    random order of that class's images. So a larger factor with the same seed keeps a part of what a smaller one keeps,
    and the images of a class depend neither on the other classes nor on the profile.

    Args:
        dataset: Any classification data set of mmengine or mmpretrain, or its config.
        imbalance_factor: Largest class size over smallest one, at least 1. None takes what ``indices_file`` says.
        profile: 'exponential', 'pareto' or 'step'.
        power: Shape of the Pareto distribution.
        largest: Images of the largest class, n_max; None takes all images of the largest class there is.
        class_order: Classes from the largest to the smallest, as labels or names; None is the order of the labels.
        seed: Of the choice of images.
        indices_file: JSON file of the chosen indices: read where it exists, written otherwise.

    Raises:
        ValueError: If a class has fewer images than the profile asks for, or the file was made with other settings or
            from other data.

    Source:
        Cao et al., Learning imbalanced datasets with label-distribution-aware margin loss, NeurIPS 2019 (exponential
        and step profiles of CIFAR; the images differ from theirs, which their code draws with other generators).

    Example:
        >>> import numpy as np
        >>> from mmengine.dataset import BaseDataset
        >>> from ltseg.datasets import LongTailedDataset
        >>> class Balanced(BaseDataset):
        ...     METAINFO = {'classes': ('cat', 'dog', 'owl')}
        ...     def load_data_list(self):
        ...         return [{'gt_label': label} for label in range(3) for _ in range(100)]
        >>> data = LongTailedDataset(Balanced(), imbalance_factor=25)
        >>> np.bincount(data.get_gt_labels()).tolist()  # 100 * 25^(-k / 2)
        [100, 20, 4]
    """

    short_name = '{dataset}-LT {imbalance_factor}'

    def __init__(
        self,
        dataset: Any,
        imbalance_factor: float | None = None,
        profile: str = 'exponential',
        power: float = 6.0,
        largest: int | None = None,
        class_order: Sequence[int] | Sequence[str] | None = None,
        seed: int = 0,
        indices_file: str | os.PathLike | None = None,
    ) -> None:
        check_choice('LongTailedDataset.profile', profile, PROFILES)
        if imbalance_factor is None and (indices_file is None or not os.path.isfile(indices_file)):
            hint = 'Set imbalance_factor, e.g. 100.'
            raise InvalidValueError('LongTailedDataset.imbalance_factor', 'a number of at least 1', 'None', hint)
        self.imbalance_factor, self.profile, self.power, self.largest = imbalance_factor, profile, power, largest
        self.class_order, self.seed, self.indices_file = class_order, seed, indices_file
        super().__init__(dataset)

    def choose_labels(self) -> np.ndarray:
        """Chooses the images, or reads which were chosen, and gives their labels."""
        labels = labels_of(self.dataset)
        settings = self._settings(labels)
        if self.indices_file is not None and os.path.isfile(self.indices_file):
            given = settings if self.imbalance_factor is not None else {'data': settings['data']}
            chosen = ChosenIndices.load(self.indices_file, given)
        else:
            chosen = ChosenIndices(self._choose(labels), settings)
            if self.indices_file is not None and is_main_process():
                chosen.save(self.indices_file)
        self.indices = chosen.indices
        return labels[chosen.indices]

    @force_full_init
    def get_data_info(self, idx: int) -> dict[str, Any]:
        """The data info of an image."""
        return self.dataset.get_data_info(int(self.indices[idx]))

    @force_full_init
    def __getitem__(self, idx: int) -> Any:
        return self.dataset[int(self.indices[idx])]

    @property
    def packed_samples(self) -> Callable[[Sequence[int]], list[Any]] | None:
        """Gives the samples of many indices at once, where the data set inside does."""
        inside = getattr(self.dataset, 'packed_samples', None)
        return None if inside is None else lambda indices: inside(self.indices[list(indices)].tolist())

    def _settings(self, labels: np.ndarray) -> dict[str, Any]:
        return {
            'imbalance_factor': self.imbalance_factor,
            'profile': self.profile,
            'power': self.power if self.profile == 'pareto' else None,
            'largest': self.largest,
            'class_order': self._order(),
            'seed': self.seed,
            'data': fingerprint(labels),
        }

    def _order(self) -> list[int]:
        names = list(self.CLASSES)
        order = list(range(len(names))) if self.class_order is None else list(self.class_order)
        labels = [names.index(entry) if isinstance(entry, str) and entry in names else entry for entry in order]
        whole = [label for label in labels if isinstance(label, int)]
        if len(whole) < len(labels) or sorted(whole) != list(range(len(names))):
            expected = f'each of the {len(names)} classes once, as labels or names'
            raise InvalidValueError('LongTailedDataset.class_order', expected, repr(order))
        return whole

    def _choose(self, labels: np.ndarray) -> np.ndarray:
        order = self._order()
        available = np.bincount(labels, minlength=len(order))
        largest = int(available.max()) if self.largest is None else self.largest
        wanted = profile_counts(self.profile, len(order), largest, self.imbalance_factor or 1.0, self.power)
        short = [k for k, label in enumerate(order) if available[label] < wanted[k]]
        if short:
            name, has = self.CLASSES[order[short[0]]], available[order[short[0]]]
            expected = f'{wanted[short[0]]} images of the class {name!r}, place {short[0]} of the profile'
            hint = 'Set largest to fewer images, or class_order so that large classes come first.'
            raise InvalidValueError('LongTailedDataset', expected, repr(int(has)), hint)
        kept = []
        for label, number in zip(order, wanted, strict=True):
            random = np.random.default_rng([self.seed, label])
            kept.append(random.permutation(np.flatnonzero(labels == label))[:number])
        return np.sort(np.concatenate(kept))
