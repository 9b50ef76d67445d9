"""Results that papers have printed, to put beside measured ones; ``papers/*.json`` has a file for each paper.

A file names its paper, source and notes, and has for each printed table the data set, the model, and runs by their
names. A run has ``means`` in percent, by the keys of the metrics; one with rows of classes has ``rates``, and then
``means`` are those of the rates as the paper printed them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ltseg.core.checks import check_range, near
from ltseg.core.errors import InvalidValueError
from ltseg.metrics.task import CLASSIFICATION, SEGMENTATION, TASKS, Task

__all__ = ['PAPERS', 'PUBLISHED', 'PublishedRun', 'find_published', 'load_published']

PAPERS = Path(__file__).parent / 'papers'


@dataclass(frozen=True)
class PublishedRun:
    """What a paper printed for one run, in percent.

    Args:
        paper: Short name.
        method: As the paper calls it.
        model: As the paper calls it.
        dataset: What it was evaluated on.
        rates: 'IoU' and 'Acc' of each class; empty where the paper has no rows of classes.
        means: Their means as printed; without rows by the keys of the metrics of one task, such as 'mIoU'.
        num_classes: Of the data set.

    Raises:
        ValueError: If a number is no percentage, the rows are not of all classes or not of the means, or a mean
            without rows is no metric.

    Example:
        >>> from ltseg.reports.published import find_published
        >>> [(run.method, run.model, run.means['IoU']) for run in find_published('arb/unet')]
        [('cross entropy', 'U-Net', 67.56), ('ARB-Loss', 'U-Net', 67.89)]
    """

    paper: str
    method: str
    model: str
    dataset: str
    rates: Mapping[str, Mapping[str, float]]
    means: Mapping[str, float]
    num_classes: int

    def __post_init__(self) -> None:
        where = f'{self.method} ({self.paper}, {self.dataset})'
        for values in (self.means, *self.rates.values()):
            for name, value in values.items():
                check_range(f'{where}: {name}', value, 0, 100)
        if not self.means or (self.rates and self.rates.keys() != self.means.keys()):
            raise InvalidValueError(where, f'means of {list(self.rates) or "a metric"}', repr(list(self.means)))
        sizes = {len(rows) for rows in self.rates.values()}
        if sizes - {self.num_classes}:
            raise InvalidValueError(where, f'rows of {self.num_classes} classes', repr(sorted(sizes)))
        if not self.rates and not any(self.means.keys() <= set(task.summary) for task in TASKS.values()):
            raise InvalidValueError(where, 'means that are metrics of one task', repr(list(self.means)))

    @property
    def task(self) -> Task:
        """Segmentation or classification, by its metrics."""
        return CLASSIFICATION if self.means.keys() <= set(CLASSIFICATION.summary) else SEGMENTATION


def load_published(folder: Path) -> Mapping[str, PublishedRun]:
    """The runs of all files in ``folder``, by name.

    Raises:
        ValueError: If a file has another form, or a name occurs twice; names the file.
    """
    found: dict[str, PublishedRun] = {}
    for path in sorted(folder.glob('*.json')):
        try:
            for name, run in _runs(json.loads(path.read_text(encoding='utf-8'))):
                if name in found:
                    raise InvalidValueError(name, 'a name that is not taken', f'that of {found[name]}')
                found[name] = run
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            what = f'the form in {__name__}'
            raise InvalidValueError(f'published numbers {str(path)!r}', what, repr(error)) from error
    return MappingProxyType(found)


def _runs(content: Mapping[str, Any]) -> Iterator[tuple[str, PublishedRun]]:
    for table in content['tables']:
        about = {key: table[key] for key in ('model', 'dataset', 'num_classes')}
        for name, run in table['runs'].items():
            yield name, PublishedRun(**about, **{'paper': content['paper'], 'rates': {}, **run})


PUBLISHED = load_published(PAPERS)


def find_published(name: str) -> list[PublishedRun]:
    """The runs whose name is ``name`` or starts with it: 'arb/unet' stands for 'arb/unet/ce' and 'arb/unet/arb'.

    Runs without rows of classes are found by data set, paper, and model or method: 'cifar10lt100',
    'cifar10lt100/arb', 'cityscapes/blv/pspnet-r50'.

    Raises:
        ValueError: If there is none; names the nearest, and those that begin alike.
    """
    found = [run for key, run in PUBLISHED.items() if f'{key}/'.startswith(f'{name}/')]
    if not found:
        beginnings = {key.rsplit('/', depth)[0]: None for depth in range(3) for key in PUBLISHED}
        alike = [key for key in PUBLISHED if key.startswith(name.partition('/')[0])]
        expected = 'one of ' + ', '.join(alike or beginnings)
        raise InvalidValueError('published run', expected, repr(name), near(name, beginnings))
    return found
