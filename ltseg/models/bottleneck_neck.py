"""A residual block to train on top of a frozen backbone."""

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.checks import check_integer
from ltseg.core.errors import InvalidValueError
from ltseg.registry import MODELS

__all__ = ['BottleneckNeck']


@MODELS.register_module()
class BottleneckNeck(BaseModule):
    """One bottleneck block, ``relu(x + f(x))``, on the last map of a backbone; pooling is left to the neck after it.

    f is a ResNet's: convolutions of 1 x 1, 3 x 3 and 1 x 1, each with batch normalisation, through C / 4 channels.

    Args:
        in_channels: C, a multiple of 4.

    Shapes: a tuple whose last map is (N, C, H, W) -> a tuple of one map (N, C, H, W).

    Raises:
        ValueError: If 4 does not divide ``in_channels``.

    Source:
        The block: He et al., Deep Residual Learning for Image Recognition, CVPR 2016, figure 5. On a frozen backbone
        the released codes of MiSLAS (Zhong et al., CVPR 2021) and of ARB (Xie et al., Neurocomputing 2023) train one on
        Places-LT.

    Example:
        >>> import torch
        >>> from ltseg.models import BottleneckNeck
        >>> neck, maps = BottleneckNeck(in_channels=8), torch.rand(2, 8, 4, 4)
        >>> _ = neck.block[-1].weight.data.zero_()  # f = 0
        >>> torch.equal(neck((maps,))[0], maps)  # the block adds to its input
        True
    """

    def __init__(self, in_channels: int, init_cfg: dict | list | None = None) -> None:
        check_integer('BottleneckNeck.in_channels', in_channels, 4)
        if in_channels % 4:
            raise InvalidValueError('BottleneckNeck.in_channels', 'a multiple of 4', repr(in_channels))
        super().__init__(dict(type='Kaiming', layer='Conv2d') if init_cfg is None else init_cfg)
        width = in_channels // 4
        self.block = nn.Sequential(
            nn.Conv2d(in_channels, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, in_channels, 1, bias=False),
            nn.BatchNorm2d(in_channels),
        )

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor]:
        return (F.relu(maps[-1] + self.block(maps[-1])),)
