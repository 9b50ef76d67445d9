"""The small network between features and a contrastive loss."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.checks import check_integer

__all__ = ['LinearProjection', 'Projection', 'Unprojected']

EPSILON = 1e-5  # of torch's batch normalisation


class Projection(nn.Module):
    """``W2 relu(norm(W1 h + b1)) + b2`` with a batch normalisation, as released code of contrastive losses has it.

    The normalisation always takes the statistics of the rows that it is given and keeps none: the network has no use
    after training, and a regularizer gives it the rows of all processes. It needs two rows or more. Rows that are not
    ``valid`` (N,) have no share in the statistics.

    Args:
        in_channels: Of h.
        hidden_channels: Of the layer between.
        out_channels: Of the result.
        normalised: Whether there is a normalisation. Without it, what becomes of a row does not depend on the others.

    Shapes: (N, in_channels) -> (N, out_channels), in the precision of the input.

    Example:
        >>> import torch
        >>> from ltseg.regularizers.projection import Projection
        >>> projection, rows = Projection(in_channels=8, hidden_channels=16, out_channels=4), torch.randn(5, 8)
        >>> tuple(projection(rows).shape)
        (5, 4)
        >>> torch.allclose(projection(100 * rows), projection(200 * rows + 1), atol=1e-3)  # normalised over the rows
        True
    """

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int, normalised: bool = True) -> None:
        super().__init__()
        check_integer('Projection.hidden_channels', hidden_channels, 1)
        check_integer('Projection.out_channels', out_channels, 1)
        # Not nn.Linear: mmpretrain's heads would initialise that as they do their classifier.
        self.hidden_weight, self.hidden_bias = _layer(in_channels, hidden_channels)
        self.normalised = normalised
        if normalised:
            self.norm_weight = nn.Parameter(torch.ones(hidden_channels))
            self.norm_bias = nn.Parameter(torch.zeros(hidden_channels))
        self.out_weight, self.out_bias = _layer(hidden_channels, out_channels)

    def forward(self, rows: Tensor, valid: Tensor | None = None) -> Tensor:
        hidden = _linear(rows, self.hidden_weight, self.hidden_bias)
        if self.normalised:
            weight, bias = self.norm_weight.to(rows.dtype), self.norm_bias.to(rows.dtype)
            if valid is None:
                hidden = F.batch_norm(hidden, None, None, weight, bias, training=True)
            else:
                hidden = _normalised(hidden, valid[:, None]) * weight + bias
        return _linear(F.relu(hidden), self.out_weight, self.out_bias)


class LinearProjection(nn.Module):
    """``W h + b``.

    Args:
        in_channels: Of h.
        out_channels: Of the result.

    Shapes: (N, in_channels) -> (N, out_channels), in the precision of the input.

    Example:
        >>> import torch
        >>> from ltseg.regularizers.projection import LinearProjection
        >>> projection, rows = LinearProjection(in_channels=8, out_channels=4), torch.randn(5, 8)
        >>> torch.allclose(projection(2 * rows) + projection(0 * rows), 2 * projection(rows), atol=1e-6)
        True
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        check_integer('LinearProjection.out_channels', out_channels, 1)
        self.out_weight, self.out_bias = _layer(in_channels, out_channels)

    def forward(self, rows: Tensor) -> Tensor:
        return _linear(rows, self.out_weight, self.out_bias)


class Unprojected(nn.Identity):
    """Features themselves in the place of a :class:`Projection`.

    Example:
        >>> import torch
        >>> from ltseg.regularizers.projection import Unprojected
        >>> Unprojected()(torch.ones(1, 2), torch.tensor([True])).tolist()
        [[1.0, 1.0]]
    """

    def forward(self, rows: Tensor, valid: Tensor | None = None) -> Tensor:  # noqa: ARG002
        return rows


def _linear(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.linear(rows, weight.to(rows.dtype), bias.to(rows.dtype))


def _normalised(rows: Tensor, valid: Tensor) -> Tensor:
    """``F.batch_norm`` of the rows that are ``valid`` (N, 1), and zeros for the others."""
    number = valid.sum().clamp(min=1)
    centred = torch.where(valid, rows - torch.where(valid, rows, 0.0).sum(0) / number, 0.0)
    return centred * (centred.square().sum(0) / number + EPSILON).rsqrt()


def _layer(inputs: int, outputs: int) -> tuple[nn.Parameter, nn.Parameter]:
    """Weight and bias as ``nn.Linear`` begins."""
    bound = inputs**-0.5
    return tuple(nn.Parameter(torch.empty(shape).uniform_(-bound, bound)) for shape in ((outputs, inputs), (outputs,)))  # type: ignore[return-value]
