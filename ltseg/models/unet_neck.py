"""The decoder of U-Net behind any encoder."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.errors import InvalidValueError
from ltseg.registry import MODELS

__all__ = ['UNetNeck']


@MODELS.register_module()
class UNetNeck(BaseModule):
    """Fuses the maps of an encoder from the coarsest to the finest, as the right half of U-Net does::

        d_L = e_L
        d_i = f_i([e_i, upsampled d_{i+1}])     f_i: two convolutions of 3 x 3 with batch normalisation and ReLU

    Args:
        in_channels: Channels of the encoder's maps e_1 ... e_L, the finest first.
        channels: Channels of d_1 ... d_{L-1}.
        init_cfg: Of mmengine.

    Shapes: a tuple of L maps (N, C_i, H_i, W_i) -> a tuple of one map (N, channels[0], H_1, W_1).

    Raises:
        ValueError: If there are fewer than two maps, or ``channels`` has not one entry for each but the coarsest.

    Source:
        Ronneberger, Fischer, Brox: U-Net, MICCAI 2015, figure 1. Upsampling is bilinear to the size of e_i instead of a
        transposed convolution, as in MMSegmentation's U-Net, and convolutions are padded.

    Example:
        >>> import torch
        >>> from ltseg.models import UNetNeck
        >>> neck = UNetNeck(in_channels=(4, 8, 16), channels=(6, 8))
        >>> maps = tuple(torch.rand(2, c, s, s) for c, s in ((4, 12), (8, 6), (16, 3)))
        >>> [tuple(each.shape) for each in neck(maps)]
        [(2, 6, 12, 12)]
    """

    def __init__(
        self, in_channels: Sequence[int], channels: Sequence[int], init_cfg: dict | list | None = None
    ) -> None:
        if len(in_channels) < 2 or len(channels) != len(in_channels) - 1:
            expected = 'one entry for each map but the coarsest, of two maps or more'
            raise InvalidValueError('UNetNeck.channels', expected, f'{list(channels)} for {list(in_channels)}')
        super().__init__(dict(type='Kaiming', layer='Conv2d') if init_cfg is None else init_cfg)
        coarser = (*channels[1:], in_channels[-1])
        levels = zip(in_channels, coarser, channels, strict=False)
        self.blocks = nn.ModuleList(_block(skip + below, width) for skip, below, width in levels)

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor]:
        decoded = maps[-1]
        for block, skip in zip(reversed(self.blocks), reversed(maps[:-1]), strict=True):
            upsampled = F.interpolate(decoded, skip.shape[2:], mode='bilinear', align_corners=False)
            decoded = block(torch.cat((skip, upsampled), dim=1))
        return (decoded,)


def _block(in_channels: int, channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (in_channels, channels):
        layers += [nn.Conv2d(width, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(True)]
    return nn.Sequential(*layers)
