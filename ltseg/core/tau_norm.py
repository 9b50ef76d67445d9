"""Tau-normalisation of a linear classifier: class vectors of frequent classes, which are longer, are shortened."""

from collections.abc import Iterable, Iterator

from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.core.layout import at_least_float32, per_class
from ltseg.core.precision import widened

__all__ = ['normalized_logits', 'normalized_predictions', 'normalized_weight', 'weight_norms']


def weight_norms(weight: Tensor) -> Tensor:
    """Lengths of the class vectors of a classifier.

    Args:
        weight: (K, D) or, of a 1x1 convolution, (K, D, 1, 1).

    Returns:
        (K,), in the widest numbers of the device.

    Raises:
        ValueError: If one is 0, which no power makes another one, or not finite.
    """
    norms = widened(weight.detach()).flatten(1).norm(dim=1)
    wrong = (~((norms > 0) & norms.isfinite())).nonzero().flatten().tolist()
    if wrong:
        raise InvalidValueError('weight_norms', 'lengths above 0', f'{norms[wrong[0]].item()} for class {wrong[0]}')
    return norms


def normalized_weight(weight: Tensor, tau: float) -> Tensor:
    """``w_k / |w_k|^tau``: the weight itself for tau = 0, unit vectors for tau = 1.

    Args:
        weight: (K, D, *).
        tau: Strength.

    Source:
        Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020, eq. 4.
    """
    scale = weight_norms(weight) ** -tau
    return weight * scale.to(weight).view(-1, *[1] * (weight.ndim - 1))


def normalized_logits(logits: Tensor, norms: Tensor, bias: Tensor | None, tau: float) -> Tensor:
    """What a classifier's logits become by tau-normalisation: ``(z_k - b_k) / |w_k|^tau``, and ``z_k`` for tau = 0.

    The bias is left out, as the official evaluation does, but for tau = 0, which leaves the model as it is. Dropping a
    constant per class and dividing by one both commute with the upsampling of logits.

    Args:
        logits: (N, K, *), of the classifier itself: unlike for logit adjustment, a constant per sample matters.
        norms: (K,), of ``weight_norms``.
        bias: (K,), or None for a classifier without one.
        tau: Strength.

    Returns:
        (N, K, *) in float32 or better.

    Source:
        Kang et al., ICLR 2020, eq. 4 and the released code.
    """
    logits = at_least_float32(logits)
    if norms.shape != logits.shape[1:2]:
        raise InvalidValueError('norms', f'{logits.shape[1]} classes, as the logits', repr(tuple(norms.shape)))
    if tau == 0:
        return logits
    if bias is not None:
        logits = logits - per_class(bias.detach().to(logits), logits)
    return logits * per_class((norms**-tau).to(logits), logits)


def normalized_predictions(
    logits: Tensor, norms: Tensor, bias: Tensor | None, taus: Iterable[float]
) -> Iterator[Tensor]:
    """``argmax_k`` of ``normalized_logits`` for one tau after another, (N, *) int64 each."""
    for tau in taus:
        yield normalized_logits(logits, norms, bias, tau).max(dim=1).indices
