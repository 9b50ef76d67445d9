"""Losses of upsampled logits equal those of the upsampling itself, value and gradient, however the bands fall."""

import pytest
import torch
from hinted import hinted
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ltseg.core.adjustment import Adjustment
from ltseg.core.differentiated_cross_entropy import AdjustedCrossEntropy
from ltseg.core.fused_upsampling import upsampled_losses
from ltseg.core.right_samples import outcomes

K = 4
TERMS = {
    'bias': torch.tensor([0.5, -1.0, 2.0, -torch.inf], dtype=torch.float64),
    'margin': torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64),
    'scale': torch.tensor([1.0, 0.5, 2.0, 1.5], dtype=torch.float64),
    'weight': torch.tensor([1.0, 3.0, 0.0, 0.5], dtype=torch.float64),
    'smoothing': torch.tensor([0.1, 0.0, 0.4, 0.2], dtype=torch.float64),
}


def problem(images: int, source: tuple[int, int], size: tuple[int, int], seed: int, ignored: float):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, K, *source, dtype=torch.float64, generator=generator)
    labels = torch.randint(0, K - 1, (images, *size), generator=generator)  # the last class is out of the softmax
    labels[torch.rand(labels.shape, generator=generator) < ignored] = 255
    return logits.requires_grad_(), labels


def family(names: list[str], focusing: float, dtype: torch.dtype = torch.float64):
    """Knows its gradient."""
    adjustment = Adjustment(**{name: TERMS[name] for name in names}).to(torch.device('cpu'), dtype)
    return AdjustedCrossEntropy(adjustment, focusing, 255)


def left_to_autograd(losses):
    return lambda logits, labels: losses(logits, labels)


def plain(logits, labels, losses, align_corners):
    upsampled = F.interpolate(logits, labels.shape[1:], mode='bilinear', align_corners=align_corners)
    of_pixels, class_weights = losses(upsampled, labels)
    valid = labels != 255
    correct = ((upsampled.argmax(1) == labels) & valid).sum()
    return of_pixels.sum(), (valid if class_weights is None else class_weights).sum(), correct


@settings(max_examples=100, deadline=None)
@given(
    images=st.integers(1, 3),
    source=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    size=st.one_of(st.none(), st.tuples(st.integers(1, 23), st.integers(1, 23))),  # None: that of the logits
    align_corners=st.booleans(),
    names=st.lists(st.sampled_from(list(TERMS)), unique=True),
    focusing=st.sampled_from([0.0, 0.5, 2.0]),
    ignored=st.sampled_from([0.0, 0.3, 1.0]),
    band_rows=st.one_of(st.none(), st.integers(1, 30)),
    knows_its_gradient=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_equals_the_plain_path(
    images, source, size, align_corners, names, focusing, ignored, band_rows, knows_its_gradient, seed
):
    logits, labels = problem(images, source, size or source, seed, ignored)
    losses = family(names, focusing)
    expected = plain(logits, labels, losses, align_corners)
    given = losses if knows_its_gradient else left_to_autograd(losses)
    found = upsampled_losses(logits, labels, [given], align_corners, 255, band_rows)
    torch.testing.assert_close(found.losses[0], expected[0])
    torch.testing.assert_close(found.class_weights[0], expected[1].double())
    assert found.correct == expected[2]
    gradients = [torch.autograd.grad(value, logits)[0] for value in (found.losses[0], expected[0])]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize('ignored', [0.2, 1.0])
@pytest.mark.parametrize('band_rows', [1, 4, None])
def test_correct_pixels_of_each_class(ignored, band_rows):
    logits, labels = problem(2, (3, 4), (9, 11), 0, ignored)
    found = upsampled_losses(logits, labels, [family([], 0.0)], False, 255, band_rows, by_class=True)
    upsampled = F.interpolate(logits, labels.shape[1:], mode='bilinear')
    assert torch.equal(found.correct, outcomes(upsampled, labels, 255))


@pytest.mark.parametrize('align_corners', [False, True])
def test_gradcheck(align_corners):
    logits, labels = problem(2, (3, 2), (7, 5), 0, 0.2)
    others = family(['margin', 'scale'], 2.0)
    several = [family(['bias', 'weight'], 0.0), others, family(list(TERMS), 0.5), left_to_autograd(others)]

    def value(z):
        return upsampled_losses(z, labels, several, align_corners, 255, band_rows=3).losses

    assert torch.autograd.gradcheck(value, logits)


def test_several_losses_get_the_gradients_of_each():
    logits, labels = problem(1, (3, 4), (12, 16), 1, 0.1)
    first, second = family(['bias'], 0.0), family(['weight'], 1.0)
    both = upsampled_losses(logits, labels, [first, second], False, 255).losses
    combined = torch.autograd.grad(2 * both[0] - 3 * both[1], logits)[0]
    alone = [
        torch.autograd.grad(upsampled_losses(logits, labels, [loss], False, 255).losses[0], logits)[0]
        for loss in (first, second)
    ]
    torch.testing.assert_close(combined, 2 * alone[0] - 3 * alone[1])


def test_without_gradient_the_value_is_the_same_and_nothing_hangs_on_it():
    logits, labels = problem(1, (3, 3), (9, 9), 2, 0.1)
    losses = family(['bias'], 0.0)
    with_graph = upsampled_losses(logits, labels, [losses], ignore_index=255).losses
    with torch.no_grad():
        without = upsampled_losses(logits, labels, [losses], ignore_index=255).losses
    assert with_graph.requires_grad and not without.requires_grad
    assert torch.equal(with_graph, without)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_low_precision_is_computed_in_float32(dtype):
    exact, labels = problem(2, (4, 4), (16, 16), 3, 0.1)
    logits = exact.detach().to(dtype).requires_grad_()
    wide = logits.detach().double().requires_grad_()
    for z, computed_in in ((logits, torch.float32), (wide, torch.float64)):
        losses = family(['bias', 'weight'], 0.0, computed_in)
        upsampled_losses(z, labels, [losses], ignore_index=255).losses[0].backward()
    assert logits.grad.dtype == dtype
    tolerance = 1e-5 if dtype == torch.float32 else torch.finfo(dtype).eps
    torch.testing.assert_close(logits.grad.double(), wide.grad, rtol=tolerance, atol=tolerance)


def test_differentiating_twice_says_what_to_do():
    logits, labels = problem(1, (2, 2), (4, 4), 4, 0.0)
    value = upsampled_losses(logits, labels, [family([], 0.0)]).losses[0]
    with pytest.raises(RuntimeError, match='fused=False'):
        torch.autograd.grad(value, logits, create_graph=True)
    hinted(
        'Set fused=False in the head, or call the loss on upsampled logits.',
        lambda: torch.autograd.grad(value, logits, create_graph=True),
    )
    value, *_ = plain(logits, labels, family([], 0.0), align_corners=False)
    (once,) = torch.autograd.grad(value, logits, create_graph=True)
    assert torch.autograd.grad(once.square().sum(), logits)[0].abs().sum() > 0


def test_runs_inside_activation_checkpointing_and_a_compiled_function():
    logits, labels = problem(1, (3, 3), (12, 12), 5, 0.1)

    def value(z):
        return upsampled_losses(2 * z, labels, [family(['bias'], 0.0)], ignore_index=255).losses[0]

    expected = torch.autograd.grad(value(logits), logits)[0]
    recomputed = torch.utils.checkpoint.checkpoint(value, logits, use_reentrant=False)
    torch.testing.assert_close(torch.autograd.grad(recomputed, logits)[0], expected)
    graphs = []
    compiled = torch.compile(value, backend=lambda graph, inputs: graphs.append(graph) or graph)
    torch.testing.assert_close(torch.autograd.grad(compiled(logits), logits)[0], expected)
    called = [str(node.target) for graph in graphs for node in graph.graph.nodes if node.op.startswith('call')]
    assert called and not any('exp2' in name or 'matmul' in name for name in called)  # the bands are not compiled
