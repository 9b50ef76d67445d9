"""Runs side by side: columns, differences, seeds, and what cannot be compared."""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import replace
from statistics import fmean, stdev

import pytest
import torch
from hinted import hinted

from ltseg.counts.groups import ClassGroups
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.comparison import compare
from ltseg.reports.page.tables import class_table, means_table
from ltseg.reports.published import PUBLISHED, find_published
from ltseg.reports.record import RunRecord
from ltseg.reports.text_table import TextTable

Make = Callable[..., RunRecord]


def cell(table: TextTable, row: str, column: int) -> object:
    return next(cells for cells in table.rows if cells[0] == row)[column]


def test_classes_are_sorted_by_frequency_with_group_and_share(make_record: Make) -> None:
    table = compare([make_record()]).of_classes('IoU')
    assert [row[:3] for row in table.rows[:4]] == [
        ['road', 'head', '70'],
        ['sky', 'medium', '25'],
        ['bus', 'medium', '3'],
        ['car', 'tail', '2'],
    ]
    assert [row[0] for row in table.rows[4:]] == ['mean', 'mean head', 'mean medium', 'mean tail']
    assert cell(table, 'bus', 3) == 'absent'


def test_differences_are_to_the_first_method_of_the_same_setting(make_record: Make) -> None:
    deep = {'model': 'DeepLabv3+'}
    records = [make_record(), make_record('ARB', 8), make_record('ARB', 3, **deep), make_record('focal', 9, **deep)]
    comparison = compare(records)
    iou = [record.metrics()['IoU/sky'] for record in records]
    assert cell(comparison.of_classes('IoU'), 'sky', 3) == f'{iou[0]:.2f}'
    assert cell(comparison.of_classes('IoU'), 'sky', 4) == f'{iou[1]:.2f} ({iou[1] - iou[0]:+.2f})'
    assert cell(comparison.of_classes('IoU'), 'sky', 5) == f'{iou[2]:.2f}'
    assert cell(comparison.of_classes('IoU'), 'sky', 6) == f'{iou[3]:.2f} ({iou[3] - iou[2]:+.2f})'
    assert comparison.summary().header == (
        '',
        'cross entropy, U-Net',
        'ARB, U-Net',
        'ARB, DeepLabv3+',
        'focal, DeepLabv3+',
    )
    assert comparison.summary().title == 'Means in percent, CamVid, val'


def test_many_methods_are_rows(make_record: Make) -> None:
    records = [make_record(f'method {index}') for index in range(9)]
    columns, rows = compare(records[:8]).summary(), compare(records).summary()
    keys = [row[0] for row in columns.rows]
    assert list(columns.header[1:]) == [record.method for record in records[:8]]
    assert list(rows.header[1:]) == keys
    assert [row[0] for row in rows.rows] == [record.method for record in records]
    assert [list(row[1:]) for row in rows.rows[:8]] == list(
        map(list, zip(*(row[1:] for row in columns.rows), strict=True))
    )


def test_two_seeds_are_listed_and_three_give_a_deviation(make_record: Make) -> None:
    runs = [make_record(seed=seed) for seed in range(3)]
    mean = [run.metrics()['mIoU'] for run in runs]
    assert cell(compare(runs[:2]).summary(), 'mIoU', 1) == f'{mean[0]:.2f}, {mean[1]:.2f}'
    three = compare([*runs, make_record('ARB')])
    assert cell(three.summary(), 'mIoU', 1) == f'{fmean(mean):.2f} ± {stdev(mean):.2f}'
    assert cell(three.summary(), 'mIoU', 2) == f'{mean[0]:.2f} ({mean[0] - fmean(mean):+.2f})'
    assert three.summary().header[1:] == ('cross entropy (3 seeds)', 'ARB')


def test_long_rows_are_exact(make_record: Make) -> None:
    records = [make_record(seed=seed) for seed in range(3)] + [make_record('ARB', 5)]
    rows = list(csv.DictReader(io.StringIO(compare(records).long_rows().csv())))
    of_arb = next(row for row in rows if (row['metric'], row['method']) == ('IoU/sky', 'ARB'))
    assert float(of_arb['mean']) == records[3].metrics()['IoU/sky']
    assert of_arb['std'] == 'nan'
    first = next(row for row in rows if row['metric'] == 'IoU/sky')
    values = [record.metrics()['IoU/sky'] for record in records[:3]]
    assert float(first['std']) == pytest.approx(stdev(values))
    assert float(of_arb['difference']) == pytest.approx(float(of_arb['mean']) - fmean(values))
    assert first['seeds'] == '0 1 2'


def test_the_groups_of_the_first_record_are_used_for_all(make_record: Make) -> None:
    first, second = make_record(), make_record('ARB')
    other = replace(second, evaluation=replace(second.evaluation, groups=ClassGroups((1,), (0,), (2, 3), 'other')))
    comparison = compare([first, other])
    assert cell(comparison.summary(), 'mIoU_tail', 2) == cell(compare([first, second]).summary(), 'mIoU_tail', 2)
    assert any('other groups' in note for note in comparison.notes)
    assert not any('other groups' in note for note in compare([first, second]).notes)


def test_columns_without_a_common_setting_are_said_to_have_no_differences(make_record: Make) -> None:
    apart, together = (
        compare([make_record(), make_record('ARB', dataset=dataset)]).notes for dataset in ('elsewhere', 'CamVid')
    )
    assert any(note.startswith('No differences') and 'report=dict(' in note for note in apart)
    assert not any('In parentheses' in note for note in apart)
    assert any('In parentheses' in note for note in together)
    assert not any(note.startswith('No differences') for note in (*together, *compare([make_record()]).notes))


def test_a_curve_over_tau_is_shown(make_record: Make) -> None:
    with_curve = make_record('ARB', tau_curve=[{'tau': 0.0, 'mIoU': 1.0}, {'tau': 1.0, 'mIoU': 2.0}])
    assert compare([make_record(), with_curve]).summary().rows[-1] == ['curve over tau', 'none', '2 points']


def test_notes_stand_once_below_the_last_table(make_record: Make) -> None:
    tables = compare([make_record()]).tables(['summary', 'Acc'])
    assert [bool(table.notes) for table in tables] == [False, True]
    with pytest.raises(ValueError, match="got 'Iou'. Did you mean 'IoU'"):
        compare([make_record()]).tables(['Iou'])


def test_what_cannot_be_compared_is_named(make_record: Make) -> None:
    record = make_record('ARB')
    names = ('road', 'car', 'sky', 'train')
    renamed = replace(record, evaluation=replace(record.evaluation, class_names=names))
    with pytest.raises(ValueError, match='ARB 0 with 4 classes; they differ in train, bus'):
        compare([make_record(), renamed])
    with pytest.raises(ValueError, match='both seed 0'):
        compare([record, record])
    with pytest.raises(ValueError, match='at least one record'):
        compare([])
    with pytest.raises(ValueError, match='Cityscapes.*differ in bicycle, building'):
        compare([record], find_published('arb'))


def cityscapes_record(make_record: Make) -> RunRecord:
    names = tuple(PUBLISHED['arb/unet/ce'].rates['IoU'])
    counts = torch.arange(19, 0, -1)
    evaluation = Evaluation(torch.diag(counts), names, ClassGroups.tertiles(counts), counts, 'the training labels')
    return make_record(evaluation=evaluation, dataset='Cityscapes')


def test_published_rows_are_marked_and_misprinted_means_shown_twice(make_record: Make) -> None:
    comparison = compare([cityscapes_record(make_record)], find_published('arb/deeplabv3plus'))
    summary = comparison.summary()
    assert summary.header[3] == 'ARB-Loss (ARB paper), DeepLabv3+'
    assert cell(summary, 'mIoU', 2) == '79.33'
    assert cell(summary, 'mIoU', 3) == '78.44 [printed 79.49] (-0.89)'
    assert cell(summary, 'mAcc', 3) == '88.95 (+2.68)'
    assert cell(comparison.of_classes('Acc'), 'rider', 3) == '100.00'
    assert len(comparison.of_classes('Precision').header) == 4  # the paper has none
    rows = PUBLISHED['arb/deeplabv3plus/arb'].rates['IoU']
    head = fmean(list(rows.values())[:6])
    assert str(cell(summary, 'mIoU_head', 3)).startswith(f'{head:.2f} ')
    assert any('printed' in note for note in comparison.notes)
    assert not any('own rules' in note for note in comparison.notes)  # the groups are made of the rows


def test_a_paper_without_rows_of_classes_has_the_means_that_it_prints(make_record: Make) -> None:
    comparison = compare([cityscapes_record(make_record)], find_published('cityscapes/blv/pspnet-r50'))
    summary = comparison.summary()
    assert summary.header[2:] == ('cross entropy (BLV paper), PSPNet R50', 'BLV (BLV paper), PSPNet R50')
    assert [cell(summary, 'mIoU', column) for column in (2, 3)] == ['77.98', '78.53 (+0.55)']
    assert cell(summary, 'mIoU_tail', 3) == '63.34 (+1.38)' and math.isnan(cell(summary, 'mAcc', 3))
    assert len(comparison.of_classes('IoU').header) == 4
    assert 'Papers have their own rules for head, medium and tail.' in comparison.notes
    with pytest.raises(ValueError, match='segmentation with 150 classes, as ADE20K has, got segmentation with 19'):
        compare([cityscapes_record(make_record)], find_published('ade20k/disalign'))


def test_an_absent_class_stays_absent_over_seeds(make_record: Make) -> None:
    records = [make_record(seed=seed) for seed in range(3)]
    table = compare([*records, make_record('ARB')]).of_classes('Precision')
    assert [cell(table, 'bus', column) for column in (3, 4)] == ['absent', 'absent']


def test_a_class_that_one_run_has_is_not_absent(make_record: Make) -> None:
    without, other = make_record(), make_record(seed=1)
    matrix = other.evaluation.matrix.clone()
    matrix[3, 3] = 5
    having = replace(other, evaluation=replace(other.evaluation, matrix=matrix))
    assert '35.71' in str(cell(compare([without, having]).of_classes('IoU'), 'bus', 3))


def test_splits_are_columns_without_a_difference(make_record: Make) -> None:
    summary = compare([make_record(), make_record(split='test')]).summary()
    assert summary.header[1:] == ('cross entropy, val', 'cross entropy, test')
    assert cell(summary, 'mIoU', 2) == cell(summary, 'mIoU', 1)


def test_papers_have_no_mean_of_an_empty_group(make_record: Make) -> None:
    record = cityscapes_record(make_record)
    groups = ClassGroups(tuple(range(10)), tuple(range(10, 19)), (), 'by hand')
    record = replace(record, evaluation=replace(record.evaluation, groups=groups))
    summary = compare([record], find_published('arb/deeplabv3plus')).summary()
    assert math.isnan(cell(summary, 'mIoU_tail', 2)) and str(cell(summary, 'mIoU_medium', 2)) != '-'


SETUP = {'model': {'type': 'A', 'loss': {'type': 'CE'}}, 'hooks': [{'type': 'EMA', 'momentum': 0.1}]}


def test_runs_that_differ_in_more_than_their_seed_are_not_averaged(make_record: Make) -> None:
    other = {**SETUP, 'model': {'type': 'A', 'loss': {'type': 'ARB'}}}
    records = [make_record(setup=SETUP), make_record(seed=1, setup=SETUP), make_record(seed=1, setup=other)]
    comparison = compare(records)
    labels = ('cross entropy [loss.type CE] (2 seeds)', 'cross entropy [loss.type ARB]')
    assert comparison.summary().header[1:] == labels
    assert str(cell(comparison.summary(), 'mIoU', 2)).count('(') == 1  # with its difference to the first
    assert comparison.cautions == ('Not averaged: runs of cross entropy differ in more than their seed (loss.type).',)
    assert comparison.tables(['summary'])[0].notes[-1] == comparison.cautions[0]
    assert {row[1] for row in comparison.long_rows().rows} == {
        'cross entropy [loss.type CE]',
        'cross entropy [loss.type ARB]',
    }
    assert compare(records[:2]).cautions == ()


def test_runs_on_other_data_are_not_averaged_even_where_the_config_is_the_same(make_record: Make) -> None:
    first, second = make_record(setup=SETUP), make_record(seed=1, setup=SETUP)
    fewer = replace(second, evaluation=replace(second.evaluation, matrix=second.evaluation.matrix * 2))
    assert len(compare([first, second]).methods) == 1 and len(compare([first, fewer]).methods) == 2
    counted = replace(second, evaluation=replace(second.evaluation, counts=second.evaluation.counts + 1))
    assert len(compare([first, counted]).methods) == 2


def test_a_shorter_run_in_an_average_is_named(make_record: Make) -> None:
    runs = [make_record(setup=SETUP, iterations=800), make_record(seed=1, setup=SETUP, iterations=400)]
    expected = 'Averaged over runs of cross entropy that were trained for 400, 800 iterations.'
    assert compare(runs).cautions == (expected,)


def test_what_differs_is_shortened_and_the_rest_counted(make_record: Make) -> None:
    deep = {'stages': [{'model': {'head': {'loss': {'value': 'x' * 90}}}}], 'a': 1, 'b': 2}
    other = {**deep, 'stages': [{'model': {'head': {'loss': {'value': 'y' * 90}}}}]}
    comparison = compare([make_record(setup=SETUP), make_record(seed=1, setup=deep)])
    assert [method.label for method in comparison.methods] == [
        'cross entropy [model.type A, loss.type CE, and 5 more]',
        'cross entropy [model.type –, loss.type –, and 5 more]',
    ]
    label = compare([make_record(setup=deep), make_record(setup=other)]).methods[1].label
    assert label.startswith('cross entropy [loss.value yyy') and label.endswith('y…]') and len(label) < 80


def test_records_without_a_setup_are_told_apart_by_config_and_changes(make_record: Make) -> None:
    """Numerical precision is none: the published tables average over it."""
    bfloat = {'optim_wrapper.type': 'ltseg.AutocastOptimWrapper'}
    same = [make_record(config='configs/a.py'), make_record(seed=1, config='/b/configs/a.py', settings=bfloat)]
    assert [len(method.runs) for method in compare(same).methods] == [2]
    changed = make_record(seed=2, config='configs/a.py', settings={**bfloat, 'optimizer.lr': 1})
    elsewhere, new = make_record(seed=3, config='configs/b.py'), make_record(seed=4, setup=SETUP)
    methods = compare([*same, changed, elsewhere, new]).methods
    assert [len(method.runs) for method in methods] == [2, 1, 1, 1]
    assert len({method.label for method in methods}) == 4


def test_a_tau_that_is_chosen_may_differ_between_seeds_and_a_fixed_one_not(make_record: Make) -> None:
    def posthoc(seed: int, **how: object) -> RunRecord:
        return make_record('CE + post-hoc', seed, settings={'posthoc': how})

    chosen = [posthoc(seed, tau=seed / 2, chosen_on='val', by='mIoU', curve=[{'tau': seed}]) for seed in range(2)]
    assert len(compare(chosen).methods) == 1
    assert len(compare([chosen[0], posthoc(1, tau=0.5, chosen_on='val', by='mIoU_tail')]).methods) == 2
    fixed = [posthoc(seed, tau=float(seed), chosen_on='nothing: fixed in advance') for seed in range(2)]
    assert [method.label for method in compare(fixed).methods] == [
        'CE + post-hoc [posthoc.tau 0.0]',
        'CE + post-hoc [posthoc.tau 1.0]',
    ]


def never_predicting_sky(record: RunRecord) -> RunRecord:
    matrix = record.evaluation.matrix.clone()
    matrix[:, 0] += matrix[:, 2]
    matrix[:, 2] = 0
    return replace(record, evaluation=replace(record.evaluation, matrix=matrix))


@pytest.mark.parametrize(('seeds', 'text'), [(2, '(1 of 2 seeds)'), (3, '(2 of 3 seeds)'), (4, '(3 of 4 seeds)')])
def test_the_mean_is_over_the_seeds_that_have_a_value(make_record: Make, seeds: int, text: str) -> None:
    """In the terminal, Markdown, CSV and HTML alike, and all but the exact rows say how many these are."""
    records = [make_record(seed=seed) for seed in range(1, seeds)]
    values = [record.metrics()['Precision/sky'] for record in records]
    comparison = compare([never_predicting_sky(make_record()), *records])
    shown = str(cell(comparison.of_classes('Precision'), 'sky', 3))
    assert shown.startswith(f'{fmean(values):.2f} ') and shown.endswith(text)
    assert ('±' in shown) == (seeds == 4)
    assert shown in comparison.of_classes('Precision').markdown()
    row = next(row for row in comparison.long_rows().rows if row[0] == 'Precision/sky')
    assert row[7] == fmean(values) and str(row[6]).split()[0] == 'nan'
    rows = class_table(comparison, 'Precision').rows
    on_page = next(row.cells[3] for row in rows if row.cells[0].text == 'sky')
    assert on_page.value == fmean(values) and text[1:-1] in on_page.note


def test_other_metrics_are_in_every_table(make_record: Make) -> None:
    records = [
        make_record(other_metrics={'mDice': 40.0}),
        make_record(seed=1, other_metrics={'mDice': 50.0, 'theirs/gap': 2.0}),
        make_record('ARB', other_metrics={'mDice': 48.0}),
    ]
    comparison = compare(records)
    assert cell(comparison.summary(), 'mDice', 1) == '40.00, 50.00'
    assert cell(comparison.summary(), 'mDice', 2) == '48.00 (+3.00)'
    assert cell(comparison.summary(), 'theirs/gap', 1) == '2.00 (1 of 2 seeds)'
    assert math.isnan(cell(comparison.summary(), 'theirs/gap', 2))
    assert any('mDice, theirs/gap' in caution for caution in comparison.cautions)
    assert {'mDice', 'theirs/gap'} <= {row[0] for row in comparison.long_rows().rows}
    on_page = next(row for row in means_table(comparison).rows if row.cells[0].text == 'mDice')
    assert [one.text for one in on_page.cells[1:]] == ['45.0', '48.0', '+3.0']


def test_what_the_hints_say_can_be_compared(make_record: Make) -> None:
    one, twin = make_record(seed=1), make_record(seed=1)
    hinted('Give one of them, or another name of the method.', lambda: compare([one, twin]))
    assert len(compare([one]).methods) == 1 and len(compare([one, replace(twin, method='another')]).methods) == 2
    other = replace(one, evaluation=replace(one.evaluation, class_names=('a', 'b', 'c', 'd')), seed=2)
    hinted('Compare runs on the same classes.', lambda: compare([one, other]))
    assert len(compare([one, replace(other, evaluation=one.evaluation)]).methods) == 1
