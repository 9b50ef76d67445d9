"""Two roles that take turns."""

import numpy as np
import pytest
from hinted import hinted

from ltseg.datasets import BilateralSampler

LABELS = np.repeat([0, 1, 2], [60, 30, 10])


class Labelled:
    def __len__(self) -> int:
        return len(LABELS)

    def get_gt_labels(self) -> np.ndarray:
        return LABELS


def in_processes(number: int, monkeypatch: pytest.MonkeyPatch, epoch: int = 0) -> list[list[int]]:
    parts = []
    for rank in range(number):
        for module in ('class_sampling', 'bilateral_sampling'):
            monkeypatch.setattr(f'ltseg.datasets.{module}.get_dist_info', lambda rank=rank: (rank, number))
        sampler = BilateralSampler(Labelled(), seed=3)
        sampler.set_epoch(epoch)
        parts.append(list(sampler))
        assert len(parts[-1]) == len(sampler)
    return parts


@pytest.mark.parametrize('processes', [1, 2, 3])
def test_each_process_takes_turns(monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    """Whatever the number of processes, they see the same first roles: every image once, and a few twice to fill up."""
    parts = in_processes(processes, monkeypatch)
    assert {len(part) for part in parts} == {2 * -(-100 // processes)}
    first = [index for part in parts for index in part[::2]]
    assert set(first) == set(range(100)) and len(first) - 100 < processes


def test_second_role_prefers_rare_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = [index for epoch in range(50) for index in in_processes(1, monkeypatch, epoch)[0][1::2]]
    shares = np.bincount(LABELS[drawn], minlength=3) / len(drawn)
    expected = np.array([1 / 60, 1 / 30, 1 / 10])
    assert shares == pytest.approx(expected / expected.sum(), abs=0.02)


def test_epochs_differ_and_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_processes(1, monkeypatch, 0) != in_processes(1, monkeypatch, 1)
    assert in_processes(1, monkeypatch, 1) == in_processes(1, monkeypatch, 1)


def test_second_role_may_be_another_sampler() -> None:
    sampler = BilateralSampler(Labelled(), seed=3, second=dict(type='ltseg.ClassAwareSampler'))
    order = list(sampler)
    assert set(order[::2]) == set(range(100))
    assert sorted(np.bincount(LABELS[order[1::2]])) == [
        33,
        33,
        34,
    ]  # each class as often as any other, but for one visit


def test_second_role_knows_the_epoch() -> None:
    progressive = dict(type='ltseg.ClassBalancedSampler', mode='progressive', epochs=3)
    sampler = BilateralSampler(Labelled(), seed=3, second=progressive)
    shares = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        shares.append(sampler.second.shares[2])
        assert len(list(sampler)) == 200
    assert shares == pytest.approx([0.1, 0.1 * 2 / 3 + 1 / 9, 0.1 / 3 + 2 / 9])


def test_second_role_is_a_sampler_of_classes() -> None:
    hinted(
        "Name a sampler of classes, e.g. second=dict(type='ltseg.ClassAwareSampler').",
        lambda: BilateralSampler(Labelled(), second=dict(type='DefaultSampler')),
    )
    assert len(BilateralSampler(Labelled(), second=dict(type='ltseg.ClassAwareSampler'))) == 200
