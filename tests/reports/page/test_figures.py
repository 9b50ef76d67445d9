"""What figures say to those who do not see them, and when there is none."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltseg.reports.page.confusions import confusion_matrix_figure, largest_confusions
from ltseg.reports.page.curves import posthoc_curve, training_curves
from ltseg.reports.page.differences import difference_bars
from ltseg.reports.page.frequency import against_frequency
from ltseg.reports.page.methods import Study
from ltseg.reports.page.slopes import slope_plot, spread_out
from ltseg.reports.runs import Run


@given(st.lists(st.floats(0, 100), max_size=20), st.floats(0.1, 10))
def test_labels_keep_their_order_and_their_distance(values: list[float], gap: float) -> None:
    places = spread_out(sorted(values), gap)
    assert len(places) == len(values)
    assert all(after - before >= gap - 1e-6 for before, after in zip(places, places[1:], strict=False))
    assert sum(places) == pytest.approx(sum(values), abs=1e-6)  # nothing drifts


def test_labels_that_are_far_apart_stay() -> None:
    assert spread_out([1, 5, 9], 2) == [1, 5, 9]
    assert spread_out([5, 5, 5], 2) == [3, 5, 7]


def test_bars_and_slopes_say_the_extremes(make_study) -> None:
    study = make_study(seeds=2)
    for drawing in (difference_bars(study, 'Acc'), slope_plot(study, study.methods[1], 'Acc')):
        assert 'ARB: Acc rises for 2 of 4 classes' in drawing.alt and 'bus (+66.7)' in drawing.alt
        assert 'bus' in drawing.svg


def test_one_method_has_no_differences(make_study) -> None:
    study = make_study(methods=1)
    assert difference_bars(study, 'IoU') is None and slope_plot(study, study.methods[0], 'IoU') is None


def test_frequency_says_the_mean_of_the_rare_classes(make_study) -> None:
    drawing = against_frequency(make_study(seeds=1), 'Acc')
    assert drawing.alt == 'Mean Acc of the tail classes: cross entropy 0.0, ARB 66.7.'


def test_a_class_without_training_samples_has_a_place(make_study) -> None:
    runs = [run for method in make_study(seeds=1).methods for run in method.runs]
    counts = runs[0].record.evaluation.counts.clone()
    counts[3] = 0
    runs = [Run(replace(r.record, evaluation=replace(r.record.evaluation, counts=counts)), r.path) for r in runs]
    assert 'bus' in against_frequency(Study.of(runs), 'IoU').svg


def test_largest_confusions_are_the_naive_ones(make_study) -> None:
    study = make_study(seeds=1)
    found = largest_confusions(study, study.methods[0], 2)
    assert [(each.name, each.percent) for each in found] == [('car', 65), ('road', 10)]
    assert '52 % of a class is right' in confusion_matrix_figure(study, study.methods[0]).alt


def test_training_has_a_line_for_each_run(make_study) -> None:
    losses = {'train': [{'iteration': 200, 'loss': 1.5}, {'iteration': 400, 'loss': 0.5}]}
    titles = {drawing.title: drawing.alt for drawing in training_curves(make_study(seeds=2, curves=losses))}
    assert list(titles) == ['Training loss'] and 'ARB, seed 1 0.5' in titles['Training loss']
    titles = [drawing.title for drawing in training_curves(make_study(seeds=1))]
    assert titles == [f'{key} of the validation' for key in ('mIoU', 'mAcc', 'mIoU_tail')]


def test_posthoc_curve_only_where_a_record_has_one(make_study) -> None:
    assert 'highest mIoU 45.0 at tau 0' in posthoc_curve(make_study(seeds=1)).alt
    assert posthoc_curve(make_study(tau_curve=())) is None
