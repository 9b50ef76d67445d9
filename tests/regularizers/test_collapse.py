"""Gradient descent on free features and classifier vectors reaches a simplex from random starts under a long tail."""

import pytest
import torch
from regularizers_under_test import D, K

from ltseg.core.features import FeatureBatch
from ltseg.regularizers import RegularizerGroup

COUNTS = torch.tensor([60, 25, 10, 4, 1])
WITHIN, BETWEEN = dict(type='ltseg.WithinClassRegularizer'), dict(type='ltseg.BetweenClassRegularizer')
PEERS = dict(type='ltseg.PeerToPeerRegularizer', centers='batch')
CLASSIFIER = dict(type='ltseg.PeerToPeerRegularizer', on='classifier')
REPULSION = dict(type='ltseg.WeightRepulsion', threshold=-1.0, schedule=None)

TERMS = {
    'NCR on means of the batch': [{**WITHIN, 'centers': 'batch', 'loss_weight': 0.3}, BETWEEN],
    'NCR on learned centres': [{**WITHIN, 'learning_rate': 0.3}, BETWEEN],
    'NCR on center loss': [{'type': 'ltseg.CenterLoss', 'learning_rate': 0.1}, BETWEEN],
    'peer-to-peer on means and classifier': [{**WITHIN, 'centers': 'batch', 'loss_weight': 0.3}, PEERS, CLASSIFIER],
    'repulsion of the classifier': [REPULSION],
}


def largest_gap(vectors):
    """The largest distance of a cosine from that of a simplex."""
    cosines = torch.nn.functional.normalize(vectors) @ torch.nn.functional.normalize(vectors).T
    return (cosines.fill_diagonal_(-1 / (K - 1)) + 1 / (K - 1)).abs().max().item()


@pytest.mark.parametrize('terms', TERMS.values(), ids=TERMS)
def test_a_simplex_is_reached(terms):
    torch.manual_seed(1)
    group = RegularizerGroup(terms, K, D).double()
    labels = torch.arange(K).repeat_interleave(COUNTS)
    features = torch.randn(len(labels), 1, D, dtype=torch.float64).requires_grad_()
    classifier = torch.randn(K, D, dtype=torch.float64).requires_grad_()
    optimizer = torch.optim.Adam([features, classifier], 0.05)
    steps = 800
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, 1e-4)
    for _ in range(steps):
        optimizer.zero_grad()
        sum(group(FeatureBatch(features, labels, K, classifier)).values()).backward()
        optimizer.step()
        schedule.step()
    if terms != [REPULSION]:
        means = torch.stack([features[labels == k].mean((0, 1)) for k in range(K)]).detach()
        assert largest_gap(means - means.mean(0)) < 0.05
        assert (features[:, 0] - means[labels]).norm(dim=1).max() < 0.05 * (means - means.mean(0)).norm(dim=1).min()
    if CLASSIFIER in terms or REPULSION in terms:
        assert largest_gap(classifier.detach()) < 0.05
