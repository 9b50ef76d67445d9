from dataclasses import replace

import pytest
import torch

from ltseg.reports.comparison import Comparison, compare
from ltseg.reports.page.phrases import listed, points, shortened, signed
from ltseg.reports.page.words import method_summaries
from ltseg.reports.runs import Run


def said(study: Comparison) -> str:
    return ' '.join(sentence for _, sentences in method_summaries(study) for sentence in sentences)


def test_names_the_classes_that_change_clearly(make_study) -> None:
    study = make_study(seeds=2)
    text = said(study)
    assert [title for title, _ in method_summaries(study)] == ['ARB against cross entropy']
    arb = study.methods[1]
    gained = arb.difference('IoU/bus').value
    assert f'bus, tail (+{gained:.1f})' in text and 'clearly gain IoU' in text
    assert 'road' in text and 'clearly loses' not in text.partition('bus')[0]


def test_one_seed_is_not_called_clear(make_study) -> None:
    assert 'clear' not in said(make_study(seeds=1))


def test_the_same_runs_twice_change_nothing(make_study) -> None:
    runs = [run for method in make_study(seeds=2).methods[:1] for run in method.runs]
    study = compare([*runs, *(Run(replace(run.record, method='twice'), run.path) for run in runs)])
    assert 'For the other 4 the difference in IoU is not clear.' in said(study)
    assert ' gain' not in said(study) and ' lose' not in said(study)


@pytest.mark.parametrize('seeds', [1, 2])
def test_over_prediction_is_told_from_gain(make_study, seeds: int) -> None:
    """Class 'car' is found more often, and so often where it is not that its IoU falls."""
    study = make_study(seeds=seeds)
    arb = study.methods[1]
    matrix = torch.tensor([[500, 500, 0, 0], [0, 1000, 0, 0], [20, 130, 50, 0], [5, 15, 10, 0]])
    runs = [
        Run(replace(run.record, evaluation=replace(run.record.evaluation, matrix=matrix)), run.path) for run in arb.runs
    ]
    text = said(compare([*study.methods[0].runs, *runs]))
    assert 'false pixels' in text and 'car (Acc +10.0' in text.partition('false pixels')[2]


def test_says_what_is_never_predicted_and_where_the_tail_goes(make_study) -> None:
    text = said(make_study(seeds=1, methods=1))
    assert 'cross entropy never predicts bus.' in text
    assert 'bus for car (50 %)' in text and 'The lowest IoU have bus (0.0)' in text


def test_reads_the_baseline_at_the_same_accuracy(make_study) -> None:
    study = make_study(seeds=1)
    assert f'until its mAcc is {points(study.methods[1].mean("mAcc"))} too' in said(study) or 'at most' in said(study)


def with_matrices(study: Comparison, *matrices: list[list[int]]) -> Comparison:
    """The study with another confusion matrix in all runs of each method."""
    return compare(
        [
            Run(replace(run.record, evaluation=replace(run.record.evaluation, matrix=torch.tensor(matrix))), run.path)
            for method, matrix in zip(study.methods, matrices, strict=True)
            for run in method.runs
        ]
    )


def test_means_go_from_those_of_the_baseline_to_the_methods(make_study) -> None:
    study = make_study(seeds=2)
    before, after = (points(method.mean('mIoU')) for method in study.methods)
    assert f'mIoU goes from {before} to {after} (' in said(study)


def test_means_that_may_be_chance_are_not_called_clear(make_study) -> None:
    runs = [run for method in make_study(seeds=2).methods[:1] for run in method.runs]
    study = compare([*runs, *(Run(replace(run.record, method='twice'), run.path) for run in runs)])
    assert '(0.0, not clear)' in said(study)
    assert 'not clear' not in said(make_study(seeds=2)).partition('Mean IoU')[0]


def test_clear_differences_that_round_to_nothing_are_not_told(make_study) -> None:
    matrix = [[900000, 100, 0, 0], [0, 100000, 0, 0], [0, 0, 100, 0], [0, 0, 0, 10]]
    more = [[900001, 99, 0, 0], *matrix[1:]]
    text = said(with_matrices(make_study(seeds=2), matrix, more))
    assert 'road' not in text and 'clearly gain' not in text


def test_more_of_a_class_is_no_over_prediction_where_its_iou_rises(make_study) -> None:
    study = make_study(seeds=2)
    assert study.methods[1].difference('Acc/bus').value > 1 and study.methods[1].difference('IoU/bus').value > 1
    assert 'false pixels' not in said(study)


def test_an_absent_class_is_neither_the_lowest_nor_missed(make_study) -> None:
    matrix = [[0, 0, 0, 0], [0, 900, 40, 5], [0, 130, 50, 3], [0, 15, 10, 5]]
    text = said(with_matrices(make_study(seeds=1, methods=1), matrix))
    assert 'road' not in text and 'never predicts' not in text and 'The lowest IoU have ' in text


def test_the_tail_is_taken_for_what_takes_a_tenth_of_it(make_study) -> None:
    for right, told in ((89, True), (91, False)):
        matrix = [[1000, 0, 0, 0], [0, 1000, 0, 0], [0, 0, 1000, 0], [100 - right, 0, 0, right]]
        assert ('most often takes' in said(with_matrices(make_study(seeds=1, methods=1), matrix))) == told


def test_the_best_accuracy_of_a_curve_is_told_where_the_method_has_more(make_study) -> None:
    assert 'Adjusted after training, cross entropy comes to mAcc 70.0 at most.' in said(make_study(seeds=2))


def test_a_curve_without_the_axes_of_the_task_is_not_compared(make_study) -> None:
    assert 'Adjusted after training' not in said(make_study(tau_curve=[{'tau': 0.0, 'mIoU_tail': 20.0}]))


def test_adjusted_predictions_are_not_compared_to_the_curve_that_they_are_on(make_study) -> None:
    baseline, other = (method.runs[0] for method in make_study(seeds=1).methods)
    adjusted = replace(other.record, method='cross entropy + post-hoc', settings={'posthoc': {'tau': 1.0}})
    assert 'Adjusted after training' not in said(compare([baseline, Run(adjusted, other.path)]))


def test_phrases() -> None:
    assert (points(1.25), points(-3.0), points(float('nan'))) == ('1.2', '−3.0', '–')
    assert (signed(1.26), signed(-0.01), signed(-2)) == ('+1.3', '0.0', '−2.0')
    assert listed(['a']) == 'a' and listed(['a', 'b', 'c']) == 'a, b and c'
    assert listed(list('abcdefghi'), limit=2) == 'a, b and 7 more'
    assert shortened('abcdef', 4) == 'abc…' and shortened('abc', 4) == 'abc'
