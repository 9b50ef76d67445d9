"""The metric equals MMPretrain's, counts each image once on any number of processes, and names what is wrong."""

import csv
import errno
import json
import math
from pathlib import Path
from typing import TextIO

import pytest
import torch
from hinted import hinted
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS
from two_processes import in_two_processes

from ltseg.core.errors import FileWriteError
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.table import CountsTable
from ltseg.metrics import LongTailAccuracy

NAMES = ('cat', 'few', 'crane', 'crane', 'dog')
LABELS = ('cat', 'few (1)', 'crane (2)', 'crane (3)', 'dog')
COUNTS = [300, 150, 60, 20, 5]
K = len(NAMES)


def sample(index: int, absent: int | None = None) -> dict:
    generator = torch.Generator().manual_seed(index)
    label = torch.randint(0, K, (1,), generator=generator)
    scores = (2 * torch.randn(K, generator=generator)).softmax(0)
    if label == absent:
        label = (label + 1) % K
    return {
        'gt_label': label,
        'pred_score': scores,
        'pred_label': scores.argmax(0, keepdim=True),
        'img_path': f'{index}.png',
    }


def metric(**options) -> LongTailAccuracy:
    built = METRICS.build(dict(type='ltseg.LongTailAccuracy', **{'counts': COUNTS, **options}))
    built.dataset_meta = {'classes': NAMES}
    return built


def evaluate(samples: list[dict], **options) -> dict[str, float]:
    built = metric(**options)
    built.process(None, samples)
    return built.evaluate(len(samples))


def test_equals_the_metrics_of_mmpretrain() -> None:
    from mmpretrain.evaluation import Accuracy, SingleLabelMetric

    samples = [sample(index) for index in range(40)]
    score, label = (torch.stack([each[key] for each in samples]) for key in ('pred_score', 'gt_label'))
    built = metric()
    built.process(None, samples[:7])
    built.process(None, samples[7:])
    ours = built.evaluate(40)
    precision, recall, *_ = SingleLabelMetric.calculate(score, label.flatten(), average=None)[0]
    assert ours['accuracy/top1'] == pytest.approx(Accuracy.calculate(score, label.flatten())[0][0].item())
    assert [ours[f'accuracy/{name}'] for name in LABELS] == pytest.approx(recall.tolist())
    values = built.evaluation.metrics()
    assert [values[f'precision/{name}'] for name in LABELS] == pytest.approx(precision.tolist())
    assert ours['accuracy/mean_class'] == pytest.approx(recall.mean().item())
    assert ours['accuracy/many'] == pytest.approx(recall[:2].mean().item())
    assert ours['accuracy/medium'] == pytest.approx(recall[2:4].mean().item())
    assert ours['accuracy/few'] == pytest.approx(recall[4].item())


def test_the_keys_are_those_of_the_contract() -> None:
    means = {f'accuracy/{name}' for name in ('top1', 'mean_class', 'many', 'medium', 'few')} | {'precision/mean_class'}
    errors = {f'ece/{name}' for name in ('all', 'many', 'medium', 'few')}
    values = evaluate([sample(index) for index in range(20)])
    assert set(values) == means | errors | {f'accuracy/{name}' for name in LABELS}
    assert all(type(value) is float for value in values.values())


def test_calibration_of_a_group_is_over_its_images() -> None:
    samples = [sample(index) for index in range(30)]
    tail = [each for each in samples if each['gt_label'] == 4]
    assert evaluate(samples)['ece/few'] == pytest.approx(evaluate(tail)['ece/all'])
    without = [{key: value for key, value in each.items() if key != 'pred_score'} for each in samples]
    assert math.isnan(evaluate(without)['ece/all'])
    assert evaluate(without)['accuracy/top1'] == evaluate(samples)['accuracy/top1']


def test_classes_and_groups_without_images_are_nan() -> None:
    values = evaluate([sample(index, absent=4) for index in range(30)])
    assert {key for key, value in values.items() if math.isnan(value)} == {'accuracy/dog', 'accuracy/few', 'ece/few'}
    nobody = evaluate([sample(index) for index in range(30)], groups={'many': 2, 'medium': 3, 'few': 0})
    assert math.isnan(nobody['accuracy/few']) and math.isnan(nobody['ece/few'])
    assert all(math.isnan(value) for value in evaluate([]).values())


def test_groups_come_from_the_training_counts() -> None:
    table = CountsTable(ClassCounts(torch.tensor(COUNTS[::-1])), NAMES)
    built = metric(counts=None)
    built.process(None, [sample(0)])
    built.evaluate(1)
    assert built.evaluation.counts_from == 'the evaluated ground truth'
    built.fill_counts(table)
    built.process(None, [sample(0)])
    built.evaluate(1)
    assert built.evaluation.counts_from == 'the training labels'
    assert built.evaluation.groups.of('few') == (0,) and built.evaluation.groups.of('many') == (4, 3)
    given = metric()
    given.fill_counts(table)
    given.process(None, [sample(0)])
    given.evaluate(1)
    assert given.evaluation.groups.of('few') == (4,)


def test_the_description_has_classes_groups_and_calibration() -> None:
    built = metric()
    built.process(None, [sample(index, absent=4) for index in range(30)])
    built.evaluate(30)
    lines = built.evaluation.describe().splitlines()
    (dog,) = (line for line in lines if line.startswith('| dog'))
    assert [cell.strip() for cell in dog.split('|')[2:-1]] == ['few', '0.935 %', 'absent', 'absent']
    assert any(line.startswith('Expected calibration error: all ') for line in lines)
    assert 'medium (2): crane, crane' in lines and any(line.startswith('top-1: ') for line in lines)


def test_predictions_and_matrix_are_written(tmp_path: Path) -> None:
    samples = [sample(index) for index in range(9)]
    folder = tmp_path / 'made' / 'here'
    built = metric(output_dir=str(folder), prefix='late')
    built.process(None, samples)
    values = built.evaluate(9)
    assert all(key.startswith('late/') for key in values) and 'late/precision/mean_class' in values
    rows = list(csv.DictReader((folder / 'predictions.csv').read_text().splitlines()))
    assert [row['image'] for row in rows] == [f'{index}.png' for index in range(9)]
    assert [row['class'] for row in rows] == [NAMES[each['gt_label']] for each in samples]
    assert float(rows[3]['confidence']) == pytest.approx(samples[3]['pred_score'].max().item())
    header, *lines = csv.reader((folder / 'confusion_matrix.csv').read_text().splitlines())
    assert header == ['truth', *NAMES]
    matrix = [list(map(int, numbers)) for _, *numbers in lines]
    assert matrix == built.evaluation.matrix.tolist()


def test_a_full_disk_leaves_no_half_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self, stream: TextIO, **_: object) -> None:
            self.stream = stream

        def writerows(self, rows: object) -> None:
            self.stream.write('half')
            raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(csv, 'writer', Full)
    built = metric(output_dir=str(tmp_path / 'out'))
    built.process(None, [sample(0)])
    with pytest.raises(FileWriteError, match=rf'{tmp_path}/out/predictions\.csv: .*No space left'):
        built.evaluate(1)
    assert list((tmp_path / 'out').iterdir()) == []


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'gt_label': torch.tensor([K])}, r'gt_label: expected classes 0\.\.4, got 5'),
        ({'gt_label': torch.tensor([-1])}, r'gt_label: expected classes 0\.\.4, got -1'),
        ({'gt_label': torch.tensor([0, 1])}, 'gt_label: expected 1 numbers'),
        ({'gt_label': None}, 'Evaluate a split with labels'),
        ({'pred_score': torch.rand(K + 1)}, 'pred_score: expected 5 numbers for each image, got 6'),
        ({'pred_score': None, 'pred_label': torch.tensor([9])}, r'prediction: expected classes 0\.\.4, got 9'),
    ],
)
def test_a_bad_image_is_named(change: dict, message: str) -> None:
    bad = {key: value for key, value in (sample(7) | change).items() if value is not None}
    with pytest.raises(ValueError, match=f"images from '7.png' on: .*{message}"):
        metric().process(None, [bad])


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'groups': 'thirds'}, 'many=36'),
        ({'counts': 'none.json'}, 'none.json'),
        ({'counts': 'ab'}, 'ab'),
        ({'topk': (5,)}, "topk: expected 1.*prefix='other'"),
    ],
)
def test_bad_options_fail_at_construction(options: dict, message: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        LongTailAccuracy(**options)


def test_the_option_of_mmpretrain_that_configs_leave_behind() -> None:
    assert LongTailAccuracy(topk=(1, 5)).groups is None


def test_counts_of_other_classes_are_refused_at_the_first_image() -> None:
    with pytest.raises(ValueError, match='expected 5 classes, got 3'):
        metric(counts=[1, 2, 3]).process(None, [sample(0)])
    built = metric()
    built.dataset_meta = {}
    with pytest.raises(ValueError, match='the names of the classes'):
        built.process(None, [sample(0)])


def run_rank(rank: int, size: int, padded: bool, folder: str) -> None:
    built = metric()
    order = list(DefaultSampler(range(size), shuffle=False, round_up=padded))
    for start in range(0, len(order), 2):
        built.process(None, [sample(index) for index in order[start : start + 2]])
    (Path(folder) / f'{rank}.json').write_text(json.dumps(built.evaluate(size)))


@pytest.mark.parametrize(('size', 'padded'), [(5, True), (5, False), (4, True), (1, True), (1, False)])
def test_two_processes_count_each_image_once(tmp_path: Path, size: int, padded: bool) -> None:
    in_two_processes(run_rank, size, padded, str(tmp_path))
    alone = json.dumps(evaluate([sample(index) for index in range(size)]))  # as text: nan is not equal to nan
    for rank in range(2):
        assert (tmp_path / f'{rank}.json').read_text() == alone


def test_an_evaluation_starts_from_zero() -> None:
    built, results = metric(), []
    for start in (0, 20):
        built.process(None, [sample(index) for index in range(start, start + 20)])
        results.append(built.evaluate(20))
    assert results[1] == evaluate([sample(index) for index in range(20, 40)]) != results[0]


def test_predictions_of_all_processes_are_written_in_the_order_of_the_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built, other = metric(output_dir=str(tmp_path)), metric()
    built.process(None, [sample(index) for index in (0, 2, 4)])
    other.process(None, [sample(index) for index in (1, 3)])
    name = 'ltseg.metrics.long_tail_accuracy'
    monkeypatch.setattr(f'{name}.get_world_size', lambda: 2)
    monkeypatch.setattr(f'{name}.all_gather_object', lambda mine: [mine, other.results])
    built.evaluate(5)
    rows = list(csv.DictReader((tmp_path / 'predictions.csv').read_text().splitlines()))
    assert [row['image'] for row in rows] == [f'{index}.png' for index in range(5)]


@pytest.mark.parametrize(
    ('options', 'warned'),
    [
        ({'counts': None}, True),
        ({'counts': COUNTS}, False),
        ({'counts': None, 'groups': {'many': 2, 'medium': 2, 'few': 1}}, False),
    ],
)
def test_groups_by_the_evaluated_images_are_warned_of(
    options: dict, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[str] = []
    monkeypatch.setattr('ltseg.metrics.long_tail_accuracy.print_log', lambda text, *_, **__: messages.append(text))
    evaluate([sample(index) for index in range(9)], **options)
    assert ['groups are made from the evaluated ground truth' in text for text in messages] == [True] * warned


def test_what_the_hints_say_works() -> None:
    good = sample(7)

    def process(**changes: torch.Tensor | None) -> LongTailAccuracy:
        built = metric()
        built.process(None, [{key: value for key, value in (good | changes).items() if value is not None}])
        return built

    hinted('Evaluate a split with labels; PackInputs hands them over.', lambda: process(gt_label=None))
    hinted(
        'Check num_classes of the head and the classes of the data set.', lambda: process(gt_label=torch.tensor([K]))
    )
    hinted('One label to an image, num_classes scores.', lambda: process(pred_score=torch.rand(K + 1)))
    hinted('One label to an image, num_classes scores.', lambda: process(gt_label=torch.tensor([0, 1])))
    assert process().evaluate(1)['accuracy/top1'] in (0, 100)
    built = METRICS.build(dict(type='ltseg.LongTailAccuracy'))
    built.dataset_meta = {'classes': (*NAMES, 'new')}
    built.process(None, [good | {'gt_label': torch.tensor([K]), 'pred_score': torch.eye(K + 1)[K]}])
    assert built.evaluate(1)['accuracy/top1'] == 100


def test_top_5_is_that_of_a_second_metric(mmpretrain_registered: None) -> None:
    hinted("List mmpretrain's Accuracy as a second metric.", lambda: metric(topk=(5,)))
    hinted("Give that one a prefix, e.g. prefix='other'", lambda: metric(topk=(5,)))
    second = {'type': 'mmpretrain.Accuracy', 'topk': (5,), 'prefix': 'other'}
    both = Evaluator([{'type': 'ltseg.LongTailAccuracy'}, second])
    both.dataset_meta = {'classes': NAMES}
    both.process([sample(index) for index in range(9)])
    found = both.evaluate(9)
    assert found['other/top5'] == 100 and 0 <= found['accuracy/top1'] < 100


def test_a_table_of_the_training_data_ends_the_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr('ltseg.metrics.long_tail_accuracy.print_log', lambda text, *_, **__: logged.append(text))

    def warned(counted: CountsTable | None, **options: list[int] | None) -> list[str]:
        logged.clear()
        built = metric(**options)
        if counted is not None:
            built.fill_counts(counted)  # as ltseg.CountClasses does
        built.process(None, [sample(0)])
        built.evaluate(1)
        return [text for text in logged if 'groups are made from' in text]

    hinted('Add ltseg.CountClasses to the hooks, or give LongTailAccuracy(counts=...) a table.',
           lambda: warned(None, counts=None))  # fmt: skip
    assert not warned(CountsTable(ClassCounts(torch.tensor(COUNTS)), NAMES), counts=None) and not warned(None)
