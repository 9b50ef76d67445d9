"""Many, medium and few: the classes of a classification data set by their number of training images."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.counts.groups import ClassGroups, by_frequency

__all__ = ['SHOT_NAMES', 'ShotsOption', 'build_shots', 'check_shots_option']

SHOT_NAMES = ('many', 'medium', 'few')
DEFAULT = {'many': '> 100', 'few': '< 20'}
CONDITION = re.compile(r'\s*([<>]=?)\s*(\d+)\s*')

ShotsOption = ClassGroups | Mapping | None


def build_shots(
    option: ShotsOption, samples: Tensor, class_names: Sequence[str], ignored: int | None = None
) -> ClassGroups:
    """Groups from the option ``groups`` of the classification metric.

    Args:
        option: None for many above 100 training images, few below 20, and medium between, both ends included;
            ``dict(many='> 100', few='<= 20')`` for other thresholds; ``dict(many=36, medium=35, few=29)`` for that
            many classes in the order of the labels, whatever their counts; ``dict(many=['cat', ...], medium=[...],
            few=[...])`` for lists of names or indices; or groups.
        samples: Training images of each class, (K,).
        class_names: Names of the K classes.
        ignored: None: in classification no class is ignored.

    Raises:
        ValueError: If the option is none of these, or does not fit the classes.

    Source:
        Thresholds 100 and 20: Liu et al., Large-Scale Long-Tailed Recognition in an Open World, CVPR 2019. Fixed
        ranges: released code of Zhong et al., Improving Calibration for Long-Tailed Recognition, CVPR 2021.
    """
    if isinstance(option, ClassGroups):
        if option.num_classes != len(class_names):
            raise InvalidValueError('groups', f'groups of {len(class_names)} classes', repr(option.num_classes))
        return option
    check_shots_option(option)
    shots: dict[str, Any] = dict(DEFAULT if option is None else option)
    if 'medium' not in shots:
        return _by_thresholds(samples, shots['many'], shots['few'])
    if isinstance(shots['many'], int):
        return _by_ranges(shots['many'], shots['medium'], shots['few'], len(class_names))
    return ClassGroups.from_lists(shots['many'], shots['medium'], shots['few'], class_names, SHOT_NAMES)


def check_shots_option(option: ShotsOption) -> None:
    """Raises ValueError unless ``option`` has one of the forms that ``build_shots`` takes."""
    if option is None or isinstance(option, ClassGroups):
        return
    if isinstance(option, Mapping):
        values = list(option.values())
        three = set(option) == set(SHOT_NAMES)
        if three and (all(map(_is_size, values)) or all(isinstance(value, list | tuple) for value in values)):
            return
        if set(option) == {'many', 'few'} and _bound(option['many'], '>') > _bound(option['few'], '<'):
            return
    expected = (
        "dict(many='> 100', few='< 20') with few below many, dict(many=36, medium=35, few=29) or "
        'dict(many=[...], medium=[...], few=[...])'
    )
    raise InvalidValueError('groups', expected, repr(option))


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _bound(condition: object, direction: str) -> float:
    """The smallest count of 'many' or the largest of 'few'; nan, which is above nothing, for anything else."""
    found = CONDITION.fullmatch(condition) if isinstance(condition, str) else None
    if found is None or found[1][0] != direction:
        return math.nan
    return int(found[2]) + {'>': 1, '>=': 0, '<': -1, '<=': 0}[found[1]]


def _by_thresholds(samples: Tensor, many: str, few: str) -> ClassGroups:
    lowest, highest = _bound(many, '>'), _bound(few, '<')
    order, counts = by_frequency(samples), samples.tolist()
    return ClassGroups(
        tuple(k for k in order if counts[k] >= lowest),
        tuple(k for k in order if highest < counts[k] < lowest),
        tuple(k for k in order if counts[k] <= highest),
        f'by training images: many {many}, few {few}, medium between',
        SHOT_NAMES,
    )


def _by_ranges(many: int, medium: int, few: int, num_classes: int) -> ClassGroups:
    if many + medium + few != num_classes:
        hint = 'Give the number of classes in each group, in the order of the labels.'
        raise InvalidValueError('groups', f'{num_classes} classes in all', repr([many, medium, few]), hint)
    classes, end = tuple(range(num_classes)), many + medium
    rule = f'by position: the first {many} classes many, the next {medium} medium, the last {few} few'
    return ClassGroups(classes[:many], classes[many:end], classes[end:], rule, SHOT_NAMES)
