"""Within-class distance and center loss."""

import pytest
import torch
from hinted import hinted
from mmengine.logging import MessageHub
from regularizers_under_test import D, K, batch, built, value_and_gradients
from torch.nn import functional as F

from ltseg.core.features import FeatureBatch
from ltseg.regularizers import RegularizerGroup

WITHIN, CENTER = dict(type='ltseg.WithinClassRegularizer'), dict(type='ltseg.CenterLoss')
BETWEEN = dict(type='ltseg.BetweenClassRegularizer')


def test_with_means_of_the_batch_it_is_the_trace_of_the_covariances():
    given = batch()
    rows, labels = given.rows
    traces = sum(rows[labels == k].T.cov(correction=0).trace() for k in range(K))
    torch.testing.assert_close(built(WITHIN, centers='batch', over_classes='sum')(given), traces)
    torch.testing.assert_close(built(WITHIN, centers='batch')(given), traces / K)


def test_one_sample_of_each_class_gives_zero():
    value, gradient, _ = value_and_gradients(built(WITHIN, centers='batch'), batch(K, views=1))
    assert value == 0 and (gradient == 0).all()


@pytest.mark.parametrize('centers', ['batch', 'learnable', 'ema'])
def test_center_loss_is_half_of_it_for_equal_counts_only(centers):
    features = torch.randn(4 * K, 1, D, dtype=torch.float64)
    within, center = built(WITHIN, centers=centers), built(CENTER, centers=centers)
    equal = FeatureBatch(features, torch.arange(K).repeat(4), K)
    torch.testing.assert_close(2 * center(equal), within(equal))
    unequal = FeatureBatch(features, torch.arange(K).repeat_interleave(torch.tensor([10, 4, 3, 2, 1])), K)
    assert (2 * center(unequal) / within(unequal) - 1).abs() > 0.01


def reference_steps(given, between_weight, within_weight, steps):
    """The released scheme with autograd: parameters whose gradient is divided by the weight of L_W."""
    centers = built(WITHIN).centers.vectors.double()
    rows, labels = given.rows
    counts = labels.bincount(minlength=K)
    for _ in range(steps):
        centers, features = centers.detach().requires_grad_(), rows.detach().clone().requires_grad_()
        squares = (features - centers[labels]).square().sum(1)
        within = sum(squares[labels == k].mean() for k in range(K) if counts[k]) / K
        cosines = F.normalize(centers - centers.mean(0)) @ F.normalize(centers - centers.mean(0)).T
        between = -(cosines - 2 * torch.eye(K)).amax(1).arccos().mean()
        (within_weight * within + between_weight * between).backward()
        centers = centers - 0.5 * centers.grad / within_weight
    return centers.detach(), features.grad, within.detach(), between.detach()


@pytest.mark.parametrize('order', [(0, 1), (1, 0)])
@pytest.mark.parametrize('classes', [K, 2])
def test_learned_centers_follow_the_released_scheme(order, classes):
    given, steps = batch(views=1, classes=classes), 3
    terms = [{**WITHIN, 'loss_weight': 0.05}, {**BETWEEN, 'loss_weight': 0.3}]
    torch.manual_seed(0)
    group = RegularizerGroup([terms[index] for index in order], K, D).double()
    for _ in range(steps):
        features = given.features.clone().requires_grad_()
        values = group(FeatureBatch(features, given.labels, K))
        (gradient,) = torch.autograd.grad(sum(values.values()), features)
    centers, expected, within, between = reference_steps(given, 0.3, 0.05, steps)
    torch.testing.assert_close(group.terms[order.index(0)].centers.vectors, centers)
    torch.testing.assert_close(gradient[:, 0], expected)
    torch.testing.assert_close(values['loss_within_class'], 0.05 * within)
    torch.testing.assert_close(values['loss_between_class'], 0.3 * between)


def test_centers_of_center_loss_move_by_its_own_rule():
    given, center = batch(views=1), built(CENTER).double()
    before = center.centers.vectors.clone()
    center(given)
    center.step()
    for k in range(K):
        members = given.features[given.labels == k, 0]
        delta = (before[k] - members).sum(0) / (1 + len(members))
        torch.testing.assert_close(center.centers.vectors[k], before[k] - 0.5 * delta)


def test_moving_centers_start_at_the_first_mean_and_then_move():
    given, within = batch(views=1, classes=2), built(WITHIN, centers='ema', momentum=0.75).double()
    torch.testing.assert_close(within(given), built(WITHIN, centers='batch')(given))
    within.step()
    within(FeatureBatch(given.features + 4, given.labels, K))
    within.step()
    mean = given.features[given.labels == 1, 0].mean(0)
    torch.testing.assert_close(within.centers.vectors[1], 0.75 * mean + 0.25 * (mean + 4))
    assert within.centers.seen.tolist() == [True, True, False, False, False]


def test_learned_centers_need_a_term_that_learns_them():
    with pytest.raises(ValueError, match='a term of the head that learns centers, got none. Add dict'):
        RegularizerGroup([{**BETWEEN, 'centers': 'learnable'}, {**WITHIN, 'centers': 'batch'}], K, D)
    assert set(RegularizerGroup([BETWEEN, CENTER], K, D).state_dict()) == {'1.centers.vectors'}
    learned, added = {**BETWEEN, 'centers': 'learnable'}, {**WITHIN, 'centers': 'learnable'}
    hinted(
        "Add dict(type='ltseg.WithinClassRegularizer', centers='learnable'), without which no feature feels this term",
        lambda: RegularizerGroup([learned], K, D),
    )
    given = batch()
    rows = given.features.requires_grad_()
    for terms in ([learned, added], [{**BETWEEN, 'centers': 'batch'}]):
        total = sum(term(FeatureBatch(rows, given.labels, K)) for term in RegularizerGroup(terms, K, D).terms)
        assert torch.autograd.grad(total, rows)[0].abs().sum() > 0


@pytest.mark.parametrize('off', [{'loss_weight': 0}, {'schedule': dict(start=0.9)}])
@pytest.mark.parametrize('angles', ['nearest', 'least'])
def test_features_feel_the_angles_while_nothing_draws_them_to_centers(off, angles):
    MessageHub.get_instance('early').update_info_dict({'iter': 5, 'max_iters': 10})
    given = batch()
    between = {**BETWEEN, 'angles': angles}
    group = RegularizerGroup([{**WITHIN, **off}, between], K, D).double()
    features = given.features.clone().requires_grad_()
    value = group(FeatureBatch(features, given.labels, K))['loss_between_class']
    (gradient,) = torch.autograd.grad(value, features)
    expected = value_and_gradients(built(between, centers='batch'), given)
    torch.testing.assert_close((value.detach(), gradient), expected[:2])
    assert gradient.abs().sum() > 0


def test_an_overflow_leaves_the_centers_of_other_classes_alone():
    given = batch(views=1)
    given.features[given.labels == 2] = float('inf')
    for centers in ('learnable', 'ema'):
        within = built(WITHIN, centers=centers)
        before = within.centers.vectors.clone()
        within(given)
        within.step()
        moved = (within.centers.vectors != before).any(1)
        assert within.centers.vectors.isfinite().all() and moved.tolist() == [k != 2 for k in range(K)]


def test_learned_centers_move_at_their_rate():
    moves = []
    for rate in (0.1, 0.4):
        term = built(CENTER, learning_rate=rate).double()
        before = term.centers.vectors.clone()
        term(batch())
        term.step()
        moves.append(term.centers.vectors - before)
    torch.testing.assert_close(moves[1], 4 * moves[0])


def test_without_sync_the_number_of_processes_does_not_matter(monkeypatch):
    expected = built(WITHIN, centers='batch')(batch())
    monkeypatch.setattr('ltseg.regularizers.within_class.world_size', lambda: 2)
    assert built(WITHIN, centers='batch', sync=False)(batch()) == expected


@pytest.mark.parametrize('centers', ['batch', 'ema'])
def test_centers_of_other_terms_are_left_alone_where_others_are_asked_for(centers):
    given = batch()
    group = RegularizerGroup([CENTER, {**BETWEEN, 'centers': centers}], K, D).double()
    torch.testing.assert_close(group(given)['loss_between_class'], built(BETWEEN)(given))


def test_schedules_are_part_of_the_weight_of_a_term_over_that_of_the_centers():
    MessageHub.get_instance('half').update_info_dict({'iter': 5, 'max_iters': 10})
    centers = []
    for within in ({'loss_weight': 0.05, 'schedule': dict(shape='linear')}, {'loss_weight': 0.025}):
        torch.manual_seed(0)
        group = RegularizerGroup([{**WITHIN, **within}, {**BETWEEN, 'loss_weight': 0.3}], K, D).double()
        group(batch())
        centers.append(group.terms[0].centers.vectors)
    torch.testing.assert_close(*centers)
