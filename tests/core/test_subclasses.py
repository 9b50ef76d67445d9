"""Subclasses: as many as published, of equal size, and what a naive search through all pairs finds."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ltseg.core.subclasses import _balanced_assignment, balanced_clusters, spread_temperatures, subclass_numbers


def directions(number: int, dimensions: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(number)
    return F.normalize(torch.randn(number, dimensions, generator=generator, dtype=torch.float64))


def started(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(('least_size', 'size'), [(1, 5), (10, 10), (20, 20)])
def test_subclasses_are_as_large_as_the_rarest_class_or_the_least_size(least_size: int, size: int) -> None:
    counts = (500 * 0.01 ** (torch.arange(100) / 99)).long()  # CIFAR-100-LT, from 500 to 5 (4 of rounding)
    counts[-1] = 5
    numbers = subclass_numbers(counts, least_size)
    assert numbers[0] == 500 // size and numbers[-1] == 1
    sizes = counts / numbers
    divided = counts >= size
    assert ((sizes >= size) & (sizes < 2 * size))[divided].all() and (numbers[~divided] == 1).all()


def test_absent_classes_make_no_small_subclasses() -> None:
    assert subclass_numbers(torch.tensor([90, 0, 30]), least_size=1).tolist() == [3, 1, 1]
    assert subclass_numbers(torch.zeros(3, dtype=torch.int64), least_size=1).tolist() == [1, 1, 1]


@pytest.mark.parametrize(('rows', 'number'), [(1, 1), (7, 7), (7, 1), (12, 4), (13, 4), (15, 4), (200, 13)])
def test_clusters_are_balanced(rows: int, number: int) -> None:
    sizes = balanced_clusters(directions(rows), number, started()).bincount(minlength=number)
    assert sizes.sum() == rows and len(sizes) == number
    assert sizes.max() - sizes.min() <= 1 and sizes.max() - sizes.min() == (rows % number > 0)


DEGENERATE = {
    'equal': torch.ones(9, 4) / 2,
    'zeros': torch.zeros(9, 4),
    'few directions': torch.eye(4).repeat(3, 1)[:9],
    'opposite': torch.tensor([[1.0], [-1.0]]).repeat(5, 1)[:9],
}


@pytest.mark.parametrize('rows', DEGENERATE.values(), ids=DEGENERATE)
def test_clusters_of_any_rows_are_balanced(rows: Tensor) -> None:
    assert balanced_clusters(rows, 4, started()).bincount().tolist().count(2) == 3


def test_finds_clusters_that_are_there() -> None:
    planted = torch.arange(4).repeat_interleave(25)[torch.randperm(100, generator=started(5))]
    rows = F.normalize(torch.eye(4)[planted] + 0.1 * torch.randn(100, 4, generator=started(6)))
    for seed in range(5):
        found = balanced_clusters(rows, 4, started(seed))
        assert len({*zip(planted.tolist(), found.tolist(), strict=True)}) == 4


def test_clusters_depend_on_the_generator_alone() -> None:
    rows = directions(60)
    first, second, other = (balanced_clusters(rows, 7, started(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second) and not torch.equal(first, other)


def greedy(scores: Tensor) -> Tensor:
    """All pairs from the highest score on; then the rest the same way, one more to a cluster."""
    rows, number = scores.shape
    clusters, sizes = [-1] * rows, [0] * number
    for most in (rows // number, rows // number + 1):
        for place in scores.flatten().argsort(descending=True).tolist():
            row, cluster = divmod(place, number)
            if clusters[row] < 0 and sizes[cluster] < most:
                clusters[row], sizes[cluster] = cluster, sizes[cluster] + 1
    return torch.tensor(clusters)


@pytest.mark.parametrize(('rows', 'number'), [(5, 5), (12, 4), (14, 4), (60, 9)])
def test_the_assignment_is_the_greedy_one(rows: int, number: int) -> None:
    for seed in range(5):
        scores = torch.randn(rows, number, generator=started(seed), dtype=torch.float64)
        assert torch.equal(_balanced_assignment(scores), greedy(scores))


def test_temperatures_are_those_of_the_spread() -> None:
    labels = torch.tensor([0] * 8 + [1] * 3 + [3])
    rows = directions(len(labels))
    phi = {}
    for k in (0, 1, 3):
        own = rows[labels == k]
        distances = [math.dist(row, own.mean(0)) for row in own]
        phi[k] = sum(distances) / len(own) / math.log(len(own) + 10)
    mean = sum(phi.values()) / 3
    expected = [0.1 * math.exp(phi[k] / mean) if k in phi else 0.1 for k in range(4)]
    found = spread_temperatures(rows, labels, 4, 0.1)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    assert found[0] > found[3] == 0.1  # a single image has no spread


def test_temperatures_of_classes_without_spread() -> None:
    assert spread_temperatures(torch.ones(4, 2), torch.tensor([0, 0, 1, 1]), 2, 0.25).tolist() == [0.25, 0.25]


def test_says_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match='4 rows or more, got 3'):
        balanced_clusters(directions(3), 4)
    for call in (lambda: balanced_clusters(directions(3), 0), lambda: subclass_numbers(torch.tensor([3]), 0)):
        with pytest.raises(ValueError, match='1'):
            call()
