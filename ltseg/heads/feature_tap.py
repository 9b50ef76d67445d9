"""Regularizers on what enters the classifier of a decode head."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.core.features import FeatureBatch, feature_rows
from ltseg.counts.label_counts import explaining_label_errors
from ltseg.heads.classifiers import bias_of, branches_of, vectors_of
from ltseg.heads.observing_losses import build_observers, features_observed, observers_of
from ltseg.regularizers import RegularizerGroup

__all__ = ['FeatureTap']


class FeatureTap:
    """Adds regularizers to the losses of a decode head, as a base class in front of the head's.

    Their features are what enters the last layer before dropout, at its resolution, with the nearest labels; their
    class vectors are the weights of that layer. Nothing is kept between two calls of ``loss``.

    Args:
        regularizers: Terms on features, class means and class vectors.

    Raises:
        ValueError: If the head does not classify all features in ``conv_seg``, or two terms have the same name in the
            log.

    Example:
        >>> import torch
        >>> from mmengine.structures import PixelData
        >>> from mmseg.structures import SegDataSample
        >>> from ltseg.heads import LongTailSegHead  # has it in front of MMSegmentation's head
        >>> head = LongTailSegHead(
        ...     head_type='FCNHead', in_channels=1, channels=1, num_convs=0, num_classes=3, concat_input=False,
        ...     loss_decode=dict(type='ltseg.ARBLoss'),
        ...     regularizers=[dict(type='ltseg.WithinClassRegularizer', centers='batch')])
        >>> features, labels = torch.tensor([[1.0, 7.0], [9.0, 9.0]]), torch.tensor([[0] * 4] * 2 + [[1] * 4] * 2)
        >>> sample = SegDataSample(gt_sem_seg=PixelData(data=labels[None]))
        >>> losses = head.loss((features[None, None],), [sample], {})
        >>> round(losses['loss_within_class'].item(), 4)  # class 0 has the mean 4: 1/3 ((9 + 9) / 2 + 0 + 0)
        3.0
    """

    conv_seg: Any
    num_classes: int
    out_channels: int
    ignore_index: int

    def __init__(self, *args: Any, regularizers: Sequence[dict] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tapped: list[Tensor] | None = None  # open while a list
        self.regularizers = self._built(regularizers) if regularizers else None
        build_observers(self.losses, getattr(self, 'conv_seg', None))  # type: ignore[attr-defined]

    def _built(self, regularizers: Sequence[dict]) -> RegularizerGroup:
        if getattr(self, 'conv_seg', None) is None:
            raise _unserved(self)
        if self.out_channels != self.num_classes:
            hint = 'Set out_channels to num_classes.'
            raise InvalidValueError('regularizers', f'{self.num_classes} class vectors', repr(self.out_channels), hint)
        channels: int = self.channels  # type: ignore[attr-defined]
        group = RegularizerGroup(regularizers, self.num_classes, channels, self.conv_seg)
        taken = {loss.loss_name for loss in self.losses}  # type: ignore[attr-defined]
        repeated = sorted(taken.intersection(term.loss_name for term in group.terms))
        if repeated:
            hint = 'Give the regularizer another loss_name.'
            raise InvalidValueError('regularizers', 'names in the log that no loss has', ', '.join(repeated), hint)
        return group

    def cls_seg(self, features: Tensor) -> Tensor:
        """MMSegmentation's classification, seen by the tap."""
        if self._tapped is not None:
            self._tapped.append(features)
        return super().cls_seg(features)  # type: ignore[misc]

    def loss(self, *args: Any, **kwargs: Any) -> dict:
        """MMSegmentation's losses and the regularizers; the tap is closed again whatever happens."""
        self._tapped = [] if self._is_tapped else None
        try:
            return super().loss(*args, **kwargs)  # type: ignore[misc]
        finally:
            self._tapped = None

    def loss_by_feat(self, seg_logits: Any, batch_data_samples: list, *args: Any, **kwargs: Any) -> dict:
        """The losses and the regularizers."""
        arguments = seg_logits, batch_data_samples, *args
        observed, losses = bool(observers_of(self.losses)), {}  # type: ignore[attr-defined]
        if not observed:
            losses = super().loss_by_feat(*arguments, **kwargs)  # type: ignore[misc]
        if not self._is_tapped:
            return losses
        if self._tapped is None or len(self._tapped) != 1:
            raise _unserved(self)
        labels = torch.stack([sample.gt_sem_seg.data for sample in batch_data_samples])
        rows, labels = feature_rows(self._tapped[0], labels)
        vectors, valid = vectors_of(self.conv_seg), labels != self.ignore_index
        branches = branches_of(self.conv_seg, len(labels))
        bias = bias_of(self.conv_seg)
        batch = FeatureBatch(rows.unsqueeze(1), labels, self.num_classes, vectors, valid, branches, bias)
        with explaining_label_errors(labels, self.num_classes, self.ignore_index):  # a head may learn from other labels
            if observed:
                with features_observed(self.losses, batch):  # type: ignore[attr-defined]
                    losses = super().loss_by_feat(*arguments, **kwargs)  # type: ignore[misc]
            return losses if self.regularizers is None else {**losses, **self.regularizers(batch)}

    @property
    def _is_tapped(self) -> bool:
        """Whether anything sees the features."""
        return self.regularizers is not None or bool(observers_of(self.losses))  # type: ignore[attr-defined]


def _unserved(head: object) -> InvalidValueError:
    hint = 'Leave what sees features out: no layer of this head classifies the features of all pixels once.'
    return InvalidValueError(type(head).__name__, 'a head that calls cls_seg once, with its conv_seg', 'another', hint)
