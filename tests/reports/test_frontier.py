"""Methods compared at the same mAcc along their curves over tau."""

import math
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hinted import hinted

from ltseg.counts.groups import ClassGroups
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.frontier import best_with_accuracy, distance_above
from ltseg.reports.record import RunRecord

frontier_table = runpy.run_path(str(Path(__file__).parents[2] / 'tools/document_tables.py'))['frontier_table']
CURVE = [
    {'tau': -1.0, 'mIoU': 40.0, 'mAcc': 50.0},
    {'tau': 0.0, 'mIoU': 46.0, 'mAcc': 60.0},
    {'tau': 1.0, 'mIoU': 36.0, 'mAcc': 70.0},
]


@pytest.fixture
def record():
    counts = torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)
    groups = ClassGroups.tertiles(counts)
    evaluation = Evaluation(torch.diag(torch.tensor([3, 2, 1])), ('a', 'b', 'c'), groups, counts, 'the test')
    return RunRecord(
        name='r', method='m', model='n', dataset='d', split='test', evaluation=evaluation, tau_curve=CURVE, versions={}
    )


@pytest.mark.parametrize(('level', 'expected'), [(0, 46), (60, 46), (65, 41), (70, 36), (71, math.nan)])
def test_highest_with_at_least(record, level, expected):
    assert best_with_accuracy(record, level) == pytest.approx(expected, nan_ok=True)


def test_a_row_for_each_method_with_seeds_averaged(record):
    better = [{**point, 'mIoU': point['mIoU'] + 2} for point in CURVE]
    table = frontier_table([record, replace(record, seed=1, tau_curve=better), replace(record, method='o')], [65])
    assert [row[:2] for row in table.rows] == [['m', '2'], ['o', '1']]
    assert [row[4:] for row in table.rows] == [[47, 42], [46, 41]]


def test_refuses_records_that_do_not_compare(record):
    with pytest.raises(ValueError, match='ltseg adjust'):
        frontier_table([replace(record, tau_curve=())], [60])
    hinted('ltseg adjust writes it.', lambda: frontier_table([replace(record, tau_curve=())], [60]))
    assert len(frontier_table([record], [60]).rows) == 1  # a record of ltseg adjust
    with pytest.raises(ValueError, match='one model'):
        frontier_table([record, replace(record, split='val')], [60])


def test_between_two_taus_it_is_nearer_to_the_nearer_one_whatever_their_order(record):
    assert best_with_accuracy(record, 62.5) == pytest.approx(43.5)
    turned = replace(record, tau_curve=[CURVE[1], CURVE[0], CURVE[2]])
    assert [best_with_accuracy(turned, level) for level in (55, 62.5)] == pytest.approx([46, 43.5])
    low = replace(record, tau_curve=[CURVE[2], CURVE[0]])  # 40 at 50 and 36 at 70
    assert best_with_accuracy(low, 65) == pytest.approx(37)


def test_a_method_as_trained_is_the_mean_over_seeds(record):
    worse = replace(record.evaluation, matrix=torch.tensor([[3, 0, 0], [0, 2, 0], [1, 0, 0]]))
    ious, accuracies = zip(*([r.means()['mIoU'], r.means()['mAcc']] for r in (record.evaluation, worse)), strict=True)
    table = frontier_table([record, replace(record, seed=1, evaluation=worse)], [65])
    assert table.rows[0][2:4] == pytest.approx([sum(ious) / 2, sum(accuracies) / 2])
    assert ious[1] < ious[0]


def test_distances_between_curves_are_those_of_choose(record):
    from ltseg.core.curve_comparison import CurveCounts, curve_gap

    generator = torch.Generator().manual_seed(0)

    def run():
        true = torch.randint(50, 90, (4, 3), generator=generator)
        right = (true.unsqueeze(1) * torch.rand(4, 5, 3, generator=generator)).long()
        counts = CurveCounts(right, right + 10, true)
        iou, acc = (values[0].tolist() for values in counts.rates(torch.ones(1, 4)))
        points = [{'tau': float(tau), 'mIoU': i, 'mAcc': a} for tau, (i, a) in enumerate(zip(iou, acc, strict=True))]
        return counts, replace(record, tau_curve=points)

    method, baseline = [run(), run()], [run(), run(), run()]
    gap = curve_gap([counts for counts, _ in method], [counts for counts, _ in baseline], draws=2)
    assert distance_above([r for _, r in method], [r for _, r in baseline]) == pytest.approx(gap.mean)
