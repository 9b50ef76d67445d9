"""Class counts as a value."""

import pytest
import torch

from ltseg.counts.class_counts import ClassCounts


def test_the_prior_is_the_share_of_samples_and_zero_without_any() -> None:
    counts = ClassCounts(torch.tensor([6, 2, 0]), torch.tensor([1, 1, 0]))
    assert counts.prior.dtype == torch.float64 and counts.prior.tolist() == [0.75, 0.25, 0]
    assert ClassCounts(torch.zeros(3, dtype=torch.int64)).prior.tolist() == [0, 0, 0]


def test_a_unit_that_was_not_counted_is_named() -> None:
    counts = ClassCounts(torch.tensor([6, 2]), torch.tensor([3, 1]))
    assert counts.of('samples').tolist() == [6, 2] and counts.of('images').tolist() == [3, 1]
    with pytest.raises(ValueError, match="unit='samples'"):
        ClassCounts(torch.tensor([6, 2])).of('images')
    with pytest.raises(ValueError, match="one of 'samples', 'images'"):
        counts.of('pixels')


def test_a_copy_on_a_device_keeps_every_part() -> None:
    counts = ClassCounts(torch.tensor([6, 2]), torch.tensor([3, 1]), torch.tensor([9, 4]))
    moved, same = counts.to('meta'), counts.to('cpu')
    for name in ('samples', 'images', 'samples_of_images'):
        assert getattr(moved, name).device.type == 'meta'
        assert torch.equal(getattr(same, name), getattr(counts, name))
    alone = ClassCounts(torch.tensor([6, 2])).to('meta')
    assert alone.images is None and alone.samples_of_images is None


@pytest.mark.parametrize('part', ['images', 'samples_of_images'])
def test_every_part_has_one_number_for_each_class(part: str) -> None:
    with pytest.raises(ValueError, match=rf'ClassCounts\.{part}: expected \(2,\) int64 or float64, got \(3,\)'):
        ClassCounts(torch.tensor([6, 2]), **{part: torch.tensor([1, 1, 1])})
