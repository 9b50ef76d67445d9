"""Maps of a frozen backbone in a folder, one file for each image."""

import json
import os
from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.core.files import atomic_write
from ltseg.core.json_files import read_json

__all__ = ['FeatureStore']

KIND, DESCRIPTION = 'ltseg features', 'features.json'
MAPPED: dict[str, Any] = {'mmap': True} if 'mmap' in signature(torch.load).parameters else {}  # since torch 2.1


class FeatureStore:
    """Features, labels and metadata of images, which a killed process can go on to write.

    The features lie in bfloat16 with the channels last, and are mapped into memory instead of being read whole.

    Args:
        folder: Where they lie.

    Example:
        >>> import tempfile, torch
        >>> from ltseg.datasets.feature_store import FeatureStore
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = FeatureStore(folder)
        ...     store.write(0, [torch.ones(8, 2, 3)], torch.zeros(1, 16, 24), {'img_shape': (16, 24)})
        ...     features, labels, meta = store.read(0)
        ...     store.written(), tuple(features[0].shape), features[0].dtype, meta
        ([0], (8, 2, 3), torch.bfloat16, {'img_shape': (16, 24)})
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = Path(folder)

    def path(self, index: int) -> Path:
        """The file of an image."""
        return self.folder / f'{index:06d}.pt'

    def written(self) -> list[int]:
        """The images that are there, in order."""
        return sorted(int(path.stem) for path in self.folder.glob('*.pt') if path.stem.isdigit())

    def write(self, index: int, features: Sequence[Tensor], labels: Tensor, meta: Mapping[str, Any]) -> None:
        """Writes an image, whole or not at all.

        Args:
            index: Its place.
            features: (C_i, H_i, W_i) each.
            labels: (1, H, W), integers.
            meta: Of the data sample; what is neither text, number nor a tuple of these is left out.
        """
        # A copy of each, or the file would hold the whole batch that it is a part of.
        last = [
            each.detach().to('cpu', torch.bfloat16).permute(1, 2, 0).clone(memory_format=torch.contiguous_format)
            for each in features
        ]
        small = labels.to('cpu', torch.uint8 if int(labels.min()) >= 0 and int(labels.max()) < 256 else torch.int32)
        content = {'features': last, 'labels': small, 'meta': {k: v for k, v in meta.items() if _is_plain(v)}}
        with atomic_write(self.path(index)) as draft, draft.open('wb') as file:  # torch names no full disk by itself
            torch.save(content, file)

    def read(self, index: int) -> tuple[list[Tensor], Tensor, dict[str, Any]]:
        """Features (C_i, H_i, W_i) in bfloat16, labels (1, H, W) int64 and metadata of an image."""
        content = torch.load(str(self.path(index)), weights_only=True, **MAPPED)
        features = [each.permute(2, 0, 1) for each in content['features']]
        return features, content['labels'].long(), content['meta']

    def describe(self, description: Mapping[str, Any]) -> None:
        """Writes what the features are of, once all are there."""
        with atomic_write(self.folder / DESCRIPTION) as draft:
            draft.write_text(json.dumps({'kind': KIND, **description}, indent=2), encoding='utf-8')

    def description(self) -> dict[str, Any]:
        """What :meth:`describe` wrote.

        Raises:
            FileNotFoundError: If there are no features, or not all of them.
            ValueError: If the file is of another kind.
        """
        content = read_json(self.folder / DESCRIPTION, f'features {str(self.folder)!r}')
        if not isinstance(content, dict) or content.get('kind') != KIND:
            raise InvalidValueError(f'features {str(self.folder)!r}', f'a file of the kind {KIND!r}', 'another')
        return content


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)
