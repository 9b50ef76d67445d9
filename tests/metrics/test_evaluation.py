"""All metrics follow from the matrix, by the keys that configs use."""

import math

import pytest
import torch

from ltseg.core.calibration import BINS, Calibration
from ltseg.counts.groups import ClassGroups
from ltseg.metrics.evaluation import MANY_CLASSES, Evaluation
from ltseg.metrics.task import CLASSIFICATION

NAMES = ('road', 'car', 'traffic light', 'bus')
MATRIX = torch.tensor([[50, 5, 0, 0], [10, 20, 0, 2], [3, 0, 4, 1], [0, 0, 0, 0]])


def evaluation(matrix: torch.Tensor = MATRIX) -> Evaluation:
    groups = ClassGroups((0,), (1, 2), (3,), 'by hand')
    return Evaluation(matrix, NAMES, groups, torch.tensor([700, 200, 90, 10]), 'the training labels')


def test_every_key_is_there() -> None:
    means = [f'{m}_{group}' for m in ('mIoU', 'mAcc') for group in ('head', 'medium', 'tail')]
    of_classes = [f'{metric}/{name}' for metric in ('IoU', 'Acc', 'Precision') for name in NAMES]
    values = evaluation().metrics()
    assert set(values) == {'mIoU', 'mAcc', 'aAcc', 'mPrecision', *means, *of_classes}
    assert all(type(value) is float for value in values.values())


def test_means_are_of_the_classes_that_are_there() -> None:
    values = evaluation().metrics()
    of_classes = [100 * 50 / 68, 100 * 20 / 37, 100 * 4 / 8]
    assert values['mIoU'] == pytest.approx(sum(of_classes) / 3)
    assert values['mIoU_head'] == pytest.approx(of_classes[0])
    assert values['mIoU_medium'] == pytest.approx(sum(of_classes[1:]) / 2)
    assert values['mPrecision'] == pytest.approx(100 * (50 / 63 + 20 / 25 + 4 / 4) / 3)
    assert math.isnan(values['mIoU_tail'])
    assert math.isnan(values['IoU/bus'])


def test_the_description_shows_absent_classes_shares_and_groups() -> None:
    lines = evaluation().describe().splitlines()
    (bus,) = (line for line in lines if line.startswith('| bus'))
    assert [cell.strip() for cell in bus.split('|')[2:-1]] == ['tail', '1 %', 'absent', 'absent', 'absent']
    assert 'medium (2): car, traffic light' in lines
    assert lines[-1] == 'Shares and groups are from the training labels.'


@pytest.mark.parametrize('matrix', [MATRIX.double(), MATRIX[:3], -MATRIX])
def test_only_counts_make_a_matrix(matrix: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r'Evaluation.matrix: expected \(4, 4\) int64'):
        evaluation(matrix)


def test_counts_must_be_of_the_classes() -> None:
    with pytest.raises(ValueError, match='counts and groups of 4 classes'):
        Evaluation(MATRIX, NAMES, ClassGroups((0,), (1,), (2,), 'by hand'), torch.ones(4), 'nothing')


def test_shares_are_those_of_the_counts_in_percent() -> None:
    assert evaluation().share.tolist() == pytest.approx([70, 20, 9, 1])


def test_without_counts_every_share_is_zero() -> None:
    """All labels of the training set, or of the evaluated images, are ignored."""
    groups = ClassGroups((0,), (1, 2), (3,), 'by hand')
    nothing = Evaluation(MATRIX * 0, NAMES, groups, torch.zeros(4, dtype=torch.int64), 'nothing')
    assert nothing.share.tolist() == [0, 0, 0, 0] and all(nothing.absent)
    (bus,) = (line for line in nothing.describe().splitlines() if line.startswith('| bus'))
    assert [cell.strip() for cell in bus.split('|')[2:-1]] == ['tail', '0 %', 'absent', 'absent', 'absent']
    assert all(math.isnan(value) for value in nothing.metrics().values())


def large(size: int) -> Evaluation:
    groups = ClassGroups.tertiles(torch.ones(size))
    names = tuple(f'class-{index}' for index in range(size))
    return Evaluation(torch.eye(size, dtype=torch.int64), names, groups, torch.ones(size), 'nothing')


def test_the_description_of_many_classes_leaves_the_single_ones_out() -> None:
    rows = [large(MANY_CLASSES + more).describe().count('| class-') for more in (0, 1)]
    assert rows == [MANY_CLASSES, 0]


@pytest.mark.parametrize('size', [3, 5])
def test_calibration_must_be_of_the_classes(size: int) -> None:
    groups = ClassGroups((0,), (1, 2), (3,), 'by hand')
    nothing = torch.zeros(size, BINS, dtype=torch.int64)
    calibration = Calibration(nothing, nothing, nothing.double())
    with pytest.raises(ValueError, match=f'Evaluation.calibration: expected 4 classes, got {size}'):
        Evaluation(MATRIX, NAMES, groups, torch.ones(4), 'nothing', calibration=calibration)


def test_groups_must_be_called_as_those_of_the_task() -> None:
    groups = ClassGroups((0,), (1, 2), (3,), 'by hand')
    with pytest.raises(ValueError, match="Evaluation.groups: expected the groups .'many', 'medium', 'few'"):
        Evaluation(MATRIX, NAMES, groups, torch.ones(4), 'nothing', CLASSIFICATION)
