"""The table and the figures of a sweep."""

import math
from statistics import fmean, stdev

import pytest
import torch

from ltseg.cli.sweeping.axes import Axis
from ltseg.cli.sweeping.results import SweepResults
from ltseg.counts.groups import ClassGroups
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.comparison import compare
from ltseg.reports.method import measured
from ltseg.reports.record import RunRecord
from ltseg.reports.runs import Run

COUNTS = torch.tensor([900, 90, 10])


def runs_of(right: int, seeds: int) -> list[Run]:
    """Runs that have so many of ten samples of the rarest class right, and one more for each seed."""
    groups, runs = ClassGroups.tertiles(COUNTS), []
    for seed in range(seeds):
        matrix = torch.tensor([[8, 0, 0], [0, 4, 0], [0, 10 - right - seed, right + seed]])
        evaluation = Evaluation(matrix, ('road', 'car', 'pole'), groups, COUNTS, 'the training labels')
        about = dict(model='U-Net', dataset='CamVid', split='val', settings={'tau': right})
        runs.append(Run(RunRecord(name=f'{right} {seed}', method='LA', evaluation=evaluation, seed=seed, **about)))
    return runs


def results(axes: list[Axis], values: list[tuple], seeds: int = 3) -> SweepResults:
    runs = [runs_of(place, seeds) for place in range(len(values))]
    comparison = compare([run for each in runs for run in each])
    found = [(each, measured(own, comparison.reference)) for each, own in zip(values, runs, strict=True)]
    return SweepResults(axes, found, comparison)


def test_lines_are_means_and_bars_deviations_over_the_seeds() -> None:
    (series,) = results([Axis('loss.tau', (1, 0))], [(1,), (0,)]).figure('mAcc_tail').series
    assert series.x == [0, 1] and series.y == pytest.approx([20, 10])  # sorted by the value
    for place, y, error in zip((1, 0), series.y, series.error, strict=True):
        accuracies = [100 * (place + seed) / 10 for seed in range(3)]
        assert (y, error) == pytest.approx((fmean(accuracies), stdev(accuracies)))


def test_below_three_seeds_there_are_no_bars() -> None:
    found = results([Axis('loss.tau', (0, 1))], [(0,), (1,)], seeds=2)
    assert not found.figure('mIoU').series[0].error
    assert found.table().rows[0][:2] == ['0', '2']


def test_an_option_has_the_axis_that_its_values_need() -> None:
    def axis(*values: object) -> tuple[str, str, list]:
        figure = results([Axis('loss.tau', values)], [(value,) for value in values]).figure('mIoU')
        return figure.form, figure.x_scale, list(figure.series[0].x)

    assert axis(0.01, 0.1, 1) == ('line', 'log', [0.01, 0.1, 1])
    assert axis(0, 0.1, 10) == ('line', 'linear', [0, 0.1, 10])
    assert axis('dataset', 'batch') == ('points', 'linear', ['dataset', 'batch'])
    assert axis(True, False) == ('points', 'linear', ['True', 'False'])
    assert axis(None, 0.5) == ('points', 'linear', ['None', '0.5'])


def test_there_is_a_line_for_each_combination_of_the_other_options() -> None:
    axes = [Axis('loss.tau', (0, 1)), Axis('optimizer.lr', (0.1, 0.2))]
    found = results(axes, [(0, 0.1), (0, 0.2), (1, 0.1), (1, 0.2)])
    assert [(each.name, each.x) for each in found.figure('mIoU').series] == [
        ('optimizer.lr 0.1', [0, 1]),
        ('optimizer.lr 0.2', [0, 1]),
    ]
    table = found.table()
    assert table.header[:3] == ('loss.tau', 'optimizer.lr', 'seeds') and table.rows[3][:3] == ['1', '0.2', '3']
    key = table.header.index('mAcc_tail')
    assert table.rows[3][key] == f'40.00 ± {stdev([30, 40, 50]):.2f}'


def test_a_run_that_is_missing_leaves_a_gap() -> None:
    axes = [Axis('loss.tau', (0, 1)), Axis('optimizer.lr', (0.1, 0.2))]
    found = results(axes, [(0, 0.1), (1, 0.1), (1, 0.2)])
    assert [each.x for each in found.figure('mIoU').series] == [[0, 1], [1]]
    assert not any(math.isnan(y) for each in found.figure('mIoU').series for y in each.y)
