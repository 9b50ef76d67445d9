"""The two passes of the fused loss as autograd sees them, and as ``torch.compile`` does.

Either way the forward pass keeps what the backward pass needs: the gradient of each loss, which the bands make on the
way, or the maps of the Triton kernels. Compiled code calls the forward pass as an operator, which takes tensors and
numbers: it is for adjusted cross entropies, which consist of them.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Literal

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.banded_upsampling import Batch, banded_gradient, banded_losses
from ltseg.core.differentiated_cross_entropy import AdjustedCrossEntropy
from ltseg.core.errors import InvalidValueError, WrongStateError
from ltseg.core.precision import widest_dtype
from ltseg.core.sample_losses import SampleLosses
from ltseg.core.torch_versions import is_compiling, opaque
from ltseg.core.triton_upsampling import number_of_maps, obstacle_to_triton, triton_gradient, triton_losses

__all__ = ['Path', 'fused_passes', 'refuse_second_differentiation', 'takes_triton']

Path = Literal['auto', 'bands', 'triton']

ONCE = 'upsampled_losses', 'the gradient was made in the forward pass'
TERMS = tuple(field.name for field in fields(Adjustment))


def fused_passes(logits: Tensor, batch: Batch, path: Path) -> tuple[Tensor, Tensor, Tensor]:
    """The sums of :class:`ltseg.core.fused_upsampling.UpsampledLosses`; compiled, of adjusted cross entropies."""
    if not is_compiling():
        by_triton = takes_triton(path, logits, batch.labels, batch.sample_losses)
        return _FusedPasses.apply(logits, batch, by_triton)
    labels, sample_losses, *options = batch
    return _operator(logits, labels, *_packed(sample_losses), *options, path)[:3]


def takes_triton(path: Path, logits: Tensor, labels: Tensor, sample_losses: Sequence[SampleLosses]) -> bool:
    """Whether the kernels compute these losses.

    Raises:
        ValueError: If they cannot, and ``path`` is 'triton'.
    """
    if path == 'bands' or (path == 'auto' and not logits.is_cuda):
        return False
    obstacle = obstacle_to_triton(logits, labels, sample_losses)
    if obstacle is not None and path == 'triton':
        expected = "adjusted cross entropies in float32 or less on an NVIDIA GPU (Ampere or newer) for fused='triton'"
        raise InvalidValueError('upsampled_losses', expected, obstacle, 'Set fused=True.')
    return obstacle is None


def _forward(logits: Tensor, batch: Batch, by_triton: bool) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    if not by_triton:
        return banded_losses(logits, batch)
    options = batch.sample_losses, batch.align_corners, batch.ignore_index, batch.by_class
    losses, class_weights, correct, maps = triton_losses(logits, batch.labels, *options)
    return losses, class_weights, correct, maps if batch.with_gradient else []


def refuse_second_differentiation(where: str, why: str) -> None:
    """Raises RuntimeError in a backward pass whose gradient is to have a graph."""
    if torch.is_grad_enabled():
        hint = 'Set fused=False in the head, or call the loss on upsampled logits.'
        raise WrongStateError(where, f'one differentiation: {why}', 'create_graph=True', hint)


class _FusedPasses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, batch: Batch, by_triton: bool) -> tuple[Tensor, Tensor, Tensor]:
        losses, class_weights, correct, kept = _forward(logits, batch, by_triton)
        ctx.save_for_backward(*kept, *((logits, batch.labels) if by_triton else ()))
        ctx.options = batch.sample_losses, batch.align_corners, batch.ignore_index
        ctx.by_triton, ctx.dtype = by_triton, logits.dtype
        ctx.mark_non_differentiable(class_weights, correct)
        return losses, class_weights, correct

    @staticmethod
    def backward(ctx: Any, received: Tensor, *_: Any) -> tuple[Tensor, None, None]:
        refuse_second_differentiation(*ONCE)
        if not ctx.by_triton:
            return banded_gradient(received, ctx.saved_tensors).to(ctx.dtype), None, None
        *maps, logits, labels = ctx.saved_tensors
        return triton_gradient(received, maps, logits, labels, *ctx.options).to(ctx.dtype), None, None


Packed = tuple[list[Tensor], list[bool], list[float], list[int]]
PACKED = 'Tensor[] terms, bool[] given, float[] focusing, int[] ignored, bool align_corners, int ignore_index'


def _packed(sample_losses: Sequence[Any]) -> Packed:
    """Losses as an operator takes them: the terms that there are, which of all these are, and numbers of each loss."""
    terms = [getattr(loss.adjustment, name) for loss in sample_losses for name in TERMS]
    given = [term is not None for term in terms]
    focusing, ignored = zip(*((float(loss.focusing), loss.ignore_index) for loss in sample_losses), strict=True)
    return [term for term in terms if term is not None], given, list(focusing), list(ignored)


def _unpacked(
    terms: list[Tensor], given: list[bool], focusing: list[float], ignored: list[int]
) -> tuple[AdjustedCrossEntropy, ...]:
    # Two losses that share a term share a map of Triton. A compiler may make one tensor of two, or two of one, so that
    # here no term is shared, or else there were more or fewer maps than it was told.
    following = (term.detach() for term in terms)
    all_terms = [next(following) if is_given else None for is_given in given]
    number = len(TERMS)
    return tuple(
        AdjustedCrossEntropy(Adjustment(*all_terms[index * number : (index + 1) * number]), *rest)
        for index, rest in enumerate(zip(focusing, ignored, strict=True))
    )


def _passed(
    logits: Tensor, labels: Tensor, terms: list[Tensor], given: Any, focusing: Any, ignored: Any, *options: Any
) -> tuple[Tensor, Batch, bool]:
    """The arguments of the forward pass from those of the operator."""
    *rest, path = options
    batch = Batch(labels, _unpacked(terms, given, focusing, ignored), *rest)
    return logits, batch, takes_triton(path, logits, labels, batch.sample_losses)


def _fake_forward(*arguments: Any) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    logits, batch, by_triton = _passed(*arguments)
    number, dtype = len(batch.sample_losses), torch.promote_types(logits.dtype, torch.float32)
    if not batch.with_gradient:
        kept = []
    elif by_triton:
        maps = range(number_of_maps(batch.sample_losses))
        kept = [batch.labels.new_empty(batch.labels.shape, dtype=torch.float32) for _ in maps]
    else:
        kept = [torch.empty_like(logits, dtype=dtype) for _ in range(number)]
    class_weights = logits.new_empty(number, dtype=widest_dtype(logits.device))
    correct = logits.new_empty((2, logits.shape[1]) if batch.by_class else (), dtype=torch.int64)
    return logits.new_empty(number, dtype=dtype), class_weights, correct, kept


def _keep(ctx: Any, inputs: tuple, output: tuple) -> None:
    _, class_weights, correct, kept = output
    logits, labels, terms, *ctx.others = inputs
    _, _, ctx.by_triton = _passed(*inputs)
    ctx.number, ctx.dtype = len(kept), logits.dtype
    ctx.save_for_backward(*kept, *((logits, labels, *terms) if ctx.by_triton else ()))
    ctx.mark_non_differentiable(class_weights, correct, *kept)


def _operator_backward(ctx: Any, received: Tensor, *_: Any) -> tuple:
    refuse_second_differentiation(*ONCE)
    kept = list(ctx.saved_tensors[: ctx.number])
    if ctx.by_triton:
        logits, labels, *terms = ctx.saved_tensors[ctx.number :]
        gradient = _gradient_operator(received, kept, logits, labels, terms, *ctx.others[:5])
    else:
        gradient = banded_gradient(received, kept)
    return gradient.to(ctx.dtype), None, [None] * sum(ctx.others[0]), *[None] * len(ctx.others)


def _triton_gradient(
    received: Tensor, maps: list[Tensor], logits: Tensor, labels: Tensor, terms: Any, given: Any, focusing: Any,
    ignored: Any, *options: Any,
) -> Tensor:  # fmt: skip
    return triton_gradient(received, maps, logits, labels, _unpacked(terms, given, focusing, ignored), *options)


_operator = opaque(
    'upsampled_losses',
    lambda *arguments: _forward(*_passed(*arguments)),
    _fake_forward,
    f'(Tensor logits, Tensor labels, {PACKED}, int? band_rows, bool with_gradient, bool by_class, str path)'
    ' -> (Tensor, Tensor, Tensor, Tensor[])',
    (_operator_backward, _keep),
)
_gradient_operator = opaque(
    'upsampled_gradient',
    _triton_gradient,
    lambda _, __, logits, *___: logits.new_empty(logits.shape, dtype=torch.float32),
    f'(Tensor received, Tensor[] maps, Tensor logits, Tensor labels, {PACKED}) -> Tensor',
)
