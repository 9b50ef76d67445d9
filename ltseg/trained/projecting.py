"""What the small networks between features and contrastive losses make of features."""

from dataclasses import replace

import torch
from torch import nn

from ltseg.core.class_sample import ClassSample
from ltseg.core.geometry import directions
from ltseg.regularizers.projection import Projection

__all__ = ['projected_samples']


def projected_samples(model: nn.Module, sample: ClassSample) -> dict[str, ClassSample]:
    """The features of a sample behind the projection of each contrastive term, at norm 1 as the loss compares them.

    The batch normalisation of a :class:`ltseg.regularizers.projection.Projection` keeps no statistics: here they are
    those of the sample.

    Args:
        model: With the weights that the features are of.
        sample: Of the features that enter the classifier; of two rows or more.

    Returns:
        Samples (M, out_channels) by the name of the term's loss; none for a model without such a term.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from ltseg.core.class_sample import ClassSample
        >>> from ltseg.regularizers import BalancedContrastiveLoss
        >>> from ltseg.trained.projecting import projected_samples
        >>> term = BalancedContrastiveLoss(hidden_channels=8, out_channels=2)
        >>> term.build(num_classes=3, feature_dim=4)
        >>> labels = torch.arange(3).repeat(2)
        >>> sample = ClassSample.of(torch.randn(6, 4), labels, labels, per_class=2)
        >>> ((name, found),) = projected_samples(nn.ModuleList([term]), sample).items()
        >>> name, tuple(found.rows.shape), torch.allclose(found.rows.norm(dim=1), torch.ones(6))
        ('loss_balanced_contrastive', (6, 2), True)
    """
    found = {}
    for place, term in model.named_modules():
        projection = getattr(term, 'projection', None)
        if isinstance(projection, Projection) and len(sample.rows) > 1:
            with torch.no_grad():
                rows = directions(projection(sample.rows))
            found[getattr(term, 'loss_name', place)] = replace(sample, rows=rows)
    return found
