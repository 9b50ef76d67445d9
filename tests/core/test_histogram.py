"""The histogram is exact whatever the values, and no number of it is what most threads add to."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ltseg.core.confusion import padded_confusion_matrix
from ltseg.core.histogram import COLUMNS, histogram

VALUES = {
    'random': lambda size, number: torch.randint(size, (number,)),
    'one class': lambda size, number: torch.full((number,), size - 1),
    'blocks': lambda size, number: torch.arange(number) * size // max(number, 1),
}


@pytest.mark.parametrize('values', VALUES.values(), ids=VALUES)
@pytest.mark.parametrize('number', [0, 1, COLUMNS - 1, COLUMNS, 10 * COLUMNS + 7])
@pytest.mark.parametrize('size', [1, 2, 20, 3000, 2**21])
def test_equals_bincount(values: Any, number: int, size: int) -> None:
    given = values(size, number)
    assert torch.equal(histogram(given, size), torch.bincount(given, minlength=size))


def test_any_shape() -> None:
    given = torch.randint(5, (3, 7, 11)).transpose(0, 2)
    assert torch.equal(histogram(given, 5), torch.bincount(given.flatten(), minlength=5))


class Additions(TorchDispatchMode):
    """The most values that were added to one number by an operator that adds by place."""

    most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__.startswith(('scatter', 'index_add')):
            table, dim, index = args[:3]
            numbers = torch.zeros(table.shape, dtype=torch.int64)
            self.most = max(self.most, int(numbers.scatter_add(dim, index, torch.ones_like(index)).max()))
        return func(*args, **(kwargs or {}))


def test_a_class_with_all_pixels_is_counted_by_many_threads_at_once() -> None:
    labels = torch.zeros(100_000, dtype=torch.int64)
    for count in (lambda: histogram(labels, 20), lambda: padded_confusion_matrix(labels, labels, 19)):
        with Additions() as additions:
            count()
        assert 0 < additions.most <= 100
