"""Random samples of each class in one pass."""

import pytest
import torch
from two_processes import in_two_processes

from ltseg.core.class_sample import ClassSample


def numbered(labels, per_class, seed=0):
    """A sample of rows that hold their own number."""
    labels = torch.as_tensor(labels)
    rows = torch.arange(len(labels)).float()[:, None]
    return ClassSample.of(rows, labels, labels + 1, per_class, torch.Generator().manual_seed(seed))


def test_all_where_there_are_few_and_as_many_as_allowed_where_there_are_more():
    labels = [0] * 50 + [1] * 3 + [3] * 5
    sample = numbered(labels, 5)
    assert torch.bincount(sample.labels).tolist() == [5, 3, 0, 5]
    assert sample.rows[sample.labels == 1].flatten().sort().values.tolist() == [50, 51, 52]
    assert torch.equal(sample.labels, torch.tensor(labels)[sample.rows.flatten().long()])
    assert torch.equal(sample.predictions, sample.labels + 1)


def test_every_sample_has_the_same_chance_however_it_comes():
    seen = torch.zeros(12)
    for seed in range(600):
        first, second = numbered([0] * 9, 4, seed), numbered([0] * 3, 4, 1000 + seed)
        second.rows[:] += 9
        seen.index_add_(0, (first + second).rows.flatten().long(), torch.ones(4))
    assert (seen - 200).abs().max() < 5 * (600 * 1 / 3 * 2 / 3) ** 0.5  # five standard deviations


def test_a_long_pass_does_not_grow():
    sample = numbered([0] * 20 + [1] * 10, 4)
    for seed in range(30):
        sample = sample + numbered([0] * 20 + [1] * 10, 4, seed)
        assert len(sample.rows) == len(sample.keys) == 8
        assert sample.rows.untyped_storage().nbytes() == 8 * 4  # what was left out is not kept alive


def test_means_of_classes():
    sample = numbered([0, 0, 2], 5)
    assert sample.class_means(sample.rows[:, 0], 3).tolist()[::2] == [0.5, 2.0]
    assert sample.class_means(sample.rows[:, 0], 3)[1].isnan()


def run(rank, folder):
    sample = numbered([0, 1] if rank else [0] * 5, 4, rank).gathered()
    torch.save(vars(sample), f'{folder}/{rank}.pth')


@pytest.mark.slow
def test_all_processes_have_the_same_sample(tmp_path):
    in_two_processes(run, str(tmp_path))
    first, second = (ClassSample(**torch.load(tmp_path / f'{rank}.pth')) for rank in range(2))
    assert torch.equal(first.rows, second.rows) and torch.bincount(first.labels).tolist() == [4, 1]
    both = numbered([0] * 5, 4, 0) + numbered([0, 1], 4, 1)
    assert torch.equal(first.keys, both.keys)


def test_keys_tell_more_samples_apart_than_single_precision_can():
    """float32 has 2^24 numbers in [0, 1): of as many samples most would share theirs with another."""
    assert numbered([0] * 3, 2).keys.dtype == torch.float64
