"""Attention within a map, and where in the map it counts."""

from mmengine.model import BaseModule
from torch import Tensor, nn

from ltseg.core.checks import check_integer
from ltseg.core.errors import InvalidValueError
from ltseg.registry import MODELS

__all__ = ['ModulatedAttentionNeck']


@MODELS.register_module()
class ModulatedAttentionNeck(BaseModule):
    """The modulated attention of OLTR, ``f + MA(f) * SA(f)``, on the last map of a backbone, before the pooling::

        SA(f) = W softmax_q(theta(f)_p . phi(f)_q) g(f)_q,    MA(f) = softmax_p(V f + b)

    SA is self-attention between the P places of a map, with theta, phi and g of half the channels. MA is one weight
    for each place, which sum to 1, from the whole map. W begins with zeros, and the neck as the identity, so that it
    can be put into a trained network.

    Args:
        in_channels: C, even.
        map_size: Height and width of the map, in pixels, which MA is for: 7 for ResNet and images of 224 x 224 pixels,
            8 for ResNet-32 and CIFAR.

    Shapes: a tuple whose last map is (N, C, map_size, map_size) -> a tuple of one map of the same shape.

    Raises:
        ValueError: If ``in_channels`` is odd, or a map has another size.

    Source:
        Liu et al., Large-Scale Long-Tailed Recognition in an Open World, CVPR 2019, eq. 5, as in released code, with
        its start.

    Example:
        >>> import torch
        >>> from ltseg.models import ModulatedAttentionNeck
        >>> neck, maps = ModulatedAttentionNeck(in_channels=8, map_size=4), torch.rand(2, 8, 4, 4)
        >>> torch.equal(neck((maps,))[0], maps)  # not trained yet
        True
    """

    def __init__(self, in_channels: int, map_size: int = 7, init_cfg: dict | list | None = None) -> None:
        super().__init__(init_cfg)
        check_integer('ModulatedAttentionNeck.in_channels', in_channels, 2)
        check_integer('ModulatedAttentionNeck.map_size', map_size, 1)
        if in_channels % 2:
            raise InvalidValueError('ModulatedAttentionNeck.in_channels', 'a multiple of 2', repr(in_channels))
        self.map_size = map_size
        self.theta, self.phi, self.g = (nn.Conv2d(in_channels, in_channels // 2, 1) for _ in range(3))
        for layer in (self.theta, self.phi, self.g):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.out = nn.Conv2d(in_channels // 2, in_channels, 1, bias=False)
        nn.init.zeros_(self.out.weight)
        self.places = nn.Linear(map_size**2 * in_channels, map_size**2)

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor]:
        features = maps[-1]
        size = (self.map_size, self.map_size)
        if features.shape[2:] != size:
            hint = 'Set map_size to the height and width of the map, and test with images of the size of training.'
            raise InvalidValueError('ModulatedAttentionNeck', f'maps of {size}', repr((*features.shape[2:],)), hint)
        theta, phi, g = (layer(features).flatten(2) for layer in (self.theta, self.phi, self.g))  # (N, C / 2, P)
        shares = (theta.transpose(1, 2) @ phi).softmax(2)  # (N, P, P), of places q for place p
        attended = self.out((g @ shares.transpose(1, 2)).unflatten(2, size))
        modulated = self.places(features.flatten(1)).softmax(1).unflatten(1, (1, *size))
        return (features + modulated * attended,)
