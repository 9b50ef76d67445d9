"""The distributional robustness loss: its formula, the ball that it guards against, its radii and centres."""

import pytest
import torch
from hinted import hinted
from regularizers_under_test import COUNTS, D, K, batch, built

from ltseg.core.contrastive import robust_losses
from ltseg.core.features import FeatureBatch
from ltseg.regularizers import DistributionalRobustnessLoss, RegularizerGroup

ROBUST = dict(type='ltseg.DistributionalRobustnessLoss', radius='shared')


@pytest.mark.parametrize('views', [1, 2])
def test_by_the_formula(views):
    """Each class of the batch has one vote, and its centre is to find its samples among all."""
    term, given = (
        built(ROBUST, radius='counts', counts=COUNTS, epsilon=3.0, temperature=0.5),
        batch(12, views, classes=3),
    )
    rows, labels = given.rows
    values = []
    for k in range(3):
        center, r = rows[labels == k].mean(0), 3 / COUNTS[k] ** 0.5
        away = [(row - center).norm() + (2 * r if label == k else 0) for row, label in zip(rows, labels, strict=True)]
        scores = (-torch.stack(away) / 0.5).log_softmax(0)
        values.append(-scores[labels == k].mean())
    torch.testing.assert_close(term(given), torch.stack(values).mean())


def test_it_bounds_the_loss_of_every_centre_in_the_ball_and_is_reached():
    torch.manual_seed(0)
    rows, labels, radius = torch.randn(K, D, dtype=torch.float64), torch.arange(K), 0.7  # one row of each class
    centers, nothing = rows + 0.5 * torch.randn_like(rows), torch.zeros(K, dtype=torch.float64)
    bound = robust_losses(rows, labels, centers, nothing + radius, 0.5)
    for _ in range(200):
        moved = torch.nn.functional.normalize(torch.randn_like(rows))
        assert (robust_losses(rows, labels, centers + radius * moved, nothing, 0.5) <= bound + 1e-12).all()
    line = torch.tensor([[0.0], [10.0]], dtype=torch.float64)  # the centre between its row and another
    center, none = torch.tensor([[2.0], [10.0]], dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    expected = robust_losses(line, torch.arange(2), center + torch.tensor([[radius], [0]]), none, 0.5)[0]
    reached = robust_losses(line, torch.arange(2), center, none + radius, 0.5)[0]
    torch.testing.assert_close(reached, expected)


def test_the_rarer_a_class_the_larger_its_radius():
    given = batch(classes=2)
    values = [built(ROBUST, radius='counts', counts=[n, 100, 100, 100, 100])(given) for n in (1000, 100, 10, 1, 0)]
    assert values[0] < values[1] < values[2] < values[3] == values[4]  # counts below 1 are taken as 1
    images = built(ROBUST, radius='counts', counts=[4] * K, epsilon=2.0)
    torch.testing.assert_close(images(given), built(ROBUST, epsilon=1.0)(given))


def test_learned_radii_shrink_and_stay_above_zero():
    term, given = built(ROBUST, radius='learned', epsilon=1.0), batch()
    torch.testing.assert_close(term(given), built(ROBUST, epsilon=1.0)(given))
    (gradient,) = torch.autograd.grad(term(given), term.radii)
    assert (gradient > 0).all()
    term.radii.data.fill_(-1.0)
    torch.testing.assert_close(term(given), built(ROBUST, epsilon=0.0)(given))


def test_centres_are_moving_averages():
    term, given = built(ROBUST, epsilon=0.0, momentum=0.75).double(), batch(views=1, classes=2)
    term(given)
    term.step()
    shifted = FeatureBatch(given.features + 1, given.labels, K)
    rows, labels = shifted.rows
    means = torch.stack([rows[labels == k].mean(0) - 1 for k in range(2)])
    expected = robust_losses(rows, labels, means, torch.zeros(2, dtype=torch.float64), 1.0)
    torch.testing.assert_close(term(shifted), torch.stack([expected[labels == k].mean() for k in range(2)]).mean())
    term.step()
    torch.testing.assert_close(term.centers.vectors[:2], means + 0.25)


def test_gradient_is_that_of_the_value_once_the_centres_are_known():
    term, given = built(ROBUST).double(), batch(12, 2)
    term(given)
    term.step()
    term.eval()
    features = given.features.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda rows: term(FeatureBatch(rows, given.labels, K)), features)


def test_bad_settings_and_a_batch_before_build_are_named():
    for option, value, message in (
        ('radius', 'count', "Did you mean 'counts'"),
        ('epsilon', -1, 'epsilon: expected a number in'),
        ('temperature', 0, 'temperature: expected a number above 0'),
    ):
        with pytest.raises(ValueError, match=message):
            RegularizerGroup([{**ROBUST, option: value}], K, D)
    hinted("Set counts='dataset'.", lambda: DistributionalRobustnessLoss(counts='batch'))
    assert DistributionalRobustnessLoss(counts='dataset').counts.waiting
    term = DistributionalRobustnessLoss('shared')
    hinted('Call build(num_classes, feature_dim), or let RegularizerGroup do so.', lambda: term(batch()))
    term.build(K, D)
    assert term(batch()).isfinite()
