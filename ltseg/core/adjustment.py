"""What a long-tail rule does to the softmax cross entropy."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn.functional import pad

from ltseg.core.errors import InvalidValueError

__all__ = ['Adjustment']


@dataclass(frozen=True, eq=False)
class Adjustment:
    """Per-class terms that turn the cross entropy of logits z and label y into a long-tail loss::

        z'_j = scale_j * z_j + bias_j - margin_j * [j = y]
        q_j  = (1 - smoothing_y) * [j = y] + smoothing_y / K
        loss = sum_j  q_j * weight_j * (-log softmax(z')_j)

    Args:
        bias: Added to the logits, (K,); -inf takes a class out of the softmax. Only differences between classes matter.
        margin: Taken from the logit of the label, (K,), in units of the scaled logit.
        scale: Factor of the logits, (K,).
        weight: Factor of the loss of each class, (K,), at least 0.
        smoothing: Share of a label of class y that is spread evenly over all K classes, (K,), in [0, 1].

    A field that is None leaves its term out: bias 0, margin 0, scale 1, weight 1, smoothing 0.

    Example:
        >>> import torch
        >>> from ltseg.core.adjustment import Adjustment
        >>> bias, weight = torch.tensor([0.0, -2.0]), torch.tensor([1.0, 3.0])
        >>> both = Adjustment(bias=bias) & Adjustment(bias=bias, weight=weight)
        >>> both.bias.tolist(), both.weight.tolist(), both.margin
        ([0.0, -4.0], [1.0, 3.0], None)
    """

    bias: Tensor | None = None
    margin: Tensor | None = None
    scale: Tensor | None = None
    weight: Tensor | None = None
    smoothing: Tensor | None = None

    def __and__(self, other: 'Adjustment') -> 'Adjustment':
        """Both adjustments of the same logits: biases and margins add, scales and weights multiply.

        The scale of one does not act on the bias of the other, as in the VS loss.

        Raises:
            ValueError: If both smooth the labels.
        """
        if self.smoothing is not None and other.smoothing is not None:
            raise InvalidValueError('Adjustment', 'one rule that smooths labels', 'two', 'Remove one of them.')
        return Adjustment(
            bias=_combined(torch.add, self.bias, other.bias),
            margin=_combined(torch.add, self.margin, other.margin),
            scale=_combined(torch.mul, self.scale, other.scale),
            weight=_combined(torch.mul, self.weight, other.weight),
            smoothing=self.smoothing if other.smoothing is None else other.smoothing,
        )

    def with_neutral_class(self) -> 'Adjustment':
        """The same terms, (K + 1,), for logits with one more class, the last, which they leave as it is."""
        terms = {field.name: getattr(self, field.name) for field in fields(self)}
        neutral = {'scale': 1.0, 'weight': 1.0}
        padded = {
            name: pad(term, (0, 1), value=neutral.get(name, 0.0)) for name, term in terms.items() if term is not None
        }
        return Adjustment(**padded)

    def to(self, device: torch.device, dtype: torch.dtype) -> 'Adjustment':
        """The same terms for logits on ``device`` that are computed in ``dtype``."""
        terms = {field.name: getattr(self, field.name) for field in fields(self)}
        return Adjustment(**{name: None if term is None else term.to(device, dtype) for name, term in terms.items()})


def _combined(
    operation: Callable[[Tensor, Tensor], Tensor], first: Tensor | None, second: Tensor | None
) -> Tensor | None:
    if first is None or second is None:
        return second if first is None else first
    return operation(first, second)
