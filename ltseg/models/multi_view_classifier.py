"""An image classifier that takes several views of each image."""

from typing import Any

from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.core.extension import Extension
from ltseg.registry import MODELS

__all__ = ['MultiViewClassifier']


@MODELS.register_module()
class MultiViewClassifier(Extension):
    """Passes the views of an image through backbone and neck as images of their own.

    It extends MMPretrain's ``ImageClassifier``. Inputs (N, V, C, H, W) become features (N, V, *), which
    :class:`ltseg.heads.LongTailClsHead` understands; batch normalisation sees all N * V images at once. Inputs
    (N, C, H, W) are treated as MMPretrain does.

    Args:
        auxiliary_head: Config of a head that adds its losses, 'aux.NAME' in the log, and does not predict, as those of
            MMSegmentation do.

    Example:
        >>> import torch
        >>> from ltseg.models import MultiViewClassifier
        >>> model = MultiViewClassifier(
        ...     backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
        ...     neck=dict(type='mmpretrain.GlobalAveragePooling'),
        ...     head=dict(
        ...         type='ltseg.LongTailClsHead', in_channels=8, num_classes=3,
        ...         loss=dict(type='ltseg.CrossEntropyLoss')),
        ...     data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'))
        >>> model.extract_feat(torch.zeros(5, 2, 3, 8, 8))[0].shape  # 5 images, 2 views, 8 channels
        torch.Size([5, 2, 8])
        >>> model.extract_feat(torch.zeros(5, 3, 8, 8))[0].shape  # without views as MMPretrain's
        torch.Size([5, 8])
    """

    head: Any

    @classmethod
    def base_class(cls, *args: Any, **kwargs: Any) -> type:
        """MMPretrain's class."""
        from mmpretrain.models import ImageClassifier

        return ImageClassifier

    def __init__(self, *args: Any, auxiliary_head: dict | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.auxiliary_head = None if auxiliary_head is None else MODELS.build(auxiliary_head)

    def loss(self, inputs: Tensor, data_samples: list) -> dict[str, Tensor]:
        """The losses of the heads."""
        feats = self.extract_feat(inputs)
        losses = self.head.loss(feats, data_samples)
        if self.auxiliary_head is None:
            return losses
        return {**losses, **{f'aux.{k}': value for k, value in self.auxiliary_head.loss(feats, data_samples).items()}}

    def extract_feat(self, inputs: Tensor, stage: str = 'neck') -> Any:
        """MMPretrain's features, with an axis of views where ``inputs`` have one."""
        if inputs.ndim != 5:
            return super().extract_feat(inputs, stage)  # type: ignore[misc]
        features = super().extract_feat(inputs.flatten(0, 1), stage)  # type: ignore[misc]
        views = inputs.shape[:2]
        if isinstance(features, Tensor):
            return features.unflatten(0, views)
        return tuple(each.unflatten(0, views) for each in features)

    def predict(self, inputs: Tensor, data_samples: list | None = None, **kwargs: Any) -> list:
        """MMPretrain's predictions.

        Raises:
            ValueError: If there are several views of an image.
        """
        if inputs.ndim == 5:
            hint = 'Test with a pipeline and a data preprocessor that give one view.'
            got = tuple(inputs.shape)
            raise InvalidValueError('MultiViewClassifier.predict', 'inputs (N, C, H, W)', repr(got), hint)
        return super().predict(inputs, data_samples, **kwargs)  # type: ignore[misc]
