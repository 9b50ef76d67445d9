"""The pairwise ranking loss: what it measures, by all pairs, its optimum, and its options by naive computation."""

import pytest
import torch
from hinted import hinted
from losses_under_test import COUNTS, K, batch
from torch.nn import functional as F

from ltseg.core.adjustment import Adjustment
from ltseg.core.fused_regions import upsampled_regions
from ltseg.core.ranking import AdjustedRanking
from ltseg.losses import JaccardLoss, PairwiseRankingLoss
from ltseg.losses.fused import fused_losses
from ltseg.rules import Margin, PriorBias, Temperature


def value_and_gradient(loss, logits, labels, **arguments):
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, labels, ignore_index=255, **arguments)
    return value.detach(), torch.autograd.grad(value, logits)[0]


def differences(scores, labels, k, j, weights):
    """s_k(x) - s_k(x') of every pixel x of class k with every x' of class j, and what the pair counts."""
    own, other = labels == k, labels == j
    return scores[own, k, None] - scores[other, k], weights[own, None] * weights[other]


def naive(logits, labels, of_pair=lambda t: (1 - t) ** 2, weights=None, class_weights=None, average='count'):
    """By all pairs, of rows (N, K) and labels (N,)."""
    weights = torch.ones(len(labels), dtype=logits.dtype) if weights is None else weights
    class_weights = torch.ones(K) if class_weights is None else class_weights
    present = [k for k in range(K) if (weights * (labels == k)).sum() > 0]
    terms = []
    for k in present:
        pairs = [differences(logits.sigmoid(), labels, k, j, weights) for j in present if j != k]
        terms.append(class_weights[k] * sum((of_pair(t) * u).sum() / u.sum() for t, u in pairs) / len(pairs))
    return sum(terms) / (class_weights[present].sum() if average == 'weight' else len(terms))


def rows(*absent):
    logits, labels = batch(60)
    for k in absent:
        labels = labels.where(labels != k, 4)
    return 3 * logits, labels


@pytest.mark.parametrize('absent', [(), (2,), (0, 1, 2)], ids=['all classes', 'four classes', 'two classes'])
def test_it_is_the_mean_over_all_pairs(absent):
    logits, labels = rows(*absent)
    found, gradient = value_and_gradient(PairwiseRankingLoss(), logits, labels)
    leaf = logits.clone().requires_grad_()
    expected = naive(leaf, labels)
    torch.testing.assert_close(found, expected.detach())
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, leaf)[0])


@pytest.mark.parametrize('average', ['count', 'weight'])
def test_class_weights_and_rules_by_the_formula(average):
    logits, labels = rows(2)
    rules = [PriorBias(tau=0.5), Temperature(gamma=0.2)]
    loss = PairwiseRankingLoss(class_weight='inverse', rules=rules, counts=COUNTS, average=average)
    counts = torch.tensor(COUNTS, dtype=torch.float64)
    adjusted = logits * (counts / counts.max()) ** 0.2 + 0.5 * (counts / counts.max()).log()
    weights = K / counts / (1 / counts).sum()
    expected = naive(adjusted, labels, class_weights=weights, average=average)
    torch.testing.assert_close(loss(logits, labels, ignore_index=255), expected)


def test_a_sample_weight_is_that_of_the_pixel_in_every_pair():
    logits, labels = rows()
    weights = torch.rand(60, dtype=torch.float64)
    weights[labels == 3] = 0  # as if it were absent
    found = PairwiseRankingLoss()(logits, labels, weight=weights, ignore_index=255)
    torch.testing.assert_close(found, naive(logits, labels, weights=weights))
    found = value_and_gradient(PairwiseRankingLoss(), logits, labels, weight=weights > 0.5)
    expected = value_and_gradient(PairwiseRankingLoss(), logits, labels.where(weights > 0.5, 255))
    torch.testing.assert_close(found, expected)


def test_how_many_pixels_a_class_has_changes_nothing():
    logits, labels = rows()
    times = torch.tensor([50, 20, 5, 2, 1])[labels.where(labels != 255, 4)]
    repeated = logits.repeat_interleave(times, 0), labels.repeat_interleave(times)
    found = (PairwiseRankingLoss()(*pair, ignore_index=255) for pair in ((logits, labels), repeated))
    torch.testing.assert_close(*found)


def test_it_is_no_less_than_the_share_of_pairs_out_of_order():
    logits, labels = rows()
    for scale in (0.1, 1.0, 100.0):
        loss = PairwiseRankingLoss()(scale * logits, labels, ignore_index=255)
        assert loss > naive(scale * logits, labels, lambda t: (t <= 0).double())  # 1 - AUC, ties out of order


def test_its_values_at_chance_and_at_its_best_and_worst():
    _, labels = batch(2, 4, 4, ignored=False)
    hot = 2 * F.one_hot(labels, K).double().movedim(-1, 1) - 1
    for scores, expected in ((1e4 * hot, 0.0), (0 * hot, 1.0), (-1e4 * hot, 4.0)):
        value, gradient = value_and_gradient(PairwiseRankingLoss(), scores, labels)
        assert value == pytest.approx(expected) and gradient.isfinite().all()
    lower = [PairwiseRankingLoss()(scale * hot, labels).item() for scale in (1.0, 2.0, 4.0, 8.0)]
    assert lower == sorted(lower, reverse=True) and lower[-1] < 1e-5


def test_a_region_of_one_class_has_no_pairs_and_does_not_count():
    logits, labels = batch(3, 4, 4)
    labels[1] = labels[1].where(labels[1] == 255, 2)
    value, gradient = value_and_gradient(PairwiseRankingLoss(), logits[1:2], labels[1:2])
    assert value == 0 and (gradient == 0).all()
    loss = PairwiseRankingLoss(per='image')
    single = [loss(logits[i : i + 1], labels[i : i + 1], ignore_index=255) for i in (0, 2)]
    value, gradient = value_and_gradient(loss, logits, labels)
    torch.testing.assert_close(value, torch.stack(single).mean())
    assert (gradient[1] == 0).all() and (gradient[[0, 2]] != 0).any()
    torch.testing.assert_close(single[0], PairwiseRankingLoss()(logits[:1], labels[:1], ignore_index=255))


def test_scores_of_an_absent_class_are_free():
    logits, labels = batch(2, 4, 4)
    _, gradient = value_and_gradient(PairwiseRankingLoss(), logits, labels.where(labels != 3, 1))
    assert (gradient[:, 3] == 0).all() and (gradient[:, 1] != 0).any()


@pytest.mark.parametrize('value', [torch.nan, torch.inf, -torch.inf, 1e30])
def test_ignored_logits_may_be_anything(value):
    logits, labels = batch(2, 4, 4)
    ignored = (labels == 255).unsqueeze(1)
    expected = value_and_gradient(PairwiseRankingLoss(), logits, labels)
    found = value_and_gradient(PairwiseRankingLoss(), logits.masked_fill(ignored, value), labels)
    torch.testing.assert_close(found, expected)


def test_a_million_pixels_of_unequal_classes_in_float32():
    torch.manual_seed(0)
    logits, labels = torch.randn(1, 2, 1000, 1000), (torch.rand(1, 1000, 1000) < 1e-4).long()
    found = value_and_gradient(PairwiseRankingLoss(), logits, labels)
    expected = value_and_gradient(PairwiseRankingLoss(), logits.double(), labels)
    torch.testing.assert_close([each.double() for each in found], list(expected), rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize('scale', [None, [1.0, 0.5, 2.0, 1.5, 3.0]])
def test_bands_of_upsampled_logits_know_their_gradient(scale):
    torch.manual_seed(0)
    logits, labels = torch.randn(2, K, 3, 2, dtype=torch.float64, requires_grad=True), torch.randint(0, K, (2, 7, 5))
    labels[0, :2] = 255
    terms = {} if scale is None else {'scale': torch.tensor(scale, dtype=torch.float64)}
    pixels = torch.stack([(labels == k).sum() for k in range(K)])[None]
    ranking = AdjustedRanking(Adjustment(**terms), pixels, 255)

    def sums(z):
        return torch.stack(upsampled_regions(z, labels, [ranking], band_rows=3)[0])

    assert torch.autograd.gradcheck(sums, logits)
    upsampled = F.interpolate(logits, (7, 5), mode='bilinear')
    torch.testing.assert_close(sums(logits), torch.stack(ranking(upsampled, labels)))


def test_it_is_fused_beside_losses_on_regions():
    logits, labels = batch(2, 6, 5)
    losses = [JaccardLoss(), PairwiseRankingLoss(loss_weight=0.5)]
    (jaccard, ranking), _ = fused_losses(losses, logits, labels, ignore_index=255, band_rows=2)
    torch.testing.assert_close(jaccard, losses[0](logits, labels, ignore_index=255))
    torch.testing.assert_close(ranking, losses[1](logits, labels, ignore_index=255))
    assert not PairwiseRankingLoss(per='image').can_be_fused


def soft_rows():
    """Rows of mixed labels; class 2 has no share."""
    logits, labels = rows(2)
    hot = F.one_hot(labels.where(labels != 255, 0), K).double()
    return logits, torch.lerp(hot, hot.flip(0), torch.rand(60, 1, dtype=torch.float64))


@pytest.mark.parametrize('weighted', [False, True])
def test_a_pair_of_soft_labels_weighs_the_product_of_their_shares(weighted):
    """By all pairs, of a pixel with itself too."""
    logits, labels = soft_rows()
    weights = torch.rand(60, dtype=torch.float64) if weighted else None
    leaf = logits.clone().requires_grad_()
    scores, shares = leaf.sigmoid(), labels if weights is None else labels * weights[:, None]
    present, terms = [0, 1, 3, 4], []
    for k in present:
        pairs = (1 - (scores[:, None, k] - scores[None, :, k])) ** 2
        products = [shares[:, None, k] * shares[None, :, j] for j in present if j != k]
        terms.append(sum((pairs * product).sum() / product.sum() for product in products) / 3)
    expected = sum(terms) / 4
    found = value_and_gradient(PairwiseRankingLoss(), logits, labels, weight=weights)
    torch.testing.assert_close(found, (expected.detach(), torch.autograd.grad(expected, leaf)[0]))


@pytest.mark.parametrize('options', [{}, {'per': 'image'}, {'class_weight': 'sqrt_inverse', 'counts': COUNTS}], ids=str)
def test_hard_labels_are_soft_ones_of_0_and_1(options):
    logits, labels = batch(3, 4, 4, ignored=False)
    soft, weight = F.one_hot(labels, K).double().movedim(-1, 1), torch.rand(3, 4, 4, dtype=torch.float64)
    for given in ({}, {'weight': weight}):
        found = value_and_gradient(PairwiseRankingLoss(**options), logits, soft, **given)
        torch.testing.assert_close(found, value_and_gradient(PairwiseRankingLoss(**options), logits, labels, **given))


def test_soft_labels_of_one_class_have_no_pairs():
    labels = F.one_hot(torch.full((6,), 2), K).double()
    value, gradient = value_and_gradient(PairwiseRankingLoss(), torch.randn(6, K, dtype=torch.float64), labels)
    assert value == 0 and (gradient == 0).all()


def test_margins_have_no_formula_for_soft_labels():
    logits, labels = soft_rows()
    options = dict(counts=COUNTS, rules=[Margin()])
    hinted('Train without mixed labels, or with a loss that has a formula for them.',
           lambda: PairwiseRankingLoss(**options)(logits, labels))  # fmt: skip
    assert PairwiseRankingLoss(**options)(logits, labels.argmax(1)).isfinite()
    assert PairwiseRankingLoss()(logits, labels).isfinite()


def test_training_on_it_raises_the_auc_that_it_bounds():
    """Of a linear model of two overlapping classes, 98 to 2."""
    torch.manual_seed(0)
    labels = (torch.rand(1000) < 0.02).long()
    inputs = torch.randn(1000, 8)
    inputs[:, 0] += 1.5 * labels
    model = torch.nn.Linear(8, 2)

    def out_of_order():
        scores = model(inputs).detach()[:, 1]
        return (scores[labels == 1, None] <= scores[labels == 0]).double().mean()

    before = out_of_order()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        PairwiseRankingLoss()(model(inputs), labels).backward()
        optimizer.step()
    assert out_of_order() < 0.2 < before
