"""The regularizers of one head."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ltseg.core.errors import InvalidValueError
from ltseg.core.features import FeatureBatch
from ltseg.registry import MODELS
from ltseg.regularizers.regularizer import Regularizer

__all__ = ['RegularizerGroup']


class RegularizerGroup(nn.ModuleList):
    """Builds the regularizers of a head and evaluates them on a batch.

    Args:
        regularizers: Regularizers, or their configs.
        num_classes: K.
        feature_dim: D.
        classifier: Of the head, for terms that share its state.

    Raises:
        ValueError: If two have the same name in the log.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import RegularizerGroup
        >>> terms = [dict(type='ltseg.WithinClassRegularizer', centers='batch'), dict(type='ltseg.WeightRepulsion')]
        >>> group = RegularizerGroup(terms, num_classes=2, feature_dim=4)
        >>> batch = FeatureBatch(torch.zeros(3, 1, 4), torch.tensor([0, 0, 1]), 2, classifier=torch.eye(2, 4))
        >>> sorted(group(batch))
        ['loss_weight_repulsion', 'loss_within_class']
    """

    def __init__(
        self,
        regularizers: Sequence[dict | Regularizer],
        num_classes: int,
        feature_dim: int,
        classifier: nn.Module | None = None,
    ) -> None:
        terms: list[Regularizer] = [MODELS.build(r) if isinstance(r, dict) else r for r in regularizers]
        super().__init__(terms)
        names = [term.loss_name for term in terms]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            hint = 'Give each its own loss_name.'
            raise InvalidValueError('regularizers', 'different names in the log', ', '.join(repeated), hint)
        for term in terms:
            term.build(num_classes, feature_dim)
        for term in terms:
            term.share(terms)
            if classifier is not None:
                term.attach(classifier)

    @property
    def terms(self) -> list[Regularizer]:
        """The regularizers."""
        return list(self)  # type: ignore[arg-type]

    def forward(self, batch: FeatureBatch) -> dict[str, Tensor]:
        """The terms of a batch by their names in the log."""
        values = {term.loss_name: term(batch) for term in self.terms}
        if self.training and torch.is_grad_enabled():
            with torch.autocast(batch.features.device.type, enabled=False):
                for term in self.terms:
                    term.step()
        return values
