"""Context-shift augmentation."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ltseg.core.checks import check_integer, check_range
from ltseg.core.context_shift import context_masks, on_contexts
from ltseg.core.errors import InvalidValueError
from ltseg.core.evaluation_mode import in_evaluation
from ltseg.core.extension import Extension
from ltseg.core.labelled_batches import LabelledSamples
from ltseg.counts.label_counts import explaining_label_errors
from ltseg.models.context_bank import ContextBank
from ltseg.registry import MODELS
from ltseg.schedules import training_progress

__all__ = ['ContextShiftClassifier']


@MODELS.register_module()
class ContextShiftClassifier(Extension):
    """MMPretrain's ``ImageClassifier`` that sees images of balanced classes in the contexts of other images.

    Images of a batch take turns: one as they occur (x_u, y_u), one of balanced classes (x_b, y_b), as
    ``ltseg.BilateralSampler(second=dict(type='ltseg.ClassAwareSampler'))`` gives them. Two heads share the network::

        loss = l_u(x_u, y_u) + l_b(x, y_b),    x = s M c + (1 - s M) x_b,    s ~ U(shares), one for the batch

    c and its mask M (:func:`ltseg.core.context_shift.context_masks`) come from a bank of the last images x_u that the
    first head knows well, p(y_u | x_u) >= ``threshold`` in evaluation, which mostly are of frequent classes. The second
    head predicts.

    ``train_cfg=dict(augments=[...])`` mixes the images x_u alone, behind the bank.

    Args:
        head: Config of the head that learns from balanced classes and predicts.
        uniform_head: Config of the head that learns from images as they occur, with a linear layer as its classifier;
            None is another of ``head``.
        bank_size: V, the images in the bank; released code has as many as images x_u in a batch.
        threshold: Probability of the label from which on an image gives its context, in [0, 1].
        begin: Epoch, from 0, with which the bank and the second head begin.
        shares: Bounds of s in [0, 1].
        image_shape: C, H and W of the images.
        unmixed_epochs: Epochs at the end without ``augments``; training that counts iterations mixes until its end.

    Raises:
        ValueError: If the first head's classifier is not linear, the neck does not end with average pooling, images are
            mixed elsewhere, or shapes do not fit.

    Source:
        Shi et al., How Re-sampling Helps for Long-Tail Learning?, NeurIPS 2023, by its released code. There
        the bank starts empty in each epoch, and the second head waits until it is full; here it stays, and an image
        that draws an empty place stays as it is. An image whose activation is flat, which divides by 0 there, is not
        taken.

    Example:
        >>> import torch
        >>> from mmpretrain.structures import DataSample
        >>> from ltseg.models import ContextShiftClassifier
        >>> _ = torch.manual_seed(0)
        >>> model = ContextShiftClassifier(
        ...     backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
        ...     neck=dict(type='mmpretrain.GlobalAveragePooling'),
        ...     head=dict(
        ...         type='ltseg.LongTailClsHead', in_channels=8, num_classes=3,
        ...         loss=dict(type='ltseg.CrossEntropyLoss')),
        ...     data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'),
        ...     bank_size=4, threshold=0.0, begin=0)
        >>> pairs = [DataSample().set_gt_label(label) for label in (0, 2, 0, 1)]
        >>> sorted(model(torch.rand(4, 3, 32, 32), pairs, mode='loss'))
        ['loss', 'uniform.loss']
        >>> sorted(model.bank.labels.tolist())  # two images as they occur are in it
        [-1, -1, 0, 0]
    """

    backbone: Any
    neck: Any
    head: Any
    data_preprocessor: Any

    @classmethod
    def base_class(cls, *args: Any, **kwargs: Any) -> type:
        """MMPretrain's class."""
        from mmpretrain.models import ImageClassifier

        return ImageClassifier

    def __init__(
        self,
        *args: Any,
        head: dict,
        uniform_head: dict | None = None,
        bank_size: int = 128,
        threshold: float = 0.8,
        begin: int = 10,
        shares: Sequence[float] = (0.0, 1.0),
        image_shape: Sequence[int] = (3, 32, 32),
        unmixed_epochs: int = 0,
        train_cfg: Any = None,
        **kwargs: Any,
    ) -> None:
        check_integer(f'{_NAME}.bank_size', bank_size, 1)
        check_range(f'{_NAME}.threshold', threshold, 0, 1)
        check_integer(f'{_NAME}.begin', begin, 0)
        check_integer(f'{_NAME}.unmixed_epochs', unmixed_epochs, 0)
        _check_shares(shares)
        _check_shape(image_shape)
        uniform_config = deepcopy(head if uniform_head is None else uniform_head)
        super().__init__(*args, head=head, train_cfg=None, **kwargs)  # type: ignore[call-arg]
        self.uniform_head = MODELS.build(uniform_config)
        self.bank = ContextBank(bank_size, image_shape)
        self.threshold, self.shares = threshold, tuple(shares)
        self.begin, self.unmixed_epochs = begin, unmixed_epochs
        self.mixer = _mixer(train_cfg, self.head.num_classes)
        self._check_parts()

    def _check_parts(self) -> None:
        from mmpretrain.models import GlobalAveragePooling

        if getattr(self.data_preprocessor, 'batch_augments', None) is not None:
            hint = 'Move them to model.train_cfg, which mixes the images of one sampler alone.'
            raise InvalidValueError(_NAME, 'no batch_augments of the data preprocessor', 'some', hint)
        classifier = _last_layer(self.uniform_head)
        if not isinstance(classifier, nn.Linear):
            hint = 'Set uniform_head to a config without classifier.'
            raise InvalidValueError(f'{_NAME}.uniform_head', 'a linear classifier', type(classifier).__name__, hint)
        pooling = _parts(self.neck)[-1]
        if not isinstance(pooling, GlobalAveragePooling):
            hint = "Set neck=dict(type='GlobalAveragePooling'), or let a list of necks end with it."
            raise InvalidValueError(f'{_NAME}.neck', 'average pooling of maps', type(pooling).__name__, hint)

    def loss(self, inputs: Tensor, data_samples: list) -> dict[str, Tensor]:
        """The losses of pairs, those of the first head as 'uniform.NAME'.

        Raises:
            ValueError: If the number of images is odd, they are not of ``image_shape``, or training ends before the
                epoch ``begin``.
        """
        if len(inputs) % 2 or inputs.ndim != 4:
            hint = "Use an even batch_size and sampler=dict(type='ltseg.BilateralSampler', second=...)."
            raise InvalidValueError(_NAME, 'an even number of images (N, C, H, W)', repr(tuple(inputs.shape)), hint)
        if tuple(inputs.shape[1:]) != self.bank.image_shape:
            hint = f'Set model.image_shape={tuple(inputs.shape[1:])}.'
            expected = f'images of the shape {self.bank.image_shape}'
            raise InvalidValueError(f'{_NAME}.image_shape', expected, repr(tuple(inputs.shape[1:])), hint)
        uniform, balanced = ((inputs[turn::2], data_samples[turn::2]) for turn in range(2))
        losses = self._balanced_loss(uniform, balanced)
        images, samples = self._mixed(*uniform)
        of_uniform = self.uniform_head.loss(self.extract_feat(images), samples)  # type: ignore[attr-defined]
        return {**losses, **{f'uniform.{name}': value for name, value in of_uniform.items()}}

    def _balanced_loss(self, uniform: tuple[Tensor, list], balanced: tuple[Tensor, list]) -> dict[str, Tensor]:
        if not self._has_begun():
            # DistributedDataParallel waits for all gradients.
            return {'loss': sum(parameter.flatten()[:0].sum() for parameter in self.head.parameters())}
        self._collect(*uniform)
        (images, samples), (low, high) = balanced, self.shares
        share = np.random.uniform(low, high)  # drawn as MMPretrain's Mixup draws its share
        shifted = on_contexts(images, *self.bank.drawn(len(images)), share)
        return self.head.loss(self.extract_feat(shifted), samples)  # type: ignore[attr-defined]

    def _has_begun(self) -> bool:
        progress = training_progress()
        if progress.max_iters > 1 and self.begin >= progress.max_epochs:  # without a Runner there is no end
            hint = 'Set model.begin=0; training that counts iterations is one epoch.'
            expected = f'less than the {progress.max_epochs} epochs of training'
            raise InvalidValueError(f'{_NAME}.begin', expected, repr(self.begin), hint)
        return progress.epoch >= self.begin

    def _collect(self, images: Tensor, samples: Any) -> None:
        """Puts contexts of well-known images into the bank."""
        is_one = isinstance(samples, LabelledSamples)
        labels = samples.labels if is_one else torch.cat([sample.gt_label for sample in samples])
        vectors = _last_layer(self.uniform_head).weight
        with torch.no_grad(), in_evaluation(self), explaining_label_errors(labels, len(vectors), -100):  # type: ignore[arg-type]
            maps = self.backbone(images)
            *before, pooling = _parts(self.neck)
            for part in before:
                maps = part(maps)
            scores = self.uniform_head(pooling(maps))
            masks, shaped = context_masks(maps[-1], vectors[labels], images.shape[2:])
            known = scores.float().softmax(1).gather(1, labels[:, None]).squeeze(1)
        torch.clear_autocast_cache()  # older PyTorch would use its casts of the weights, without gradient
        self.bank.collect(images, masks, labels.where((known >= self.threshold) & shaped, -1))

    def _mixed(self, images: Tensor, samples: Any) -> tuple[Tensor, Any]:
        progress = training_progress()
        ends = progress.max_epochs > 1 and progress.epoch >= progress.max_epochs - self.unmixed_epochs
        if self.mixer is None or ends:
            return images, samples
        mixed = self.mixer({'inputs': images, 'data_samples': samples}, training=True)
        return mixed['inputs'], mixed['data_samples']


_NAME = 'ContextShiftClassifier'


def _check_shares(shares: Any) -> None:
    if not isinstance(shares, list | tuple) or len(shares) != 2:
        raise InvalidValueError(f'{_NAME}.shares', 'two numbers', repr(shares))
    low, high = shares
    check_range(f'{_NAME}.shares', low, 0, 1)
    check_range(f'{_NAME}.shares', high, low, 1)


def _check_shape(image_shape: Any) -> None:
    if not isinstance(image_shape, list | tuple) or len(image_shape) != 3:
        raise InvalidValueError(f'{_NAME}.image_shape', 'channels, height and width', repr(image_shape))
    for side in image_shape:
        check_integer(f'{_NAME}.image_shape', side, 1)


def _parts(neck: nn.Module | None) -> list[Any]:
    return list(neck) if isinstance(neck, nn.Sequential) else [neck]


def _last_layer(head: nn.Module) -> Any:
    return head.classifier if hasattr(head, 'classifier') else getattr(head, 'fc', None)


def _mixer(train_cfg: Any, num_classes: int) -> Any:
    """A data preprocessor that only mixes, or None."""
    if not (train_cfg or {}).get('augments'):
        return None
    options = dict(num_classes=num_classes, to_onehot=True, batch_augments=dict(train_cfg))
    return MODELS.build(dict(type='ltseg.AugmentingClsPreprocessor', **options))
