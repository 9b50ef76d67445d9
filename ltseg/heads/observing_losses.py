"""Losses that see the features and the class vectors behind the logits."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn

from ltseg.core.errors import InvalidValueError
from ltseg.core.features import FeatureBatch

__all__ = ['build_observers', 'features_observed', 'observers_of']


def observers_of(losses: Sequence[nn.Module]) -> list[Any]:
    """The losses among those of a head that see its features."""
    return [loss for loss in losses if getattr(loss, 'observes_features', False)]


def build_observers(losses: Sequence[nn.Module], classifier: nn.Module | None) -> None:
    """Makes the state that such losses keep of K classes and D dimensions, those of the classifier.

    Raises:
        ValueError: If there are such losses and the classifier is not linear.
    """
    for loss in observers_of(losses):
        if not isinstance(classifier, nn.Linear | nn.Conv2d):
            hint = 'Leave classifier out.'
            where, got = type(loss).__name__, type(classifier).__name__
            raise InvalidValueError(where, 'a head with one last layer, which is linear', got, hint)
        loss.build(*classifier.weight.shape[:2])


@contextmanager
def features_observed(losses: Sequence[nn.Module], batch: FeatureBatch) -> Iterator[None]:
    """While it is open, such losses of a head know the features that belong to the logits."""
    with ExitStack() as stack:
        for loss in observers_of(losses):
            stack.enter_context(loss.observing(batch))
        yield
