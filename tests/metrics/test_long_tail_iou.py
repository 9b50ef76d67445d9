"""The metric equals MMSegmentation's, counts each image once on any number of processes, and names what is wrong."""

import errno
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hinted import hinted
from mmengine.dataset import DefaultSampler
from mmengine.registry import METRICS
from PIL import Image
from two_processes import in_two_processes

from ltseg.core.errors import FileWriteError
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.table import CountsTable
from ltseg.metrics import LongTailIoU

NAMES = ('road', 'car', 'traffic light', 'rider', 'bus')
K = len(NAMES)


def sample(index: int, absent: int | None = None) -> dict:
    generator = torch.Generator().manual_seed(index)
    prediction = torch.randint(0, K, (1, 12, 17), generator=generator)
    label = torch.randint(0, K, (1, 12, 17), generator=generator)
    label[label == absent] = 255
    label[:, :2] = 255
    return {
        'pred_sem_seg': {'data': prediction},
        'gt_sem_seg': {'data': label},
        'img_path': f'images/{index}.png',
    }


def metric(**options) -> LongTailIoU:
    built = METRICS.build(dict(type='ltseg.LongTailIoU', **options))
    built.dataset_meta = {'classes': NAMES}
    return built


def evaluate(samples: list[dict], **options) -> dict[str, float]:
    built = metric(**options)
    built.process(None, samples)
    return built.evaluate(len(samples))


def table(samples: list[int]) -> CountsTable:
    return CountsTable(ClassCounts(torch.tensor(samples)), NAMES[: len(samples)])


def test_equals_the_metric_of_mmsegmentation() -> None:
    from mmseg.evaluation.metrics import IoUMetric

    samples = [sample(index) for index in range(4)]
    reference = IoUMetric(iou_metrics=['mIoU', 'mFscore'])
    reference.dataset_meta = {'classes': NAMES}
    reference.process(None, samples)
    union = sum(areas[1] for areas in reference.results)
    right = sum(areas[0] for areas in reference.results)
    theirs = reference.evaluate(4)
    built = metric()
    built.process(None, samples[:1])
    built.process(None, samples[1:])
    ours = built.evaluate(4)
    matrix = built.evaluation.matrix
    assert torch.equal(matrix.diagonal(), right.long())
    assert torch.equal(matrix.sum(0) + matrix.sum(1) - matrix.diagonal(), union.long())
    for key in ('mIoU', 'mAcc', 'aAcc', 'mPrecision'):
        assert ours[key] == pytest.approx(float(theirs[key]), abs=0.00501)


def test_an_evaluation_starts_from_zero() -> None:
    built = metric()
    results = []
    for _ in range(2):
        built.process(None, [sample(0), sample(1)])
        results.append(built.evaluate(2))
    assert results[0] == results[1]


def test_a_class_without_ground_truth_is_nan() -> None:
    values = evaluate([sample(0, absent=3)])
    absent = [key for key, value in values.items() if math.isnan(value)]
    assert absent == ['IoU/rider', 'Acc/rider', 'Precision/rider']


def test_groups_come_from_the_training_counts_unless_the_config_says_otherwise(tmp_path: Path) -> None:
    built = metric()
    built.process(None, [sample(0)])
    built.evaluate(1)
    assert built.evaluation.counts_from == 'the evaluated ground truth'
    assert torch.equal(built.evaluation.counts, built.evaluation.matrix.sum(1))
    for counts in ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]):
        built.fill_counts(table(counts))
        built.process(None, [sample(0)])
        built.evaluate(1)
        assert built.evaluation.counts_from == 'the training labels'
        assert built.evaluation.groups.head == ((4, 3) if counts[4] == 5 else (0, 1))
    path = tmp_path / 'counts.json'
    table([1, 9, 1, 9, 1]).save(path)
    for given in (str(path), [1, 9, 1, 9, 1]):
        built = metric(counts=given)
        built.fill_counts(table([5, 4, 3, 2, 1]))
        built.process(None, [sample(0)])
        built.evaluate(1)
        assert built.evaluation.groups.head == (1, 3)


def test_the_groups_option_decides_the_means() -> None:
    groups = {'head': ['road'], 'medium': ['car', 'bus', 'rider'], 'tail': ['traffic light']}
    values = evaluate([sample(0)], groups=groups)
    assert values['mIoU_head'] == values['IoU/road']
    assert values['mAcc_tail'] == values['Acc/traffic light']


def test_a_prefix_is_put_before_each_key() -> None:
    values = evaluate([sample(0)], prefix='night')
    assert 'night/IoU/car' in values
    assert all(key.startswith('night/') for key in values)


@pytest.mark.parametrize('shift', [False, True])
def test_predictions_are_written(tmp_path: Path, shift: bool) -> None:
    given = sample(0) | {'reduce_zero_label': shift}
    del given['gt_sem_seg']
    folder = tmp_path / 'made' / 'here'
    assert evaluate([given], format_only=True, output_dir=str(folder)) == {}
    written = np.array(Image.open(folder / '0.png'))
    assert np.array_equal(written, given['pred_sem_seg']['data'][0].numpy() + int(shift))


def test_a_full_disk_leaves_no_half_prediction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(image: Image.Image, path: Path, *_: object) -> None:
        Path(path).write_bytes(b'half')
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(Image.Image, 'save', save)
    with pytest.raises(FileWriteError, match=rf'{tmp_path}/out/0\.png: .*No space left'):
        evaluate([sample(0)], output_dir=str(tmp_path / 'out'))
    assert list((tmp_path / 'out').iterdir()) == []


def broken(**maps: torch.Tensor) -> dict:
    return sample(7) | {key: {'data': value} for key, value in maps.items()}


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (broken(gt_sem_seg=torch.zeros(1, 12, 18, dtype=torch.int64)), r'\(12, 17\) and \(12, 18\)'),
        (broken(gt_sem_seg=torch.full((1, 12, 17), 6)), r'label: expected classes 0\.\.4, got 6'),
        (broken(pred_sem_seg=torch.full((1, 12, 17), 5)), r'prediction: expected classes 0\.\.4, got 5'),
        ({key: value for key, value in sample(7).items() if key != 'gt_sem_seg'}, 'a ground truth'),
    ],
)
def test_a_bad_image_is_named(given: dict, message: str) -> None:
    with pytest.raises(ValueError, match=rf"image 'images/7.png'.*{message}"):
        metric().process(None, [given])


def test_an_accelerator_is_looked_at_once_for_an_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [sample(index) for index in range(3)]
    expected = evaluate(samples)
    monkeypatch.setattr('ltseg.core.confusion.on_accelerator', lambda values: True)
    assert evaluate(samples) == expected
    built = metric()
    built.process(None, [*samples, broken(gt_sem_seg=torch.full((1, 12, 17), 6))])
    with pytest.raises(ValueError, match=r'label: expected classes 0\.\.4, got 204 pixels of other values'):
        built.evaluate(4)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'iou_metrics': ['mDice']}, "IoUMetric.*prefix='other'"),
        ({'format_only': True}, 'output_dir'),
        ({'groups': 'thirds'}, 'tertiles'),
        ({'counts': 'none.json'}, 'none.json'),
    ],
)
def test_bad_options_fail_at_construction(options: dict, message: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        LongTailIoU(**options)


@pytest.mark.parametrize('counts', [[1, 2, 3], [1, 2, 3, 4, 5, 6]])
def test_counts_of_other_classes_are_refused_at_the_first_image(counts: list[int]) -> None:
    built = metric(counts=counts)
    with pytest.raises(ValueError, match=f'expected 5 classes, got {len(counts)}'):
        built.process(None, [sample(0)])


def test_a_table_of_other_classes_is_refused_at_the_first_image(tmp_path: Path) -> None:
    other = CountsTable(ClassCounts.from_list([5, 4, 3, 2, 1]), tuple('vwxyz'))
    other.save(tmp_path / 'other.json')
    with pytest.raises(ValueError, match="other.json' calls class 0 'v' but the data set calls it"):
        metric(counts=str(tmp_path / 'other.json')).process(None, [sample(0)])


def test_images_beyond_the_padding_are_refused_and_forgotten() -> None:
    built = metric()
    built.process(None, [sample(index) for index in range(4)])
    with pytest.raises(ValueError, match='2 images, got 4 in process 0 of 1'):
        built.evaluate(2)
    built.process(None, [sample(index) for index in range(4)])
    hinted(
        'Evaluate every image once; only one padded repeat for each process can be left out.', lambda: built.evaluate(2)
    )
    built.process(None, [sample(0)])
    assert built.evaluate(1) == evaluate([sample(0)])


def run_rank(rank: int, size: int, padded: bool, folder: str) -> None:
    built = metric()
    order = list(DefaultSampler(range(size), shuffle=False, round_up=padded))
    for start in range(0, len(order), 2):
        built.process(None, [sample(index) for index in order[start : start + 2]])
    (Path(folder) / f'{rank}.json').write_text(json.dumps(built.evaluate(size)))


@pytest.mark.parametrize(('size', 'padded'), [(5, True), (5, False), (4, True), (1, True), (1, False)])
def test_two_processes_count_each_image_once(tmp_path: Path, size: int, padded: bool) -> None:
    in_two_processes(run_rank, size, padded, str(tmp_path))
    alone = evaluate([sample(index) for index in range(size)])
    for rank in range(2):
        assert json.loads((tmp_path / f'{rank}.json').read_text()) == alone


@pytest.mark.parametrize(('seen', 'size', 'said'), [(3, 3, []), (2, 1, []), (3, 4, ['3 images were evaluated'])])
def test_images_that_are_missing_are_reported_and_repeats_are_not(
    seen: int, size: int, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[str] = []
    monkeypatch.setattr('ltseg.metrics.long_tail_iou.print_log', lambda text, **_: messages.append(text))
    built = metric()
    built.process(None, [sample(index) for index in range(seen)])
    built.evaluate(size)
    assert [text.partition(';')[0] for text in messages] == [f'LongTailIoU: {part}' for part in said]
    assert built.evaluation.matrix.sum() == min(seen, size) * 10 * 17


def test_folders_keep_images_of_the_same_name_apart(tmp_path: Path) -> None:
    samples = [sample(index) | {'img_path': f'images/{folder}/0.png'} for index, folder in enumerate('ab')]

    def written(root: str) -> list[str]:
        built = metric(format_only=True, output_dir=str(tmp_path / 'out'))
        built.image_root = root  # as ltseg test hands it over
        built.process(None, samples)
        return sorted(str(path.relative_to(tmp_path / 'out')) for path in (tmp_path / 'out').rglob('*/*.png'))

    hinted('Give images of the same name folders below data_prefix, and evaluate with ltseg test', lambda: written(''))
    assert written('images') == ['a/0.png', 'b/0.png']
