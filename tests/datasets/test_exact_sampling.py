"""What a sample is depends on the seed and its position in the stream only, and each rank has its own positions."""

import random
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import ConcatDataset, DataLoader, Dataset

from ltseg.datasets import exact_sampling
from ltseg.datasets.exact_sampling import PositionedSampler, SeededDataset, seed_everything


class Drawing(Dataset):
    """Draws from all three generators."""

    metainfo = {'classes': ('road', 'car')}

    def __init__(self, size: int = 5) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[int, float, float, float]:
        return index, random.random(), float(np.random.rand()), float(torch.rand(()))

    def __getitems__(self, indices: list[Any]) -> list[Any]:
        raise AssertionError('fetched past the seeds')


def take(loader: DataLoader, batches: int) -> list[list[Any]]:
    found: list[list[Any]] = []
    while len(found) < batches:
        for batch in loader:
            found.append([part.tolist() for part in batch])
            if len(found) == batches:
                break
    return found


def infinite(start: int = 0) -> PositionedSampler:
    return PositionedSampler(InfiniteSampler(Drawing(), seed=3), start=start)


@pytest.mark.parametrize(
    ('workers', 'persistent', 'pinned'),
    [(0, False, False), (2, False, False), (2, True, True)],
)
@pytest.mark.filterwarnings("ignore:'pin_memory'")
def test_samples_depend_on_their_position_only(workers: int, persistent: bool, pinned: bool) -> None:
    """From the start, from the middle, and whoever has drawn in between."""
    options = {'batch_size': 2, 'num_workers': workers, 'persistent_workers': persistent, 'pin_memory': pinned}
    expected = take(DataLoader(SeededDataset(Drawing(), 7), batch_size=2, sampler=infinite()), 9)
    torch.rand(3)
    assert take(DataLoader(SeededDataset(Drawing(), 7), sampler=infinite(start=8), **options), 5) == expected[4:]
    other_seed = take(DataLoader(SeededDataset(Drawing(), 8), batch_size=2, sampler=infinite()), 9)
    assert [batch[0] for batch in other_seed] == [batch[0] for batch in expected]
    assert all(one[1:] != other[1:] for one, other in zip(expected, other_seed, strict=True))


def test_a_sample_differs_from_one_epoch_to_the_next() -> None:
    drawn = [batch[1] for batch in take(DataLoader(SeededDataset(Drawing(), 7), sampler=infinite()), 15)]
    assert len({tuple(values) for values in drawn}) == 15


@pytest.mark.parametrize('start', range(12))
def test_finite_sampler_jumps_into_any_epoch(start: int) -> None:
    """5 samples in batches of 2 without the last one are 3 batches; jumping equals reading on."""
    dataset = Drawing()
    sampler = PositionedSampler(DefaultSampler(dataset, seed=1))
    stream = [place for _ in range(4) for place in sampler]
    epoch, places = divmod(start, 5)
    jumped = PositionedSampler(DefaultSampler(dataset, seed=1), epoch=epoch, start=places)
    found = [place for _ in range(4 - epoch) for place in jumped]
    assert found == stream[start:]
    assert [position for _, position in stream] == list(range(20))
    assert sorted(index for index, _ in stream[5:10]) == list(range(5))


def test_ranks_share_the_positions_among_them() -> None:
    streams = []
    for rank in range(2):
        inner = InfiniteSampler(Drawing(), seed=1)
        inner.rank, inner.world_size = rank, 2
        inner.indices = inner._indices_of_rank()
        sampler = iter(PositionedSampler(inner, rank=rank, world_size=2))
        streams.append([next(sampler) for _ in range(10)])
    together = [place for pair in zip(*streams, strict=True) for place in pair]
    assert [position for _, position in together] == list(range(20))
    alone = iter(PositionedSampler(InfiniteSampler(Drawing(), seed=1)))
    assert together == [next(alone) for _ in range(20)]


def test_set_epoch_counts_only_where_the_loop_counts_epochs() -> None:
    for follow, epoch in ((True, 3), (False, 0)):
        sampler = PositionedSampler(DefaultSampler(Drawing(), seed=1), follow_epochs=follow)
        sampler.set_epoch(3)
        assert next(iter(sampler))[1] == 5 * epoch


def test_wrapper_passes_everything_else_on() -> None:
    inside = ConcatDataset([Drawing(2), Drawing(3)])
    seeded = deepcopy(SeededDataset(inside, 1))
    assert len(seeded) == 5 and seeded.cumulative_sizes == [2, 5]
    assert SeededDataset(Drawing()).metainfo == Drawing.metainfo
    assert seeded[4, 11][0] == 2
    assert seeded[4, 11][1:] == seeded[1, 11][1:] != seeded[4, 12][1:]
    seeded.pipeline = 'another'
    assert seeded.dataset.pipeline == 'another'
    with pytest.raises(AttributeError, match='no_such'):
        _ = seeded.no_such


def test_seeds_of_different_lengths_and_orders_differ() -> None:
    drawn = set()
    for state in ((1,), (1, 2), (2, 1), (1, 2, 0, 1), (1, 2, 1, 1)):
        seed_everything(*state)
        drawn.add((random.random(), float(np.random.rand()), float(torch.rand(()))))
    assert len(drawn) == 5


@pytest.mark.parametrize(('device', 'expected'), [('cpu', []), ('cuda', ['cuda']), ('mps', ['all'])])
def test_generators_of_the_accelerator_in_use_are_seeded(
    device: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(exact_sampling, 'get_device', lambda: device)
    monkeypatch.setattr(torch.cuda, 'is_initialized', lambda: device == 'cuda')
    monkeypatch.setattr(torch.cuda, 'manual_seed_all', lambda seed: calls.append('cuda'))
    monkeypatch.setattr(torch, 'manual_seed', lambda seed: calls.append('all'))
    seed_everything(5, 7)
    assert calls == expected
    seed_everything(5, 7, accelerators=False)
    assert calls == expected
