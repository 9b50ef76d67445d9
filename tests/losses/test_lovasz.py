"""Lovász-Softmax: the IoU at hard predictions, convex between them, and its options by naive computation."""

from itertools import product

import pytest
import torch
from hinted import hinted
from losses_under_test import COUNTS, K, batch
from torch.nn import functional as F

from ltseg.core.confusion import ClassRates, confusion_matrix
from ltseg.core.lovasz import lovasz_gradient, lovasz_losses
from ltseg.losses import JaccardLoss, LovaszLoss
from ltseg.rules import PriorBias, Temperature


def value_and_gradient(loss, logits, labels, **arguments):
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, labels, ignore_index=255, **arguments)
    return value.detach(), torch.autograd.grad(value, logits)[0]


def set_loss(wrong, own, measure):
    """1 - IoU of a class when some pixels are wrong."""
    hit, union = measure[own & ~wrong].sum(), measure[own | wrong].sum()
    return 1 - hit / union


def naive(errors, own, measure):
    """The extension by its definition: pixels join the set of wrong ones in the order of their errors."""
    wrong = torch.zeros_like(own)
    value, before = 0.0, set_loss(wrong, own, measure)
    for pixel in errors.argsort(descending=True):
        wrong[pixel] = True
        after = set_loss(wrong, own, measure)
        value, before = value + errors[pixel] * (after - before), after
    return value


def extension(errors, own, measure):
    return (errors * lovasz_gradient(errors[None], own[None], measure[None])[0]).sum()


def pixels(number=12, weighted=False):
    own, measure = torch.rand(number) < 0.4, torch.rand(number, dtype=torch.float64) if weighted else torch.ones(number)
    own[0] = True
    return torch.rand(number, dtype=torch.float64), own, measure.double()


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('weighted', [False, True])
def test_the_extension_by_its_definition(seed, weighted):
    torch.manual_seed(seed)
    errors, own, measure = pixels(weighted=weighted)
    torch.testing.assert_close(extension(errors, own, measure), naive(errors, own, measure))


def test_sets_of_wrong_pixels_have_their_own_loss():
    _, own, measure = pixels(6, weighted=True)
    for wrong in product([False, True], repeat=6):
        wrong = torch.tensor(wrong)
        torch.testing.assert_close(extension(wrong.double(), own, measure), set_loss(wrong, own, measure))


@pytest.mark.parametrize('seed', range(20))
def test_it_is_convex_in_the_errors_and_linear_in_their_scale(seed):
    torch.manual_seed(seed)
    first, own, measure = pixels(weighted=seed % 2 == 0)
    second, share = torch.rand_like(first), torch.rand(())
    middle = extension(share * first + (1 - share) * second, own, measure)
    ends = [extension(errors, own, measure) for errors in (first, second)]
    assert middle <= share * ends[0] + (1 - share) * ends[1] + 1e-12
    torch.testing.assert_close(extension(0.3 * first, own, measure), 0.3 * ends[0])


@pytest.mark.parametrize('absent', [False, True])
def test_hard_predictions_give_the_mean_iou(absent):
    logits, labels = batch(2, 8, 8)
    labels = labels.where(labels != 3, 1) if absent else labels  # class 3 is still predicted
    hard = 1e4 * F.one_hot(logits.argmax(1), K).double().movedim(-1, 1)
    iou = ClassRates.of(confusion_matrix(logits.argmax(1), labels, K, ignore_index=255)).iou
    assert (logits.argmax(1) == 3).any()
    expected = 1 - iou[[k for k in range(K) if (labels == k).any()]].mean() / 100
    torch.testing.assert_close(LovaszLoss()(hard, labels, ignore_index=255), expected)
    torch.testing.assert_close(JaccardLoss(smooth=0.0)(hard, labels, ignore_index=255), expected)


@pytest.mark.parametrize('average', ['count', 'weight'])
def test_class_weights_and_rules_by_the_formula(average):
    logits, labels = batch(30)
    labels = labels.where(labels != 2, 4)
    rules = [PriorBias(tau=0.5), Temperature(gamma=0.2)]
    loss = LovaszLoss(class_weight='inverse', rules=rules, counts=COUNTS, average=average)
    counts = torch.tensor(COUNTS, dtype=torch.float64)
    adjusted = logits * (counts / counts.max()) ** 0.2 + 0.5 * counts.log()
    weights = K / counts / (1 / counts).sum()
    kept = labels != 255
    probability, left = adjusted.softmax(1)[kept], labels[kept]
    ones, present = torch.ones(len(left), dtype=torch.float64), [0, 1, 3, 4]
    terms = [weights[k] * naive(((left == k).double() - probability[:, k]).abs(), left == k, ones) for k in present]
    divisor = weights[present].sum() if average == 'weight' else len(present)
    torch.testing.assert_close(loss(logits, labels, ignore_index=255), sum(terms) / divisor)


def test_a_loss_of_images_is_the_mean_of_theirs():
    logits, labels = batch(4, 6, 5)
    labels[1] = labels[1].where(labels[1] == 255, 2)  # one class
    labels[2] = 255  # no pixel
    images, joined = LovaszLoss(per='image'), LovaszLoss()
    single = [joined(logits[i : i + 1], labels[i : i + 1], ignore_index=255) for i in (0, 1, 3)]
    value = images(logits, labels, ignore_index=255)
    torch.testing.assert_close(value, torch.stack(single).mean())
    assert (joined(logits, labels, ignore_index=255) - value).abs() > 1e-3


def test_the_order_of_pixels_changes_nothing():
    logits, labels = batch(40)
    order = torch.randperm(40)
    value, gradient = value_and_gradient(LovaszLoss(), logits, labels)
    mixed, of_mixed = value_and_gradient(LovaszLoss(), logits[order], labels[order])
    torch.testing.assert_close((mixed, of_mixed), (value, gradient[order]))


def test_a_sample_weight_is_what_the_pixel_counts():
    logits, labels = batch(20, ignored=False)
    kept, twice = torch.rand(20) < 0.5, torch.randint(1, 3, (20,))
    left_out = value_and_gradient(LovaszLoss(), logits, labels.where(kept, 255))
    torch.testing.assert_close(value_and_gradient(LovaszLoss(), logits, labels, weight=kept.float()), left_out)
    repeated = LovaszLoss()(logits.repeat_interleave(twice, 0), labels.repeat_interleave(twice))
    torch.testing.assert_close(LovaszLoss()(logits, labels, weight=twice.float()), repeated)


@pytest.mark.parametrize('value', [torch.nan, torch.inf, -torch.inf, 1e30])
def test_ignored_logits_may_be_anything(value):
    logits, labels = batch(2, 4, 4)
    ignored = (labels == 255).unsqueeze(1)
    found = value_and_gradient(LovaszLoss(), logits.masked_fill(ignored, value), labels)
    torch.testing.assert_close(found, value_and_gradient(LovaszLoss(), logits, labels))
    assert (found[1].masked_select(ignored) == 0).all()


def test_a_million_pixels_in_float32_have_the_slopes_of_float64():
    """Differences of neighbouring IoUs, each 1e-6, would be lost in float32."""
    torch.manual_seed(0)
    probability, labels = torch.rand(1, 2, 1000, 1000, dtype=torch.float64), torch.randint(0, 2, (1, 1000, 1000))
    slopes = []
    for dtype in (torch.float32, torch.float64):
        leaf = probability.float().to(dtype).requires_grad_()
        losses, _ = lovasz_losses(leaf, labels, torch.ones_like(labels, dtype=torch.bool))
        slopes.append(torch.autograd.grad(losses.sum(), leaf)[0].double())
    torch.testing.assert_close(*slopes, rtol=1e-5, atol=0)


def test_what_has_no_meaning_is_refused():
    logits, labels = batch(2, 4, 4, ignored=False)
    soft = F.one_hot(labels, K).double().movedim(-1, 1)
    hinted('Train without mixed labels, or with ltseg.JaccardLoss, which has', lambda: LovaszLoss()(logits, soft))
    assert LovaszLoss()(logits, labels).isfinite() and JaccardLoss()(logits, soft).isfinite()
    hinted("Leave reduction at 'mean', and give OHEMPixelSampler a thresh.", lambda: LovaszLoss(reduction='none'))
    assert LovaszLoss(reduction='mean')(logits, labels).isfinite()
