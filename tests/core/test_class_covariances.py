"""Means and covariances of each class, and the shift of logits that features drawn from them make."""

from pathlib import Path

import pytest
import torch
from two_processes import in_two_processes

from ltseg.core.class_covariances import ClassCovariances, expected_shift

K, D = 5, 3


def rows_and_labels(number: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Of four classes of five, with rows to leave out."""
    torch.manual_seed(0)
    labels = torch.randint(-1, K - 1, (number,))
    rows = torch.randn(number, D, dtype=torch.float64) * 2 + labels[:, None]
    return rows.masked_fill(labels[:, None] < 0, torch.inf), labels


def assert_same(found: ClassCovariances, expected: ClassCovariances) -> None:
    for name in ('counts', 'means', 'covariances'):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))


def test_by_the_formula() -> None:
    rows, labels = rows_and_labels()
    found = ClassCovariances.of(rows, labels, K)
    for k in range(K - 1):
        own = rows[labels == k]
        assert found.counts[k] == len(own)
        torch.testing.assert_close(found.means[k], own.mean(0))
        torch.testing.assert_close(found.covariances[k], torch.cov(own.T, correction=0))
    assert found.counts[-1] == 0 and not found.means[-1].any() and not found.covariances[-1].any()


def test_the_diagonal_is_that_of_the_matrices() -> None:
    rows, labels = rows_and_labels()
    full, diagonal = (ClassCovariances.of(rows, labels, K, diagonal=only) for only in (False, True))
    torch.testing.assert_close(diagonal.covariances, full.covariances.diagonal(dim1=1, dim2=2))


@pytest.mark.parametrize('diagonal', [False, True])
def test_parts_add_up(diagonal: bool) -> None:
    rows, labels = rows_and_labels()
    parts = [
        ClassCovariances.of(rows[part], labels[part], K, diagonal) for part in (slice(3), slice(3, 20), slice(20, None))
    ]
    assert_same(parts[0] + parts[1] + parts[2], ClassCovariances.of(rows, labels, K, diagonal))


def in_process(rank: int, folder: Path) -> None:
    rows, labels = rows_and_labels()
    part = slice(7) if rank == 0 else slice(7, None)
    torch.save(vars(ClassCovariances.of(rows[part], labels[part], K).all_reduced()), folder / f'{rank}.pth')


def test_processes_have_those_of_all(tmp_path: Path) -> None:
    in_two_processes(in_process, tmp_path)
    for rank in range(2):
        found = ClassCovariances(**torch.load(tmp_path / f'{rank}.pth', weights_only=True))
        assert_same(found, ClassCovariances.of(*rows_and_labels(), K))


def test_the_shift_is_half_the_variance_of_the_difference_of_logits() -> None:
    torch.manual_seed(0)
    vectors, roots = torch.randn(K, D, dtype=torch.float64), torch.randn(K, D, D, dtype=torch.float64)
    covariances = roots @ roots.mT
    for given in (covariances, roots[:, 0].square()):
        found = expected_shift(vectors, given)
        for y in range(K):
            matrix = given[y] if given.ndim == 3 else torch.diag(given[y])
            for j in range(K):
                gap = vectors[j] - vectors[y]
                torch.testing.assert_close(found[y, j], gap @ matrix @ gap / 2)
