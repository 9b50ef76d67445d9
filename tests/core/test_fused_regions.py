"""Sums over upsampled regions, and losses of them, equal those of the upsampling itself, however the bands fall."""

import pytest
import torch
from hinted import hinted
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from ltseg.core.adjustment import Adjustment
from ltseg.core.fused_regions import upsampled_regions
from ltseg.core.regions import AdjustedRegions, RegionSums

K = 4
TERMS = {
    'bias': torch.tensor([0.5, -1.0, 2.0, -torch.inf], dtype=torch.float64),
    'margin': torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64),
    'scale': torch.tensor([1.0, 0.5, 2.0, 1.5], dtype=torch.float64),
}


def problem(images, source, size, seed, ignored):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, K, *source, dtype=torch.float64, generator=generator)
    labels = torch.randint(0, K - 1, (images, *size), generator=generator)  # the last class is out of the softmax
    labels[torch.rand(labels.shape, generator=generator) < ignored] = 255
    return logits.requires_grad_(), labels


def regions_of(*names, dtype=torch.float64):
    return AdjustedRegions(Adjustment(**{name: TERMS[name] for name in names}).to(torch.device('cpu'), dtype), 255)


def plain(logits, labels, regions, align_corners=False):
    upsampled = F.interpolate(logits, labels.shape[1:], mode='bilinear', align_corners=align_corners)
    return torch.stack(regions(upsampled, labels))


def fused(logits, labels, regions, align_corners=False, band_rows=None):
    return torch.stack(upsampled_regions(logits, labels, [regions], align_corners, band_rows)[0])


def any_function(sums):
    """Of the sums of all images, so that the gradient of one hangs on the others."""
    positives, wrong, missed = sums.sum(1)
    return ((positives + 0.5) / (positives + 2 * (wrong + 0.1).sqrt() + missed**2 + 1)).sum() + (sums**2).sum() / 100


@settings(max_examples=60, deadline=None)
@given(
    images=st.integers(1, 3),
    source=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    size=st.one_of(st.none(), st.tuples(st.integers(1, 23), st.integers(1, 23))),  # None: that of the logits
    align_corners=st.booleans(),
    names=st.lists(st.sampled_from(list(TERMS)), unique=True),
    ignored=st.sampled_from([0.0, 0.3, 1.0]),
    band_rows=st.one_of(st.none(), st.integers(1, 30)),
    seed=st.integers(0, 2**16),
)
def test_equals_the_plain_path(images, source, size, align_corners, names, ignored, band_rows, seed):
    logits, labels = problem(images, source, size or source, seed, ignored)
    regions = regions_of(*names)
    pair = fused(logits, labels, regions, align_corners, band_rows), plain(logits, labels, regions, align_corners)
    torch.testing.assert_close(*pair)
    torch.testing.assert_close(*(torch.autograd.grad(any_function(sums), logits)[0] for sums in pair))


def test_several_share_the_bands():
    logits, labels = problem(2, (3, 4), (12, 16), 1, 0.1)
    several = [regions_of('bias'), regions_of('scale', 'margin')]
    found = [torch.stack(sums) for sums in upsampled_regions(logits, labels, several, band_rows=5)]
    alone = [plain(logits, labels, regions) for regions in several]
    torch.testing.assert_close(found, alone)
    pair = (2 * any_function(sums[0]) - 3 * any_function(sums[1]) for sums in (found, alone))
    torch.testing.assert_close(*(torch.autograd.grad(value, logits)[0] for value in pair))


def test_gradcheck():
    logits, labels = problem(2, (3, 2), (7, 5), 0, 0.2)
    regions = regions_of(*TERMS)
    assert torch.autograd.gradcheck(lambda z: fused(z, labels, regions, band_rows=3), logits)


@pytest.mark.parametrize('value', [torch.nan, torch.inf, -torch.inf])
def test_ignored_logits_may_be_anything(value):
    logits, labels = problem(2, (6, 5), (6, 5), 2, 0.4)
    wild = logits.detach().masked_fill((labels == 255).unsqueeze(1), value).requires_grad_()
    found, expected = (fused(each, labels, regions_of('bias')) for each in (wild, logits))
    torch.testing.assert_close(found, expected)
    pair = (torch.autograd.grad(any_function(sums), each)[0] for sums, each in ((found, wild), (expected, logits)))
    torch.testing.assert_close(*pair)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_low_precision_is_computed_in_float32_also_under_autocast(dtype):
    exact, labels = problem(2, (4, 4), (16, 16), 3, 0.1)
    logits = exact.detach().to(dtype).requires_grad_()
    wide = logits.detach().double().requires_grad_()
    any_function(fused(wide, labels, regions_of('bias'))).backward()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        sums = fused(logits, labels, regions_of('bias', dtype=torch.float32))
        any_function(sums).backward()
    assert sums.dtype == torch.float32 and logits.grad.dtype == dtype
    tolerance = 1e-5 if dtype == torch.float32 else torch.finfo(dtype).eps
    torch.testing.assert_close(logits.grad.double(), wide.grad, rtol=tolerance, atol=tolerance)


def test_differentiating_twice_says_what_to_do():
    logits, labels = problem(1, (2, 2), (4, 4), 4, 0.0)
    value = any_function(fused(logits, labels, regions_of()))
    hinted(
        'Set fused=False in the head, or call the loss on upsampled logits.',
        lambda: torch.autograd.grad(value, logits, create_graph=True),
    )
    (once,) = torch.autograd.grad(any_function(plain(logits, labels, regions_of())), logits, create_graph=True)
    assert torch.autograd.grad(once.square().sum(), logits)[0].abs().sum() > 0


def test_without_gradient_the_value_is_the_same_and_nothing_hangs_on_it():
    logits, labels = problem(1, (3, 3), (9, 9), 2, 0.1)
    with_graph = upsampled_regions(logits, labels, [regions_of()])[0]
    with torch.no_grad():
        without = upsampled_regions(logits, labels, [regions_of()])[0]
    assert isinstance(without, RegionSums) and not without.true_positives.requires_grad
    assert with_graph.true_positives.requires_grad and torch.equal(torch.stack(with_graph), torch.stack(without))


def tensors(tree):
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, torch.Tensor)]


class Sizes(TorchDispatchMode):
    """The most elements that an operator made, views aside."""

    def __init__(self):
        super().__init__()
        self.most = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **kwargs or {})
        given = {each.untyped_storage().data_ptr() for each in tensors(args)}
        made = [each.numel() for each in tensors(result) if each.untyped_storage().data_ptr() not in given]
        self.most = max([self.most, *made])
        return result


def test_nothing_larger_than_a_band_is_made():
    logits, labels = problem(2, (4, 4), (64, 64), 5, 0.1)
    with Sizes() as sizes:
        any_function(fused(logits, labels, regions_of(*TERMS), band_rows=2)).backward()
    assert logits.grad.abs().sum() > 0 and sizes.most == K * 2 * 64
