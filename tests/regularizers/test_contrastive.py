"""Contrastive terms: their values from the paper's formulas, their optima, views, samples of pixels and prototypes."""

import math

import pytest
import torch
from hinted import hinted
from regularizers_under_test import COUNTS, D, K, batch, built, value_and_gradients
from torch.nn import functional as F

from ltseg.core.contrastive import contrastive_losses, parametric_losses
from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import simplex_vectors
from ltseg.regularizers import RegularizerGroup
from ltseg.regularizers.key_queue import KeyQueue
from ltseg.regularizers.projection import Projection

SUPERVISED, BALANCED = dict(type='ltseg.SupervisedContrastiveLoss'), dict(type='ltseg.BalancedContrastiveLoss')
HYBRID = dict(type='ltseg.HybridContrastiveLoss')
TARGETED = dict(type='ltseg.TargetedContrastiveLoss', positives=None)
PROTOTYPICAL = dict(type='ltseg.PrototypicalContrastiveLoss')
PARAMETRIC = dict(type='ltseg.ParametricContrastiveLoss')
PLAIN = dict(hidden_channels=None)
SIMPLEX = math.log1p((K - 1) * math.exp(-K / ((K - 1) * 0.1)))
EVEN, LONG_TAIL = [10] * K, [30, 12, 5, 2, 1]


def at_simplex(counts, views=2):
    """Features and classifier that have collapsed, of any norm."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.as_tensor(counts))
    vertices = simplex_vectors(K, D)
    lengths = torch.rand(len(labels), views, 1, dtype=torch.float64) + 0.5
    return FeatureBatch(vertices[labels][:, None] * lengths, labels, K, 3 * vertices)


def rows_of(term, given):
    """Projected rows of norm 1 of all views, and their labels."""
    rows, labels = given.rows
    return F.normalize(term.projected(rows)), labels


def test_supervised_contrast_is_the_mean_over_anchors():
    term, given = built(SUPERVISED, temperature=0.3), batch()
    rows, labels = rows_of(term, given)
    scores = rows @ rows.T / 0.3 - 1e9 * torch.eye(len(rows))
    positives = (labels[:, None] == labels) & ~torch.eye(len(rows), dtype=torch.bool)
    values = -(scores.log_softmax(1) * positives).sum(1) / positives.sum(1)
    torch.testing.assert_close(term(given), values.mean())


def test_without_prototypes_and_averaging_the_balanced_loss_is_the_supervised_one():
    plain = built(BALANCED, class_averaging=False, class_complement=False)
    torch.testing.assert_close(plain(batch()), built(SUPERVISED, temperature=0.1)(batch()))


@pytest.mark.parametrize('averaging', ['outside', 'inside', None])
def test_balanced_contrast_has_the_projected_classifier_as_prototypes(averaging):
    options = dict(averaging=averaging) if averaging else dict(class_averaging=False)
    term, given = built(BALANCED, **options), batch()
    rows, labels = rows_of(term, given)
    keys = torch.cat([rows, F.normalize(term.prototypes(given.classifier))])
    own = torch.arange(len(rows))
    expected = contrastive_losses(rows, labels, keys, torch.cat([labels, torch.arange(K)]), own, K, 0.1, averaging)
    torch.testing.assert_close(term(given), expected.mean())


def test_prototypes_alone_are_a_cosine_classifier():
    term, given = built(BALANCED, averaging='prototypes'), batch()
    rows, labels = rows_of(term, given)
    logits = rows @ F.normalize(term.prototypes(given.classifier)).T / 0.1
    torch.testing.assert_close(term(given), F.cross_entropy(logits, labels))


def test_gradient_flows_into_features_classifier_and_both_projections():
    term = built(BALANCED)
    _, features, classifier = value_and_gradients(term, batch())
    assert (features.abs().sum(2) > 0).all() and (classifier.abs().sum(1) > 0).all()
    term(batch()).backward()
    moved = [name for name, parameter in term.named_parameters() if parameter.grad.abs().max() > 1e-9]
    expected = {f'{part}.{name}' for part in ('projection', 'prototypes') for name in ('hidden_weight', 'out_weight')}
    assert expected <= set(moved)


@pytest.mark.parametrize('counts', [[4, 4, 4, 4, 4], [20, 3, 1, 0, 0], [0, 0, 2, 0, 0]])
@pytest.mark.parametrize('averaging', ['outside', 'inside', 'prototypes'])
@pytest.mark.parametrize('views', [1, 2])
def test_collapse_on_a_simplex_has_one_value_whatever_the_batch_holds(counts, averaging, views):
    term = built(BALANCED, **PLAIN, averaging=averaging)
    value, *gradients = value_and_gradients(term, at_simplex(counts, views))
    assert value.item() == pytest.approx(SIMPLEX, rel=1e-9)
    assert all(gradient.abs().max() < 1e-12 for gradient in gradients) or len(set(counts)) > 1


def test_the_share_of_a_class_in_the_mean():
    given = batch()
    rows, labels = rows_of(term := built(BALANCED, **PLAIN, anchors='classes'), given)
    own = torch.arange(len(rows))
    keys = torch.cat([rows, F.normalize(given.classifier)]), torch.cat([labels, torch.arange(K)])
    losses = contrastive_losses(rows, labels, *keys, own, K, 0.1, 'outside')
    torch.testing.assert_close(term(given), sum(losses[labels == k].mean() for k in range(K)) / K)


def largest_gap(vectors):
    """The largest distance of a cosine from that of a simplex."""
    cosines = F.normalize(vectors) @ F.normalize(vectors).T
    return (cosines.fill_diagonal_(-1 / (K - 1)) + 1 / (K - 1)).abs().max().item()


def descended(config, counts):
    """Value, class means and classifier after gradient descent on free features and class vectors."""
    torch.manual_seed(1)
    term = built(config, **PLAIN, temperature=0.5)
    labels = torch.arange(K).repeat_interleave(torch.tensor(counts))
    features = torch.randn(len(labels), 2, D, dtype=torch.float64).requires_grad_()
    classifier = torch.randn(K, D, dtype=torch.float64).requires_grad_()
    optimizer = torch.optim.Adam([features, classifier], 0.05)
    steps = 400
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, 1e-4)
    for _ in range(steps):
        optimizer.zero_grad()
        value = term(FeatureBatch(features, labels, K, classifier))
        value.backward()
        optimizer.step()
        schedule.step()
    rows = F.normalize(features.detach(), dim=2)
    means = torch.stack([rows[labels == k].mean((0, 1)) for k in range(K)])
    assert (rows - means[labels][:, None]).norm(dim=2).max() < 0.2  # collapsed
    return value.item(), means, classifier.detach()


@pytest.mark.parametrize(
    ('config', 'counts'),
    [(BALANCED, EVEN), ({**BALANCED, 'averaging': 'inside'}, EVEN), ({**BALANCED, 'anchors': 'classes'}, LONG_TAIL)],
    ids=('outside', 'inside', 'anchors by class'),
)
def test_descent_reaches_a_simplex(config, counts):
    value, means, classifier = descended(config, counts)
    assert value == pytest.approx(math.log1p((K - 1) * math.exp(-K / ((K - 1) * 0.5))), rel=1e-3)
    assert largest_gap(means) < 0.01 and largest_gap(classifier) < 0.01
    assert (F.normalize(means) - F.normalize(classifier)).norm(dim=1).max() < 0.05


@pytest.mark.parametrize('config', [SUPERVISED, BALANCED], ids=('supervised', 'balanced'))
def test_the_published_losses_have_no_simplex_under_a_long_tail(config):
    value, means, _ = descended(config, LONG_TAIL)
    assert largest_gap(means) > 0.3
    assert config == SUPERVISED or value < 0.95 * math.log1p((K - 1) * math.exp(-K / ((K - 1) * 0.5)))


@pytest.mark.usefixtures('no_runner')
def test_a_schedule_that_is_off_and_an_empty_batch_reach_every_parameter():
    for term, given in (
        (built(BALANCED), batch(0)),
        (built(BALANCED, prototypes='learnable'), batch(0)),
        (built(HYBRID), batch(0)),
        (built(BALANCED, schedule=dict(start=5, unit='iter')), batch()),
    ):
        term(given).backward()
        assert all((parameter.grad == 0).all() for parameter in term.parameters())


def test_a_single_row_counts_where_nothing_normalises_over_rows():
    simplex = torch.eye(K) - 1 / K
    alone = FeatureBatch(simplex[:1, None], torch.tensor([0]), K, simplex)
    collapsed = math.log1p((K - 1) * math.exp(-K / ((K - 1) * 0.5)))
    assert built(BALANCED, **PLAIN, temperature=0.5)(alone) == pytest.approx(collapsed, rel=1e-5)
    assert built(HYBRID, **PLAIN)(alone) == pytest.approx(-4)
    assert built(BALANCED)(alone) == 0 and built(HYBRID)(alone) == 0


def test_learned_prototypes_are_parameters_and_moving_ones_follow_the_features():
    assert built(BALANCED, prototypes='learnable').prototypes.shape == (K, 128)
    term, given = built(BALANCED, **PLAIN, prototypes='ema', momentum=0.75), batch(views=1, classes=2)
    first = term(given)
    torch.testing.assert_close(first, built(BALANCED, **PLAIN, class_complement=False)(given))  # none is known yet
    term.step()
    rows, labels = F.normalize(given.features[:, 0]), given.labels
    means = torch.stack([rows[labels == k].mean(0) for k in range(2)])
    keys, key_labels = torch.cat([rows, F.normalize(means)]), torch.cat([labels, torch.arange(2)])
    own = torch.arange(len(rows))
    expected = contrastive_losses(rows, labels, keys, key_labels, own, K, 0.1, 'outside').mean()
    torch.testing.assert_close(term(given), expected, rtol=1e-5, atol=0)  # memory is float32
    assert term.prototypes.seen.tolist() == [True, True, False, False, False]


def test_views_are_chosen():
    given = batch(views=3)
    last = FeatureBatch(given.features[:, 1:], given.labels, K, given.classifier)
    for config in (SUPERVISED, BALANCED, HYBRID):
        torch.testing.assert_close(built(config, views=(1, 2))(given), built(config)(last))
        with pytest.raises(ValueError, match=r'the views \[1, 3\], got 3 views. Let the data preprocessor'):
            built(config, views=(1, 3))(given)
        hinted(
            'Let the data preprocessor give more views, or change views.',
            lambda config=config: built(config, views=(1, 3))(given),
        )
        assert built(config, views=(1, 3))(batch(views=4)).isfinite()
        assert built(config, views=(1, 2))(given).isfinite()
        with pytest.raises(ValueError, match='views: expected numbers of views'):
            built(config, views=(0, -1))


def test_of_many_pixels_it_takes_as_many_of_rare_classes_as_of_frequent_ones(monkeypatch):
    labels = torch.arange(K).repeat_interleave(torch.tensor([5000, 900, 60, 30, 4]))
    features = torch.randn(len(labels), 1, D).requires_grad_()
    for config, expected in (({**BALANCED, **PLAIN}, [54, 53, 53, 30, 4]), (HYBRID, [54, 53, 53, 30, 4])):
        (gradient,) = torch.autograd.grad(
            built(config, max_samples=194)(FeatureBatch(features, labels, K, torch.randn(K, D))), features
        )
        taken = (gradient[:, 0].abs().sum(1) > 0).long()
        number = torch.zeros(K, dtype=torch.long).index_add(0, labels, taken).tolist()
        assert sum(number) == 194 and sorted(number) == sorted(expected) and number[3:] == [30, 4]


def test_k_positives_between_one_and_all():
    given = batch(views=2)
    every = built(SUPERVISED)(given)
    torch.testing.assert_close(built(SUPERVISED, positives=1000)(given), every)
    torch.manual_seed(0)
    few = built(SUPERVISED, positives=1)(given)
    assert few.isfinite() and (few - every).abs() > 1e-6


def test_targets_are_positives_of_their_class_and_negatives_of_the_others():
    term, given = built(TARGETED, temperature=0.3, target_weight=2.0), batch()
    rows, labels = rows_of(term, given)
    itself = torch.eye(len(rows), K + len(rows), dtype=torch.bool)
    scores = (rows @ torch.cat([rows, term.targets.double()]).T / 0.3).masked_fill(itself, -torch.inf)
    of_anchor = torch.cat([labels, torch.arange(K)]) == labels[:, None]
    weights = (of_anchor & ~itself).double()
    weights[:, len(rows) :] *= 2
    values = -(scores.log_softmax(1).masked_fill(itself, 0) * weights).sum(1) / weights.sum(1)
    torch.testing.assert_close(term(given), values.mean())


def test_classes_get_the_targets_next_to_them():
    term, order = built(TARGETED, **PLAIN), torch.tensor([3, 0, 4, 1, 2])
    before = term.targets.clone()
    labels = torch.arange(K).repeat_interleave(2)
    for _ in range(2):  # they stay there
        term(FeatureBatch(before[order][labels][:, None], labels, K))
        term.step()
        torch.testing.assert_close(term.targets, before[order])


def test_targets_draw_class_means_towards_a_simplex_under_a_long_tail():
    gaps = [largest_gap(descended(config, LONG_TAIL)[1]) for config in (TARGETED, SUPERVISED)]
    assert gaps[0] < 0.4 < 0.5 < gaps[1]


@pytest.mark.parametrize('alpha', [0.0, 0.03, 2.0])
def test_parametric_contrast_by_the_formula(alpha):
    term, given = built(PARAMETRIC, alpha=alpha, temperature=0.3), batch()
    rows, labels = rows_of(term, given)
    scores = torch.cat([given.rows[0] @ given.classifier.T, rows @ rows.T / 0.3], 1)
    keys, expected = torch.cat([torch.arange(K), labels]), []
    for i, label in enumerate(labels):
        kept = torch.arange(len(keys)) != K + i
        weights = torch.where(torch.arange(len(keys)) < K, 1.0, alpha).double() * (keys == label)
        expected.append(-(weights[kept] * scores[i, kept].log_softmax(0)).sum() / weights[kept].sum())
    torch.testing.assert_close(term(given), torch.stack(expected).mean())


def test_parametric_contrast_of_one_sample_is_cross_entropy_and_of_more_is_above():
    term, given = built(PARAMETRIC, alpha=0.0, **PLAIN), batch(views=1)
    logits = given.features[:, 0] @ given.classifier.T
    alone = [FeatureBatch(given.features[i : i + 1], given.labels[i : i + 1], K, given.classifier) for i in range(4)]
    expected = F.cross_entropy(logits, given.labels, reduction='none')
    torch.testing.assert_close(torch.stack([term(each) for each in alone]), expected[:4])
    assert term(given) > expected.mean()


def test_parametric_contrast_with_a_prior_and_a_queue_by_the_formula():
    """In the second batch, the last view of the first one is among the keys, and nothing is sent back to it."""
    counts = torch.tensor(COUNTS, dtype=torch.float64)
    term, given = built(PARAMETRIC, alpha=0.5, temperature=0.3, counts=COUNTS, queue_size=25), batch(20)
    first = FeatureBatch(given.features.flip(0), given.labels, K, given.classifier)
    term(first)
    term.step()
    earlier = rows_of(term, first)[0][1::2], given.labels  # of the second of two views
    rows, labels = rows_of(term, given)
    scores = torch.cat([given.rows[0] @ given.classifier.T + (counts / counts.sum()).log(), rows @ rows.T / 0.3], 1)
    scores = torch.cat([scores, rows @ earlier[0].float().double().T / 0.3], 1)
    keys, expected = torch.cat([torch.arange(K), labels, earlier[1]]), []
    for i, label in enumerate(labels):
        kept = torch.arange(len(keys)) != K + i
        weights = torch.where(torch.arange(len(keys)) < K, 1.0, 0.5).double() * (keys == label)
        expected.append(-(weights[kept] * scores[i, kept].log_softmax(0)).sum() / weights[kept].sum())
    torch.testing.assert_close(term(given), torch.stack(expected).mean())


def test_a_queue_keeps_the_last_keys_of_training_and_of_no_evaluation():
    queue = KeyQueue(5, 1)
    for number, size in enumerate((2, 2, 7, 0, 3)):
        queue.observe(torch.arange(float(size))[:, None] + 10 * number, torch.full((size,), number))
        queue.step()
        queue.step()
    assert sorted(queue.keys.flatten().tolist()) == [25.0, 26.0, 40.0, 41.0, 42.0]
    assert sorted(queue.labels.tolist()) == [2, 2, 4, 4, 4]
    queue.observe(torch.tensor([[torch.nan], [50.0], [51.0], [52.0]]), torch.tensor([5, 5, -1, 5]))
    queue.step()
    assert sorted(queue.keys.flatten().tolist()) == [40.0, 41.0, 42.0, 50.0, 52.0]
    queue.eval().observe(torch.ones(1, 1), torch.tensor([0]))
    queue.step()
    assert 0 not in queue.labels


@pytest.mark.parametrize('number', [1, 3, 30])
def test_at_the_optimum_of_parametric_contrast_a_class_vector_has_the_share_of_its_weight(number):
    """Of several equal samples: 1 / (1 + alpha |P|), which is more in rare classes."""
    rows, labels, alpha = torch.eye(2, dtype=torch.float64)[:1].repeat(number, 1), torch.zeros(number).long(), 0.2
    scores = torch.tensor([[1 / 0.5 - math.log(alpha), -1e4]], dtype=torch.float64).repeat(number, 1).requires_grad_()
    losses = parametric_losses(rows, labels, scores, rows, labels, torch.arange(number), 0.5, alpha)
    weight = alpha * (number - 1)
    entropy = math.log(1 + weight) - weight / (1 + weight) * math.log(alpha)  # of the weights of the positives
    torch.testing.assert_close(losses.detach(), torch.full_like(losses, entropy))
    assert torch.autograd.grad(losses.sum(), scores)[0].abs().max() < 1e-9


@pytest.mark.parametrize('views', [1, 2])
def test_prototypical_contrast_by_the_formula(views):
    term, given = built(PROTOTYPICAL, temperature=0.3), batch(views=views)
    rows, labels = rows_of(term, given)
    scores = rows @ F.normalize(term.prototypes.double()).T / 0.3
    expected = [-(row[label].exp() / sum(row[j].exp() for j in range(K) if j != label)).log() for row, label in zip(
        scores, labels, strict=True)]  # fmt: skip
    torch.testing.assert_close(term(given), torch.stack(expected).mean())


def test_prototypical_contrast_has_a_simplex_as_its_minimum():
    """Of samples and prototypes that are free, with one vote for each class."""
    torch.manual_seed(1)
    term = built(PROTOTYPICAL, **PLAIN, temperature=0.5, anchors='classes').double()
    labels = torch.arange(K).repeat_interleave(torch.tensor(LONG_TAIL))
    features = torch.randn(len(labels), 1, D, dtype=torch.float64).requires_grad_()
    optimizer = torch.optim.Adam([features, term.prototypes], 0.05)
    for _ in range(300):
        optimizer.zero_grad()
        value = term(FeatureBatch(features, labels, K))
        value.backward()
        optimizer.step()
    assert value.item() == pytest.approx(math.log(K - 1) - K / ((K - 1) * 0.5), abs=1e-4)
    assert largest_gap(term.prototypes.detach()) < 0.02
    assert (F.normalize(features.detach()[:, 0]) - F.normalize(term.prototypes.detach())[labels]).norm(
        dim=1
    ).max() < 0.1


def test_prototypical_contrast_of_one_class_is_refused():
    with pytest.raises(ValueError, match='num_classes: expected a whole number of at least 2, got 1'):
        RegularizerGroup([PROTOTYPICAL], 1, D)


@pytest.mark.parametrize('views', [1, 2])
def test_hybrid_contrast_is_that_of_the_paper(views):
    term, given = built(HYBRID), batch(views=views)
    features = given.features.clone().requires_grad_()
    z = term.projected(features.flatten(0, 1))
    h = term.prediction(z).unflatten(0, (-1, views))
    z = z.unflatten(0, (-1, views))
    fixed = z.detach()

    def similarity(h_view, z_view):
        means = torch.stack([z[given.labels == k, z_view].mean(0) for k in range(K)])[given.labels]
        target = fixed[:, z_view]
        return -F.cosine_similarity(h[:, h_view], target) - F.cosine_similarity(means, target)

    expected = (similarity(0, views - 1) + similarity(views - 1, 0)).mean()
    value, gradient, _ = value_and_gradients(term, given)
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, features)[0])
    assert -4 < value < 4


@pytest.mark.parametrize('counts', [[4, 4, 4, 4, 4], [20, 3, 1, 0, 0], [1, 0, 0, 0, 0]])
def test_hybrid_contrast_is_minus_four_at_collapse(counts):
    assert built(HYBRID, **PLAIN)(at_simplex(counts)).item() == pytest.approx(-4)
    given = batch()
    assert built(HYBRID, **PLAIN)(given) > -3.9


def test_a_mean_of_one_sample_pulls_nowhere():
    given = batch(K)  # one sample of each class
    _, gradient, _ = value_and_gradients(built(HYBRID, **PLAIN), FeatureBatch(
        given.features[:, :1], given.labels, K, given.classifier))  # fmt: skip
    assert gradient.abs().max() < 1e-12


def test_hybrid_contrast_of_three_views_is_refused():
    with pytest.raises(ValueError, match=r'one view or two, got 3. Choose two by views'):
        built(HYBRID)(batch(views=3))
    hinted('Choose two by views=(i, j).', lambda: built(HYBRID)(batch(views=3)))
    assert built(HYBRID, views=(0, 2))(batch(views=3)).isfinite()


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (
            {**BALANCED, 'class_averaging': False, 'averaging': 'inside'},
            "class_averaging: expected True for averaging='i",
        ),
        ({**BALANCED, 'class_complement': False, 'averaging': 'prototypes'}, 'class_complement: expected True'),
        ({**BALANCED, 'prototypes': 'learned'}, "got 'learned'. Did you mean 'learnable'"),
        ({**BALANCED, 'averaging': 'outsid'}, "Did you mean 'outside'"),
        ({**BALANCED, 'temperature': 0}, 'temperature: expected a number above 0'),
        ({**SUPERVISED, 'positives': 0}, r'positives: expected a whole number of at least 1, got 0'),
        ({**SUPERVISED, 'positives': 2.5}, r'positives: expected a whole number of at least 1, got 2.5'),
        ({**PARAMETRIC, 'alpha': -1}, r'alpha: expected a number in \[0, inf\]'),
        ({**HYBRID, 'max_samples': 0}, r'max_samples: expected a whole number of at least 1'),
        ({**HYBRID, 'hidden_channels': 0}, r'hidden_channels: expected a whole number of at least 1'),
    ],
)
def test_bad_settings_are_named(config, message):
    with pytest.raises(ValueError, match=message):
        RegularizerGroup([config], K, D)


def test_a_head_without_class_vectors_is_named():
    given = batch()
    with pytest.raises(ValueError, match='a classifier with one vector for each class'):
        built(BALANCED)(FeatureBatch(given.features, given.labels, K))
    hinted(
        'Use terms on features only with this head.',
        lambda: built(BALANCED)(FeatureBatch(given.features, given.labels, K)),
    )
    assert built(SUPERVISED)(FeatureBatch(given.features, given.labels, K)).isfinite()


def test_only_classes_of_the_batch_have_a_share_of_the_mean():
    given = batch(classes=3)
    term = built(BALANCED, **PLAIN, anchors='classes', class_complement=False)
    rows, labels = rows_of(term, given)
    losses = contrastive_losses(rows, labels, rows, labels, torch.arange(len(rows)), K, 0.1, 'outside')
    torch.testing.assert_close(term(given), sum(losses[labels == k].mean() for k in range(3)) / 3)


def test_k_positives_of_chosen_views():
    given = batch(views=3)
    every = built(SUPERVISED, views=(1, 2))(given)
    torch.testing.assert_close(built(SUPERVISED, views=(1, 2), positives=1000)(given), every)


@pytest.mark.parametrize('config', [{**BALANCED, 'prototypes': 'ema'}, TARGETED], ids=('balanced', 'targeted'))
def test_moving_averages_have_their_momentum(config):
    term, given = built(config, **PLAIN, momentum=0.75).double(), batch(views=1)
    for sign in (1, -1):
        term(FeatureBatch(sign * given.features, given.labels, K, given.classifier))
        term.step()
    mean = F.normalize(given.features[given.labels == 1, 0]).mean(0)
    vectors = (term.centers if config is TARGETED else term.prototypes).vectors
    torch.testing.assert_close(vectors[1], 0.5 * mean)


def test_without_a_prototype_of_its_class_an_anchor_adds_nothing():
    term = built(BALANCED, **PLAIN, averaging='prototypes', prototypes='ema')
    given = batch(views=1, classes=2)
    assert term(given) == 0
    term.step()
    known = term(given)
    more = FeatureBatch(
        torch.cat([given.features, given.features[:1]]), torch.cat([given.labels, torch.tensor([4])]), K
    )
    torch.testing.assert_close(term(more), known * len(given.labels) / len(more.labels))


def test_a_projection_is_two_layers_with_a_normalisation_between():
    torch.manual_seed(0)
    network, rows = Projection(D, 16, 4).double(), torch.randn(10, D, dtype=torch.float64)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    hidden = rows @ network.hidden_weight.T + network.hidden_bias
    hidden = (hidden - hidden.mean(0)) / (hidden.var(0, correction=0) + 1e-5).sqrt()
    hidden = (hidden * network.norm_weight + network.norm_bias).relu()
    torch.testing.assert_close(network(rows), hidden @ network.out_weight.T + network.out_bias)
