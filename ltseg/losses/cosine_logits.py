"""Losses whose logits have to be cosines."""

import warnings

from torch import Tensor

from ltseg.core.errors import describe
from ltseg.losses.logits_loss import LogitsLoss

__all__ = ['OfCosines']


class OfCosines(LogitsLoss):
    """A loss that takes cosines as logits, and warns once when it gets others; a base class in front of another.

    Example:
        >>> from ltseg.losses import LDAMLoss
        >>> from ltseg.losses.cosine_logits import OfCosines
        >>> isinstance(LDAMLoss(counts=[16, 1]), OfCosines)
        True
    """

    _warned = False

    def expect_cosines(self, logits: Tensor) -> None:
        """Warns of logits beyond 1, where it may look at them."""
        if not self._warned and self.may_synchronize(logits) and bool((logits.detach().abs() > 1.01).any()):
            self._warned = True
            hint = "Use a head with a normalised classifier: classifier=dict(type='ltseg.CosineClassifier')."
            warnings.warn(describe(type(self).__name__, 'cosines as logits', 'values beyond 1', hint), stacklevel=3)
