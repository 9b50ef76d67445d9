"""LADE's regularizer: its formula, the divergences that it bounds, and the optimum that it shares with the softmax."""

import pytest
import torch
from losses_under_test import COUNTS, K, batch
from torch.nn import functional as F

from ltseg.core.adjustment import Adjustment
from ltseg.core.density_ratio import DensityRatios
from ltseg.core.fused_regions import upsampled_regions
from ltseg.losses import BalancedSoftmaxLoss, LADERLoss
from ltseg.losses.fused import fused_losses

PRIOR = torch.tensor(COUNTS, dtype=torch.float64) / sum(COUNTS)


def value_and_gradient(loss, logits, labels, **arguments):
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, labels, ignore_index=255, **arguments)
    return value.detach(), torch.autograd.grad(value, logits)[0]


def log_average(logits, shares, prior=PRIOR):
    """log E_u exp(z_k), (K,), of rows (N, K) with labels as probabilities (N, K)."""
    importance = (shares / (len(prior) * prior)).sum(1)
    return (importance @ logits.exp() / len(logits)).log()


def naive(logits, shares, penalty, prior=PRIOR):
    averages, terms = log_average(logits, shares, prior), []
    for k in range(len(prior)):
        if shares[:, k].sum() > 0:
            mean = (shares[:, k] * logits[:, k]).sum() / shares[:, k].sum()
            terms.append(prior[k] * (-mean + averages[k] + penalty * averages[k] ** 2))
    return sum(terms)


@pytest.mark.parametrize('absent', [(), (2,), (0, 1, 3, 4)], ids=['all classes', 'four classes', 'one class'])
@pytest.mark.parametrize('penalty', [0.0, 0.5])
def test_it_is_the_formula_of_the_classes_present(absent, penalty):
    logits, labels = batch(60)
    for k in absent:
        labels = labels.where(labels != k, 2 if len(absent) > 1 else 4)
    kept, leaf = labels != 255, logits.clone().requires_grad_()
    expected = naive(leaf[kept], F.one_hot(labels[kept], K).double(), penalty)
    found = value_and_gradient(LADERLoss(penalty, counts=COUNTS), logits, labels)
    torch.testing.assert_close(found, (expected.detach(), torch.autograd.grad(expected, leaf)[0]))


def test_mixed_labels_count_by_their_shares():
    logits, labels = batch(60, ignored=False)
    hard, shares = F.one_hot(labels, K).double(), torch.rand(60, K).double().softmax(1)
    loss = LADERLoss(counts=COUNTS)
    torch.testing.assert_close(loss(logits, hard), loss(logits, labels))
    torch.testing.assert_close(loss(logits, shares), naive(logits, shares, 0.1))


def test_a_sample_weight_is_a_number_of_samples():
    logits, labels = batch(30)
    times = torch.arange(30) % 3
    repeated = logits.repeat_interleave(times, 0), labels.repeat_interleave(times)
    loss = LADERLoss(counts=COUNTS)
    torch.testing.assert_close(loss(logits, labels, weight=times, ignore_index=255), loss(*repeated, ignore_index=255))


def distribution():
    """p(x|k) of seven inputs and three classes, (7, 3), and the prior of the classes."""
    torch.manual_seed(0)
    prior = torch.tensor([0.7, 0.25, 0.05], dtype=torch.float64)
    return torch.rand(7, 3, dtype=torch.float64).softmax(0) ** 2, prior


def of_distribution(loss, logits, of_classes, prior):
    """The loss of logits (7, 3) when each input and class is as frequent as it is probable."""
    of_classes = of_classes / of_classes.sum(0)
    return loss(logits.repeat_interleave(3, 0), torch.arange(3).repeat(7), weight=21 * (of_classes * prior).flatten())


def test_its_optimum_is_that_of_balanced_softmax_and_knows_no_prior():
    of_classes, prior = distribution()
    of_classes = of_classes / of_classes.sum(0)
    counts = (1000 * prior).tolist()
    uniform = of_classes.mean(1, keepdim=True)
    logits = (of_classes / uniform).log().requires_grad_()
    divergences = (of_classes * logits).sum(0).detach()
    for penalty in (0.0, 0.1):
        value = of_distribution(LADERLoss(penalty, counts=counts), logits, of_classes, prior)
        torch.testing.assert_close(value.detach(), -(prior * divergences).sum())
        torch.testing.assert_close(torch.autograd.grad(value, logits)[0], torch.zeros(7, 3, dtype=torch.float64))
    value = of_distribution(BalancedSoftmaxLoss(counts=counts), logits, of_classes, prior)
    torch.testing.assert_close(torch.autograd.grad(value, logits)[0], torch.zeros(7, 3, dtype=torch.float64))


def test_it_bounds_the_divergences_from_below_whatever_the_logits():
    of_classes, prior = distribution()
    of_classes = of_classes / of_classes.sum(0)
    least = -(prior * (of_classes * (of_classes / of_classes.mean(1, keepdim=True)).log()).sum(0)).sum()
    bound, penalised = (LADERLoss(penalty, counts=(1000 * prior).tolist()) for penalty in (0.0, 0.1))
    for scale in (0.1, 1.0, 10.0):
        logits = scale * torch.randn(7, 3, dtype=torch.float64)
        value = of_distribution(bound, logits, of_classes, prior)
        assert value > least
        shifted = logits + torch.tensor([3.0, -2.0, 0.5])  # a constant for each class
        torch.testing.assert_close(of_distribution(bound, shifted, of_classes, prior), value)
        assert of_distribution(penalised, shifted, of_classes, prior) > value


def test_the_square_sets_the_constants():
    """Of logits that balanced softmax alone leaves as they are: to all it adds a number."""
    _, labels = batch(200, ignored=False)
    shares, constants = F.one_hot(labels, K).double(), torch.full((K,), 2.0, dtype=torch.float64, requires_grad=True)
    logits, loss = torch.randn(200, K).double(), LADERLoss(counts=COUNTS)
    optimizer = torch.optim.LBFGS([constants], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-15)

    def value():
        optimizer.zero_grad()
        found = loss(logits + constants, labels)
        found.backward()
        return found

    optimizer.step(value)
    averages = log_average(logits + constants.detach(), shares)
    torch.testing.assert_close(averages, torch.zeros(K, dtype=torch.float64), rtol=0, atol=1e-4)


@pytest.mark.parametrize('scale', [1e3, 1e4])
def test_no_exponential_overflows(scale):
    logits, labels = batch(2, 6, 6, dtype=torch.float32)
    found = value_and_gradient(LADERLoss(counts=COUNTS), scale * logits, labels)
    expected = value_and_gradient(LADERLoss(counts=COUNTS), scale * logits.double(), labels)
    torch.testing.assert_close([each.double() for each in found], list(expected), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('value', [torch.nan, torch.inf, 1e30])
def test_ignored_logits_may_be_anything(value):
    logits, labels = batch(2, 4, 4)
    ignored = (labels == 255).unsqueeze(1)
    expected = value_and_gradient(LADERLoss(counts=COUNTS), logits, labels)
    found = value_and_gradient(LADERLoss(counts=COUNTS), logits.masked_fill(ignored, value), labels)
    torch.testing.assert_close(found, expected)


def test_classes_without_a_count_are_taken_as_counted_once():
    logits, labels = batch(30)
    found, expected = (LADERLoss(counts=counts) for counts in ([90, 0, 9, 0, 1], [90, 1, 9, 1, 1]))
    torch.testing.assert_close(found(logits, labels, ignore_index=255), expected(logits, labels, ignore_index=255))


@pytest.mark.parametrize('scale', [None, [1.0, 0.5, 2.0, 1.5, 3.0]])
def test_bands_of_upsampled_logits_know_their_gradient(scale):
    torch.manual_seed(0)
    logits, labels = torch.randn(2, K, 3, 2, dtype=torch.float64, requires_grad=True), torch.randint(0, K, (2, 7, 5))
    labels[0, :2] = 255
    terms = {} if scale is None else {'scale': torch.tensor(scale, dtype=torch.float64)}
    ratios = DensityRatios(Adjustment(**terms), PRIOR, torch.ones(K, dtype=torch.float64), 255)

    def sums(z):
        return torch.stack(upsampled_regions(z, labels, [ratios], band_rows=3)[0])

    assert torch.autograd.gradcheck(sums, logits)
    upsampled = F.interpolate(logits, (7, 5), mode='bilinear')
    torch.testing.assert_close(sums(logits), torch.stack(ratios(upsampled, labels)))


def test_large_logits_of_a_low_resolution():
    logits, labels = 50 * torch.randn(2, K, 4, 4), batch(2, 16, 16)[1]
    loss = LADERLoss(counts=COUNTS)
    (found,), _ = fused_losses([loss], logits, labels, ignore_index=255, band_rows=4)
    upsampled = F.interpolate(logits.double(), (16, 16), mode='bilinear')
    expected = loss(upsampled, labels, ignore_index=255)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=0)
