"""Backbones with several experts."""

from collections.abc import Sequence
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.models.branches import branch_off
from ltseg.registry import MODELS

__all__ = ['ExpertBackbone']


@MODELS.register_module()
class ExpertBackbone(BaseModule):
    """A backbone whose late stages exist once for each of E experts, behind early stages that they share.

    The features of the experts become views of the image, pooled over the map, (N, E, D): no neck is needed, and
    ``ltseg.LongTailClsHead(classified_views=range(E), classifier=dict(type='ltseg.ExpertClassifier', experts=E))``
    classifies each with weights of its own.

    Args:
        backbone: Config of a backbone.
        experts: E, at least 1.
        stages: Names of the stages with copies, from the first on.

    Shapes: images (N, 3, H, W) -> a tuple of one tensor (N, E, D).

    Source:
        Wang et al., Long-tailed Recognition by Routing Diverse Distribution-Aware Experts (RIDE), ICLR 2021,
        section 3. The released code makes the experts' stages narrower by a quarter, which is left to the backbone
        here; the second training stage, which learns to route, is left out.

    Example:
        >>> import torch
        >>> from ltseg.models import ExpertBackbone
        >>> network = ExpertBackbone(dict(type='ltseg.CIFARResNet', depth=20, base_channels=2), experts=3)
        >>> features, = network(torch.rand(5, 3, 8, 8))
        >>> features.shape  # 5 images, 3 experts, 8 channels
        torch.Size([5, 3, 8])
        >>> torch.equal(features[:, 0], features[:, 1])  # each has late stages of its own
        False
    """

    def __init__(
        self,
        backbone: dict,
        experts: int = 3,
        stages: Sequence[str] = ('layer2', 'layer3'),
        init_cfg: dict | list | None = None,
    ) -> None:
        if not isinstance(experts, int) or experts < 1 or not stages:
            raise InvalidValueError('ExpertBackbone', 'at least one expert and one stage', repr((experts, stages)))
        super().__init__(init_cfg)
        self.backbone: Any = MODELS.build(backbone)
        self.experts = experts
        for place, name in enumerate(stages):
            branch_off(self.backbone, name, experts, forks=place == 0)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        maps = self.backbone(images)[-1]
        return (maps.mean((2, 3)).unflatten(0, (len(images), self.experts)),)
