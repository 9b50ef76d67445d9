"""Any decode head of mmseg with what long-tail methods need."""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.checks import fault
from ltseg.registry import MODELS

__all__ = ['LongTailSegHead', 'LongTailSegHeadMixin']


class LongTailSegHeadMixin:
    """Put in front of a decode head class: same checkpoint keys, same arguments, and those below.

    Args:
        classifier: Config of a module built with ``in_channels`` and ``num_classes`` that takes the place of the
            head's last convolution, e.g. ``dict(type='ltseg.CosineClassifier')``.

    Raises:
        ValueError: If the head does not classify through ``conv_seg``, or a loss does not fit the classifier.
    """

    conv_seg: Any
    loss_decode: Any
    sampler: Any
    init_cfg: Any
    out_channels: int
    ignore_index: int

    def __init__(self, *args: Any, classifier: dict | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if classifier is not None:
            if not isinstance(getattr(self, 'conv_seg', None), nn.Conv2d):
                cure = 'Leave classifier out for this head.'
                raise ValueError(fault(_name(self), 'a head that classifies through conv_seg', None, cure))
            sizes = {'in_channels': self.conv_seg.in_channels, 'num_classes': self.out_channels}
            self.conv_seg = MODELS.build({**sizes, **classifier})
            if isinstance(self.init_cfg, dict) and (self.init_cfg.get('override') or {}).get('name') == 'conv_seg':
                self.init_cfg = None  # the host's initialisation of the convolution is not the classifier's
        self._check_losses()

    @property
    def losses(self) -> list[nn.Module]:
        """The decode losses as a list."""
        return list(self.loss_decode) if isinstance(self.loss_decode, nn.ModuleList) else [self.loss_decode]

    def _check_losses(self) -> None:
        needing = [loss for loss in self.losses if getattr(loss, 'needs_feature_norm', False)]
        if not needing:
            return
        name = type(needing[0]).__name__
        if not hasattr(self.conv_seg, 'feature_norm'):
            cure = "Set classifier=dict(type='ltseg.ETFClassifier')."
            raise ValueError(fault(_name(self), f'an ETF classifier under {name}', type(self.conv_seg).__name__, cure))
        if len(self.losses) > 1 or self.sampler is not None:
            cure = 'Use it as the only loss, without a sampler.'
            raise ValueError(fault(_name(self), f'{name} alone', 'other losses or a pixel sampler', cure))

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list) -> dict:
        """The host's losses; those on feature norms at the resolution of the features, with nearest labels."""
        if not getattr(self.losses[0], 'needs_feature_norm', False):
            return super().loss_by_feat(seg_logits, batch_data_samples)  # type: ignore[misc]
        labels = self._stack_batch_gt(batch_data_samples)  # type: ignore[attr-defined]
        labels = F.interpolate(labels.float(), seg_logits.shape[2:], mode='nearest').long().squeeze(1)
        norm = self.conv_seg.feature_norm
        loss: Any = self.losses[0]
        value = loss(seg_logits, labels, ignore_index=self.ignore_index, feature_norm=norm)
        with torch.no_grad():
            correct = (seg_logits.argmax(1) == labels)[labels != self.ignore_index]
        return {loss.loss_name: value, 'acc_seg': 100 * correct.float().mean().reshape(1)}

    def __reduce__(self) -> tuple:
        # The class is made on the fly, so that pickle cannot find it by name.
        return _empty_head, (type(self).__mro__[2],), self.__dict__


@cache
def _head_class(head_class: type) -> Any:
    return type(f'LongTail{head_class.__name__}', (LongTailSegHeadMixin, head_class), {})


def _empty_head(head_class: type) -> Any:
    made = _head_class(head_class)
    return made.__new__(made)


def _name(head: LongTailSegHeadMixin) -> str:
    return f'LongTailSegHead(head_type={type(head).__mro__[2].__name__!r})'


@MODELS.register_module(name='LongTailSegHead')
def LongTailSegHead(head_type: str, **head_arguments: Any) -> nn.Module:  # noqa: N802, configs see a type
    """Builds any mmseg decode head with :class:`LongTailSegHeadMixin` in front of it.

    Args:
        head_type: The head's type as in mmseg's registry, e.g. 'DepthwiseSeparableASPPHead'.
        **head_arguments: Arguments of the head and of the mixin.

    Returns:
        A head that is an instance of ``head_type`` and has its checkpoint keys.

    Raises:
        ValueError: If no such head exists or it is no decode head.
    """
    from mmseg.models.decode_heads.decode_head import BaseDecodeHead
    from mmseg.registry import MODELS as HOST_MODELS  # noqa: N811

    head_class = HOST_MODELS.get(head_type)
    if not (isinstance(head_class, type) and issubclass(head_class, BaseDecodeHead)):
        cure = "Give a decode head's type, e.g. head_type='DepthwiseSeparableASPPHead'."
        raise ValueError(fault('LongTailSegHead.head_type', 'a decode head of mmseg', head_type, cure))
    return _head_class(head_class)(**head_arguments)
