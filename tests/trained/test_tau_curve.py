import math

import pytest
import torch
from hinted import hinted

from ltseg.counts.groups import ClassGroups
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.record import RunRecord
from ltseg.reports.tau_report import adjusted_record, curve_figure, curve_points, curve_table
from ltseg.trained.tau_curve import TauCurve, parse_taus

NAMES = ('road', 'car', 'rider')
SAMPLES = torch.tensor([900, 90, 10])


def curve(split: str, matrices: list[list[list[int]]], taus: tuple[float, ...] = (-1.0, 0.0, 1.0)) -> TauCurve:
    groups = ClassGroups((0,), (1,), (2,), 'by hand')
    evaluations = (
        Evaluation(torch.tensor(matrix), NAMES, groups, SAMPLES, 'the training labels') for matrix in matrices
    )
    return TauCurve(split, taus, tuple(evaluations))


RIDERS_LOST = [[90, 0, 0], [0, 9, 0], [1, 0, 0]]
RIGHT = [[90, 0, 0], [0, 9, 0], [0, 0, 1]]
ROAD_LOST = [[45, 0, 45], [0, 9, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ('words', 'taus'),
    [
        (['-1', '...', '1.5'], tuple(k / 4 for k in range(-4, 7))),
        (['-1', '-0.75', '...', '1.5'], tuple(k / 4 for k in range(-4, 7))),
        (['0.1', '0.2', '...', '0.5'], (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        (['1', '0.5', '...', '-1'], (-1.0, -0.5, 0.0, 0.5, 1.0)),
        (['0', '...', '0.6'], (0.0, 0.25, 0.5, 0.6)),
        (['2', '2'], (0.0, 2.0)),
    ],
)
def test_taus_are_continued_and_contain_zero(words: list[str], taus: tuple[float, ...]) -> None:
    assert parse_taus(words) == taus


@pytest.mark.parametrize(
    'words',
    [
        [],
        ['...'],
        ['1', '...'],
        ['...', '1'],
        ['a'],
        ['nan'],
        ['0', '-inf'],
        ['0', '1e300'],
        ['-101'],
        ['1', '2', '...', '0'],
        ['1', '1', '...', '2'],
    ],
)
def test_words_that_are_no_taus_are_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match='tau: expected'):
        parse_taus(words)


def test_words_as_the_hint_has_them() -> None:
    hinted("As in '-1 -0.5 ... 1.5'.", lambda: parse_taus(['1', '2', '...', '0']))
    assert parse_taus(['-1', '-0.5', '...', '1.5']) == (-1, -0.5, 0, 0.5, 1, 1.5)


def test_best_tau_by_criterion_and_nearest_to_zero_of_equal_ones() -> None:
    three = curve('val', [RIDERS_LOST, RIGHT, ROAD_LOST])
    assert three.best('mIoU') == 0.0 and three.values('mAcc')[1] == 100
    assert curve('val', [RIGHT, RIDERS_LOST, ROAD_LOST]).best('IoU/car') == 0.0
    assert curve('val', [RIGHT, RIDERS_LOST, ROAD_LOST], (-0.5, 0.0, 1.0)).best('mIoU_tail') == -0.5
    with pytest.raises(ValueError, match="Did you mean 'mIoU_tail'"):
        three.best('mIoU_tial')


def test_criterion_of_classes_that_never_occur_is_refused() -> None:
    without_rider = [[90, 0, 0], [0, 9, 0], [0, 0, 0]]
    with pytest.raises(ValueError, match='mIoU_tail of val'):
        curve('val', [without_rider] * 3).best('mIoU_tail')
    hinted(
        'None of its classes occurs there: choose another criterion or another split.',
        lambda: curve('val', [without_rider] * 3).best('mIoU_tail'),
    )
    assert curve('val', [without_rider] * 3).best('mIoU') == curve('test', [RIGHT] * 3).best('mIoU_tail')


def test_record_after_adjustment_is_of_the_report_split_at_the_chosen_tau(tmp_path) -> None:
    selection = curve('val', [RIDERS_LOST, ROAD_LOST, RIGHT])
    report = curve('test', [RIGHT, ROAD_LOST, RIDERS_LOST])
    base = RunRecord(
        name='run', method='CE', model='m', dataset='d', split='test', evaluation=report.at(0.0), settings={'lr': 1}
    )
    record = adjusted_record(base, selection, report, 'mIoU')
    loaded = RunRecord.load(record.save(tmp_path / 'record.json'))
    assert (loaded.name, loaded.method, loaded.split) == ('run-posthoc', 'CE + post-hoc', 'test')
    assert loaded.evaluation.matrix.tolist() == RIDERS_LOST
    assert loaded.settings['lr'] == 1 and loaded.settings['posthoc']['tau'] == 1.0
    assert loaded.settings['posthoc']['chosen_on'] == 'val'
    assert [point['mIoU'] for point in loaded.tau_curve] == report.values('mIoU')


def test_points_hold_means_only() -> None:
    points = curve_points(curve('val', [RIDERS_LOST, RIGHT, ROAD_LOST]))
    assert [point['tau'] for point in points] == [-1.0, 0.0, 1.0]
    assert points[1]['mIoU_tail'] == 100 and not any('/' in key for point in points for key in point)
    assert not any(math.isnan(value) for point in points for value in point.values())


def test_table_and_figure_mark_the_chosen_tau() -> None:
    three = curve('val', [RIDERS_LOST, RIGHT, ROAD_LOST])
    table = curve_table(three, 0.0)
    assert [row[0] for row in table.rows] == ['-1', '0 *', '1']
    assert table.header[1] == 'mIoU' and [row[1] for row in table.rows] == three.values('mIoU')
    line, star = curve_figure([three], 0.0).series
    assert (line.x, line.y) == (three.values('mAcc'), three.values('mIoU'))
    assert list(line.labels) == ['τ=-1', '0', 'τ=1']
    assert (star.mark, star.x, star.y) == ('star', [line.x[1]], [line.y[1]])
    marks = [each.mark for each in curve_figure([three], 1.0).series]
    assert marks == ['', 'large', 'star']  # tau = 0 is marked too
