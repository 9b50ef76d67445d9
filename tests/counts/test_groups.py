"""Groups hold each class once, whatever the rule."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ltseg.counts.groups import ClassGroups, build_groups

NAMES = ('road', 'car', 'pole', 'bus')
SAMPLES = torch.tensor([500, 400, 95, 5])


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=40))
def test_tertiles_are_ordered_and_symmetric(samples: list[int]) -> None:
    groups = ClassGroups.tertiles(torch.tensor(samples))
    assert sorted(groups.head + groups.medium + groups.tail) == list(range(len(samples)))
    assert len(groups.head) == len(groups.tail) == round(len(samples) / 3)
    of_group = [[samples[i] for i in classes] for _, classes in groups.items()]
    joined = of_group[0] + of_group[1] + of_group[2]
    assert joined == sorted(samples, reverse=True)


@pytest.mark.parametrize(
    ('num_classes', 'sizes'),
    [(1, (0, 1, 0)), (2, (1, 0, 1)), (3, (1, 1, 1)), (11, (4, 3, 4)), (19, (6, 7, 6)), (150, (50, 50, 50))],
)
def test_sizes_of_tertiles(num_classes: int, sizes: tuple[int, int, int]) -> None:
    groups = ClassGroups.tertiles(torch.arange(num_classes))
    assert tuple(len(classes) for _, classes in groups.items()) == sizes


def test_equal_counts_stay_in_order_and_zero_counts_are_tail() -> None:
    groups = ClassGroups.tertiles(torch.tensor([7, 0, 7, 7, 0, 9]))
    assert (groups.head, groups.medium, groups.tail) == ((5, 0), (2, 3), (1, 4))


def test_thresholds_include_head_and_exclude_tail() -> None:
    groups = ClassGroups.by_share(SAMPLES, head=0.4, tail=0.005)
    assert (groups.head, groups.medium, groups.tail) == ((0, 1), (2, 3), ())
    assert 'at least 0.4' in groups.rule
    assert ClassGroups.by_share(SAMPLES, head=0.4, tail=0.0051).tail == (3,)


def test_thresholds_need_a_count() -> None:
    with pytest.raises(ValueError, match='a count above 0'):
        ClassGroups.by_share(torch.zeros(3), 0.1, 0.01)


def test_lists_take_names_and_indices() -> None:
    groups = build_groups({'head': ['road'], 'medium': [1, 'pole'], 'tail': [3]}, SAMPLES, NAMES)
    assert (groups.head, groups.medium, groups.tail) == ((0,), (1, 2), (3,))


def test_the_default_is_tertiles_and_groups_pass_through() -> None:
    groups = build_groups(None, SAMPLES, NAMES)
    assert groups == ClassGroups.tertiles(SAMPLES)
    assert build_groups(groups, SAMPLES, NAMES) is groups


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ({'head': ['road'], 'medium': ['car'], 'tail': ['pole']}, "every class, got no 'bus'"),
        ({'head': ['road', 'road'], 'medium': ['car'], 'tail': ['pole', 'bus']}, 'class 0 in two places'),
        ({'head': ['rode'], 'medium': ['car'], 'tail': ['pole', 'bus']}, "got 'rode'"),
        ({'head': [0], 'medium': [1], 'tail': [2, 3, 4]}, 'got 4'),
        ({'head': [0], 'medium': [True], 'tail': [2, 3]}, 'got True'),
        ({'head': [0], 'medium': [1], 'tail': [2, -1]}, 'got -1'),
        ({'head': ['road']}, 'or None'),
        ({'head': 0.1, 'tail': [1]}, 'or None'),
        ({'head': 0.1, 'tail': 0.2}, r'groups.*tail|Groups.*tail'),
        ('tertile', 'or None'),
    ],
)
def test_faults_are_named(option: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_groups(option, SAMPLES, NAMES)


def test_groups_of_another_number_of_classes_are_refused() -> None:
    with pytest.raises(ValueError, match='groups of 4 classes, got 2'):
        build_groups(ClassGroups.tertiles(torch.tensor([1, 2])), SAMPLES, NAMES)
    with pytest.raises(ValueError, match='no class 1'):
        ClassGroups((0,), (2,), (), 'by hand')


def test_the_description_names_the_rule_and_every_class() -> None:
    groups = ClassGroups.by_share(SAMPLES, 0.4, 0.01)
    text = groups.describe(NAMES)
    assert text.splitlines() == [f'Groups: {groups.rule}.', 'head (2): road, car', 'medium (1): pole', 'tail (1): bus']
    assert [groups.group_of(i) for i in range(4)] == ['head', 'head', 'medium', 'tail']


def test_published_groups_are_in_the_order_of_the_data_set() -> None:
    names = [f'class {index}' for index in range(150)]
    groups = build_groups('disalign_ade20k', torch.arange(150), names)
    assert (
        groups.head == tuple(range(20))
        and groups.medium == tuple(range(20, 75))
        and groups.tail == tuple(range(75, 150))
    )
    with pytest.raises(ValueError, match='150 classes, got 4'):
        build_groups('disalign_ade20k', SAMPLES, NAMES)
    with pytest.raises(ValueError, match="'disalign_ade20k'"):
        build_groups('disalign_ade', SAMPLES, NAMES)
