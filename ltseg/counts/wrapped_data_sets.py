"""The data sets inside wrappers such as ConcatDataset and RepeatDataset."""

from collections.abc import Iterator
from typing import Any

__all__ = ['innermost_data_sets']


def innermost_data_sets(dataset: Any) -> Iterator[Any]:
    """The data sets that load files: those inside wrappers, or ``dataset`` itself."""
    inner = [*(getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)])]
    if inner == [None]:
        yield dataset
        return
    for each in inner:
        yield from innermost_data_sets(each)
