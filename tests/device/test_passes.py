"""How often the memory of a GPU is read and written."""

from typing import Any

import pytest
import torch
from simulated_cuda import SimulatedCuda, values_of
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from ltseg.core.chunked_cross_entropy import chunked_cross_entropy
from ltseg.core.layout import per_class


class Passes(TorchDispatchMode):
    """How often a tensor of some size is read or written."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.number = size, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if not func.is_view and name not in ('detach', 'scatter_add_', 'nll_loss2d_forward'):  # those touch few numbers
            read = () if name == 'nll_loss2d_backward' else (*args, *(kwargs or {}).values())
            self.number += sum(isinstance(x, Tensor) and x.numel() == self.size for x in (*read, result))
        return result


def pytorchs(logits: Tensor, labels: Tensor, bias: Tensor | None, ignore_index: int) -> Tensor:
    biased = logits if bias is None else logits + per_class(bias, logits)
    return F.cross_entropy(biased, labels, reduction='none', ignore_index=ignore_index)


@pytest.mark.parametrize(('biased', 'expected'), [(False, 6), (True, 8)], ids=['plain', 'biased'])
def test_our_cross_entropy_passes_over_the_logits_as_often_as_pytorchs(
    device: SimulatedCuda, biased: bool, expected: int
) -> None:
    logits, bias = torch.randn(2, 3, 7, 5).to('cuda'), torch.randn(3).to('cuda') if biased else None
    labels, found = torch.randint(3, (2, 7, 5)).to('cuda'), []
    for function in (chunked_cross_entropy, pytorchs):
        leaf = logits.detach().requires_grad_()
        with Passes(leaf.numel()) as passes:
            losses = function(leaf, labels, bias, 2)
            losses.sum().backward()
        assert passes.number == expected
        found.append((values_of(losses.detach()), values_of(leaf.grad)))
    torch.testing.assert_close(*found)
