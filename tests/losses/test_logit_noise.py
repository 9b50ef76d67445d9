"""The noise of BLV and GCL: its moments, what it is in expectation, and where it comes from."""

import math

import pytest
import torch
from hinted import hinted
from losses_under_test import COUNTS, K, batch
from torch.nn import functional as F
from two_processes import in_two_processes

from ltseg.heads import CosineClassifier
from ltseg.losses import BLVLoss, GCLLoss
from ltseg.losses.fused import fused_losses
from ltseg.registry import MODELS

N = torch.tensor(COUNTS, dtype=torch.float64)
BLV, GCL = dict(type='ltseg.BLVLoss', counts=COUNTS), dict(type='ltseg.GCLLoss', counts=COUNTS)
BOTH = pytest.mark.parametrize('config', [BLV, GCL], ids=['BLV', 'GCL'])


def build(config, **more):
    return MODELS.build({**config, **more})


def noise_of(loss, rows):
    """What a loss adds to ``rows`` samples of logits 0, (N, K)."""
    logits, labels = torch.zeros(rows, K, dtype=torch.float64), torch.zeros(rows, dtype=torch.int64)
    return loss.prepare(logits, labels, 255).shift(logits, labels)


def moments(sigma):
    """E min(|d|, 1) and E min(d^2, 1) for d ~ N(0, sigma^2): parts of the half normal below 1, and its tail at 1."""
    bound = 1 / sigma
    density, tail = 2 * math.exp(-(bound**2) / 2) / math.sqrt(2 * math.pi), math.erfc(bound / math.sqrt(2))
    first = sigma * (2 / math.sqrt(2 * math.pi) - density) + tail
    return first, sigma**2 * (1 - tail - bound * density) + tail


def test_closed_forms():
    assert round(moments(4.0)[0], 4) == 0.9008 and round(moments(1 / 3)[0], 4) == 0.2657
    point = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000  # integrated over quantiles
    size = (1.5 * torch.special.ndtri(point)).abs().clamp(max=1)
    torch.testing.assert_close(moments(1.5), (size.mean().item(), size.square().mean().item()), rtol=1e-6, atol=0)


@pytest.mark.parametrize('sigma', [4.0, 1.0, 1 / 3])
def test_moments_of_the_noise(sigma):
    torch.manual_seed(0)
    rarity, decline = torch.log(N.sum() / N), torch.log(N.max() / N)
    first, second = moments(sigma)
    for loss, amplitudes in (
        (BLVLoss(sigma, counts=COUNTS), rarity / rarity.max()),
        (GCLLoss(sigma, strength=0.5, counts=COUNTS), -0.5 * decline / decline.max()),
    ):
        noise = noise_of(loss, 40_000)
        torch.testing.assert_close(noise.mean(0), first * amplitudes, rtol=0.01, atol=0)  # 5 standard errors and more
        torch.testing.assert_close(noise.square().mean(0), second * amplitudes.square(), rtol=0.02, atol=0)
        assert noise[:, 1:].unique().numel() > 1000  # a number of its own for each sample and class


def test_loss_of_given_noise():
    """Cross entropy of the noisy logits; GCL scales cosines and noise alike."""
    logits, labels = batch(2, 3, 4)
    for loss, scale in ((build(BLV), 1), (build(GCL, scale=7.0), 7)):
        torch.manual_seed(3)
        value = loss(logits, labels, ignore_index=255)
        torch.manual_seed(3)
        noise = loss.prepare(logits, labels, 255).shift(logits, labels)
        torch.testing.assert_close(value, F.cross_entropy(scale * (logits + noise), labels, ignore_index=255))


@pytest.mark.parametrize('strength', [0.01, 0.1])
def test_expectation_is_logit_adjustment_up_to_the_variance(strength):
    """E l(z + e) = l(z + E e) + 1/2 sum_k Var(e_k) p_k (1 - p_k), up to third moments."""
    torch.manual_seed(0)
    row, labels = torch.tensor([0.3, -0.2, 0.1, 0.6, -0.4], dtype=torch.float64), torch.arange(K)
    for loss, sign in ((GCLLoss(strength=strength, scale=30.0, counts=COUNTS), 1), (BLVLoss(counts=COUNTS), -1)):
        first, second = moments(loss.sigma)
        ratio = N.max() / N.min() if sign > 0 else N.sum() / N.min()
        size = loss.scale * (strength if sign > 0 else 1)
        tau = sign * size * first / math.log(ratio)
        adjusted = build(dict(type='ltseg.LogitAdjustedLoss', tau=tau, counts=COUNTS))
        logits = row.expand(40_000, K)
        found = torch.stack([loss(logits, torch.full((40_000,), label)) for label in labels])
        expected = torch.stack([adjusted(loss.scale * row[None], label[None]) for label in labels])
        plain = F.cross_entropy(loss.scale * row.expand(K, K), labels, reduction='none')
        p = (loss.scale * row + tau * N.log()).softmax(0)
        variance = (second - first**2) * (loss.scale * loss.amplitudes(N)).square()
        expected += (variance * p * (1 - p)).sum() / 2
        assert (found - expected).abs().max() < 0.03 * (plain - expected).abs().max()


def test_tau_of_blv_is_about_minus_a_tenth_on_long_tailed_pixels():
    camvid_like = torch.logspace(8, 8 - math.log10(1500), 11)
    tau = -moments(4.0)[0] / torch.log(camvid_like.sum() / camvid_like.min())
    assert -0.12 < tau < -0.1


@BOTH
def test_a_gradient_of_frozen_noise_is_that_of_the_value(config):
    logits, labels = batch(2, 3)
    loss = build(config)

    def value(z):
        torch.manual_seed(1)
        return loss(z, labels, ignore_index=255)

    assert torch.autograd.gradcheck(value, logits.requires_grad_())
    assert torch.autograd.gradgradcheck(value, logits)


@BOTH
def test_noise_is_of_training_alone(config):
    logits, labels = batch(20)
    loss = build(config).eval()
    before = torch.get_rng_state()
    torch.testing.assert_close(
        loss(logits, labels, ignore_index=255), F.cross_entropy(loss.scale * logits, labels, ignore_index=255)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert loss.train()(logits, labels, ignore_index=255) != loss.eval()(logits, labels, ignore_index=255)


@BOTH
@pytest.mark.parametrize('fused', [False, True])
def test_the_seed_decides(config, fused):
    logits, labels = batch(1, 8, 8)
    loss = build(config)

    def value():
        if fused:
            return fused_losses([loss], logits, labels, ignore_index=255)[0][0]
        return loss(logits, labels, ignore_index=255)

    torch.manual_seed(5)
    first, second = value(), value()
    torch.manual_seed(5)
    assert first == value() and first != second


@BOTH
def test_bands_draw_the_noise_once_for_value_and_gradient(config):
    """For one label everywhere and equal low logits the gradient says which noise the value had."""
    loss = build(config)
    logits = torch.zeros(1, K, 1, 1, dtype=torch.float64, requires_grad=True)
    labels = torch.zeros(1, 1, 1, dtype=torch.int64)
    (value,), _ = fused_losses([loss], logits, labels)
    (gradient,) = torch.autograd.grad(value, logits)
    probability = gradient[0, 0, 0, 0] / loss.scale + 1  # dl / dz_y = scale (p_y - 1)
    torch.testing.assert_close(-probability.log(), value.detach())


@BOTH
def test_mixed_labels(config):
    """The noise does not depend on the label, so that soft labels have the same formula."""
    logits, _ = batch(6, ignored=False)
    soft = torch.rand(6, K, dtype=torch.float64).softmax(1)
    loss = build(config, sigma=1e9)
    noisy = loss.scale * (logits + loss.amplitudes(N))
    torch.testing.assert_close(loss(logits, soft), F.cross_entropy(noisy, soft))


@pytest.mark.parametrize('name', ['BLVLoss', 'GCLLoss'])
def test_hostile_counts(name):
    """Of absent classes, of one class, of none, and equal ones."""
    loss, logits = build(dict(type=f'ltseg.{name}', counts='batch')), torch.zeros(4, K, requires_grad=True)
    for labels in ([0, 0, 1, 255], [2, 2, 2, 2], [255, 255, 255, 255], [0, 1, 2, 3]):
        value = loss(logits, torch.tensor(labels), ignore_index=255)
        assert value.isfinite() and torch.autograd.grad(value, logits)[0].isfinite().all()
    equal = torch.full((K,), 7.0)
    torch.testing.assert_close(loss.amplitudes(equal), equal / 7 if name == 'BLVLoss' else equal * 0)


@pytest.mark.parametrize('wrong', [dict(sigma=-1.0), dict(strength=-0.1), dict(scale=0.0)], ids=str)
def test_arguments_out_of_range_are_named(wrong):
    with pytest.raises(ValueError, match=f'GCLLoss.{next(iter(wrong))}: expected'):
        GCLLoss(**wrong)


def test_gcl_wants_cosines():
    loss, (logits, labels) = build(GCL), batch(30)
    with pytest.warns(UserWarning, match='GCLLoss') as record:
        loss(3 * logits, labels, ignore_index=255)
    hinted('Use a head with a normalised classifier:', str(record[0].message))
    cosines = CosineClassifier(8, K)(torch.randn(len(labels), 8, 1, 1)).flatten(1)
    build(GCL)(cosines, labels, ignore_index=255)  # a warning would be an error


def noisy_value(rank, folder):
    logits, labels = batch(12)
    torch.manual_seed(rank)
    value = build(BLV)(logits[6 * rank :][:6], labels[6 * rank :][:6], ignore_index=255)
    torch.save(value, f'{folder}/{rank}.pth')


@pytest.mark.slow
def test_each_of_two_processes_has_noise_of_its_own_generator(tmp_path):
    in_two_processes(noisy_value, str(tmp_path))
    logits, labels = batch(12)
    halves = []
    for rank in range(2):
        torch.manual_seed(rank)
        part = slice(6 * rank, 6 * rank + 6)
        halves.append(build(BLV)(logits[part], labels[part], ignore_index=255, reduction_override='sum'))
    values = [torch.load(tmp_path / f'{rank}.pth') for rank in range(2)]
    torch.testing.assert_close(sum(values) / 2, sum(halves) / (labels != 255).sum())
