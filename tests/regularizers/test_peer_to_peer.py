"""Gram matrices against that of a simplex."""

import pytest
import torch
from regularizers_under_test import D, K, batch, built, value_and_gradients

from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import simplex_vectors
from ltseg.regularizers import RegularizerGroup

MEANS = dict(type='ltseg.PeerToPeerRegularizer')
CLASSIFIER = dict(type='ltseg.PeerToPeerRegularizer', on='classifier')


def given_by(means, classifier, labels=None):
    labels = torch.arange(len(means)) if labels is None else labels
    return FeatureBatch(means[:, None], labels, K, classifier)


@pytest.mark.parametrize('config', [MEANS, CLASSIFIER], ids=['means', 'classifier'])
def test_zero_for_any_simplex_and_no_other_frame(config):
    for seed in range(3):
        vectors = simplex_vectors(K, D, torch.Generator().manual_seed(seed))
        value, *gradients = value_and_gradients(built(config), given_by(vectors, vectors))
        assert value < 1e-25 and all(gradient.abs().max() < 1e-12 for gradient in gradients)
        moved = vectors + 0.1 * torch.randn(K, D)
        assert built(config)(given_by(moved, moved)) > 1e-4
        assert (built(config)(given_by(2 * vectors + 1, 2 * vectors)) > 1e-4) == (config is CLASSIFIER)


def test_value_and_gradient_of_the_classifier():
    vectors = batch().class_vectors
    target = torch.tensor([[1.0 if i == j else -1 / (K - 1) for j in range(K)] for i in range(K)]).double()
    value, _, gradient = value_and_gradients(built(CLASSIFIER), batch())
    torch.testing.assert_close(value, (vectors @ vectors.T - target).square().mean(), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(gradient, 4 / K**2 * (vectors @ vectors.T - target) @ vectors, atol=1e-6, rtol=1e-6)


def test_means_are_centred_with_equal_shares_and_each_view_has_its_own():
    given = batch(views=2)
    values = []
    for view in given.features.unbind(1):
        means = torch.stack([view[given.labels == k].mean(0) for k in range(K)])
        vectors = torch.nn.functional.normalize(means - means.mean(0))
        values.append(built(CLASSIFIER)(given_by(means, vectors)))
    torch.testing.assert_close(built(MEANS)(given), sum(values) / 2)


def test_seen_from_the_mean_of_samples_a_simplex_of_equal_norms_would_be_no_minimum():
    """Why the centre is the mean of class means: from the other one, norms proportional to 1 / n would be wanted."""
    counts = torch.tensor([16.0, 8, 4, 2, 2], dtype=torch.float64)
    labels = torch.arange(K).repeat_interleave(counts.long())
    simplex = simplex_vectors(K, D)
    for means, from_samples in ((simplex, False), (simplex / counts[:, None], True)):
        of_samples = torch.nn.functional.normalize(means - counts @ means / counts.sum())
        theirs = built(CLASSIFIER)(given_by(means, of_samples))
        ours = built(MEANS)(given_by(means[labels], means, labels))
        assert (theirs < 1e-25) == from_samples and (ours < 1e-25) != from_samples
        assert max(theirs, ours) > 0.01


def test_too_few_dimensions_leave_a_rest():
    dimensions = 2
    floor = (K - 1 - dimensions) * (K / (K - 1)) ** 2 / K**2
    vectors = torch.randn(K, dimensions, dtype=torch.float64).requires_grad_()
    optimizer = torch.optim.SGD([vectors], 1.0)
    for _ in range(300):
        optimizer.zero_grad()
        value = built(CLASSIFIER)(given_by(torch.zeros(K, dimensions), vectors))
        value.backward()
        optimizer.step()
    assert floor <= value.item() == pytest.approx(floor, rel=1e-3)


@pytest.mark.parametrize('centers', ['batch', 'ema'])
def test_two_classes_feel_the_others_through_memory(centers):
    term = built(MEANS, centers=centers).double()
    for expected in (0, centers == 'ema'):
        value, gradient, _ = value_and_gradients(term, batch(classes=2))
        assert (value > 0, gradient.abs().sum() > 0) == (expected, expected)
        term.step()
        term(batch())
        term.step()


def test_absent_classes_are_no_part_of_the_mean():
    given = batch(classes=3)
    alone = RegularizerGroup([{**MEANS, 'centers': 'batch'}], 3, D)(FeatureBatch(given.features, given.labels, 3))
    torch.testing.assert_close(built(MEANS, centers='batch')(given), alone['loss_peer_to_peer_means'])


def test_memory_is_of_all_views():
    given, term = batch(), built(MEANS).double()
    term(given)
    term.step()
    for k in range(K):
        torch.testing.assert_close(term.memory.vectors[k], given.features[given.labels == k].mean((0, 1)))
