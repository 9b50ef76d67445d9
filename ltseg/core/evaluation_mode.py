"""Parts of a module in evaluation for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ['in_evaluation']


@contextmanager
def in_evaluation(module: nn.Module) -> Iterator[None]:
    """Within it, all parts of a module are in evaluation; behind it, each is what it was.

    ``module.train()`` would put frozen normalisations into training, too.

    Example:
        >>> from torch import nn
        >>> from ltseg.core.evaluation_mode import in_evaluation
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2).eval())
        >>> with in_evaluation(model):
        ...     print([part.training for part in model])
        [False, False]
        >>> [part.training for part in model]
        [True, False]
    """
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True
