"""What losses on classes share that are functions of sums over pixels, which heads find without upsampled logits."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from ltseg.core.collectives import summed
from ltseg.core.fused_regions import SummedRegions
from ltseg.core.reduction import Reduction
from ltseg.core.torch_versions import is_compiling
from ltseg.losses.class_mean import ClassMeanLoss

__all__ = ['ClassSumsLoss']


class ClassSumsLoss(ClassMeanLoss):
    """A loss with one term for each class, which is a function of sums over the pixels of a region.

    The sums are of all processes, with ``sync`` and ``per='batch'``. Heads compute it without upsampled logits, in two
    passes over bands of rows (:mod:`ltseg.core.fused_regions`).

    Args:
        **options: As for :class:`ltseg.losses.class_mean.ClassMeanLoss`.

    Example:
        >>> import torch
        >>> from ltseg.core.regions import AdjustedRegions
        >>> from ltseg.losses.class_sums import ClassSumsLoss
        >>> class MissedLoss(ClassSumsLoss):  # 1 minus the mean recall
        ...     def prepare_regions(self, logits, labels, ignore_index, weight=None):
        ...         return AdjustedRegions(self.adjustment(logits, labels, ignore_index), ignore_index)
        ...     def of_classes(self, sums, regions):
        ...         return sums.false_negatives / sums.labelled, sums.labelled > 0
        >>> logits = torch.tensor([[0.75, 0.25], [0.75, 0.25]]).log()
        >>> round(MissedLoss()(logits, torch.tensor([0, 1])).item(), 4)
        0.5
    """

    @abstractmethod
    def prepare_regions(
        self, logits: Tensor, labels: Tensor, ignore_index: int, weight: Tensor | None = None
    ) -> SummedRegions:
        """The sums as a function of any part of a batch, under the class counts of all of it.

        Args:
            logits: (N, K, *), of any resolution: they may be smaller than the labels.
            labels: Class indices (N, *), or probabilities (N, K, *).
            ignore_index: Label of the pixels to leave out.
            weight: Factor of each pixel, broadcast to (N, *).
        """

    @abstractmethod
    def of_classes(self, sums: Any, regions: Any) -> tuple[Tensor, Tensor]:
        """The loss of each region and class, and whether it counts, (R, K), of the sums (R, K) and their function."""

    def reduced(
        self,
        logits: Tensor,
        labels: Tensor,
        weight: Tensor | None,
        avg_factor: float | Tensor | None,
        ignore_index: int,
        reduction: Reduction,
    ) -> Tensor:
        self.check_reduction(reduction)
        regions = self.prepare_regions(logits, labels, ignore_index, weight)
        return self.of_sums(regions(logits, labels, weight), regions)

    def of_sums(self, sums: tuple[Tensor, ...], regions: SummedRegions) -> Tensor:
        """The loss before its factor, of the sums of each image, (N, K), and the function that made them."""
        if self.per == 'batch':
            total = torch.stack(sums).sum(1, keepdim=True)
            sums = regions.kind(*(summed(total) if self.sync else total))
        return self.mean_of_classes(*self.of_classes(sums, regions), regions.adjustment.weight)

    @property
    def can_be_fused(self) -> bool:
        return not is_compiling()  # the compiler fuses the plain path by itself
