"""Attraction and repulsion in the gradient of a classifier."""

import pytest
import torch
from torch.nn import functional as F
from two_processes import in_two_processes

from ltseg.core.gradient_components import ROWS, component_norms, gradient_components

N, K, D = 40, 4, 3


def batch(dtype=torch.float64):
    torch.manual_seed(0)
    rows, weight = torch.randn(N, D, dtype=dtype), torch.randn(K, D, dtype=dtype, requires_grad=True)
    return rows, weight, torch.randint(0, K - 1, (N,))  # the last class is absent


def gradient_of(logits, labels):
    return torch.autograd.grad(F.cross_entropy(logits, labels, reduction='sum'), logits, retain_graph=True)[0]


def test_components_are_those_of_equation_9():
    rows, weight, labels = batch()
    logits = rows @ weight.T
    found = dict(gradient_components(gradient_of(logits, labels), rows, labels, K))
    assert set(found) == set(labels.tolist())
    p = logits.softmax(1)
    for k, part in found.items():
        of_class = [j for j in range(N) if labels[j] == k]
        for i in range(K):
            factors = [(-(1 - p[j, i]) if i == k else p[j, i]) for j in of_class]
            torch.testing.assert_close(part[i], sum(f * rows[j] for f, j in zip(factors, of_class, strict=True)))


def test_attraction_and_repulsion_add_up_to_the_gradient():
    rows, weight, labels = batch()
    logits = rows @ weight.T
    total = sum(part for _, part in gradient_components(gradient_of(logits, labels), rows, labels, K))
    F.cross_entropy(logits, labels, reduction='sum').backward()
    torch.testing.assert_close(total, weight.grad)


def test_samples_without_a_class_belong_to_neither():
    rows, weight, labels = batch()
    gradients = gradient_of(rows @ weight.T, labels)
    labels[:5] = K
    norms, rest = component_norms(gradients, rows, labels), component_norms(gradients[5:], rows[5:], labels[5:])
    torch.testing.assert_close(norms.components, rest.components)
    torch.testing.assert_close(norms.repulsion, rest.repulsion)
    assert K in dict(gradient_components(gradients, rows, labels, K + 1))


def test_norms():
    rows, weight, labels = batch()
    gradients = gradient_of(rows @ weight.T, labels)
    norms, parts = component_norms(gradients, rows, labels), dict(gradient_components(gradients, rows, labels, K))
    for i in range(K):
        for k in range(K):
            expected = parts[k][i].norm() if k in parts else 0.0
            torch.testing.assert_close(norms.components[i, k], torch.as_tensor(expected, dtype=torch.float64))
        others = [part[i] for k, part in parts.items() if k != i]
        torch.testing.assert_close(norms.repulsion[i], sum(others).norm())
    assert norms.attraction.tolist() == norms.components.diagonal().tolist() and norms.attraction[3] == 0


def test_cosines_pull_at_the_direction_only():
    rows, weight, labels = batch()
    cosines = F.normalize(rows) @ F.normalize(weight).T
    gradients = gradient_of(cosines, labels)
    norms = component_norms(gradients, rows, labels, cosine_weight=weight.detach())
    for k in range(3):
        own = labels == k
        part = F.normalize(rows[own]) @ F.normalize(weight).T
        (expected,) = torch.autograd.grad(part, weight, gradients[own])
        torch.testing.assert_close(norms.components[:, k], expected.norm(dim=1))
    for i in range(K):
        others = labels != i
        part = F.normalize(rows[others]) @ F.normalize(weight).T
        (expected,) = torch.autograd.grad(part, weight, gradients[others])
        torch.testing.assert_close(norms.repulsion[i], expected[i].norm())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_sums_of_low_precision_keep_their_digits(dtype):
    count = 2 * ROWS + 3  # more than are computed at a time
    rows, gradients = torch.full((count, 1), 0.5, dtype=dtype), torch.full((count, 2), 0.25, dtype=dtype)
    norms = component_norms(gradients, rows, torch.zeros(count, dtype=torch.int64))
    assert norms.components.tolist() == [[count / 8, 0], [count / 8, 0]]
    assert norms.repulsion.tolist() == [0, count / 8]


def test_an_empty_batch_has_no_gradient():
    norms = component_norms(torch.zeros(0, K), torch.zeros(0, D), torch.zeros(0, dtype=torch.int64))
    assert not norms.components.any() and not norms.repulsion.any()


def test_shapes_are_checked():
    with pytest.raises(ValueError, match='gradient_components: expected gradients'):
        list(gradient_components(torch.zeros(2, K), torch.zeros(3, D), torch.zeros(2, dtype=torch.int64), K))


def run(rank, folder):
    rows, weight, labels = batch()
    part = slice(0, 7) if rank == 0 else slice(7, N)
    gradients = 2 * gradient_of(rows @ weight.T, labels)[part]  # the wrapper's mean over processes halves it
    torch.save(vars(component_norms(gradients, rows[part], labels[part], sync=True)), f'{folder}/{rank}.pth')


@pytest.mark.slow
def test_two_processes_are_one(tmp_path):
    in_two_processes(run, str(tmp_path))
    rows, weight, labels = batch()
    expected = component_norms(gradient_of(rows @ weight.T, labels), rows, labels)
    for rank in range(2):
        found = torch.load(tmp_path / f'{rank}.pth')
        torch.testing.assert_close(found['components'], expected.components)
        torch.testing.assert_close(found['repulsion'], expected.repulsion)
