"""Two views of mixed images, one by mixup and one by CutMix, with one label."""

import numpy as np
import torch
from torch import Tensor, nn

from ltseg.core.checks import check_positive, check_range
from ltseg.core.errors import InvalidValueError
from ltseg.core.precision import widened
from ltseg.core.transfers import sent
from ltseg.counts.sources import CountsOption, build_counts
from ltseg.registry import MODELS

__all__ = ['GlobalLocalMixture']


@MODELS.register_module()
class GlobalLocalMixture(nn.Module):
    """Mixes the first view of an image by mixup and the second by CutMix, with the same partner, share and label::

        first  = m x_i + (1 - m) x_j
        second = x_i, with a box of x_j that has the share 1 - m of the image
        label  = m y_i + (1 - m) y_j

    One m for the batch comes from Beta(alpha, alpha), rounded to the area of a box. Each image has a partner j of the
    batch, drawn with a probability proportional to ``n^(-exponent)`` of its class. It stands where MMPretrain's
    ``Mixup`` does, and needs the two views of :func:`ltseg.models.AugmentingClsPreprocessor`.

    Deviations: the paper draws partners from all images, here they are of the batch. In released code boxes may reach
    beyond the border, so that the label has not their share; here they lie inside.

    Args:
        alpha: Of the Beta distribution.
        exponent: Of the partners, at least 0; 0 draws them as they occur, 1 from all classes of the batch alike.
        counts: Where n comes from, spelled as in the losses.

    Source:
        Du et al., Global and Local Mixture Consistency Cumulative Learning for Long-tailed Visual Recognitions (GLMC),
        CVPR 2023.

    Example:
        >>> import numpy as np
        >>> import torch
        >>> from ltseg.models import GlobalLocalMixture
        >>> np.random.seed(1)
        >>> views = torch.eye(2)[:, [0, 0]].view(2, 2, 1, 1).expand(2, 2, 4, 4)  # an image of ones, and one of zeros
        >>> mixed, labels = GlobalLocalMixture(counts=[1, 1])(views, torch.tensor([[1, 0], [0, 1]]))
        >>> torch.allclose(mixed.mean((2, 3)), labels[:, [0]].expand(2, 2))  # of both views: what the label says
        True
    """

    short_name = 'GLMC mixture'

    def __init__(self, alpha: float = 1.0, exponent: float = 0.0, counts: CountsOption = 'dataset') -> None:
        super().__init__()
        check_positive('GlobalLocalMixture.alpha', alpha)
        check_range('GlobalLocalMixture.exponent', exponent, 0)
        self.alpha, self.exponent = alpha, exponent
        self.counts = build_counts(counts)

    def forward(self, inputs: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Mixes a batch.

        Args:
            inputs: Two views of each image, side by side, (N, 2C, H, W).
            scores: One-hot labels, (N, K).

        Returns:
            Images and labels of the same shapes, the labels in float32.

        Raises:
            ValueError: If there are not two views, or the labels are not (N, K).
        """
        if inputs.ndim != 4 or inputs.shape[1] % 2 or scores.ndim != 2 or len(scores) != len(inputs):
            hint = 'Give two views: data_preprocessor=dict(views=[[...], [...]]).'
            got = (tuple(inputs.shape), tuple(scores.shape))
            expected = 'two views (N, 2C, H, W) and one-hot labels (N, K)'
            raise InvalidValueError('GlobalLocalMixture', expected, repr(got), hint)
        (top, left), (height, width) = self._box(inputs.shape[2:])
        share = 1 - height * width / inputs.shape[2:].numel()
        partner = self._partners(scores)
        first, second = inputs.chunk(2, 1)
        mixed = torch.cat([share * first + (1 - share) * first[partner], second], 1)
        rows, columns = slice(top, top + height), slice(left, left + width)
        mixed[:, first.shape[1] :, rows, columns] = second[partner][:, :, rows, columns]
        scores = scores.float()
        return mixed, share * scores + (1 - share) * scores[partner]

    def _box(self, size: torch.Size) -> tuple[list[int], list[int]]:
        """Where the box begins, and its sides, which have the same part of those of the image."""
        part = np.sqrt(1 - np.random.beta(self.alpha, self.alpha))  # drawn as MMPretrain's CutMix draws it
        sides = [round(part * side) for side in size]
        return [np.random.randint(side - length + 1) for side, length in zip(size, sides, strict=True)], sides

    def _partners(self, scores: Tensor) -> Tensor:
        """The partner of each image, (N,): the first to come, where each comes at a rate of its own."""
        labels = scores.argmax(1)
        counts = widened(self.counts(labels, scores.shape[1]).samples).clamp(min=1)
        rates = (counts**-self.exponent)[labels]
        times = sent(torch.empty(len(scores), len(scores)).exponential_(), scores.device)
        return (times / rates.to(times.dtype)).argmin(1)

    def extra_repr(self) -> str:
        return f'alpha={self.alpha}, exponent={self.exponent}'
