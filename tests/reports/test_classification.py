"""Records, tables, comparisons and curves of image classifiers."""

import csv
import io
import json
import math
import runpy
from pathlib import Path

import pytest
import torch

from ltseg.core.calibration import Calibration
from ltseg.counts.groups import ClassGroups
from ltseg.counts.shots import build_shots
from ltseg.metrics.evaluation import Evaluation
from ltseg.metrics.task import CLASSIFICATION
from ltseg.reports.class_table import tall_table, wide_table, write_report
from ltseg.reports.comparison import compare
from ltseg.reports.published import find_published
from ltseg.reports.record import RunRecord
from ltseg.reports.tau_report import adjusted_record, curve_figure, curve_points, curve_table
from ltseg.trained.tau_curve import TauCurve

TABLES = runpy.run_path(str(Path(__file__).parents[2] / 'tools/document_tables.py'))
NAMES = ('airplane', 'automobile', 'bird', 'crane', 'crane')
COUNTS = torch.tensor([500, 120, 60, 20, 5])


def classified(size: int = 5, seed: int = 0, absent: int | None = None) -> Evaluation:
    """An evaluation of 40 images of each of ``size`` classes; more of them are right with a larger seed."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(size).repeat(40)
    label = label if absent is None else label[label != absent]
    wrong = torch.randint(0, size, label.shape, generator=generator)
    prediction = label.where(torch.rand(label.shape, generator=generator) < 0.4 + seed / 10, wrong)
    matrix = torch.zeros(size, size, dtype=torch.int64).index_put_(
        (label, prediction), torch.tensor(1), accumulate=True
    )
    names = NAMES[:size] if size <= 5 else tuple(f'class {index}' for index in range(size))
    counts = COUNTS[:size] if size <= 5 else torch.arange(size, 0, -1)
    confidence = torch.rand(label.shape, generator=generator, dtype=torch.float64)
    calibration = Calibration.of(prediction, label, confidence, size)
    groups = build_shots(None, counts, names)
    return Evaluation(matrix, names, groups, counts, 'the training labels', CLASSIFICATION, calibration)


def record(method: str = 'cross entropy', seed: int = 0, size: int = 5, **fields) -> RunRecord:
    given = {'name': f'{method} {seed}', 'model': 'ResNet-32', 'dataset': 'CIFAR-10-LT 100', 'split': 'test'}
    evaluation = fields.pop('evaluation', None) or classified(size, seed)
    return RunRecord(**{**given, 'method': method, 'seed': seed, 'evaluation': evaluation, **fields})


def test_metrics_follow_from_matrix_and_confidences() -> None:
    evaluation = classified()
    values = evaluation.metrics()
    right = evaluation.matrix.diagonal().double()
    assert values['accuracy/top1'] == pytest.approx(100 * right.sum().item() / 200)
    assert values['accuracy/mean_class'] == pytest.approx(values['accuracy/top1'])  # the images are balanced
    assert values['accuracy/many'] == pytest.approx(100 * right[:2].sum().item() / 80)
    assert values['accuracy/crane (4)'] == values['accuracy/few'] == pytest.approx(100 * right[4].item() / 40)
    assert values['ece/few'] == evaluation.calibration.error([4])
    with pytest.raises(ValueError, match="the groups .'many', 'medium', 'few'."):
        Evaluation(evaluation.matrix, NAMES, ClassGroups.tertiles(COUNTS), COUNTS, '', CLASSIFICATION)


@pytest.mark.parametrize('size', [5, 250])
def test_a_record_comes_back(tmp_path: Path, size: int) -> None:
    """Of many classes the file has the entries of the matrix that are not 0."""
    before = record(size=size)
    path = before.save(tmp_path / 'run.json')
    after = RunRecord.load(path)
    assert torch.equal(after.evaluation.matrix, before.evaluation.matrix)
    assert after.evaluation.task is CLASSIFICATION and after.evaluation.groups == before.evaluation.groups
    assert json.dumps(after.metrics()) == json.dumps(before.metrics())
    assert ('matrix_entries' in json.loads(path.read_text())) == (size == 250)


def test_confidences_that_are_no_numbers_are_kept(tmp_path: Path) -> None:
    label = torch.arange(5)
    unknown = Calibration.of(label, label, torch.full((5,), torch.nan), 5)
    evaluation = Evaluation(
        torch.eye(5).long(), NAMES, build_shots(None, COUNTS, NAMES), COUNTS, 'x', CLASSIFICATION, unknown
    )
    after = RunRecord.load(record(evaluation=evaluation).save(tmp_path / 'run.json'))
    assert math.isnan(after.metrics()['ece/all']) and after.metrics()['accuracy/top1'] == 100


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'task': 'detection'}, "'detection'"),
        ({'task': 'segmentation'}, "'head'"),
        ({'calibration': [[9, 0, 1, 1, 0.5]]}, r'calibration\.0: .* below 5, got 9'),
        ({'calibration': [[0, 0, 1, 2, 0.5]]}, 'Calibration'),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, change: dict, message: str) -> None:
    path = record().save(tmp_path / 'run.json')
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=f'run.json.*{message}'):
        RunRecord.load(path)


def test_report_has_accuracy_precision_and_training_images(tmp_path: Path) -> None:
    made = record(evaluation=classified(absent=3))
    wide, tall = wide_table(made), tall_table(made)
    assert wide.header == ('', *NAMES, 'mean', 'many', 'medium', 'few')
    assert [row[0] for row in wide.rows] == ['accuracy', 'precision', 'images', 'share %', 'group']
    assert wide.rows[2][1:6] == ['500', '120', '60', '20', '5'] and wide.rows[0][4] == 'absent'
    assert tall.header == ('class', 'group', 'images', 'share %', 'accuracy', 'precision')
    assert [row[-2:] for row in tall.rows] == [
        list(pair) for pair in zip(wide.rows[0][1:], wide.rows[1][1:], strict=True)
    ]
    assert wide.notes[0].startswith('top-1 ') and wide.notes[1].startswith('Expected calibration error: all ')
    paths = write_report(made, tmp_path)
    content = json.loads(paths[1].read_text())
    assert content['metrics']['accuracy/top1'] == made.metrics()['accuracy/top1']
    assert content['classes']['crane (3)']['absent'] and content['classes']['crane (4)']['group'] == 'few'


def test_files_of_many_classes_have_a_row_for_each(tmp_path: Path) -> None:
    rows = list(csv.reader(io.StringIO(write_report(record(size=40), tmp_path)[0].read_text())))
    assert len(rows) == 1 + 40 + 4 and rows[0][0] == 'class'


def test_comparison_by_classes_and_groups() -> None:
    runs = [record(), record('ARB', 5)]
    tables = compare(runs).tables()
    assert [table.title.split(' in ')[0] for table in tables] == ['Means', 'accuracy', 'precision']
    summary, accuracy, precision = ({row[0]: row for row in table.rows} for table in tables)
    values = [run.metrics() for run in runs]
    few = [each['accuracy/few'] for each in values]
    assert summary['accuracy/few'][2] == f'{few[1]:.2f} ({few[1] - few[0]:+.2f})'
    assert summary['ece/all'][1] == f'{values[0]["ece/all"]:.2f}'
    assert accuracy['bird'][3] == f'{values[0]["accuracy/bird"]:.2f}' and accuracy['mean few'][3] == f'{few[0]:.2f}'
    assert precision['mean'][3] == f'{values[0]["precision/mean_class"]:.2f}' and 'mean few' not in precision
    assert len(compare([record(size=40)]).tables()) == 1  # the summary; classes are shown where they are asked for
    assert len(compare([record(size=40)]).tables(['accuracy'])[0].rows) == 44
    with pytest.raises(ValueError, match="'summary', 'accuracy', 'precision', got 'IoU'"):
        compare(runs).tables(['IoU'])


def test_absent_classes_and_empty_groups() -> None:
    table = compare([record(evaluation=classified(absent=2))]).of_classes('precision')
    assert table.rows[2][3] == 'absent'
    empty = Evaluation(
        torch.eye(5).long(),
        NAMES,
        build_shots({'many': 5, 'medium': 0, 'few': 0}, COUNTS, NAMES),
        COUNTS,
        'x',
        CLASSIFICATION,
    )
    summary = compare([record(evaluation=empty)]).summary()
    assert math.isnan(next(row for row in summary.rows if row[0] == 'accuracy/few')[1])


def test_papers_stand_beside_runs_of_their_data_set_only() -> None:
    ten = record(size=10)
    comparison = compare([ten], find_published('cifar10lt100/arb'))
    row = next(row for row in comparison.summary().rows if row[0] == 'accuracy/top1')
    header = comparison.summary().header
    paper = {name.split(' (')[0]: cell for name, cell in zip(header[2:], row[2:], strict=True)}
    assert paper['cross entropy'] == '70.40' and paper['ARB-Loss'] == '83.30 (+12.90)'
    assert any('Papers have their own rules' in note for note in comparison.notes)
    assert len(comparison.of_classes('accuracy').header) == 4  # papers have no classes
    with pytest.raises(ValueError, match='1000 classes, as ImageNet-LT has'):
        compare([ten], find_published('imagenetlt/arb'))
    with pytest.raises(ValueError, match='segmentation with 19 classes, as Cityscapes has'):
        compare([record(size=19)], find_published('cityscapes/blv'))


def test_published_numbers_are_those_of_the_papers() -> None:
    expected = {
        'cifar10lt100/arb/arb-loss': 83.3,
        'cifar10/arb/arb-loss': 92.6,
        'cifar100lt50/bcl/bcl': 56.59,
        'cifar100lt10/ncr/nc-drw-crt': 63.6,
        'cifar100/ncr/nc-mse': 71.9,
        'cifar10lt10/ncr/center-loss-between-drw': 89.2,
        'cifar100lt100/ncr/nc-ride-2': 46.8,
        'imagenetlt/ncr/nc-ride-4_resnext-50': 56.0,
        'imagenetlt/ncr/ce-rw_resnext-50': 42.5,
        'cifar100lt50/lwr/lwr': 54.3,
        'cifar100lt10/lwr/lwr': 63.6,
        'imagenetlt/lwr/lwr-focal_resnet-50': 41.0,
        'cifar10lt200/allnc/allnc++': 86.08,
        'imagenetlt/arb/arb-loss_resnet-50': 52.8,
        'inaturalist2018/arb/cross_entropy_resnet-152': 62.3,
    }
    for name, top1 in expected.items():
        (run,) = find_published(name)
        assert run.means['accuracy/top1'] == top1
    (shots,) = find_published('cifar100lt100/lwr/lwr')
    assert shots.means == {'accuracy/many': 66.6, 'accuracy/medium': 50.0, 'accuracy/few': 32.2, 'accuracy/top1': 50.7}
    with pytest.raises(ValueError, match='cifar10lt100/arb/cross_entropy'):
        find_published('cifar10lt100/none')


def curve(split: str, seeds: tuple[int, ...] = (0, 3, 5)) -> TauCurve:
    return TauCurve(split, (-1.0, 0.0, 1.0), tuple(classified(seed=seed) for seed in seeds))


def test_curves_over_tau(tmp_path: Path) -> None:
    selection, report = curve('val'), curve('test', (5, 3, 0))
    assert selection.best('accuracy/top1') == 1.0
    table = curve_table(selection, 1.0, 'norm')
    assert table.title.startswith('Tau-normalisation on val') and table.header[:2] == ('tau', 'accuracy top1')
    assert [row[0] for row in table.rows if '*' in str(row[0])] == ['1 *']
    assert 'accuracy/top1' in curve_points(report)[0] and 'accuracy/bird' not in curve_points(report)[0]
    figure = curve_figure([selection, report], 1.0, 'norm')
    lines = [each for each in figure.series if not each.mark]
    assert [each.name for each in lines if not each.dashed][:2] == ['top1, val', 'mean class, val']
    assert [list(each.y) for each in lines if each.name == 'top1, test'] == [report.values('accuracy/top1')]
    assert {each.x[0] for each in figure.series if each.mark} == {1.0}
    made = adjusted_record(record(), selection, report, 'accuracy/top1', 'norm')
    assert made.method == 'cross entropy + tau-norm' and made.settings['posthoc']['adjustment'] == 'norm'
    made.save(tmp_path / 'runs/norm.json')
    text = TABLES['fill_tables']('<!-- table: tau runs/norm.json -->\n<!-- end -->', tmp_path)
    assert 'tau-normalisation by tau' in text and '| tau | accuracy/top1 |' in text


def test_frontier_is_of_top1_against_mean_class_accuracy() -> None:
    runs = [record(method, seed, tau_curve=curve_points(curve('test'))) for method, seed in (('CE', 0), ('ARB', 5))]
    table = TABLES['frontier_table'](runs, [50])
    assert table.header[2:5] == ('accuracy/top1', 'accuracy/mean_class', 'highest accuracy/top1')
    assert table.rows[0][2] == runs[0].metrics()['accuracy/top1']


def test_tasks_are_not_compared_with_each_other(make_record) -> None:
    with pytest.raises(ValueError, match='expected segmentation, as .* got .*classification'):
        compare([make_record(), record()])
