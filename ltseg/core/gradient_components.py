"""The gradient of a linear classifier, taken apart by the classes of the samples that it comes from."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.core.histogram import histogram
from ltseg.core.precision import widened, widest_dtype
from ltseg.core.reduction import all_reduced_sum, world_size

__all__ = ['ComponentNorms', 'component_norms', 'gradient_components']

ROWS = 2**14  # computed at a time, in the widest numbers of the device


def gradient_components(
    gradients: Tensor, rows: Tensor, labels: Tensor, num_labels: int, sync: bool = False
) -> Iterator[tuple[int, Tensor]]:
    """The parts of ``dL/dW`` that come from the samples of each class::

        c_ik = sum_{j: y_j = k} dL/dz_ji h_j,    a_i = c_ii,    r_ik = c_ik for k != i,    a_i + sum_k r_ik = dL/dw_i

    which for the cross entropy, summed over samples, are ``a_i = -sum (1 - p_ji) h_j`` and ``r_ik = sum p_ji h_j``.

    Args:
        gradients: dL/dz, (N, K).
        rows: h, what enters the classifier, (N, D).
        labels: y, (N,) int64 in [0, L).
        num_labels: L; K, or one more where a label stands for samples without a class.
        sync: Whether the samples of all processes count, with the average over processes that
            DistributedDataParallel takes of gradients. Then every process must come here.

    Yields:
        Each label that occurs, and ``c_ik`` of all i, (K, D). Nothing of the size N K D or K K D is made.

    Raises:
        ValueError: If the shapes do not fit.

    Source:
        Xie et al., ARB-Loss, Neurocomputing 2023, eq. 9, where the loss is summed over samples: of a mean it is 1/N.
    """
    if gradients.ndim != 2 or rows.ndim != 2 or not len(gradients) == len(rows) == len(labels):
        got = tuple(tuple(value.shape) for value in (gradients, rows, labels))
        raise InvalidValueError('gradient_components', 'gradients (N, K), rows (N, D) and labels (N,)', repr(got))
    counts = histogram(labels, num_labels)
    own = counts.tolist()
    everywhere = all_reduced_sum(counts).tolist() if sync else own
    order, begin = labels.argsort(), 0
    for label, number in enumerate(own):
        if everywhere[label]:
            part = _product(gradients, rows, order[begin : begin + number])
            yield label, all_reduced_sum(part) / world_size() if sync else part
        begin += number


def _product(gradients: Tensor, rows: Tensor, chosen: Tensor) -> Tensor:
    """``G^T H`` of the chosen samples, (K, D)."""
    total = rows.new_zeros(gradients.shape[1], rows.shape[1], dtype=widest_dtype(rows.device))
    for part in chosen.split(ROWS):
        total.addmm_(widened(gradients[part]).T, widened(rows[part]))
    return total


@dataclass(frozen=True, eq=False)
class ComponentNorms:
    """Lengths of the components of each class vector's gradient.

    Args:
        components: ``|c_ik|``, (K, K): row i is of the class vector i, column k of the samples of class k.
        repulsion: ``|sum_k r_ik|`` of the sum over k != i, (K,).

    Example:
        >>> import torch
        >>> from ltseg.core.gradient_components import component_norms
        >>> gradients = torch.tensor([[-0.5, 0.5], [0.25, -0.25]])  # of p = (1/2, 1/2) and (1/4, 3/4)
        >>> norms = component_norms(gradients, rows=torch.eye(2), labels=torch.tensor([0, 1]))
        >>> norms.attraction.tolist(), norms.repulsion.tolist()
        ([0.5, 0.25], [0.25, 0.5])
    """

    components: Tensor
    repulsion: Tensor

    @property
    def attraction(self) -> Tensor:
        """``|a_i|``, (K,)."""
        return self.components.diagonal()


def component_norms(
    gradients: Tensor, rows: Tensor, labels: Tensor, sync: bool = False, cosine_weight: Tensor | None = None
) -> ComponentNorms:
    """The lengths of attraction and repulsion.

    Args:
        gradients: dL/dz, (N, K).
        rows: What enters the classifier, (N, D).
        labels: (N,) int64 in [0, K]; K stands for samples without a class, which belong to neither.
        sync: As for :func:`gradient_components`.
        cosine_weight: Class vectors (K, D) of a classifier of cosines ``w_k . h / (|w_k| |h|)``, of which ``gradients``
            are those with respect to the cosines. Only what is orthogonal to a class vector changes it.
    """
    number = gradients.shape[1]
    components = rows.new_zeros(number, number, dtype=widest_dtype(rows.device))
    repulsion = components.new_zeros(number, rows.shape[1])
    if cosine_weight is not None:
        rows = torch.nn.functional.normalize(widened(rows))
    for label, part in gradient_components(gradients, rows, labels, number + 1, sync):
        if label == number:
            continue
        part = part if cosine_weight is None else _through_direction(part, widened(cosine_weight))
        components[:, label] = part.norm(dim=1)
        part[label] = 0
        repulsion += part
    return ComponentNorms(components, repulsion.norm(dim=1))


def _through_direction(gradient: Tensor, weight: Tensor) -> Tensor:
    """The gradient of ``weight`` (K, D), given that of its rows' directions."""
    norms = weight.norm(dim=1, keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)
    unit = weight / norms
    return (gradient - (gradient * unit).sum(1, keepdim=True) * unit) / norms
