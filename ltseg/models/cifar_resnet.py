"""The residual networks for images of 32 x 32 pixels."""

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.checks import check_integer
from ltseg.core.errors import InvalidValueError
from ltseg.registry import MODELS

__all__ = ['CIFARResNet']

DEPTHS = (20, 32, 44, 56)


@MODELS.register_module()
class CIFARResNet(BaseModule):
    """Three stages of residual blocks with C, 2C and 4C channels, and shortcuts without parameters.

    Shortcuts that change the shape take every second pixel and fill up channels with zeros (option A). Pooling is left
    to a neck (``GlobalAveragePooling``). The names of the weights are those of the common PyTorch implementations, and
    convolutions are initialised as there (He et al., normal, by fan-in).

    Args:
        depth: 20, 32, 44 or 56 layers: 3, 5, 7 or 9 blocks in each stage.
        base_channels: C. ResNet-32 has 0.46 million parameters with 16; 32 gives features wide enough for a simplex of
            100 classes.
        in_channels: Of the images.

    Shapes: (N, 3, H, W) -> a tuple of one map (N, 4C, H / 4, W / 4).

    Source:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016, section 4.2.

    Example:
        >>> import torch
        >>> from ltseg.models import CIFARResNet
        >>> network = CIFARResNet(depth=32)
        >>> sum(parameter.numel() for parameter in network.parameters())  # 0.46 million
        463504
        >>> network(torch.zeros(1, 3, 32, 32))[0].shape
        torch.Size([1, 64, 8, 8])
    """

    def __init__(
        self, depth: int = 32, base_channels: int = 16, in_channels: int = 3, init_cfg: dict | list | None = None
    ) -> None:
        if depth not in DEPTHS:
            raise InvalidValueError('CIFARResNet.depth', f'one of {", ".join(map(str, DEPTHS))}', repr(depth))
        check_integer('CIFARResNet.base_channels', base_channels, 1)
        kaiming = dict(type='Kaiming', layer='Conv2d', mode='fan_in', nonlinearity='relu')
        super().__init__(kaiming if init_cfg is None else init_cfg)
        blocks, width = (depth - 2) // 6, base_channels
        self.feat_dim = 4 * base_channels
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, blocks)
        self.layer2 = _stage(width, 2 * width, blocks)
        self.layer3 = _stage(2 * width, 4 * width, blocks)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        maps = F.relu(self.bn1(self.conv1(images)), inplace=True)
        return (self.layer3(self.layer2(self.layer1(maps))),)


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut; with more output channels than input channels it halves the resolution."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.stride, self.more = (1, 0) if in_channels == channels else (2, channels - in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, self.stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, maps: Tensor) -> Tensor:
        inner = F.relu(self.bn1(self.conv1(maps)), inplace=True)
        inner = self.bn2(self.conv2(inner))
        if self.more:
            before = self.more // 2
            maps = F.pad(maps[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.more - before))
        return F.relu(inner + maps, inplace=True)


def _stage(in_channels: int, channels: int, blocks: int) -> nn.Sequential:
    first = BasicBlock(in_channels, channels)
    return nn.Sequential(first, *(BasicBlock(channels, channels) for _ in range(blocks - 1)))
