"""Batches of images that stay where they are: indices into a store, and one tensor of labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, overload

import torch
from torch import Tensor

from ltseg.core.errors import InvalidValueError

__all__ = ['ChosenImages', 'ImageStore', 'LabelledBatch', 'LabelledSamples']


class ImageStore:
    """Images of one size in memory, and a copy on each device that asked for one.

    Args:
        images: (M, H, W, C) uint8.

    Example:
        >>> import torch
        >>> from ltseg.core.labelled_batches import ImageStore
        >>> images = torch.zeros(5, 32, 32, 3, dtype=torch.uint8)
        >>> ImageStore(images).on('cpu').data_ptr() == images.data_ptr()
        True
    """

    def __init__(self, images: Tensor) -> None:
        self.images = images
        self._copies: dict[torch.device, Tensor] = {}

    def on(self, device: torch.device | str) -> Tensor:
        """All images on a device, (M, H, W, C); on the CPU the memory is shared."""
        device = torch.device(device)
        if device not in self._copies:
            self._copies[device] = self.images.to(device)
        return self._copies[device]

    def __getstate__(self) -> dict[str, Any]:
        return {'images': self.images, '_copies': {}}  # another process makes copies of its own


@dataclass(frozen=True, eq=False)
class ChosenImages:
    """Images of a store by their places.

    Args:
        store: The store.
        places: (N,) int64.

    Example:
        >>> import torch
        >>> from ltseg.core.labelled_batches import ChosenImages, ImageStore
        >>> store = ImageStore(torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1))  # five images of one pixel
        >>> ChosenImages(store, torch.tensor([3, 0])).on('cpu').flatten().tolist()
        [3, 0]
    """

    store: ImageStore
    places: Tensor

    def on(self, device: torch.device | str) -> Tensor:
        """The images, (N, C, H, W) uint8, gathered on a device."""
        images = self.store.on(device)
        return images[self.places.to(images.device, non_blocking=True)].permute(0, 3, 1, 2).contiguous()

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[Tensor]:
        hint = "Set data_preprocessor.type='ltseg.AugmentingClsPreprocessor', or leave train_dataloader.collate_fn out."
        raise InvalidValueError('data_preprocessor', 'one that takes images from memory of the device', 'another', hint)


@dataclass(frozen=True, eq=False)
class LabelledSamples(Sequence):
    """The data samples of a batch as MMPretrain's heads take them, each made only when it is asked for.

    Args:
        labels: (N,) int64.
        numbers: ``sample_idx`` of each image.
        size: Height and width of the images in pixels.
        kind: MMPretrain's ``DataSample``.
        scores: Labels as scores of the classes, (N, K), mixed ones for example; None where there are none.

    Example:
        >>> import torch
        >>> from mmpretrain.structures import DataSample
        >>> from ltseg.core.labelled_batches import LabelledSamples
        >>> samples = LabelledSamples(torch.tensor([3, 1, 2]), [70, 80, 90], (32, 32), DataSample)
        >>> samples[1].gt_label.item(), samples[1].sample_idx
        (1, 80)
        >>> samples[::2].labels.tolist(), len(samples)
        ([3, 2], 3)
    """

    labels: Tensor
    numbers: Sequence[int]
    size: tuple[int, int]
    kind: type
    scores: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> 'LabelledSamples': ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            scores = None if self.scores is None else self.scores[index]
            return replace(self, labels=self.labels[index], numbers=self.numbers[index], scores=scores)
        place = range(len(self))[index]
        shapes = {'img_shape': self.size, 'ori_shape': self.size}
        sample = self.kind(metainfo={'sample_idx': self.numbers[place], **shapes})
        sample.set_gt_label(self.labels[place : place + 1])
        return sample if self.scores is None else sample.set_gt_score(self.scores[place])


@dataclass(frozen=True, eq=False)
class LabelledBatch(Sequence):
    """What a data set gives for several indices: a sequence of packed samples, or all of them as one.

    Args:
        images: N images.
        samples: Their labels.

    Example:
        >>> import torch
        >>> from mmpretrain.structures import DataSample
        >>> from ltseg.core.labelled_batches import ChosenImages, ImageStore, LabelledBatch, LabelledSamples
        >>> store = ImageStore(torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1))  # five images of one pixel
        >>> samples = LabelledSamples(torch.tensor([9, 8]), [3, 0], (1, 1), DataSample)
        >>> batch = LabelledBatch(ChosenImages(store, torch.tensor([3, 0])), samples)
        >>> [(sample['inputs'].item(), sample['data_samples'].gt_label.item()) for sample in batch]
        [(3, 9), (0, 8)]
    """

    images: ChosenImages
    samples: LabelledSamples

    @cached_property
    def _packed(self) -> list[dict[str, Any]]:
        pairs = zip(self.images.on('cpu'), self.samples, strict=True)
        return [{'inputs': image, 'data_samples': sample} for image, sample in pairs]

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: Any) -> Any:
        return self._packed[index]
