"""Properties that every regularizer has."""

import copy
import dataclasses
import pickle

import pytest
import torch
from hinted import hinted
from regularizers_under_test import (
    OF_TWO_VIEWS,
    REGULARIZERS,
    STOPPING_GRADIENTS,
    D,
    K,
    batch,
    built,
    name_of,
    registered,
    value_and_gradients,
)

from ltseg.core.features import FeatureBatch
from ltseg.registry import MODELS
from ltseg.regularizers import RegularizerGroup, ResidualBranchLoss
from ltseg.schedules import Schedule

every_regularizer = pytest.mark.parametrize('config', REGULARIZERS, ids=name_of)

ones = torch.ones(4, 2, D)
HOSTILE = {
    'nothing valid': batch(0),
    'one sample': batch(1, classes=1),
    'one class': batch(6, classes=1),
    'two classes': batch(6, classes=2),
    'one sample of each class': batch(K),
    'the same features everywhere': FeatureBatch(ones, torch.arange(4), K, torch.ones(K, D)),
    'rounding apart': FeatureBatch(ones + 1e-7 * torch.randn(4, 2, D), torch.arange(4), K, torch.ones(K, D)),
    'zeros': FeatureBatch(ones * 0, torch.arange(4), K, torch.zeros(K, D)),
    'tiny': FeatureBatch(torch.randn(4, 2, D) * 1e-20, torch.arange(4), K, torch.randn(K, D) * 1e-20),
    'opposite': FeatureBatch(ones * torch.tensor([1, -1, 1, -1])[:, None, None], torch.arange(4), K, -torch.ones(K, D)),
    'huge halves': FeatureBatch(ones.half() * 6e4 * torch.randn(4, 2, 1).sign(), torch.arange(4), K, torch.ones(K, D)),
}


def test_every_registered_regularizer_is_listed():
    listed = {MODELS.get(config['type'].removeprefix('ltseg.')) for config in REGULARIZERS}
    assert registered() == listed | {ResidualBranchLoss}  # which needs branches, and has its own file


@every_regularizer
@pytest.mark.parametrize('given', HOSTILE.values(), ids=HOSTILE)
def test_value_and_gradients_are_finite_for_any_batch(config, given):
    regularizer = built(config)
    for _ in range(2):  # the second sees what the first has left
        value, *gradients = value_and_gradients(regularizer, given)
        assert value.ndim == 0 and value.isfinite()
        assert all(gradient.isfinite().all() for gradient in gradients)
        regularizer.step()
    assert all(state.isfinite().all() for state in regularizer.state_dict().values())


@every_regularizer
@pytest.mark.parametrize('given', [HOSTILE['nothing valid'], HOSTILE['one class'], batch()], ids=('no', 'one', 'all'))
def test_value_has_a_graph_in_features_or_classifier(config, given):
    features, classifier = given.features.clone().requires_grad_(), given.class_vectors.clone().requires_grad_()
    value = built(config)(FeatureBatch(features, given.labels, K, classifier))
    assert value.requires_grad
    value.backward()


@pytest.mark.parametrize('config', [c for c in REGULARIZERS if c['type'] not in STOPPING_GRADIENTS], ids=name_of)
def test_gradient_is_that_of_the_value(config):
    given, regularizer = batch(12, 2), built(config)

    def value(features, classifier):
        torch.manual_seed(7)
        return regularizer(FeatureBatch(features, given.labels, K, classifier))

    leaves = given.features.clone().requires_grad_(), given.class_vectors.clone().requires_grad_()
    assert torch.autograd.gradcheck(value, leaves)


@every_regularizer
def test_half_precision_is_computed_in_float32(config):
    given = batch(dtype=torch.bfloat16)
    value, *_ = value_and_gradients(built(config), given)
    assert value.dtype == torch.float32
    exact = FeatureBatch(given.features.double(), given.labels, K, given.class_vectors.double())
    torch.testing.assert_close(value.double(), value_and_gradients(built(config), exact)[0], rtol=1e-4, atol=1e-5)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(value_and_gradients(built(config), given)[0], value)


@every_regularizer
def test_what_is_remembered_is_computed_in_float32_under_autocast(config):
    states = []
    for autocast in (False, True):
        torch.manual_seed(0)
        group = RegularizerGroup([config], K, D)
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=autocast):
            for _ in range(2):
                group(batch(dtype=torch.float32))
        states.append(group.state_dict())
    torch.testing.assert_close(*states, atol=1e-6, rtol=0)


@every_regularizer
def test_a_model_in_bfloat16_trains(config):
    group = RegularizerGroup([config], K, D).bfloat16()
    (value,) = group(batch(dtype=torch.bfloat16)).values()
    assert value.isfinite()


@every_regularizer
@pytest.mark.usefixtures('no_runner')
def test_weight_and_schedule_are_factors(config):
    given = batch()
    value, *gradients = value_and_gradients(built(config), given)
    tripled, *scaled = value_and_gradients(built(config, loss_weight=3.0), given)
    torch.testing.assert_close(tripled, 3 * value)
    torch.testing.assert_close(scaled, [3 * gradient for gradient in gradients])
    off = built(config, schedule=dict(shape='constant', start=10, unit='iter'))
    state = copy.deepcopy(off.state_dict())
    value, *gradients = value_and_gradients(off, given)
    off.step()
    assert value == 0 and all((gradient == 0).all() for gradient in gradients)
    assert all(torch.equal(state[name], now) for name, now in off.state_dict().items())


@every_regularizer
def test_order_of_samples_does_not_matter(config):
    given = batch()
    value, features, classifier = value_and_gradients(built(config), given)
    order = torch.randperm(len(given.labels))
    shuffled = dataclasses.replace(given, features=given.features[order], labels=given.labels[order])
    again, features_again, classifier_again = value_and_gradients(built(config), shuffled)
    torch.testing.assert_close(again, value)
    torch.testing.assert_close(features_again, features[order])
    torch.testing.assert_close(classifier_again, classifier)


def with_ignored(given, number=9):
    """The same samples with ignored ones between them, whose features are anything."""
    place = torch.randperm(len(given.labels) + number, generator=torch.Generator().manual_seed(1))[: len(given.labels)]
    valid = torch.zeros(len(given.labels) + number, dtype=torch.bool).index_fill(0, place, True)
    features = given.features.new_full((len(valid), *given.features.shape[1:]), torch.nan)
    features[::2] = 1e300
    labels = torch.full((len(valid),), 255).index_copy(0, place, given.labels)
    return place, FeatureBatch(features.index_copy(0, place, given.features), labels, K, given.class_vectors, valid)


def without_order(state):
    """The state with the keys of a queue, which are in the order of the samples, in that of their values."""
    if 'queue.keys' not in state:
        return state
    order = (state['queue.keys'].sum(1) + state['queue.labels']).argsort()
    return {**state, **{f'queue.{name}': state[f'queue.{name}'][order] for name in ('keys', 'labels')}}


@every_regularizer
@pytest.mark.parametrize(('size', 'views'), [(40, 2), (3, 1), (1, 2), (1, 1), (0, 1)])
def test_ignored_samples_change_nothing(config, size, views):
    views = 2 if config['type'] in OF_TWO_VIEWS else views
    given = batch(size, views, classes=min(K, max(size, 1)))
    place, padded = with_ignored(given)
    results = []
    for each in (given, padded):
        regularizer = built(config)
        for _ in range(2):  # the second sees what the first has left
            found = value_and_gradients(regularizer, each)
            parameters = list(regularizer.parameters())
            moved = torch.autograd.grad(regularizer(each), parameters, allow_unused=True) if parameters else ()
            moved = [torch.zeros(()) if gradient is None else gradient.sum(0) for gradient in moved]
            regularizer.step()
        results.append((found, moved, regularizer.state_dict()))
    (expected, of_parameters, state), (found, moved, left) = results
    torch.testing.assert_close(found[0], expected[0])
    torch.testing.assert_close(found[1][place], expected[1])
    torch.testing.assert_close(found[2], expected[2])
    assert not found[1][~padded.valid].any()
    torch.testing.assert_close(moved, of_parameters, rtol=1e-5, atol=1e-6)  # float32
    torch.testing.assert_close(without_order(left), without_order(state))


@every_regularizer
def test_evaluation_leaves_no_trace(config):
    regularizer = built(config)
    state = copy.deepcopy(regularizer.state_dict())
    with torch.no_grad():
        regularizer(batch())
    regularizer.step()
    regularizer.eval()(batch())
    regularizer.step()
    assert all(torch.equal(state[name], now) for name, now in regularizer.state_dict().items())


@every_regularizer
def test_training_goes_on_from_a_saved_state_and_from_a_copy(config):
    trained = built(config)
    trained(batch())
    trained.step()
    loaded = built(config)
    loaded.load_state_dict(trained.state_dict())
    expected = trained(batch())
    for other in (loaded, copy.deepcopy(trained), pickle.loads(pickle.dumps(trained))):
        torch.testing.assert_close(value_and_gradients(other, batch())[0], expected)


@every_regularizer
def test_schedule_is_read_from_the_config(config):
    assert built(config, schedule=dict(shape='linear')).schedule == Schedule('linear')


@every_regularizer
def test_negative_weight_is_named(config):
    with pytest.raises(ValueError, match=r'loss_weight: expected a number in \[0'):
        built(config, loss_weight=-1)


@every_regularizer
def test_a_batch_before_the_sizes_are_known_works_or_is_named(config):
    regularizer = MODELS.build(config)
    if not built(config).state_dict():
        assert torch.equal(regularizer(batch()), built(config)(batch()))
    else:
        with pytest.raises(RuntimeError, match=r'to be built before the first batch, got a batch. Call build\('):
            regularizer(batch())
        hinted('Call build(num_classes, feature_dim), or let RegularizerGroup do so.', lambda: regularizer(batch()))
        regularizer.build(K, D)
        assert regularizer(batch()).isfinite()
