"""The bilateral-branch network."""

from typing import Any

import torch
from torch import Tensor

from ltseg.core.checks import check_integer
from ltseg.core.errors import InvalidValueError
from ltseg.core.extension import Extension
from ltseg.models.branches import branch_off
from ltseg.registry import MODELS
from ltseg.schedules import Progress, training_progress

__all__ = ['BilateralClassifier', 'instance_share']


def instance_share(progress: Progress, epochs: int | None = None) -> float:
    """``alpha = 1 - (t / T)^2``, the weight of the branch of the images as they occur.

    Args:
        progress: Of training; t is the epoch, from 0, or the iteration where training counts those only.
        epochs: T; None is the length of the training run.
    """
    if progress.max_epochs > 1 or epochs is not None:
        return 1 - (progress.epoch / (epochs or progress.max_epochs)) ** 2
    return 1 - (progress.iter / progress.max_iters) ** 2


@MODELS.register_module()
class BilateralClassifier(Extension):
    """MMPretrain's ``ImageClassifier`` with two copies of a last block, for frequent and rare classes.

    Images of a batch take turns: one as they occur (label y_c), one of a sampler that prefers rare classes (y_r), as
    ``ltseg.BilateralSampler`` gives them. A shared trunk and a branch each make features f_c and f_r, and::

        z = W [2 alpha f_c, 2 (1 - alpha) f_r] + b,    loss = alpha l(z, y_c) + (1 - alpha) l(z, y_r)

    alpha falls from 1 to 0 (:func:`instance_share`), from learning features to learning rare classes. Tests see every
    image in both branches, with alpha = 1/2. The head has twice the features of the backbone as ``in_channels``.

    Args:
        branched: Name of the part of the backbone that has two copies, 'NAME.-1' for the last block of a stage.
        epochs: T of alpha; None is the length of the training run. The released code takes 100 for runs of 90 epochs
            and 200 for 180, so that alpha does not come close to 0.

    Raises:
        ValueError: If the backbone has no such part, or images are to be mixed, which has no meaning for pairs.

    Source:
        Zhou et al., BBN: Bilateral-Branch Network with Cumulative Learning for Long-Tailed Visual Recognition, CVPR
        2020, section 4.

    Example:
        >>> import torch
        >>> from ltseg.models import BilateralClassifier
        >>> from ltseg.models.bbn import instance_share
        >>> from ltseg.schedules import Progress
        >>> progress = [Progress(epoch=epoch, max_epochs=10) for epoch in (0, 5, 9)]
        >>> [round(instance_share(each), 2) for each in progress]  # alpha: from features to rare classes
        [1.0, 0.75, 0.19]
        >>> model = BilateralClassifier(
        ...     backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
        ...     neck=dict(type='mmpretrain.GlobalAveragePooling'),
        ...     head=dict(
        ...         type='mmpretrain.LinearClsHead', in_channels=16, num_classes=3,
        ...         loss=dict(type='ltseg.CrossEntropyLoss')),
        ...     data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'))
        >>> model.extract_feat(torch.zeros(5, 3, 8, 8))[0].shape  # 8 channels of each branch
        torch.Size([5, 16])
    """

    backbone: Any
    head: Any

    @classmethod
    def base_class(cls, *args: Any, **kwargs: Any) -> type:
        """MMPretrain's class."""
        from mmpretrain.models import ImageClassifier

        return ImageClassifier

    def __init__(
        self, *args: Any, branched: str = 'layer3.-1', epochs: int | None = None, train_cfg: Any = None, **kwargs: Any
    ) -> None:
        if epochs is not None:
            check_integer('BilateralClassifier.epochs', epochs, 1)
        if (train_cfg or {}).get('augments'):
            raise InvalidValueError(
                'BilateralClassifier', 'pairs of images that are not mixed', repr(train_cfg['augments'])
            )
        super().__init__(*args, train_cfg=train_cfg, **kwargs)  # type: ignore[call-arg]
        self.branches, self.epochs = [branch_off(self.backbone, branched, 2)], epochs  # a list: no second owner

    def extract_feat(self, inputs: Tensor, stage: str = 'neck') -> Any:
        """Features of images as tests see them: those of both branches, (N, 2D), or their maps (N, 2C, H, W)."""
        given = super().extract_feat(inputs, 'neck' if stage == 'pre_logits' else stage)  # type: ignore[misc]
        feats = tuple(both.unflatten(0, (len(inputs), 2)).flatten(1, 2) for both in given)
        return self.head.pre_logits(feats) if stage == 'pre_logits' else feats

    def loss(self, inputs: Tensor, data_samples: list) -> dict[str, Tensor]:
        """The losses of pairs.

        Raises:
            ValueError: If the number of images is odd, or they have several views.
        """
        if len(inputs) % 2 or inputs.ndim != 4:
            hint = "Use an even batch_size and sampler=dict(type='ltseg.BilateralSampler')."
            raise InvalidValueError(
                'BilateralClassifier', 'an even number of images (N, C, H, W)', repr(tuple(inputs.shape)), hint
            )
        share = instance_share(training_progress(), self.epochs)
        shares, features = (share, 1 - share), []
        for branch, weight in enumerate(shares):
            self.branches[0].chosen = branch
            try:
                features.append(2 * weight * super().extract_feat(inputs[branch::2])[-1])  # type: ignore[misc]
            finally:
                self.branches[0].chosen = None
        feats = (torch.cat(features, 1),)
        losses = [self.head.loss(feats, data_samples[branch::2]) for branch in range(2)]
        return {name: sum(share * each[name] for share, each in zip(shares, losses, strict=True)) for name in losses[0]}
