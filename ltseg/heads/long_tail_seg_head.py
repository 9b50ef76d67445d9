"""Any decode head of mmseg with what long-tail methods need."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from ltseg.core.checks import check_choice, check_integer
from ltseg.core.errors import InvalidValueError
from ltseg.core.extension import Extension
from ltseg.core.features import nearest_labels
from ltseg.heads.feature_tap import FeatureTap
from ltseg.losses.fused import fused_losses
from ltseg.registry import MODELS

__all__ = ['LongTailSegHead']


class FusedLosses:
    """Another classifier for a decode head, and its losses without upsampled logits; a base class in front of it."""

    conv_seg: Any
    loss_decode: Any
    sampler: Any
    init_cfg: Any
    out_channels: int
    ignore_index: int
    align_corners: bool
    extends: Any

    def __init__(
        self,
        *args: Any,
        classifier: dict | None = None,
        fused: bool | Literal['bands', 'triton'] = True,
        band_rows: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        check_choice(f'{_name(self)}.fused', fused, (True, False, 'bands', 'triton'))
        if band_rows is not None:
            check_integer(f'{_name(self)}.band_rows', band_rows, 1)
        self.fused, self.band_rows = fused, band_rows
        if classifier is not None:
            if not isinstance(getattr(self, 'conv_seg', None), nn.Conv2d):
                hint = 'Leave classifier out for this head.'
                raise InvalidValueError(_name(self), 'a head that classifies through conv_seg', 'another', hint)
            sizes = {'in_channels': self.conv_seg.in_channels, 'num_classes': self.out_channels}
            self.conv_seg = MODELS.build({**sizes, **classifier})
            self.init_cfg = _without_classifier(self.init_cfg)
        self._check_losses()

    @property
    def losses(self) -> list[Any]:
        """The decode losses as a list."""
        return list(self.loss_decode) if isinstance(self.loss_decode, nn.ModuleList) else [self.loss_decode]

    def _check_losses(self) -> None:
        if not hasattr(self, 'loss_decode'):
            hint = "Build the heads inside it as 'ltseg.LongTailSegHead'."
            raise InvalidValueError(_name(self), 'a head with losses of its own', 'another', hint)
        if isinstance(self.fused, str) and not self._can_be_fused:
            losses = f'losses of ltseg alone, on single pixels or regions, for fused={self.fused!r}'
            expected = f'{losses}, no pixel sampler, and no loss_by_feat of its own'
            raise InvalidValueError(_name(self), expected, 'another head', 'Set fused=True.')
        needing = [loss for loss in self.losses if getattr(loss, 'needs_feature_norm', False)]
        if not needing:
            return
        name = type(needing[0]).__name__
        if not hasattr(self.conv_seg, 'feature_norm'):
            hint = "Set classifier=dict(type='ltseg.ETFClassifier')."
            raise InvalidValueError(
                _name(self), f'an ETF classifier under {name}', repr(type(self.conv_seg).__name__), hint
            )
        if len(self.losses) > 1 or self.sampler is not None:
            hint = 'Use it as the only loss, without a sampler.'
            raise InvalidValueError(_name(self), f'{name} alone', 'other losses or a pixel sampler', hint)

    def loss_by_feat(self, seg_logits: Any, batch_data_samples: list) -> dict:
        """MMSegmentation's losses; those on feature norms at the resolution of the features, with nearest labels."""
        if getattr(self.losses[0], 'needs_feature_norm', False):
            return self._losses_on_features(seg_logits, batch_data_samples)
        if self.fused and self._can_be_fused:
            return self._fused_losses(seg_logits, batch_data_samples)
        return super().loss_by_feat(seg_logits, batch_data_samples)  # type: ignore[misc]

    @property
    def _can_be_fused(self) -> bool:
        """Whether the head computes its losses as most do, from logits alone, and each of them can be fused."""
        from mmseg.models.decode_heads.decode_head import BaseDecodeHead

        plain = self.extends.loss_by_feat is BaseDecodeHead.loss_by_feat and self.sampler is None
        return plain and all(getattr(loss, 'can_be_fused', False) for loss in self.losses)

    def _labels(self, batch_data_samples: list) -> Tensor:
        return self._stack_batch_gt(batch_data_samples).squeeze(1)  # type: ignore[attr-defined]

    def _fused_losses(self, seg_logits: Tensor, batch_data_samples: list) -> dict:
        labels = self._labels(batch_data_samples)
        values, accuracy = fused_losses(
            self.losses,
            seg_logits,
            labels,
            ignore_index=self.ignore_index,
            align_corners=self.align_corners,
            band_rows=self.band_rows,
            path='auto' if isinstance(self.fused, bool) else self.fused,
        )
        result: dict[str, Tensor] = {}
        for loss, value in zip(self.losses, values, strict=True):
            name: Any = loss.loss_name
            result[name] = result[name] + value if name in result else value
        return {**result, 'acc_seg': accuracy}

    def _losses_on_features(self, seg_logits: Tensor, batch_data_samples: list) -> dict:
        labels = nearest_labels(self._labels(batch_data_samples), seg_logits.shape[2:])
        norm = self.conv_seg.feature_norm
        loss: Any = self.losses[0]
        value = loss(seg_logits, labels, ignore_index=self.ignore_index, feature_norm=norm)
        with torch.no_grad():
            valid = labels != self.ignore_index
            correct = (seg_logits.argmax(1) == labels) & valid
        return {loss.loss_name: value, 'acc_seg': (100 * correct.sum() / valid.sum().clamp(min=1)).reshape(1)}


def _without_classifier(init_cfg: dict | list[dict] | None) -> list[dict]:
    """MMSegmentation's initialisation of all but the convolution, whose is not the classifier's."""
    entries = [init_cfg] if isinstance(init_cfg, dict) else init_cfg or []
    return [entry for entry in entries if (entry.get('override') or {}).get('name') != 'conv_seg']


def _name(head: Any) -> str:
    return f'LongTailSegHead(head_type={head.extends.__name__!r})'


@MODELS.register_module()
class LongTailSegHead(FeatureTap, FusedLosses, Extension):
    """Any decode head of MMSegmentation, with its arguments and checkpoint keys, and the arguments below.

    ``LongTailSegHead(head_type='FCNHead', ...)`` is an instance of ``FCNHead`` and of this class.

    Args:
        head_type: The head's type as in MMSegmentation's registry, e.g. 'DepthwiseSeparableASPPHead', or the class.
        regularizers: Terms on features, class means and class vectors, see :class:`FeatureTap`.
        classifier: Config of a module built with ``in_channels`` and ``num_classes`` that takes the place of the
            head's last convolution, e.g. ``dict(type='ltseg.CosineClassifier')``.
        fused: Whether losses are computed without upsampled logits (see :mod:`ltseg.core.fused_upsampling`): the same
            value and gradient in less time and memory. It holds for every loss with ``can_be_fused``, which are those
            of this package but Lovász-Softmax, dot regression, expert diversity and the pairwise ranking of single
            images. Heads with another loss beside, with a pixel sampler, or with a ``loss_by_feat`` of their own take
            the plain path. On a GPU it is done by Triton kernels where these can serve, else in bands of rows;
            'bands' and 'triton' choose one of them.
        band_rows: Rows of labels in a band of the fused loss; by default they follow from the shapes.

    Raises:
        ValueError: If no such head exists or it is no decode head, it does not classify through ``conv_seg``, or a loss
            does not fit the classifier.

    Example:
        >>> import torch
        >>> from mmengine.structures import PixelData
        >>> from mmseg.structures import SegDataSample
        >>> from ltseg.heads import LongTailSegHead
        >>> head = LongTailSegHead(
        ...     head_type='FCNHead', in_channels=4, channels=4, num_convs=0, num_classes=3, concat_input=False,
        ...     loss_decode=dict(type='ltseg.ARBLoss'), regularizers=[dict(type='ltseg.WeightRepulsion')])
        >>> sample = SegDataSample(gt_sem_seg=PixelData(data=torch.tensor([[[0, 0], [0, 1]]])))
        >>> _ = head.conv_seg.bias.data.zero_()
        >>> losses = head.loss((torch.zeros(1, 4, 2, 2),), [sample], {})  # all logits are 0
        >>> sorted(losses)
        ['acc_seg', 'loss_arb', 'loss_weight_repulsion']
        >>> round(losses['loss_arb'].item(), 4)  # (3 log(4 / 3) + log 4) / 4
        0.5623
    """

    @classmethod
    def base_class(cls, *args: Any, head_type: str | type, **kwargs: Any) -> type:
        """The class that ``head_type`` names."""
        from mmseg.models.decode_heads.decode_head import BaseDecodeHead
        from mmseg.registry import MODELS as MMSEG_MODELS  # noqa: N811

        found = head_type if isinstance(head_type, type) else MMSEG_MODELS.get(head_type)
        if not (isinstance(found, type) and issubclass(found, BaseDecodeHead)):
            hint = "Give a decode head's type, e.g. head_type='DepthwiseSeparableASPPHead'."
            raise InvalidValueError('LongTailSegHead.head_type', 'a decode head of mmseg', repr(head_type), hint)
        return found

    def __init__(self, *args: Any, head_type: str | type, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
