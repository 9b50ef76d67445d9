"""Many, medium and few hold each class once and follow the rules of the papers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ltseg.counts.groups import ClassGroups
from ltseg.counts.shots import build_shots, check_shots_option

NAMES = tuple('abcdef')
SAMPLES = torch.tensor([500, 101, 100, 20, 19, 0])


def sizes(samples: torch.Tensor, option: object = None) -> tuple[int, ...]:
    groups = build_shots(option, samples, [str(index) for index in range(len(samples))])
    return tuple(len(classes) for _, classes in groups.items())


def long_tail(largest: int, num_classes: int, factor: float) -> torch.Tensor:
    place = torch.arange(num_classes, dtype=torch.float64) / (num_classes - 1)
    return (largest * factor**-place + 1e-9).floor().long()


@given(st.lists(st.integers(0, 300), min_size=1, max_size=40))
def test_the_default_includes_both_ends_of_medium(samples: list[int]) -> None:
    groups = build_shots(None, torch.tensor(samples), [str(index) for index in range(len(samples))])
    assert sorted(groups.head + groups.medium + groups.tail) == list(range(len(samples)))
    assert all(samples[k] > 100 for k in groups.of('many'))
    assert all(20 <= samples[k] <= 100 for k in groups.of('medium'))
    assert all(samples[k] < 20 for k in groups.of('few'))


def test_each_threshold_takes_its_own_sign() -> None:
    groups = build_shots({'many': '>= 100', 'few': '<=20'}, SAMPLES, NAMES)
    assert [classes for _, classes in groups.items()] == [(0, 1, 2), (), (3, 4, 5)]
    assert groups.rule == 'by training images: many >= 100, few <=20, medium between'


@pytest.mark.parametrize(
    ('samples', 'option', 'expected'),
    [
        (long_tail(500, 100, 100), None, (35, 35, 30)),
        (long_tail(500, 100, 100), {'many': '> 100', 'few': '<= 20'}, (35, 34, 31)),
        (long_tail(500, 100, 100), {'many': 36, 'medium': 35, 'few': 29}, (36, 35, 29)),
        (long_tail(5000, 10, 100), None, (8, 2, 0)),
        (long_tail(5000, 10, 100), {'many': 3, 'medium': 4, 'few': 3}, (3, 4, 3)),
    ],
)
def test_sizes_on_long_tailed_cifar(samples: torch.Tensor, option: object, expected: tuple[int, ...]) -> None:
    """Class 35 of CIFAR-100 at factor 100 has 98 images: medium by its count, many by its position."""
    assert sizes(samples, option) == expected


def test_ranges_do_not_look_at_counts_and_lists_take_names() -> None:
    groups = build_shots({'many': 1, 'medium': 2, 'few': 3}, SAMPLES.flip(0), NAMES)
    assert [classes for _, classes in groups.items()] == [(0,), (1, 2), (3, 4, 5)]
    listed = {'many': ['f'], 'medium': [0, 'b', 'c'], 'few': ['d', 'e']}
    groups = build_shots(listed, SAMPLES, NAMES)
    assert groups.of('medium') == (0, 1, 2) and groups.names == ('many', 'medium', 'few')
    assert build_shots(groups, SAMPLES, NAMES) is groups


@pytest.mark.parametrize(
    'option',
    [
        'default',
        {'many': '> 100'},
        {'many': '> 20', 'few': '< 50'},
        {'many': '>= 20', 'few': '<= 20'},
        {'many': '< 100', 'few': '< 20'},
        {'many': 'above 100', 'few': '< 20'},
        {'many': 100, 'few': 20},
        {'many': 36, 'medium': 35, 'few': -1},
        {'many': True, 'medium': 35, 'few': 1},
        {'head': ['a'], 'medium': ['b'], 'tail': ['c']},
    ],
)
def test_other_options_are_refused(option: object) -> None:
    with pytest.raises(ValueError, match='groups: expected dict.*many=36'):
        check_shots_option(option)


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ({'many': 1, 'medium': 2, 'few': 2}, '6 classes in all'),
        ({'many': ['a'], 'medium': ['b'], 'few': ['c']}, "no 'd'"),
        (ClassGroups((0,), (1,), (2,), 'by hand'), 'groups of 6 classes'),
    ],
)
def test_groups_of_other_classes_are_refused(option: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_shots(option, SAMPLES, NAMES)


def test_long_lists_are_cut_short_in_the_description() -> None:
    names = [f'class {index}' for index in range(150)]
    text = build_shots(None, torch.full((150,), 200), names).describe(names)
    assert 'many (150): class 0, ' in text and text.count('class') == 100 and 'and 50 more' in text
    text = build_shots(None, torch.full((100,), 200), names[:100]).describe(names)
    assert text.count('class') == 100 and 'more' not in text


def test_groups_may_touch_and_may_be_empty() -> None:
    assert sizes(SAMPLES, {'many': '> 20', 'few': '<= 20'}) == (3, 0, 3)
    assert sizes(SAMPLES, {'many': 6, 'medium': 0, 'few': 0}) == (6, 0, 0)
