"""Head, medium and tail: the classes of a data set in three groups by how often they occur."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ltseg.core.checks import check_range
from ltseg.core.errors import InvalidValueError
from ltseg.core.shares import shares_of

__all__ = ['GROUP_NAMES', 'ClassGroups', 'GroupsOption', 'build_groups', 'by_frequency', 'check_groups_option']

GROUP_NAMES = ('head', 'medium', 'tail')
# Groups of papers by name: the sizes of head, medium and tail, in the order of the data set's classes.
PUBLISHED = {'disalign_ade20k': (20, 55, 75)}  # Zhang et al., CVPR 2021; ADE20K's classes are in order of pixels
SHOWN = 100  # classes of a group that are listed


@dataclass(frozen=True)
class ClassGroups:
    """Three groups of class indices that hold each class exactly once.

    Args:
        head: The frequent classes.
        medium: Those between.
        tail: The rare ones.
        rule: A sentence that says how the groups were made.
        names: What the three are called; many, medium and few in classification.

    Raises:
        ValueError: If a class is missing or named twice.

    Example:
        >>> import torch
        >>> from ltseg.counts.groups import ClassGroups
        >>> groups = ClassGroups.tertiles(torch.tensor([900, 10, 90]))
        >>> dict(groups.items()), groups.group_of(1)
        ({'head': (0,), 'medium': (2,), 'tail': (1,)}, 'tail')
    """

    head: tuple[int, ...]
    medium: tuple[int, ...]
    tail: tuple[int, ...]
    rule: str
    names: tuple[str, ...] = GROUP_NAMES

    def __post_init__(self) -> None:
        classes = sorted((*self.head, *self.medium, *self.tail))
        twice = [index for index, times in Counter(classes).items() if times > 1]
        if twice:
            raise InvalidValueError('ClassGroups', 'each class in one group', f'class {twice[0]} in two places')
        missing = sorted(set(range(len(classes))) - set(classes))
        if missing:
            got = f'no class {missing[0]} among {classes}'
            raise InvalidValueError('ClassGroups', f'each of the classes 0..{len(classes) - 1} once', got)

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.head) + len(self.medium) + len(self.tail)

    def items(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Name and classes of each group, from head to tail."""
        return zip(self.names, (self.head, self.medium, self.tail), strict=True)

    def of(self, name: str) -> tuple[int, ...]:
        """Classes of the group called ``name``."""
        return dict(self.items())[name]

    def group_of(self, index: int) -> str:
        """Name of the group that holds the class ``index``."""
        return self._names_of_classes[index]

    @cached_property
    def _names_of_classes(self) -> dict[int, str]:
        return {index: name for name, classes in self.items() for index in classes}

    def describe(self, class_names: Sequence[str]) -> str:
        """The rule and the classes of each group, for printing; one line each."""
        lines = [f'{name} ({len(c)}): {_listed([class_names[i] for i in c])}' for name, c in self.items()]
        return '\n'.join((f'Groups: {self.rule}.', *lines))

    @classmethod
    def tertiles(cls, samples: Tensor, ignored: int | None = None) -> 'ClassGroups':
        """A third of the classes each, by their share of the samples.

        Head and tail have K / 3 classes, rounded to the nearest number, and medium has the rest: 6, 7, 6 of 19
        classes; 4, 3, 4 of 11. Classes with the same count stay in the order of the data set, and classes that never
        occur are the rarest.

        Args:
            samples: Count of each class, (K,).
            ignored: A class without samples because it is the ignored label; it is not rare, and goes with the head.
        """
        order = [k for k in by_frequency(samples) if k != ignored]
        size = round(len(order) / 3)
        middle = len(order) - size
        first = () if ignored is None else (ignored,)
        rule = (
            f'tertiles of {len(order)} classes by share of pixels, the {size} largest head and the {size} smallest tail'
        )
        return cls((*first, *order[:size]), tuple(order[size:middle]), tuple(order[middle:]), rule)

    @classmethod
    def by_share(cls, samples: Tensor, head: float, tail: float) -> 'ClassGroups':
        """Head has a share of at least ``head`` of the samples, tail one below ``tail``; in [0, 1], tail <= head.

        Raises:
            ValueError: If the thresholds are out of range, or all counts are zero.
        """
        check_range('ClassGroups.head', head, 0, 1)
        check_range('ClassGroups.tail', tail, 0, head)
        if not samples.sum() > 0:
            raise InvalidValueError('ClassGroups', 'a count above 0, to compute shares of', repr(samples.tolist()))
        share = shares_of(samples).tolist()
        order = by_frequency(samples)
        return cls(
            tuple(i for i in order if share[i] >= head),
            tuple(i for i in order if tail <= share[i] < head),
            tuple(i for i in order if share[i] < tail),
            f'by share of pixels: at least {head:.4g} is head, below {tail:.4g} is tail',
        )

    @classmethod
    def from_lists(
        cls,
        head: Sequence[str | int],
        medium: Sequence[str | int],
        tail: Sequence[str | int],
        class_names: Sequence[str],
        names: tuple[str, ...] = GROUP_NAMES,
    ) -> 'ClassGroups':
        """Groups from names or indices of classes, which must hold each class exactly once."""
        groups = [tuple(_index_of(entry, class_names) for entry in group) for group in (head, medium, tail)]
        listed = {index for group in groups for index in group}
        missing = [name for index, name in enumerate(class_names) if index not in listed]
        if missing:
            raise InvalidValueError('groups', 'lists that hold every class', f'no {missing[0]!r}')
        return cls(groups[0], groups[1], groups[2], 'as listed by the user', names)

    @classmethod
    def published(cls, name: str, num_classes: int) -> 'ClassGroups':
        """The groups of a paper, e.g. 'disalign_ade20k': the first 20, the next 55 and the last 75 of 150 classes.

        Raises:
            ValueError: If they are of another number of classes.
        """
        head, medium, tail = PUBLISHED[name]
        if num_classes != head + medium + tail:
            raise InvalidValueError(f'groups {name!r}', f'{head + medium + tail} classes', repr(num_classes))
        classes = tuple(range(num_classes))
        rule = f'{name}: the first {head}, the next {medium} and the last {tail} classes of the data set'
        return cls(classes[:head], classes[head : head + medium], classes[head + medium :], rule)


GroupsOption = ClassGroups | Mapping | str | None


def build_groups(
    option: GroupsOption, samples: Tensor, class_names: Sequence[str], ignored: int | None = None
) -> ClassGroups:
    """Groups from the option ``groups`` of a metric.

    Args:
        option: None for tertiles; ``dict(head=0.04, tail=0.005)`` for thresholds on the share of the samples;
            ``dict(head=['road', ...], medium=[...], tail=[...])`` for lists of names or indices; the name of published
            groups, see :meth:`ClassGroups.published`; or groups.
        samples: Count of each class, (K,).
        class_names: Names of the K classes.
        ignored: A class that is the ignored label, if any.

    Raises:
        ValueError: If the option is none of these, or does not fit the classes.
    """
    if isinstance(option, ClassGroups):
        if option.num_classes != len(class_names):
            raise InvalidValueError('groups', f'groups of {len(class_names)} classes', repr(option.num_classes))
        return option
    if option is None:
        return ClassGroups.tertiles(samples, ignored)
    check_groups_option(option)
    if isinstance(option, str):
        return ClassGroups.published(option, len(class_names))
    if isinstance(option['head'], int | float):
        return ClassGroups.by_share(samples, **option)
    return ClassGroups.from_lists(option['head'], option['medium'], option['tail'], class_names)


def check_groups_option(option: GroupsOption) -> None:
    """Raises ValueError unless ``option`` has one of the forms that ``build_groups`` takes."""
    if option is None or isinstance(option, ClassGroups):
        return
    if isinstance(option, str) and option in PUBLISHED:
        return
    if isinstance(option, Mapping):
        values = list(option.values())
        thresholds = set(option) == {'head', 'tail'} and all(isinstance(v, int | float) for v in values)
        lists = set(option) == set(GROUP_NAMES) and all(isinstance(v, list | tuple) for v in values)
        if thresholds or lists:
            return
    names = ', '.join(map(repr, PUBLISHED))
    expected = f'dict(head=SHARE, tail=SHARE), dict(head=[...], medium=[...], tail=[...]), {names} or None (tertiles)'
    raise InvalidValueError('groups', expected, repr(option))


def _listed(names: Sequence[str]) -> str:
    left_out = len(names) - SHOWN
    return ', '.join(names) if left_out <= 0 else f'{", ".join(names[:SHOWN])} and {left_out} more'


def by_frequency(samples: Tensor) -> list[int]:
    """Classes from the most to the least frequent; equal ones in the order of the data set."""
    return samples.argsort(descending=True, stable=True).tolist()


def _index_of(entry: str | int, class_names: Sequence[str]) -> int:
    if isinstance(entry, str) and entry in class_names:
        return list(class_names).index(entry)
    if isinstance(entry, int) and not isinstance(entry, bool) and 0 <= entry < len(class_names):
        return entry
    raise InvalidValueError('groups', f'names of classes ({", ".join(class_names)}) or their indices', repr(entry))
