"""The Triton kernels give what upsampling and the loss give in float64; without a GPU, in Triton's interpreter."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hinted import hinted
from torch.nn import functional as F

from ltseg.core.adjustment import Adjustment
from ltseg.core.differentiated_cross_entropy import AdjustedCrossEntropy
from ltseg.core.fused_upsampling import upsampled_losses
from ltseg.core.triton_maps import Kernels

pytest.importorskip('triton', minversion='3.0')

DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
IGNORED = 255
SHAPES = {  # images, classes, cells and pixels of rows, of columns
    'by 4': (2, 19, (4, 16), (6, 24)),
    'uneven': (1, 7, (5, 19), (7, 22)),
    'more than a tile': (1, 3, (2, 5), (36, 144)),
    'by 50': (1, 3, (1, 5), (2, 100)),
    'the same': (1, 4, (5, 5), (6, 6)),
    'smaller': (1, 4, (9, 7), (10, 6)),
}
LOSSES = {
    'plain': ([], 0.0),
    'focal': (['bias'], 2.0),
    'all but smoothing': (['bias', 'margin', 'scale', 'weight'], 0.5),
    'all but focal': (['bias', 'margin', 'scale', 'weight', 'smoothing'], 0.0),
    'smoothing': (['smoothing'], 0.0),
}


def problem(shape, seed=0):
    images, classes, (h, height), (w, width) = shape
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(images, classes, h, w, generator=generator)
    labels = torch.randint(classes - 1, (images, height, width), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.2] = IGNORED
    return logits.to(DEVICE).requires_grad_(), labels.to(DEVICE)


def loss_of(name, classes, dtype=torch.float32):
    """A loss under which the last class is outside the softmax where there is a bias."""
    names, focusing = LOSSES[name]
    generator = torch.Generator().manual_seed(1)
    bias, margin, scale, weight, smoothing = torch.rand(5, classes, generator=generator, dtype=torch.float64)
    bias[-1] = -torch.inf
    terms = dict(bias=3 * bias, margin=margin, scale=2 * scale, weight=weight, smoothing=0.4 * smoothing)
    adjustment = Adjustment(**{each: terms[each] for each in names})
    return AdjustedCrossEntropy(adjustment.to(torch.device(DEVICE), dtype), focusing, IGNORED)


def plain(logits, labels, losses, align_corners):
    upsampled = F.interpolate(logits, labels.shape[1:], mode='bilinear', align_corners=align_corners)
    of_pixels, class_weights = losses(upsampled, labels)
    valid = labels != IGNORED
    correct = ((upsampled.argmax(1) == labels) & valid).sum()
    return of_pixels.sum(), (valid if class_weights is None else class_weights).sum(), correct


@pytest.mark.parametrize('align_corners', [False, True], ids=['', 'align_corners'])
@pytest.mark.parametrize(
    ('shape', 'name'),
    [*[('uneven', name) for name in LOSSES], *[(shape, 'all but focal') for shape in SHAPES if shape != 'uneven']],
)
def test_equals_float64(shape, name, align_corners):
    logits, labels = problem(SHAPES[shape])
    classes = logits.shape[1]
    wide = logits.detach().double().requires_grad_()
    losses, class_weights, correct = plain(wide, labels, loss_of(name, classes, torch.float64), align_corners)
    found = upsampled_losses(logits, labels, [loss_of(name, classes)], align_corners, IGNORED, path='triton')
    torch.testing.assert_close(found.losses[0].double(), losses, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(found.class_weights[0], class_weights.double(), rtol=1e-6, atol=0)
    assert found.correct == correct
    (gradient,) = torch.autograd.grad(found.losses[0], logits)
    (expected,) = torch.autograd.grad(losses, wide)
    assert (gradient - expected).abs().max() <= 2e-6 * expected.abs().max()


def test_correct_pixels_of_each_class_are_those_of_bands():
    logits, labels = problem(SHAPES['uneven'])
    paths = [(logits, 'triton'), (logits.double(), 'bands')]
    found = [
        upsampled_losses(z, labels, [loss_of('plain', 7)], False, IGNORED, path=p, by_class=True) for z, p in paths
    ]
    assert found[0].correct.shape == (2, 7) and torch.equal(found[0].correct, found[1].correct)
    assert found[0].correct.sum() == (labels != IGNORED).sum()


def test_losses_of_the_same_softmax_share_the_passes(monkeypatch):
    logits, labels = problem(SHAPES['uneven'])
    several = [AdjustedCrossEntropy(Adjustment(), focusing, IGNORED) for focusing in (0.0, 2.0)] + [loss_of('focal', 7)]
    passes = []
    for name in ('maps', 'gradient'):
        method = getattr(Kernels, name)
        monkeypatch.setattr(Kernels, name, lambda *a, method=method: passes.append(method.__name__) or method(*a))
    results = {}
    for path in ('triton', 'bands'):
        losses = upsampled_losses(logits, labels, several, False, IGNORED, path=path).losses
        (gradient,) = torch.autograd.grad(2 * losses[0] - 3 * losses[1] + losses[2], logits)
        results[path] = losses.detach(), gradient
    torch.testing.assert_close(results['triton'], results['bands'], rtol=1e-5, atol=1e-5)
    assert passes == ['maps', 'maps', 'gradient', 'gradient']


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_low_precision_is_computed_in_float32(dtype):
    exact, labels = problem(SHAPES['uneven'])
    logits = exact.detach().to(dtype).requires_grad_()
    wide = logits.detach().float().requires_grad_()
    for z, path in ((logits, 'triton'), (wide, 'bands')):
        upsampled_losses(z, labels, [loss_of('focal', 7)], ignore_index=IGNORED, path=path).losses[0].backward()
    assert logits.grad.dtype == dtype
    tolerance = torch.finfo(dtype).eps
    torch.testing.assert_close(logits.grad.float(), wide.grad, rtol=tolerance, atol=tolerance)


def test_all_ignored_is_zero_with_a_gradient_of_zero():
    logits, labels = problem(SHAPES['uneven'])
    found = upsampled_losses(logits, labels.fill_(IGNORED), [loss_of('focal', 7)], ignore_index=IGNORED, path='triton')
    assert found.losses == 0 and found.correct == 0
    assert (torch.autograd.grad(found.losses[0], logits)[0] == 0).all()


def test_a_label_that_is_no_class_makes_the_loss_nan():
    logits, labels = problem(SHAPES['uneven'])
    labels[0, 0, 0] = 77
    assert upsampled_losses(logits, labels, [loss_of('plain', 7)], ignore_index=IGNORED, path='triton').losses.isnan()


def test_differentiating_twice_says_what_to_do():
    logits, labels = problem(SHAPES['the same'])
    losses = loss_of('plain', 4)
    value = upsampled_losses(logits, labels, [losses], ignore_index=IGNORED, path='triton').losses[0]
    hinted(
        'Set fused=False in the head, or call the loss on upsampled logits.',
        lambda: torch.autograd.grad(value, logits, create_graph=True),
    )
    upsampled = plain(logits, labels, losses, False)[0]
    assert torch.autograd.grad(upsampled, logits, create_graph=True)[0].requires_grad


def without_a_gradient(logits, labels):
    return loss_of('plain', logits.shape[1])(logits, labels)


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        (lambda z, y, loss: (z, y, without_a_gradient), 'a loss that is no adjusted cross entropy'),
        (lambda z, y, loss: (z.double(), y, loss), 'float64'),
        (lambda z, y, loss: (z[:, :, :1, :1], y.new_zeros(1, 300, 8), loss), r'logits \(1, 7, 1, 1\) for labels'),
        (
            lambda z, y, loss: (z, y, AdjustedCrossEntropy(loss_of('smoothing', 7).adjustment, 2.0, 255)),
            'smoothed labels',
        ),
    ],
    ids=['another loss', 'float64', 'too far', 'focal and smoothed'],
)
def test_what_the_kernels_cannot_do_is_an_error_with_a_hint_that_works(change, reason):
    logits, labels, losses = change(*problem(SHAPES['uneven']), loss_of('plain', 7))
    with pytest.raises(ValueError, match=reason) as raised:
        upsampled_losses(logits, labels, [losses], False, IGNORED, path='triton')
    hinted('Set fused=True.', str(raised.value))
    assert upsampled_losses(logits, labels, [losses], False, IGNORED).losses.isfinite()


@pytest.mark.parametrize(
    ('lacks', 'reason'), [('package', 'no package triton'), ('version', 'older than 3.0'), ('device', 'another device')]
)
def test_a_machine_without_what_triton_needs_takes_bands(lacks, reason, monkeypatch):
    if lacks == 'package':
        monkeypatch.setitem(sys.modules, 'triton', None)
    if lacks == 'version':
        monkeypatch.setattr('triton.__version__', '2.1.0')
    if lacks == 'device':
        monkeypatch.setenv('TRITON_INTERPRET', '0')
    (logits, labels), losses = problem(SHAPES['uneven']), loss_of('plain', 7)
    logits, labels = logits.cpu(), labels.cpu()
    with pytest.raises(ValueError, match=reason):
        upsampled_losses(logits, labels, [losses], False, IGNORED, path='triton')
    assert upsampled_losses(logits, labels, [losses], False, IGNORED).losses.isfinite()


COMPILATION = """
import inspect
from triton import compile
from triton.compiler import ASTSource
from triton.backends.compiler import GPUTarget
from ltseg.core import triton_kernels

GIVEN = dict(S=4, J=128, KB=8, R=16, CELLS=30, C=32, ALIGN=False, HAS_MARGIN=True)
TYPES = dict(logits='*bf16', labels='*i64', correct='*i8')
FLOATS = ('scale', 'bias', 'margin', 'log_sum', 'own', 'slope', 'all_slopes', 'gradient')
for kernel, warps in ((triton_kernels.forward_kernel, 4), (triton_kernels.backward_kernel, 8)):
    names = list(inspect.signature(kernel.fn).parameters)
    kinds = {n: 'constexpr' if n in GIVEN else '*fp32' if n in FLOATS else TYPES.get(n, 'i32') for n in names}
    constants = {(names.index(name),): value for name, value in GIVEN.items() if name in names}
    for capability in (80, 90):
        options = dict(num_warps=warps, enable_fp_fusion=True)
        made = compile(ASTSource(kernel, kinds, constants), GPUTarget('cuda', capability, 32), options=options)
        assert made.asm['cubin'], capability
"""


@pytest.mark.slow
def test_the_kernels_compile_for_gpus(tmp_path, monkeypatch):
    """No GPU is needed for it: Triton brings its assembler along."""
    monkeypatch.setenv('TRITON_INTERPRET', '0')
    monkeypatch.setenv('TRITON_CACHE_DIR', str(tmp_path))
    root = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, '-c', COMPILATION], cwd=root, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
