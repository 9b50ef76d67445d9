"""What figures say to those who do not see them, and when there is none."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltseg.reports.comparison import compare
from ltseg.reports.figures.ink import WIDTH, canvas
from ltseg.reports.page.confusions import confusion_matrix_figure, largest_confusions
from ltseg.reports.page.curves import posthoc_curve, training_curves
from ltseg.reports.page.differences import difference_bars
from ltseg.reports.page.frequency import against_frequency
from ltseg.reports.page.slopes import HEIGHT, draw_slopes, slope_plot, spread_out
from ltseg.reports.runs import Run
from ltseg.reports.tau_report import curve_figure, curve_points
from ltseg.trained.tau_curve import TauCurve

VALUES, GAPS = st.lists(st.floats(0, 100), max_size=30), st.floats(0.1, 10)


@given(VALUES, GAPS)
def test_labels_keep_their_order_and_their_distance(values: list[float], gap: float) -> None:
    places = spread_out(sorted(values), gap)
    assert len(places) == len(values)
    assert all(after - before >= gap - 1e-6 for before, after in zip(places, places[1:], strict=False))
    assert sum(places) == pytest.approx(sum(values), abs=1e-6)  # nothing drifts


@given(VALUES, GAPS, st.floats(-10, 40), st.floats(60, 110))
def test_labels_stay_within_their_limits_where_they_fit(
    values: list[float], gap: float, low: float, high: float
) -> None:
    places = spread_out(sorted(values), gap, low, high)
    assert all(after - before >= gap - 1e-6 for before, after in zip(places, places[1:], strict=False))
    if not places:
        return
    if gap * (len(values) - 1) <= high - low:
        assert places[0] >= low - 1e-6 and places[-1] <= high + 1e-6
    else:
        assert low - places[0] == pytest.approx(places[-1] - high)  # as much below as above


def test_labels_that_are_far_apart_stay() -> None:
    assert spread_out([1, 5, 9], 2) == [1, 5, 9]
    assert spread_out([5, 5, 5], 2) == [3, 5, 7]
    assert spread_out([0, 0, 50], 2, 0, 100) == [0, 2, 50]


@pytest.mark.parametrize(('zeros', 'classes'), [(10, 19), (19, 19), (0, 19), (10, 40)])
def test_names_of_slopes_do_not_overlap_and_stay_within_the_axes(make_large_study, zeros: int, classes: int) -> None:
    study = make_large_study(methods=2, classes=classes, zeros=zeros)
    with canvas(HEIGHT, WIDTH) as figure:
        axes = figure.subplots()
        draw_slopes(axes, study, (study.methods[0], study.methods[1]), 'IoU')
        figure.draw_without_rendering()
        inside, names = axes.get_window_extent(), [text.get_window_extent() for text in axes.texts]
        ticks = [text.get_window_extent() for text in axes.get_xticklabels()]
    assert len(names) == 2 * min(classes, 20)
    assert all(
        inside.y0 <= box.y0 and box.y1 <= inside.y1 and box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in names
    )
    assert not any(one.overlaps(other) for one, other in combinations([*names, *ticks], 2))


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
    assert 'bus' in against_frequency(compare(runs), 'IoU').svg


def test_largest_confusions_are_the_naive_ones(make_study) -> None:
    study = make_study(seeds=1)
    found = largest_confusions(study, study.methods[0], 2)
    assert found == [('car', 65), ('road', 10)]
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


def test_the_page_has_the_curve_of_the_file(make_study) -> None:
    ce, arb = (method.runs[0].record.evaluation for method in make_study(seeds=1).methods)
    curve = TauCurve('test', (-1.0, 0.0, 1.0), (ce, arb, ce))
    on_page = posthoc_curve(make_study(seeds=1, methods=1, tau_curve=curve_points(curve)))
    in_file = curve_figure([curve], 0.0)
    assert (on_page.x_label, on_page.y_label) == (in_file.x_label, in_file.y_label)
    line, other = on_page.series[0], in_file.series[0]
    assert (line.x, line.y) == (other.x, other.y) == (curve.values('mAcc'), curve.values('mIoU'))
