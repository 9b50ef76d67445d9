"""Contrastive losses of unit vectors against loops, identities and bounds."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from ltseg.core.contrastive import contrastive_losses, limited_positives
from ltseg.core.geometry import simplex_vectors

K, D, T = 5, 7, 0.2
FORMS = (None, 'outside', 'inside')
COUNTS = (9, 5, 3, 1, 0)  # a singleton and an absent class

every_form = pytest.mark.parametrize('averaging', FORMS)
with_and_without_prototypes = pytest.mark.parametrize('complement', [False, True])


def sample(counts=COUNTS, seed=0):
    """Unit vectors with labels, and a prototype of each class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    rows = torch.randn(len(labels), D, generator=generator, dtype=torch.float64)
    return normalize(rows), labels, normalize(torch.randn(len(counts), D, generator=generator, dtype=torch.float64))


def losses(rows, labels, prototypes=None, averaging='outside', temperature=T, **more):
    """The losses of all rows among each other, and prototypes where there are some."""
    classes = int(labels.max()) + 1 if prototypes is None and len(labels) else K
    keys, key_labels = rows, labels
    if prototypes is not None:
        classes = len(prototypes)
        keys, key_labels = torch.cat([rows, prototypes]), torch.cat([labels, torch.arange(classes)])
    own = torch.arange(len(rows))
    return contrastive_losses(rows, labels, keys, key_labels, own, classes, temperature, averaging, **more)


def by_loops(rows, labels, prototypes, averaging):
    """Eq. 1, and eq. 6, 7 and 9 of balanced contrastive learning, as they are printed but for the anchor's class."""
    everyone = [(z, int(y)) for z, y in zip(rows, labels, strict=True)]
    if prototypes is not None:
        everyone += [(c, k) for k, c in enumerate(prototypes)]
    values = []
    for i, (anchor, label) in enumerate(everyone[: len(rows)]):
        scores = {k: [] for k in range(K)}
        for j, (key, key_label) in enumerate(everyone):
            if j != i:
                scores[key_label].append(float(anchor @ key) / T)
        positives = scores[label]
        groups = [group for group in scores.values() if group]
        if averaging is None:
            whole = sum(math.exp(s) for group in groups for s in group)
        elif averaging == 'outside':
            whole = sum(sum(map(math.exp, group)) / len(group) for group in groups)
        else:
            whole = sum(math.exp(sum(group) / len(group)) for group in groups)
        values.append(-sum(math.log(math.exp(s) / whole) for s in positives) / len(positives) if positives else 0.0)
    return torch.tensor(values, dtype=torch.float64)


@every_form
@with_and_without_prototypes
def test_value_is_that_of_the_equations(averaging, complement):
    rows, labels, prototypes = sample()
    prototypes = prototypes if complement else None
    torch.testing.assert_close(
        losses(rows, labels, prototypes, averaging), by_loops(rows, labels, prototypes, averaging), rtol=1e-12, atol=0
    )


@every_form
@with_and_without_prototypes
def test_gradient_is_that_of_the_value(averaging, complement):
    rows, labels, prototypes = sample((3, 2, 1))
    leaves = (rows.requires_grad_(), prototypes.requires_grad_()) if complement else (rows.requires_grad_(),)
    assert torch.autograd.gradcheck(lambda r, c=None: losses(r, labels, c, averaging), leaves)


def test_gradient_in_the_anchor_is_that_of_the_paper():
    """(sum_p z_p (X_p - 1) / |P| + sum_{j != y} sum_{k in B_j} z_k X_k / n_j) / temperature, X = exp(s) / D."""
    rows, labels, prototypes = sample()
    keys, key_labels = torch.cat([rows, prototypes]), torch.cat([labels, torch.arange(K)])
    for i in (0, 10, 17):
        anchor = rows[i].clone().requires_grad_()
        value = contrastive_losses(
            anchor[None], labels[i : i + 1], keys, key_labels, torch.tensor([i]), K, T, averaging='outside'
        )
        (gradient,) = torch.autograd.grad(value.sum(), anchor)
        others = torch.arange(len(keys)) != i
        groups = [others & (key_labels == k) for k in range(K)]
        exponentials = (rows[i] @ keys.T / T).exp()
        shares = exponentials / sum(exponentials[group].mean() for group in groups)
        expected = sum((keys[group] * shares[group, None]).mean(0) for group in groups)
        expected = (expected - keys[groups[labels[i]]].mean(0)) / T
        torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize('counts', [(4, 4, 4, 4, 4, 4), (30, 7, 2, 1, 0, 0), (0, 0, 0, 0, 0, 1), (9, 0, 0, 0, 0, 0)])
@pytest.mark.parametrize('temperature', [0.1, 1.0])
def test_collapse_on_a_simplex_has_one_value_whatever_the_batch_holds(counts, temperature):
    classes = len(counts)
    vertices = simplex_vectors(classes, D)
    labels = torch.arange(classes).repeat_interleave(torch.tensor(counts))
    values = losses(vertices[labels], labels, vertices, temperature=temperature)
    expected = math.log1p((classes - 1) * math.exp(-classes / ((classes - 1) * temperature)))
    torch.testing.assert_close(values, torch.full_like(values, expected))
    if temperature == 0.1:
        assert expected == pytest.approx(3.07206e-5, rel=1e-5)


def test_nothing_is_below_a_simplex_where_classes_have_equal_shares():
    least = math.log1p((K - 1) * math.exp(-K / ((K - 1) * T)))
    for seed in range(20):
        rows, labels, prototypes = sample((2,) * K, seed)
        assert losses(rows, labels, prototypes).mean() > least
    away = torch.ones(1, D, dtype=torch.float64) / D**0.5
    prototypes = torch.cat([away, -away.expand(K - 1, D)])  # one class alone may push all others to one place
    assert losses(away, torch.tensor([0]), prototypes).item() == pytest.approx(math.log1p((K - 1) * math.exp(-2 / T)))
    assert math.log1p((K - 1) * math.exp(-2 / T)) < least


@with_and_without_prototypes
def test_averaging_outside_is_never_less_than_inside(complement):
    for seed in range(5):
        rows, labels, prototypes = sample(seed=seed)
        prototypes = prototypes if complement else None
        difference = losses(rows, labels, prototypes) - losses(rows, labels, prototypes, 'inside')
        assert (difference > -1e-12).all() and difference.max() > 0.01


def test_copies_of_a_negative_class_weigh_nothing_without_prototypes():
    rows, labels, prototypes = sample((4, 3, 2))
    more = torch.cat([rows, rows[labels == 1]]), torch.cat([labels, labels[labels == 1]])
    others = (labels != 1).nonzero().squeeze(1)
    for averaging in ('outside', 'inside'):
        torch.testing.assert_close(
            losses(*more, None, averaging)[others], losses(rows, labels, None, averaging)[others]
        )
    assert (losses(*more, None, None)[others] > losses(rows, labels, None, None)[others] + 0.01).all()
    assert ((losses(*more, prototypes)[others] - losses(rows, labels, prototypes)[others]).abs() > 1e-4).all()


@every_form
def test_an_anchor_without_positives_adds_nothing(averaging):
    rows, labels, _ = sample()
    values = losses(rows.requires_grad_(), labels, None, averaging)
    assert values[labels == 3].item() == 0
    alone = losses(rows[:1], labels[:1], None, averaging)
    (gradient,) = torch.autograd.grad(alone.sum(), rows)
    assert alone.tolist() == [0.0] and (gradient == 0).all()


@every_form
def test_keys_with_a_negative_label_are_left_out(averaging):
    rows, labels, _ = sample((4, 3, 2))
    kept = torch.tensor([0, 2, 3, 5, 7, 8])
    part = torch.full_like(labels, -1)
    part[kept] = labels[kept]
    values = contrastive_losses(rows[kept], labels[kept], rows, part, kept, 3, T, averaging)
    torch.testing.assert_close(values, losses(rows[kept], labels[kept], None, averaging))


@every_form
def test_no_anchors(averaging):
    rows, labels, prototypes = sample((0, 0, 0, 0, 0))
    assert losses(rows, labels, prototypes, averaging).shape == (0,)


@every_form
@pytest.mark.parametrize('temperature', [1e-3, 1e-2])
def test_small_temperatures_do_not_overflow(averaging, temperature):
    rows, labels, prototypes = (each.float() if each.is_floating_point() else each for each in sample())
    rows.requires_grad_()
    values = losses(rows, labels, prototypes, averaging, temperature)
    values.sum().backward()
    assert values.isfinite().all() and rows.grad.isfinite().all()


def views_of(counts):
    """Two views of each sample: labels and samples."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)).repeat_interleave(2)
    return labels, torch.arange(len(labels)) // 2


def limited(labels, samples, most, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return limited_positives(labels, samples, labels, samples, torch.arange(len(labels)), most, generator)


def test_limited_positives_are_the_other_view_and_k_of_the_class():
    labels, samples = views_of((8, 3, 1))
    for most in (1, 4):
        chosen = limited(labels, samples, most)
        other_views = (samples[:, None] == samples) & ~torch.eye(len(labels), dtype=torch.bool)
        available = labels.bincount()[labels] - 2
        assert (chosen & (labels[:, None] != labels)).sum() == 0
        assert (chosen & other_views).sum(1).tolist() == [1] * len(labels)
        assert torch.equal((chosen & ~other_views).sum(1), available.clamp(max=most))


def test_limited_positives_are_drawn_evenly():
    labels, samples = views_of((6,))
    often = sum(limited(labels, samples, 2, seed).double() for seed in range(600))[0] / 600
    assert often[0] == 0 and often[1] == 1
    assert (often[2:] - 0.2).abs().max() < 0.06


def test_as_many_positives_as_there_are_is_the_plain_loss():
    labels, samples = views_of((4, 3, 1))
    rows = normalize(torch.randn(len(labels), D, dtype=torch.float64))
    values = losses(rows, labels, None, None)
    torch.testing.assert_close(losses(rows, labels, None, None, positives=limited(labels, samples, 99)), values)
    assert not torch.allclose(losses(rows, labels, None, None, positives=limited(labels, samples, 1)), values)


def test_limited_positives_are_those_of_the_seed():
    labels, samples = views_of((20,))
    assert torch.equal(limited(labels, samples, 3, 1), limited(labels, samples, 3, 1))
    assert not torch.equal(limited(labels, samples, 3, 1), limited(labels, samples, 3, 2))
