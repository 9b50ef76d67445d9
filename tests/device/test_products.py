"""Cosines and simplex logits are products of float32, also where a GPU or a user rounds others to TF32."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import torch
from simulated_cuda import SimulatedCuda, values_of
from torch.utils._python_dispatch import TorchDispatchMode

from ltseg.core.fused_upsampling import upsampled_losses
from ltseg.heads import CausalNormClassifier, CosineClassifier, ETFClassifier
from ltseg.losses import CrossEntropyLoss

PRODUCTS = ('addmm', 'baddbmm', 'bmm', 'convolution', 'mm')


class Products(TorchDispatchMode):
    """The operators that multiply matrices or convolve, each with the precision that it is allowed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in PRODUCTS:
            self.found.append((func.overloadpacket.__name__, allowed()))
        return func(*args, **(kwargs or {}))


def allowed() -> str:
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return torch.backends.cuda.matmul.fp32_precision


def allow_by_the_older_name() -> None:
    torch.set_float32_matmul_precision('high')


def allow_by_the_newer_name() -> None:
    try:
        torch.backends.cuda.matmul.fp32_precision = 'tf32'
    except AssertionError:
        pytest.skip('PyTorch 2.9 and newer have it')


@pytest.fixture
def default_precision() -> Iterator[None]:
    yield
    with suppress(AssertionError):
        torch.backends.cuda.matmul.fp32_precision = 'ieee'
    torch.set_float32_matmul_precision('highest')


@pytest.mark.usefixtures('default_precision')
@pytest.mark.parametrize('allow', [allow_by_the_older_name, allow_by_the_newer_name])
def test_fused_losses_interpolate_in_float32(device: SimulatedCuda, allow: Callable[[], None]) -> None:
    logits, labels = torch.randn(1, 3, 4, 6).to('cuda').requires_grad_(), torch.randint(3, (1, 16, 24)).to('cuda')
    loss = CrossEntropyLoss()
    allow()
    before = allowed()
    with Products() as products:
        found = upsampled_losses(logits, labels, [loss.prepare(logits, labels, 255)], path='bands')
    assert products.found and {precision for _, precision in products.found} <= {'highest', 'ieee'}
    assert allowed() == before != products.found[0][1] and found.losses.requires_grad


@pytest.mark.usefixtures('default_precision')
@pytest.mark.parametrize('allow', [allow_by_the_older_name, allow_by_the_newer_name])
@pytest.mark.parametrize('shape', [(6, 8), (2, 8, 3, 4)], ids=['vectors', 'maps'])
@pytest.mark.parametrize('kind', [CosineClassifier, ETFClassifier, CausalNormClassifier])
def test_logits_are_of_float32_where_tf32_is_allowed(
    device: SimulatedCuda, kind: Any, shape: tuple[int, ...], allow: Callable[[], None]
) -> None:
    """By the flags that a GPU would see; a convolution has a flag of its own, which allows TF32 by default."""
    classifier, features = kind(8, 4, spatial_dims=len(shape) - 2), torch.randn(shape)
    expected = classifier(features)
    classifier, features = classifier.to('cuda'), features.to('cuda')
    allow()
    before = allowed()
    with Products() as products:
        logits = classifier(features)
    assert products.found and all(name != 'convolution' for name, _ in products.found)
    assert {precision for _, precision in products.found} == {'highest'}
    assert allowed() == before in ('high', 'tf32')
    torch.testing.assert_close(values_of(logits), expected)
