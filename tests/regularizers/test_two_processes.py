"""Two processes against one on the joined batch: value, gradients and centres, with unequal shares of the classes."""

import pytest
import torch
from regularizers_under_test import REGULARIZERS, K, batch, built, name_of, value_and_gradients
from small_training import forget_runners
from two_processes import in_two_processes

from ltseg.core.features import FeatureBatch

# Samples of the first process; it alone has the last class, or nothing valid at all.
SCENARIOS = {'unequal': 0.7, 'one without samples': 0.0, 'unequal, and ignored ones': 0.6}


def shares(scenario):
    given = batch()
    order = given.labels.argsort(descending=True)
    cut = int(len(order) * SCENARIOS[scenario])
    parts = [
        FeatureBatch(given.features[part], given.labels[part], K, given.class_vectors)
        for part in (order[:cut], order[cut:])
    ]
    return [with_ignored(part, 3 * (1 + place)) for place, part in enumerate(parts)] if 'ignored' in scenario else parts


def with_ignored(given, number):
    """Ignored samples behind the others, whose features are anything."""
    features = torch.cat([given.features, torch.full_like(given.features[:1], torch.nan).expand(number, -1, -1)])
    labels = torch.cat([given.labels, torch.full((number,), 255)])
    return FeatureBatch(features, labels, K, given.class_vectors, labels != 255)


def two_steps(config, given):
    """The second of two training steps: the first leaves its trace in centres."""
    forget_runners()
    regularizer = built(config)
    for _ in range(2):
        results = value_and_gradients(regularizer, given)
        regularizer.step()
    parameters = list(regularizer.parameters())
    moved = torch.autograd.grad(regularizer(given), parameters) if parameters else ()
    return *results, regularizer.state_dict(), moved


def run(rank, folder):
    """One of two processes."""
    results = {
        (scenario, index): two_steps(config, shares(scenario)[rank])
        for scenario in SCENARIOS
        for index, config in enumerate(REGULARIZERS)
    }
    torch.save(results, f'{folder}/{rank}.pth')


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp('ranks')
    in_two_processes(run, str(folder))
    return [torch.load(folder / f'{rank}.pth') for rank in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize('scenario', SCENARIOS)
@pytest.mark.parametrize('index', range(len(REGULARIZERS)), ids=[name_of(c) for c in REGULARIZERS])
def test_two_processes_are_one(results, scenario, index):
    parts = shares(scenario)
    joined = FeatureBatch(
        torch.cat([part.features for part in parts]),
        torch.cat([part.labels for part in parts]),
        K,
        parts[0].class_vectors,
        torch.cat([part.valid for part in parts]) if 'ignored' in scenario else None,
    )
    value, features, classifier, state, parameters = two_steps(REGULARIZERS[index], joined)
    ranks = [rank[scenario, index] for rank in results]
    # DistributedDataParallel averages the gradients of parameters, those behind the features among them.
    torch.testing.assert_close((ranks[0][0] + ranks[1][0]) / 2, value)
    torch.testing.assert_close(torch.cat([rank[1] for rank in ranks]) / 2, features)
    torch.testing.assert_close((ranks[0][2] + ranks[1][2]) / 2, classifier)
    for expected, *ranked in zip(parameters, *(rank[4] for rank in ranks), strict=True):
        torch.testing.assert_close((ranked[0] + ranked[1]) / 2, expected, rtol=1e-5, atol=1e-7)  # float32
    for rank in ranks:
        for name, expected in state.items():
            torch.testing.assert_close(rank[3][name], expected)
