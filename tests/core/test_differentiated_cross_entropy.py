"""The gradient that is written down is the one that autograd finds."""

import pytest
import torch

from ltseg.core.adjustment import Adjustment
from ltseg.core.differentiated_cross_entropy import AdjustedCrossEntropy, ShiftedCrossEntropy

K, IGNORED = 5, 255
TERMS = {
    'bias': torch.linspace(-2, 1, K, dtype=torch.float64),
    'margin': torch.linspace(0.1, 0.5, K, dtype=torch.float64),
    'scale': torch.linspace(0.3, 1.5, K, dtype=torch.float64),
    'weight': torch.linspace(0.2, 3, K, dtype=torch.float64),
    'smoothing': torch.linspace(0, 0.4, K, dtype=torch.float64),
}
COMBINATIONS = [[], *[[name] for name in TERMS], ['bias', 'scale', 'weight'], list(TERMS)]


def by_autograd(losses, logits, labels):
    logits = logits.clone().requires_grad_()
    value, weight = losses(logits, labels)
    return value.detach(), weight, torch.autograd.grad(value.sum(), logits)[0]


def problem(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, K, 4, 5, dtype=dtype, generator=generator)
    labels = torch.randint(0, K, (2, 4, 5), generator=generator)
    labels[0, 1] = IGNORED
    return logits, labels


@pytest.mark.parametrize('terms', COMBINATIONS, ids='-'.join)
@pytest.mark.parametrize('focusing', [0.0, 0.5, 2.0])
@pytest.mark.parametrize('outside', [False, True], ids=['', 'a class outside the softmax'])
def test_equals_autograd(terms, focusing, outside):
    given = {name: TERMS[name] for name in terms}
    logits, labels = problem()
    if outside:
        given['bias'] = torch.tensor([0.3, -torch.inf, 0.0, 1.0, -2.0], dtype=torch.float64)
        labels[labels == 1] = 0
    before = logits.clone()
    losses = AdjustedCrossEntropy(Adjustment(**given), focusing, IGNORED)
    found = losses.value_and_gradient(logits, labels)
    torch.testing.assert_close(found, by_autograd(losses, logits, labels))
    assert torch.equal(logits, before)
    assert (found[0][labels == IGNORED] == 0).all() and (found[2].movedim(1, -1)[labels == IGNORED] == 0).all()


@pytest.mark.parametrize('focusing', [0.0, 0.5, 2.0])
def test_is_finite_where_the_model_is_certain(focusing):
    logits = torch.tensor([[200.0, 0.0, -200.0]]).expand(3, 3)
    losses = AdjustedCrossEntropy(Adjustment(), focusing)
    value, _, gradient = losses.value_and_gradient(logits, torch.tensor([0, 1, 2]))
    torch.testing.assert_close(value, torch.tensor([0.0, 200.0, 400.0]))
    expected = torch.tensor([[0.0, 0.0, 0.0], [1.0, -1.0, 0.0], [1.0, 0.0, -1.0]])
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize('focusing', [0.0, 2.0])
def test_float32_is_as_good_as_autograd_in_float32(focusing):
    logits, labels = problem(torch.float32)
    terms = Adjustment(bias=TERMS['bias'], scale=8 * TERMS['scale'])
    wide, narrow = (
        AdjustedCrossEntropy(terms.to(logits.device, dtype), focusing, IGNORED)
        for dtype in (torch.float64, torch.float32)
    )
    exact = by_autograd(wide, logits.double(), labels)[2]
    found = narrow.value_and_gradient(logits, labels)[2]
    reference = by_autograd(narrow, logits, labels)[2]
    assert (found - exact).abs().max() <= 2 * (reference - exact).abs().max() + 1e-7


def test_a_shift_sends_no_gradient():
    logits, labels = problem()
    losses = ShiftedCrossEntropy(lambda z, y: z**2 - y.unsqueeze(1), IGNORED)
    found = losses.value_and_gradient(logits, labels)
    torch.testing.assert_close(found, by_autograd(losses, logits, labels))
    probability = (logits + logits**2).softmax(1)
    valid = (labels != IGNORED).unsqueeze(1)
    one_hot = torch.zeros_like(logits).scatter_(1, labels.where(labels != IGNORED, 0).unsqueeze(1), 1)
    torch.testing.assert_close(found[2], (probability - one_hot) * valid)
