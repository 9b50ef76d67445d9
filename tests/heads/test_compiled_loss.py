"""The fused loss of a head under ``torch.compile``: one operator, with the value and the gradient of the plain head."""

import shutil
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
import torch
import torch._dynamo
from losses_under_test import CERTAIN, COUNTS, LOSSES, K, name_of, without_chance
from mmengine.structures import PixelData
from torch import Tensor, nn
from torch._dynamo.backends.registry import lookup_backend

from ltseg.core.differentiated_cross_entropy import AdjustedCrossEntropy
from ltseg.registry import MODELS

pytestmark = [
    pytest.mark.usefixtures('mmseg_registered'),
    pytest.mark.skipif(torch.__version__ < '2.7', reason='compilers before torch 2.7 do not trace contextlib'),
]

ARB, FOCAL = dict(type='ltseg.ARBLoss'), dict(type='ltseg.FocalLoss')
SMOOTHED = dict(type='ltseg.CrossEntropyLoss', label_smoothing=0.1)
VS = dict(type='ltseg.VSLoss', counts=COUNTS)
SEESAW = dict(type='ltseg.SeesawLoss', counts=COUNTS)


class Backend:
    """A backend of the compiler that notes what it is given."""

    def __init__(self, name: str) -> None:
        self.compile = lookup_backend(name)
        self.calls: list[list[str]] = []  # what each graph calls
        self.largest = 0  # number of values in a tensor

    def __call__(self, graph: torch.fx.GraphModule, inputs: list) -> Callable:
        nodes = [node for node in graph.graph.nodes if node.op.startswith('call')]
        values = [node.meta.get('example_value') for node in nodes]
        self.calls.append([str(node.target) for node in nodes])
        self.largest = max([self.largest, *(value.numel() for value in values if isinstance(value, Tensor))])
        return self.compile(graph, inputs)


def head_of(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    sizes = dict(in_channels=8, channels=8, num_classes=K, num_convs=0, concat_input=False)
    return MODELS.build({'type': 'ltseg.LongTailSegHead', 'head_type': 'FCNHead', **sizes, **options})


def batch(seed: int, size: tuple[int, int] = (19, 22)) -> tuple[Tensor, list]:
    """Logits within [-1, 1], as LDAM wants them."""
    from mmseg.structures import SegDataSample

    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, K, (2, 1, *size), generator=generator)
    labels[:, :, :3] = 255
    logits = torch.rand(2, K, 5, 6, generator=generator) * 2 - 1
    return logits, [SegDataSample(gt_sem_seg=PixelData(data=image)) for image in labels]


def found(function: Callable, *which: Any) -> tuple[dict[str, Tensor], Tensor]:
    """Losses, accuracy, and the gradient of a combination of the losses."""
    logits, samples = batch(*which)
    losses = function(logits.requires_grad_(), samples)
    total = sum(value * (2 + place) for place, (name, value) in enumerate(losses.items()) if 'loss' in name)
    return losses, *torch.autograd.grad(total, logits)


def assert_compiled_is_plain(options: dict, backend: str = 'eager') -> Backend:
    """As a whole, and not anew for every iteration."""
    torch._dynamo.reset()
    noted = Backend(backend)
    compiled, plain = head_of(**options), head_of(**{**options, 'fused': False})
    function = torch.compile(compiled.loss_by_feat, backend=noted, fullgraph=True)
    made = []
    for seed in range(4):
        torch.testing.assert_close(found(function, seed), found(plain.loss_by_feat, seed), rtol=1e-5, atol=1e-6)
        made.append(len(noted.calls))
    assert made[0] == 1 and made[1] == made[-1] <= 2  # the second sees constants on the device
    return noted


@pytest.mark.parametrize('config', LOSSES, ids=name_of)
def test_every_loss(config: dict) -> None:
    noted = assert_compiled_is_plain({'loss_decode': without_chance(config)})
    with_functions = config['type'] in ('ltseg.SeesawLoss', 'ltseg.SquaredErrorLoss', *CERTAIN)
    assert any('interpolate' in name for name in noted.calls[0]) == with_functions


@pytest.mark.parametrize('losses', [[ARB, FOCAL, {**ARB, 'loss_weight': 0.5}], [ARB, SEESAW]], ids=str)
@pytest.mark.parametrize('options', [dict(align_corners=True), dict(band_rows=1)], ids=str)
def test_several_losses_and_every_option(losses: list[dict], options: dict) -> None:
    assert_compiled_is_plain({'loss_decode': losses, **options}, backend='aot_eager')


def test_triton_kernels() -> None:
    """In Triton's interpreter. Focal loss and cross entropy share a map, and smoothing has a gradient of its own."""
    pytest.importorskip('triton', minversion='3.0')
    losses = [VS, FOCAL, dict(type='ltseg.CrossEntropyLoss'), SMOOTHED]
    assert_compiled_is_plain({'loss_decode': losses, 'fused': 'triton'}, backend='aot_eager')


@pytest.mark.parametrize('losses', [[VS], [SMOOTHED, FOCAL]], ids=str)
def test_is_one_operator_and_holds_no_upsampled_logits(losses: list[dict]) -> None:
    noted = assert_compiled_is_plain({'loss_decode': losses})
    assert sum('ltseg.upsampled_losses' in name for name in noted.calls[0]) == 1
    assert 2 * 19 * 22 <= noted.largest < 2 * K * 19 * 22


def test_losses_of_functions_take_the_upsampled_logits() -> None:
    noted = assert_compiled_is_plain({'loss_decode': [ARB, SEESAW]})
    assert not any('ltseg.upsampled_losses' in name for name in noted.calls[0])


@pytest.mark.skipif(not any(map(shutil.which, ('c++', 'g++', 'clang++'))), reason='inductor needs a C++ compiler')
def test_code_that_inductor_writes() -> None:
    assert_compiled_is_plain({'loss_decode': [SMOOTHED, FOCAL]}, backend='inductor')


@pytest.mark.parametrize('losses', [[ARB], [ARB, SEESAW]], ids=['operator', 'upsampled'])
def test_logits_of_autocast_are_computed_in_float32(losses: list[dict]) -> None:
    torch._dynamo.reset()
    head = head_of(loss_decode=losses)
    compiled = torch.compile(head.loss_by_feat, backend='aot_eager', fullgraph=True)
    logits, samples = batch(0)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        rounded = logits.bfloat16().requires_grad_()
        losses_found = compiled(rounded, samples)
    expected = head.loss_by_feat(rounded.float(), samples)
    torch.testing.assert_close(losses_found, expected)
    assert torch.autograd.grad(losses_found['loss_arb'], rounded)[0].dtype == torch.bfloat16


def test_without_gradient_none_is_made() -> None:
    torch._dynamo.reset()
    compiled = torch.compile(head_of(loss_decode=ARB).loss_by_feat, backend='eager', fullgraph=True)
    with torch.no_grad(), patch.object(AdjustedCrossEntropy, 'value_and_gradient', side_effect=AssertionError):
        assert compiled(*batch(0))['loss_arb'].isfinite()
    with (
        pytest.raises(AssertionError),
        patch.object(AdjustedCrossEntropy, 'value_and_gradient', side_effect=AssertionError),
    ):
        found(compiled, 0)


def test_the_second_differentiation_is_refused_as_it_is_uncompiled() -> None:
    torch._dynamo.reset()
    head = head_of(loss_decode=ARB)
    messages = []
    for function in (head.loss_by_feat, torch.compile(head.loss_by_feat, backend='eager', fullgraph=True)):
        logits, samples = batch(0)
        value = function(logits.requires_grad_(), samples)['loss_arb']
        with pytest.raises(RuntimeError, match='Set fused=False in the head') as raised:
            torch.autograd.grad(value, logits, create_graph=True)
        messages.append(str(raised.value))
    assert messages[0] == messages[1]


def test_images_of_other_sizes_are_compiled_once_more_at_most() -> None:
    torch._dynamo.reset()
    noted = Backend('aot_eager')
    head = head_of(loss_decode=[VS, FOCAL])
    compiled = torch.compile(head.loss_by_feat, backend=noted, fullgraph=True)
    for size in ((19, 22), (19, 22), (30, 40), (41, 37), (23, 64)):
        torch.testing.assert_close(found(compiled, 0, size), found(head.loss_by_feat, 0, size))
    assert len(noted.calls) <= 3
