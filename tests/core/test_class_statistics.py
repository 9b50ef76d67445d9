"""Statistics of features in one pass."""

import pytest
import torch
from two_processes import in_two_processes

from ltseg.core.class_statistics import ClassStatistics

K, D = 4, 3
FIELDS = ('counts', 'means', 'scatter', 'squares')


def samples(offset=0.0):
    torch.manual_seed(0)
    labels = torch.tensor([0] * 50 + [1] * 9 + [2])  # the last class is absent
    order = torch.randperm(60)
    return torch.randn(60, D, dtype=torch.float64) + labels[order, None] + offset, labels[order]


def assert_same(found, expected):
    for name in FIELDS:
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))


def test_statistics_are_those_of_each_class():
    rows, labels = samples()
    found = ClassStatistics.of(rows, labels, K)
    members = [rows[labels == k] for k in range(3)]
    assert found.counts.tolist() == [50, 9, 1, 0]
    scatter = sum((part - part.mean(0)).T @ (part - part.mean(0)) for part in members)
    torch.testing.assert_close(found.within, scatter / 60)
    torch.testing.assert_close(found.present_means, torch.stack([part.mean(0) for part in members]))
    for k in range(2):
        torch.testing.assert_close(found.variances[k], members[k].T.cov(correction=0).trace())
    assert found.variances[2] == 0 and found.variances[3].isnan()


@pytest.mark.parametrize('cuts', [(0, 60), (1, 2, 30), (59,), ()])
@pytest.mark.parametrize('offset', [0.0, 1e6])
def test_parts_add_up(cuts, offset):
    rows, labels = samples(offset)
    edges = [0, *cuts, 60]
    parts = [
        ClassStatistics.of(rows[begin:end], labels[begin:end], K)
        for begin, end in zip(edges[:-1], edges[1:], strict=True)
    ]
    found = parts[0]
    for part in parts[1:]:
        found = found + part
    assert_same(found, ClassStatistics.of(rows, labels, K))


def run(rank, folder):
    rows, labels = samples()
    part = slice(0, 21) if rank == 0 else slice(21, 60)
    torch.save(vars(ClassStatistics.of(rows[part], labels[part], K).all_reduced()), f'{folder}/{rank}.pth')


@pytest.mark.slow
def test_two_processes_are_one(tmp_path):
    in_two_processes(run, str(tmp_path))
    for rank in range(2):
        assert_same(ClassStatistics(**torch.load(tmp_path / f'{rank}.pth')), ClassStatistics.of(*samples(), K))


def test_features_of_single_precision_are_summed_in_double():
    rows, labels = samples(1e4)
    found = ClassStatistics.of(rows.float(), labels, K)
    assert all(getattr(found, name).dtype == torch.float64 for name in FIELDS)
    assert_same(found, ClassStatistics.of(rows.float().double(), labels, K))
