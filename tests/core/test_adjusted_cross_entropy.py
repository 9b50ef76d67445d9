"""The adjusted cross entropy against a float64 computation by the formula, term by term."""

import pytest
import torch
from hinted import hinted
from torch.nn import functional as F

from ltseg.core.adjustment import Adjustment
from ltseg.core.cross_entropy import adjusted_cross_entropy

K = 5
TERMS = {
    'bias': torch.linspace(-2, 1, K, dtype=torch.float64),
    'margin': torch.linspace(0.1, 0.5, K, dtype=torch.float64),
    'scale': torch.linspace(0.3, 1.5, K, dtype=torch.float64),
    'weight': torch.linspace(0.2, 3, K, dtype=torch.float64),
    'smoothing': torch.linspace(0, 0.4, K, dtype=torch.float64),
}
COMBINATIONS = [[], *[[name] for name in TERMS], ['bias', 'scale', 'weight'], list(TERMS)]


def naive(logits, labels, adjustment, focusing):
    """The formula of Adjustment, one sample at a time."""
    rows = logits.movedim(1, -1).reshape(-1, K)
    losses = []
    for z, y in zip(rows, labels.flatten().tolist(), strict=True):
        if adjustment.scale is not None:
            z = z * adjustment.scale
        if adjustment.bias is not None:
            z = z + adjustment.bias
        if adjustment.margin is not None:
            z = z - adjustment.margin[y] * F.one_hot(torch.tensor(y), K)
        smoothing = 0.0 if adjustment.smoothing is None else adjustment.smoothing[y]
        q = (1 - smoothing) * F.one_hot(torch.tensor(y), K) + smoothing / K
        w = torch.ones(K) if adjustment.weight is None else adjustment.weight
        p = z.exp() / z.exp().sum()
        losses.append((q * w * (1 - p) ** focusing * -p.log()).sum())
    return torch.stack(losses).view(labels.shape)


@pytest.mark.parametrize('terms', COMBINATIONS, ids='-'.join)
@pytest.mark.parametrize('focusing', [0.0, 2.0])
@pytest.mark.parametrize('shape', [(7,), (2, 3, 4)])
def test_equals_the_formula(terms, focusing, shape):
    torch.manual_seed(0)
    logits = torch.randn(shape[0], K, *shape[1:], dtype=torch.float64)
    labels = torch.randint(0, K, shape)
    adjustment = Adjustment(**{name: TERMS[name] for name in terms})
    losses, weights = adjusted_cross_entropy(logits, labels, adjustment, focusing)
    torch.testing.assert_close(losses, naive(logits, labels, adjustment, focusing))
    assert (weights is None) == ('weight' not in terms)
    if weights is not None:
        torch.testing.assert_close(weights, TERMS['weight'][labels])


@pytest.mark.parametrize('terms', COMBINATIONS, ids='-'.join)
@pytest.mark.parametrize('focusing', [0.0, 0.5, 2.0])
def test_gradient(terms, focusing):
    torch.manual_seed(1)
    logits = torch.randn(3, K, 2, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, K, (3, 2))
    labels[0, 0] = 255
    adjustment = Adjustment(**{name: TERMS[name] for name in terms})
    assert torch.autograd.gradcheck(lambda z: adjusted_cross_entropy(z, labels, adjustment, focusing, 255)[0], logits)


@pytest.mark.parametrize('terms', [[], ['bias'], ['scale', 'bias'], ['weight']], ids='-'.join)
@pytest.mark.parametrize('focusing', [0.0, 2.0])
def test_one_hot_probabilities_equal_class_indices(terms, focusing):
    torch.manual_seed(2)
    logits, labels = torch.randn(4, K, 3, dtype=torch.float64), torch.randint(0, K, (4, 3))
    adjustment = Adjustment(**{name: TERMS[name] for name in terms})
    soft = F.one_hot(labels, K).movedim(-1, 1).double()
    for hard_part, soft_part in zip(
        adjusted_cross_entropy(logits, labels, adjustment, focusing),
        adjusted_cross_entropy(logits, soft, adjustment, focusing),
        strict=True,
    ):
        torch.testing.assert_close(hard_part, soft_part)


def test_mixed_labels_mix_the_losses():
    torch.manual_seed(3)
    logits, adjustment = torch.randn(6, K, dtype=torch.float64), Adjustment(bias=TERMS['bias'])
    first, second = torch.randint(0, K, (6,)), torch.randint(0, K, (6,))
    mixed = 0.3 * F.one_hot(first, K) + 0.7 * F.one_hot(second, K).double()
    parts = [adjusted_cross_entropy(logits, labels, adjustment)[0] for labels in (first, second)]
    torch.testing.assert_close(adjusted_cross_entropy(logits, mixed, adjustment)[0], 0.3 * parts[0] + 0.7 * parts[1])


def test_class_outside_the_softmax():
    """A bias of -inf: no gradient for the class, and a soft label's share of it goes to the others."""
    bias = torch.tensor([0.0, -1.0, -torch.inf], dtype=torch.float64)
    logits = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    losses, _ = adjusted_cross_entropy(logits, torch.tensor([0, 1, 1, 0]), Adjustment(bias=bias))
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    assert losses.isfinite().all() and (gradient[:, 2] == 0).all()

    soft = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64).expand(4, 3)
    losses, _ = adjusted_cross_entropy(logits, soft, Adjustment(bias=bias))
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    assert gradient.isfinite().all()
    expected, _ = adjusted_cross_entropy(logits[:, :2], soft[:, :2] / 0.8, Adjustment(bias=bias[:2]))
    torch.testing.assert_close(losses, expected)


@pytest.mark.parametrize('terms', [['margin'], ['smoothing']], ids='-'.join)
def test_soft_labels_without_a_formula_are_refused(terms):
    adjustment = Adjustment(**{name: TERMS[name] for name in terms})
    logits, mixed = torch.randn(2, K, dtype=torch.float64), torch.full((2, K), 1 / K, dtype=torch.float64)
    with pytest.raises(ValueError, match='expected class indices'):
        adjusted_cross_entropy(logits, mixed, adjustment)
    hinted(
        'Train without mixed labels, or with a loss that has a formula for them.',
        lambda: adjusted_cross_entropy(logits, mixed, adjustment),
    )
    assert adjusted_cross_entropy(logits, torch.tensor([0, 1]), adjustment)[0].isfinite().all()
    with_formula = adjusted_cross_entropy(logits, mixed, Adjustment())[0]
    torch.testing.assert_close(with_formula, -logits.log_softmax(1).mean(1))


def test_fields_combine():
    one = Adjustment(bias=torch.tensor([1.0, 2.0]), scale=torch.tensor([2.0, 2.0]))
    two = Adjustment(bias=torch.tensor([0.5, 0.5]), weight=torch.tensor([1.0, 3.0]))
    both = one & two
    assert both.bias.tolist() == [1.5, 2.5]
    assert both.scale.tolist() == [2, 2] and both.weight.tolist() == [1, 3] and both.margin is None
    with pytest.raises(ValueError, match='smooths labels'):
        Adjustment(smoothing=torch.ones(2)) & Adjustment(smoothing=torch.ones(2))


@pytest.mark.parametrize('focusing', [0.0, 0.5, 2.0])
@pytest.mark.parametrize('soft', [False, True])
def test_gradients_are_finite_beside_a_class_outside_the_softmax(focusing, soft):
    logits = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 1, 1, 0, 1, 0])
    bias = torch.tensor([0.0, 1.0, -torch.inf], dtype=torch.float64)
    if soft:
        adjustment, labels = Adjustment(bias=bias), torch.full((6, 3), 1 / 3, dtype=torch.float64)
    else:
        adjustment = Adjustment(bias=bias, smoothing=torch.full((3,), 0.2, dtype=torch.float64))
    losses, _ = adjusted_cross_entropy(logits, labels, adjustment, focusing)
    losses.sum().backward()
    assert losses.isfinite().all() and logits.grad.isfinite().all() and (logits.grad[:, 2] == 0).all()


def test_a_soft_label_wholly_outside_the_softmax_is_no_label():
    bias = torch.tensor([0.0, 0.0, -torch.inf], dtype=torch.float64)
    logits = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    soft = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64).expand(2, 3)
    losses, _ = adjusted_cross_entropy(logits, soft, Adjustment(bias=bias))
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    assert (losses == 0).all() and (gradient == 0).all()
