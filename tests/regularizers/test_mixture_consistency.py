"""GLMC's consistency of two views."""

import pytest
import torch
from hinted import hinted
from regularizers_under_test import D, K, batch, built
from torch.nn import functional as F

from ltseg.core.features import FeatureBatch
from ltseg.regularizers import MixtureConsistencyRegularizer

TERM = dict(type='ltseg.MixtureConsistencyRegularizer', out_channels=6)


def by_hand(term, views):
    z = [F.linear(view, term.projection.out_weight.double(), term.projection.out_bias.double()) for view in views]
    u = [F.linear(each, term.prediction.out_weight.double(), term.prediction.out_bias.double()) for each in z]
    return -sum(F.cosine_similarity(u[i], z[1 - i].detach()).mean() for i in range(2))


def test_value_and_gradient_by_hand():
    term, given = built(TERM), batch(12, 3)
    for chosen in ((0, 1), (2, 0)):
        term.views = list(chosen)
        features = given.features.clone().requires_grad_()
        found = term(FeatureBatch(features, given.labels, K))
        (gradient,) = torch.autograd.grad(found, features)
        leaf = given.features.clone().requires_grad_()
        expected = by_hand(term, [leaf[:, view] for view in chosen])
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(gradient, torch.autograd.grad(expected, leaf)[0])


def test_no_gradient_reaches_what_is_to_be_foreseen():
    """With a prediction that is no function of its input, nothing can learn."""
    term, given = built(TERM), batch(12, 2)
    torch.nn.init.zeros_(term.prediction.out_weight)
    features = given.features.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(term(FeatureBatch(features, given.labels, K)), features)
    assert (gradient == 0).all()


def test_ignored_samples_do_not_count():
    term, given = built(TERM), batch(12, 2)
    valid = torch.arange(12) % 3 > 0
    features = given.features.masked_fill(~valid[:, None, None], torch.nan)
    found = term(FeatureBatch(features, given.labels, K, valid=valid))
    torch.testing.assert_close(found, term(FeatureBatch(given.features[valid], given.labels[valid], K)))


def test_two_views_are_needed():
    term, single = built(TERM), batch(12, 1)
    hinted('Let the data preprocessor give two views, which heads of segmentation have not.', lambda: term(single))
    assert term(batch(12, 2)).isfinite()
    with pytest.raises(ValueError, match='numbers of two views'):
        MixtureConsistencyRegularizer(views=[0])


def test_training_on_it_aligns_the_views():
    torch.manual_seed(0)
    term, shared = built(TERM), torch.randn(64, D)
    views = torch.stack([shared + 0.5 * torch.randn(64, D) for _ in range(2)], 1)
    given = FeatureBatch(views, torch.zeros(64, dtype=torch.int64), K)
    before = term(given).item()
    optimizer = torch.optim.SGD(term.parameters(), lr=1.0)
    for _ in range(50):
        optimizer.zero_grad()
        term(given).backward()
        optimizer.step()
    assert term(given).item() < min(before, -1.5)
