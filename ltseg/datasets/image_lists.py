"""Images named in a file of lines, with checks of what the file holds."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError
from ltseg.datasets.labelled_images import LabelledImages

__all__ = ['ImageListDataset']


class ImageListDataset(LabelledImages):
    """Images and labels from a file with a line ``path label`` for each image.

    Classes take their names from the folders of their training images, where each has a folder of its own and the
    training list can be read, else their numbers.

    Args:
        split: 'train', 'val' or 'test': chooses the list.
        ann_file: The list, below the data root; None takes that of ``LISTS``.
        data_prefix: Folder that the paths in the list start from, below the data root.
        check: Whether the number of images, and that each class occurs, must be as published. Turn it off for a part
            of the data.
        kwargs: Arguments of mmengine's ``BaseDataset``.

    Attributes:
        LISTS: File of each split.
        TOTALS: Images in each split.
        NUM_CLASSES: Number of classes.

    Raises:
        FileNotFoundError: If the list or its first images are missing; says where to get them and how to lay them out.
        ValueError: If a line is no ``path label``, or the totals are not the published ones.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from ltseg.datasets.image_lists import ImageListDataset
        >>> class Pets(ImageListDataset):
        ...     LISTS, TOTALS, NUM_CLASSES = {'train': 'train.txt'}, {'train': 2}, 2
        >>> with tempfile.TemporaryDirectory() as root:
        ...     for name in ('cat', 'owl'):
        ...         Path(root, name).mkdir()
        ...         Path(root, name, '0.jpg').touch()
        ...     _ = Path(root, 'train.txt').write_text('cat/0.jpg 0\\nowl/0.jpg 1\\n')
        ...     pets = Pets(data_root=root)
        >>> pets.CLASSES, pets.get_gt_labels().tolist()
        (('cat', 'owl'), [0, 1])
    """

    LISTS: dict[str, str] = {}
    TOTALS: dict[str, int] = {}
    NUM_CLASSES = 0

    def __init__(
        self,
        split: str = 'train',
        ann_file: str | None = None,
        data_root: str = '',
        data_prefix: str | dict = '',
        check: bool = True,
        **kwargs: Any,
    ) -> None:
        check_choice(f'{type(self).__name__}.split', split, tuple(self.LISTS))
        self.split, self.check = split, check
        prefix = {'img_path': data_prefix} if isinstance(data_prefix, str) else data_prefix
        ann_file = self._existing_list(data_root, split) if ann_file is None else ann_file
        super().__init__(ann_file=ann_file, data_root=data_root, data_prefix=prefix, **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """The path and label of each image."""
        entries = self._entries(self.ann_file)
        if self.check:
            self._check_totals([label for _, label in entries])
        if not self._metainfo.get('classes'):
            self._metainfo['classes'] = self._class_names(entries)
        folder = self.data_prefix['img_path']
        paths = [os.path.join(folder, path) for path, _ in entries]
        for path in paths[:1] + paths[-1:]:
            if not os.path.isfile(path):
                raise self._missing(f'the images of {self.ann_file!r}', f'no {path}')
        return [{'img_path': path, 'gt_label': label} for path, (_, label) in zip(paths, entries, strict=True)]

    def _existing_list(self, data_root: str, split: str) -> str:
        return self.LISTS[split]

    def _entries(self, path: str) -> list[tuple[str, int]]:
        if not os.path.isfile(path):
            raise self._missing(f'the list {path!r}', 'no such file')
        return _read_lines(path)

    def _check_totals(self, labels: Sequence[int]) -> None:
        where, hint = f'list {self.ann_file}', 'Take the published list, or set check=False for a part of the data.'
        total = self.TOTALS[self.split]
        if len(labels) != total:
            raise InvalidValueError(where, f'{total} images', repr(len(labels)), hint)
        found = np.unique(labels)
        if len(found) != self.NUM_CLASSES or found[-1] != self.NUM_CLASSES - 1:
            expected = f'labels 0..{self.NUM_CLASSES - 1}, each at least once'
            raise InvalidValueError(where, expected, f'{len(found)} classes up to {found[-1]}', hint)

    def _class_names(self, entries: list[tuple[str, int]]) -> tuple[str, ...]:
        number = self.NUM_CLASSES
        if self.split != 'train':
            path = os.path.join(self.data_root, self._existing_list(self.data_root, 'train'))
            entries = self._entries(path) if os.path.isfile(path) else []
        names: dict[int, str] = {label: os.path.dirname(path) for path, label in entries}
        if sorted(names) != list(range(number)) or len(set(names.values())) < number:
            return tuple(str(label) for label in range(number))
        start = len(os.path.commonpath(list(names.values())))
        return tuple(names[label][start:].lstrip('/') for label in range(number))


def _read_lines(path: str) -> list[tuple[str, int]]:
    """Path and label of each line."""
    entries = []
    with open(path, encoding='utf-8') as stream:
        for number, line in enumerate(stream, 1):
            image, _, label = line.rstrip().rpartition(' ')
            if line.strip() and not (image and label.isdecimal()):
                raise InvalidValueError(f'{path}, line {number}', "'path label'", repr(line.rstrip()))
            if line.strip():
                entries.append((image, int(label)))
    return entries
