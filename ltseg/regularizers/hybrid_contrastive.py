"""The hybrid contrastive loss of AllNC."""

from typing import Any

from torch import Tensor, nn

from ltseg.core.errors import InvalidValueError
from ltseg.core.features import FeatureBatch, mean_of_valid
from ltseg.core.geometry import at_labels, class_means, directions
from ltseg.registry import MODELS
from ltseg.regularizers.contrastive_term import ContrastiveTerm
from ltseg.regularizers.projection import Projection, Unprojected
from ltseg.regularizers.regularizer import not_built

__all__ = ['HybridContrastiveLoss']


@MODELS.register_module()
class HybridContrastiveLoss(ContrastiveTerm):
    """Contrast without negatives (HyCon): a view is to be foreseen from the other one, and by the mean of its class::

        L = sim(h1, u2, z2) + sim(h2, u1, z1),    sim(h, u, z) = -cos(h, sg z) - cos(u, sg z)

    with z = proj1(features), h = proj2(z) and u the class mean of z in the same view; sg stops the gradient at z, and
    not at u. The mean is over samples. L lies between -4 and 4; at -4 the projected features of each class have one
    direction.

    Args:
        **options: As for :class:`ltseg.regularizers.contrastive_term.ContrastiveTerm`. ``hidden_channels`` is that of
            both projections; None compares the features themselves, h = z.

    Raises:
        ValueError: If there are more than two views.

    Source:
        Zhang et al., All-around Neural Collapse for Imbalanced Classification, TKDE 2025, eq. 8. The paper gives no
        sizes of the projections: they are ours, and so is normalising both views together. A single view, of a dense
        head, stands for both; that is our extension, as is the dense form.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch, mean_of_valid
        >>> from ltseg.regularizers import HybridContrastiveLoss
        >>> term, labels = HybridContrastiveLoss(hidden_channels=None), torch.tensor([0, 0, 1])
        >>> collapsed = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])  # one direction for each class
        >>> round(term(FeatureBatch(collapsed[:, None], labels, 2)).item(), 4)  # the least there is
        -4.0
        >>> opposed = torch.tensor([[1.0, 0.0], [-2.0, 0.0], [0.0, 1.0]])  # class 0 points both ways, its mean like -2
        >>> round(term(FeatureBatch(opposed[:, None], labels, 2)).item(), 4)  # (0 - 4 - 4) / 3
        -2.6667
    """

    short_name = 'HyCon'

    def __init__(self, **options: Any) -> None:
        super().__init__(**{'loss_name': 'loss_hybrid_contrastive', **options})
        self.prediction: nn.Module | None = Unprojected() if self.hidden_channels is None else None

    def build(self, num_classes: int, feature_dim: int) -> None:
        super().build(num_classes, feature_dim)
        if self.hidden_channels is not None:
            self.prediction = Projection(self.out_channels, self.hidden_channels, self.out_channels)

    def value(self, batch: FeatureBatch) -> Tensor:
        features, labels, _, valid = self.samples(batch)
        count, views = features.shape[:2]
        if views > 2:
            hint = 'Choose two by views=(i, j).'
            raise InvalidValueError('HybridContrastiveLoss', 'one view or two', repr(views), hint)
        if count * views < self.least_rows:
            return self.nothing(batch)
        if self.prediction is None:
            raise not_built(self)
        of_views = None if valid is None else valid.repeat_interleave(views)
        projected = self.projected(features.flatten(0, 1), of_views)
        predicted = directions(self.prediction(projected, of_views)).unflatten(0, (count, views))
        total = projected.new_zeros(())
        for view, z in enumerate(projected.unflatten(0, (count, views)).unbind(1)):
            means, _ = class_means(z, labels, batch.num_classes, sync=False)  # all processes have all samples
            other = predicted[:, view - 1]  # which may be the view itself
            foreseen = other + at_labels(directions(means), labels)
            similarities = (foreseen * directions(z.detach())).sum(1)
            total = total - mean_of_valid(similarities, valid)
        return total * (2 / views)
