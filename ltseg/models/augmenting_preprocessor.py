"""A data preprocessor that augments batches of images as tensors."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.batch_transform import BatchSequence, sent_together
from ltseg.core.errors import InvalidValueError
from ltseg.core.extension import Extension
from ltseg.core.labelled_batches import ChosenImages, LabelledSamples
from ltseg.registry import MODELS, TRANSFORMS

__all__ = ['AugmentingClsPreprocessor']


@MODELS.register_module()
class AugmentingClsPreprocessor(Extension):
    """Augments whole batches in training, and gives several views: MMPretrain's ``ClsDataPreprocessor``, extended.

    The order is: to RGB, augmentation (0..255), normalisation, padding to a divisor, ``batch_augments``. Mixing (mixup,
    CutMix) takes the same partners and shares for all views of an image, because they have one label.

    Args:
        augmentations: Batch transforms, e.g. ``[dict(type='ltseg.BatchRandomCrop')]``, applied in training; to each
            view where the pipeline gives several.
        views: A list of batch transforms for each of V views, instead of ``augmentations``. Inputs are then
            (N, V, C, H, W) in training, and (N, C, H, W) in evaluation. A pipeline with mmpretrain's ``MultiView``
            gives the same shapes without it.
        mean, std: Of red, green and blue, 0..255; None normalises nothing.
        to_rgb: Whether inputs are blue, green, red.
        batch_augments: As MMPretrain's; types of scope ltseg (``ltseg.Remix``) are modules, whose class counts
            ``ltseg.CountClasses`` finds.
        kwargs: Other arguments of MMPretrain.

    Raises:
        ValueError: If both or contradictory views are given, or shapes do not fit.

    Example:
        >>> import torch
        >>> from ltseg.models import AugmentingClsPreprocessor
        >>> flip = dict(type='ltseg.BatchRandomFlip', prob=1.0)
        >>> preprocessor = AugmentingClsPreprocessor(views=[[], [flip]])
        >>> images = torch.arange(4, dtype=torch.uint8).view(1, 1, 1, 4)  # one image of one row
        >>> preprocessor({'inputs': images}, training=True)['inputs'].flatten(2)  # (N, V, pixels): as it is, mirrored
        tensor([[[0., 1., 2., 3.],
                 [3., 2., 1., 0.]]])
        >>> preprocessor({'inputs': images})['inputs'].shape == images.shape  # in evaluation
        True
    """

    device: Any
    to_onehot: bool
    num_classes: int | None
    cast_data: Any
    register_buffer: Any
    batch_augments: Any
    mean: Tensor
    std: Tensor

    @classmethod
    def base_class(cls, *args: Any, **kwargs: Any) -> type:
        """MMPretrain's class."""
        from mmpretrain.models import ClsDataPreprocessor

        return ClsDataPreprocessor

    def __init__(
        self,
        augmentations: Sequence[Any] = (),
        views: Sequence[Sequence[Any]] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        to_rgb: bool = False,
        batch_augments: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if (mean is None) != (std is None):
            raise InvalidValueError(
                'AugmentingClsPreprocessor', 'mean and std, or neither', repr({'mean': mean, 'std': std})
            )
        if augmentations and views is not None:
            hint = 'Put the transforms of each view into views.'
            raise InvalidValueError('AugmentingClsPreprocessor', 'augmentations or views', 'both', hint)
        # MMPretrain must not normalise: it does so for single views only.
        super().__init__(batch_augments=_with_ours_built(batch_augments), **kwargs)  # type: ignore[call-arg]
        mixing = getattr(self.batch_augments, 'augments', ())
        self.mixing = nn.ModuleList(augment for augment in mixing if isinstance(augment, nn.Module))  # for CountClasses
        self.normalizes, self.reverses_channels = mean is not None, to_rgb
        for name, values in (('mean', mean or [0.0]), ('std', std or [1.0])):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32).view(-1, 1, 1), False)
        pipelines = views if views is not None else [augmentations]
        self.pipelines = [BatchSequence([_built(transform) for transform in pipeline]) for pipeline in pipelines]
        self.num_views = None if views is None else len(views)

    def forward(self, data: dict, training: bool = False) -> dict:
        """MMPretrain's inputs and data samples.

        Args:
            data: inputs: (N, C, H, W), or a list of N images (C, H, W), or of V views of either form, or what
                :func:`ltseg.datasets.resident_collate` gives; data_samples.
            training: Whether to augment.

        Returns:
            inputs: (N, C, H, W), or (N, V, C, H, W) with several views, float32; data_samples.
        """
        images = self._on_device(data['inputs'])  # (N, V, C, H, W)
        if self.reverses_channels and images.shape[2] == 3:
            images = images.flip(2)
        if training:
            images = self._augmented(images)
        images = images.float()
        if self.normalizes:
            images = (images - self.mean) / self.std
        views, samples, inputs = images.shape[1], data.get('data_samples'), images.flatten(1, 2)
        if isinstance(samples, LabelledSamples):
            padded = super().forward({'inputs': inputs}, training)['inputs']  # type: ignore[misc]
            done = self._labelled(padded, samples, training)
        else:
            done = super().forward({**data, 'inputs': inputs}, training)  # type: ignore[misc]
        if views > 1:
            done['inputs'] = done['inputs'].unflatten(1, (views, -1))
        return done

    def _on_device(self, inputs: Any) -> Tensor:
        if isinstance(inputs, ChosenImages):
            return inputs.on(self.device).unsqueeze(1)
        return self.cast_data(_stacked(inputs))  # one transfer of bytes

    def _labelled(self, images: Tensor, samples: LabelledSamples, training: bool) -> dict:
        """What MMPretrain does with labels and ``batch_augments``, for all labels as one tensor."""
        labels, scores = samples.labels.to(self.device, non_blocking=True), None
        if self.to_onehot:
            if self.num_classes is None:
                hint = 'Set data_preprocessor.num_classes.'
                raise InvalidValueError('AugmentingClsPreprocessor.num_classes', 'a number for mixing', 'None', hint)
            scores = F.one_hot(labels, self.num_classes)
            if training and self.batch_augments is not None:
                images, scores = self.batch_augments(images, scores)
        return {'inputs': images, 'data_samples': replace(samples, labels=labels, scores=scores)}

    def _augmented(self, images: Tensor) -> Tensor:
        given = images.shape[1]
        if self.num_views is not None and given not in (1, self.num_views):
            expected = f'one view of each image, or {self.num_views} as in views'
            raise InvalidValueError('AugmentingClsPreprocessor', expected, repr(given))
        views = [images[:, view if given > 1 else 0] for view in range(self.num_views or given)]
        pipelines = self.pipelines if self.num_views else self.pipelines * given
        drawn = sent_together([pipeline.draw(views[0].shape) for pipeline in pipelines], images.device)
        augmented = zip(pipelines, views, drawn, strict=True)
        return torch.stack([pipeline.apply(view, each) for pipeline, view, each in augmented], 1)


def _built(transform: Any) -> Any:
    return TRANSFORMS.build(transform) if isinstance(transform, dict) else transform


def _with_ours_built(batch_augments: dict | None) -> dict | None:
    """MMPretrain's settings with modules for our types, which MMPretrain's registry of augmentations does not know."""
    if not batch_augments or 'augments' not in batch_augments:
        return batch_augments
    given = batch_augments['augments']
    listed = list(given) if isinstance(given, list | tuple) else [given]
    ours = [isinstance(each, dict) and str(each.get('type')).startswith('ltseg.') for each in listed]
    built = [MODELS.build(each) if own else each for own, each in zip(ours, listed, strict=True)]
    return {**batch_augments, 'augments': built}


def _stacked(inputs: Any) -> Tensor:
    """(N, V, C, H, W) of what the loader's collate function gives."""
    if isinstance(inputs, Tensor) and inputs.ndim == 4:
        return inputs.unsqueeze(1)
    if isinstance(inputs, Tensor) and inputs.ndim == 5:
        return inputs
    if isinstance(inputs, list | tuple) and len({_shape(entry) for entry in inputs}) == 1:
        first = inputs[0]
        if isinstance(first, Tensor) and first.ndim == 3:  # N images
            return torch.stack(list(inputs)).unsqueeze(1)
        if isinstance(first, Tensor) and first.ndim == 4:  # V views of a batch
            return torch.stack(list(inputs), 1)
        if isinstance(first, list | tuple):  # V views of N images
            return torch.stack([torch.stack(list(view)) for view in inputs], 1)
    got = [_shape(entry) for entry in inputs]
    hint = 'Resize or crop in the pipeline.'
    raise InvalidValueError('AugmentingClsPreprocessor', 'images of one size, (C, H, W)', repr(got[:4]), hint)


def _shape(entry: Any) -> tuple:
    return tuple(entry.shape) if isinstance(entry, Tensor) else (len(entry), *{_shape(each) for each in entry})
