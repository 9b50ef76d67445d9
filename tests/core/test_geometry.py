"""Class means, directions and simplex frames."""

import pytest
import torch
from hinted import hinted
from two_processes import in_two_processes

from ltseg.core.collectives import gathered_rows
from ltseg.core.geometry import (
    centred_directions,
    class_means,
    class_sums,
    directions,
    simplex_gram,
    simplex_vectors,
    uniform_vectors,
)

K, D = 4, 6


def samples(size=30):
    torch.manual_seed(0)
    return torch.randn(size, D, dtype=torch.float64), torch.arange(size) % (K - 1)  # the last class is absent


def test_sums_and_means_are_those_of_each_class():
    rows, labels = samples()
    sums, counts = class_sums(rows, labels, K)
    means, again = class_means(rows, labels, K)
    for k in range(K - 1):
        torch.testing.assert_close(sums[k], rows[labels == k].sum(0))
        torch.testing.assert_close(means[k], rows[labels == k].mean(0))
    assert (sums[-1] == 0).all() and (means[-1] == 0).all()
    assert counts.tolist() == again.tolist() == [10, 10, 10, 0]
    assert torch.autograd.gradcheck(lambda r: class_means(r, labels, K)[0], rows.requires_grad_())


def test_a_simplex_needs_wide_features():
    hinted('Use wider features or a learned classifier.', lambda: simplex_vectors(K, K - 2))
    assert simplex_vectors(K, K - 1).shape == (K, K - 1)


def test_directions():
    vectors = torch.randn(K, D, dtype=torch.float64)
    torch.testing.assert_close(directions(vectors), torch.nn.functional.normalize(vectors))
    assert torch.autograd.gradcheck(directions, vectors.requires_grad_())


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('scale', [1e-3, 1.0, 1e3])
def test_means_that_coincide_have_no_direction(dtype, scale):
    means = (scale * torch.randn(1, D).expand(K, D)).to(dtype)
    means = (means * (1 + 2 * torch.finfo(dtype).eps * torch.randn(K, D))).requires_grad_()
    found = centred_directions(means)
    assert (found == 0).all()
    (gradient,) = torch.autograd.grad(found.sum(), means)
    assert (gradient == 0).all()


def test_unknown_classes_have_no_share_in_the_centre():
    means, known = torch.randn(K, D, dtype=torch.float64), torch.tensor([True, True, False, True])
    found = centred_directions(means, known)
    torch.testing.assert_close(found[known], centred_directions(means[known]))
    assert (found[2] == 0).all()
    assert torch.autograd.gradcheck(lambda m: centred_directions(m, known), means.requires_grad_())


def test_nothing_known_is_zero():
    assert (centred_directions(torch.ones(K, D), torch.zeros(K, dtype=torch.bool)) == 0).all()


@pytest.mark.parametrize('num_classes', [2, 5, 19])
def test_simplex_gram_is_that_of_simplex_vectors(num_classes):
    vectors = simplex_vectors(num_classes, 32)
    torch.testing.assert_close(
        vectors @ vectors.T, simplex_gram(torch.zeros(num_classes, num_classes).double(), num_classes)
    )
    torch.testing.assert_close(centred_directions(vectors + 1), vectors)


def parts():
    rows, labels = samples()
    return [(rows[:22], labels[:22]), (rows[22:], labels[22:])]


def scored(rows, labels, gathered):
    """A number that every process computes from the samples of all, and its gradient."""
    rows = rows.clone().requires_grad_()
    joined = gathered_rows(rows) if gathered else class_means(rows, labels, K)[0]
    value = (joined.sin() @ torch.ones(D, dtype=torch.float64)).square().sum()
    return value.detach(), torch.autograd.grad(value, rows)[0]


def run(rank, folder):
    results = {gathered: scored(*parts()[rank], gathered) for gathered in (False, True)}
    results['local'] = class_means(*parts()[rank], K, sync=False)
    torch.save(results, f'{folder}/{rank}.pth')


@pytest.mark.slow
def test_two_processes_are_one(tmp_path):
    in_two_processes(run, str(tmp_path))
    ranks = [torch.load(tmp_path / f'{rank}.pth') for rank in range(2)]
    for gathered in (False, True):
        value, gradient = scored(*samples(), gathered)
        for rank in ranks:
            torch.testing.assert_close(rank[gathered][0], value)
        # DistributedDataParallel averages over processes.
        torch.testing.assert_close(torch.cat([rank[gathered][1] for rank in ranks]) / 2, gradient)
    for rank, part in zip(ranks, parts(), strict=True):
        torch.testing.assert_close(rank['local'], class_means(*part, K))


@pytest.mark.parametrize('dimensions', [4, 7])
def test_uniform_vectors_are_a_simplex_where_there_is_one(dimensions):
    vectors = uniform_vectors(5, dimensions)
    torch.testing.assert_close(vectors @ vectors.T, simplex_gram(torch.zeros(5, 5).double(), 5))


def test_uniform_vectors_in_a_plane_are_a_regular_polygon():
    vectors = uniform_vectors(5, 2, generator=torch.Generator().manual_seed(0))
    angles = torch.atan2(vectors[:, 1], vectors[:, 0]).sort().values
    torch.testing.assert_close(angles.diff(), torch.full((4,), 2 * torch.pi / 5).double(), rtol=1e-3, atol=0)


def test_uniform_vectors_need_no_gradient_mode():
    with torch.no_grad():
        vectors = uniform_vectors(6, 3, generator=torch.Generator().manual_seed(0))
    cosines = (vectors @ vectors.T).fill_diagonal_(-1)
    assert not vectors.requires_grad and cosines.max() < 0.05  # an octahedron


def test_vectors_are_an_exact_simplex_down_to_one_dimension_less_than_classes():
    vectors = uniform_vectors(K, K - 1)
    torch.testing.assert_close(vectors @ vectors.T, simplex_gram(vectors @ vectors.T, K), atol=1e-12, rtol=0)
