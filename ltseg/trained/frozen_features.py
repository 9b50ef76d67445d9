"""What the frozen part of a model gives of an image: maps of a segmentor's backbone, or a classifier's vector."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ltseg.core.errors import InvalidValueError
from ltseg.counts.label_files import fingerprint, label_files, remote_backend
from ltseg.metrics.task import CLASSIFICATION, task_of

__all__ = ['Entry', 'FrozenFeatures', 'MapsOfSegmentor', 'VectorsOfClassifier', 'frozen_features_of']

Entry = tuple[Sequence[Tensor], Tensor, Mapping[str, Any]]
"""What one file of a feature store holds: features, labels and metadata."""


class FrozenFeatures(ABC):
    """What is kept of images, and what it depends on.

    Example:
        >>> from torch import nn
        >>> from ltseg.trained.frozen_features import VectorsOfClassifier
        >>> model = nn.ModuleDict({'backbone': nn.Identity(), 'head': nn.Identity()})  # without a neck
        >>> list(VectorsOfClassifier().modules(model))
        ['backbone']
    """

    parts: tuple[str, ...]
    """The parts of the model that are frozen, which run one after the other."""

    @abstractmethod
    def images_of_file(self, batch_size: int) -> int:
        """How many images one file is of."""

    @abstractmethod
    def entries(self, model: Any, batch: dict[str, Any], training: bool) -> Iterator[Entry]:
        """The files of a batch, as the data set's samples make it.

        Raises:
            ValueError: If the features are not what the rest of the model works on alone.
        """

    @abstractmethod
    def check_crops(self, first: list[tuple], other: list[tuple]) -> None:
        """Raises ValueError if training features of these shapes do not make a batch."""

    @abstractmethod
    def preprocessing(self, model: Any, config: Mapping[str, Any]) -> str:
        """The settings of the data preprocessor."""

    @abstractmethod
    def data_mark(self, dataset: Any) -> str:
        """A hash that changes with images and labels."""

    def modules(self, model: Any) -> dict[str, nn.Module]:
        """The frozen parts that the model has, by their names."""
        return {name: part for name in self.parts if (part := getattr(model, name, None)) is not None}


class MapsOfSegmentor(FrozenFeatures):
    """Maps of the backbone, a file for each image or crop.

    Example:
        >>> from ltseg.trained.frozen_features import MapsOfSegmentor
        >>> MapsOfSegmentor().images_of_file(batch_size=8)
        1
    """

    parts = ('backbone',)

    def images_of_file(self, batch_size: int) -> int:
        return 1

    def entries(self, model: Any, batch: dict[str, Any], training: bool) -> Iterator[Entry]:
        data = model.data_preprocessor(batch, training)
        maps = _checked_maps(model.backbone(data['inputs']), type(model.backbone).__name__)
        for place, sample in enumerate(data['data_samples']):
            yield [each[place] for each in maps], sample.gt_sem_seg.data, sample.metainfo

    def check_crops(self, first: list[tuple], other: list[tuple]) -> None:
        if first != other:
            hint = 'Set the crop_size of RandomCrop, and size instead of size_divisor in data_preprocessor.'
            raise InvalidValueError('training crops', 'crops of one size', f'maps {first} and {other}', hint)

    def preprocessing(self, model: Any, config: Mapping[str, Any]) -> str:
        values = vars(model.data_preprocessor).items()
        return repr(sorted((key, str(value)) for key, value in values if key[0] != '_'))

    def data_mark(self, dataset: Any) -> str:
        """A hash of the names, sizes and times of the files of labels and images."""
        labels, local = label_files(dataset), remote_backend(dataset) is None
        paths = {str(dataset.get_data_info(index)['img_path']) for index in range(len(dataset))}
        return fingerprint([*labels, *(replace(labels[0], path=path) for path in paths)], str(len(dataset)), local)


class VectorsOfClassifier(FrozenFeatures):
    """Vectors that leave backbone and neck, a file for each batch. Images are not mixed (mixup, CutMix, Remix).

    Example:
        >>> from ltseg.trained.frozen_features import VectorsOfClassifier
        >>> VectorsOfClassifier().images_of_file(batch_size=128)
        128
    """

    parts = ('backbone', 'neck')

    def images_of_file(self, batch_size: int) -> int:
        return batch_size

    def entries(self, model: Any, batch: dict[str, Any], training: bool) -> Iterator[Entry]:
        model.data_preprocessor.batch_augments = None
        data = model.data_preprocessor(batch, training)
        vectors = _checked_vectors(model.extract_feat(data['inputs']), type(model).__name__)  # (N, D)
        yield [vectors.T.unsqueeze(2)], _checked_labels(data['data_samples']).view(1, -1, 1), {}

    def check_crops(self, first: list[tuple], other: list[tuple]) -> None:
        return  # vectors are of one length whatever the size of the image, and the last batch may be shorter

    def preprocessing(self, model: Any, config: Mapping[str, Any]) -> str:
        given = config['model'].get('data_preprocessor') or config.get('data_preprocessor') or {}
        return json.dumps({key: value for key, value in given.items() if key != 'batch_augments'}, default=str)

    def data_mark(self, dataset: Any) -> str:
        """A hash of the labels in the order of the images, with the names, sizes and times of their files."""
        digest = hashlib.sha256()
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            path = Path(str(info.get('img_path', '')))
            known = path.stat() if path.is_file() else None
            changed = (known.st_size, known.st_mtime_ns) if known else ''
            digest.update(f'{info["gt_label"]} {path.name} {changed}\n'.encode())
        return digest.hexdigest()


def frozen_features_of(config: Mapping[str, Any]) -> FrozenFeatures:
    """What is kept of the images of a config's model."""
    return VectorsOfClassifier() if task_of(config) is CLASSIFICATION else MapsOfSegmentor()


def _checked_maps(maps: Any, backbone: str) -> tuple[Tensor, ...]:
    listed = tuple(maps) if isinstance(maps, list | tuple) else (maps,)
    if all(isinstance(each, Tensor) and each.ndim == 4 for each in listed):
        return listed
    hint = 'Choose with another backbone, or train each method whole.'
    raise InvalidValueError(backbone, 'maps (N, C, H, W) that the head works on alone', type(maps).__name__, hint)


def _checked_vectors(features: Any, model: str) -> Tensor:
    vectors = features[-1] if isinstance(features, list | tuple) else features
    if isinstance(vectors, Tensor) and vectors.ndim == 2:
        return vectors
    got = f'features {tuple(vectors.shape)}' if isinstance(vectors, Tensor) else type(vectors).__name__
    hint = "Set neck=dict(type='GlobalAveragePooling'), and give one view of each image."
    raise InvalidValueError(model, 'vectors (N, D) behind the neck', got, hint)


def _checked_labels(samples: Sequence[Any]) -> Tensor:
    labels = [sample.gt_label if 'gt_label' in sample else torch.zeros(0) for sample in samples]
    if any(len(label) != 1 for label in labels):
        got = f'{max(labels, key=lambda label: abs(len(label) - 1)).tolist()}'
        raise InvalidValueError('labels', 'one class for each image', got)
    return torch.cat(labels)
