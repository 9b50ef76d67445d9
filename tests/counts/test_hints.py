"""What a hint of counts, data sets and metrics says makes its fault go away."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hinted import hinted
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS
from PIL import Image
from plain_segmentation import NAMES, stripes, write_images

from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.data_set_counts import build_dataset, count_dataset
from ltseg.counts.label_counts import count_labels
from ltseg.counts.label_histogram import label_histogram
from ltseg.counts.shots import build_shots
from ltseg.counts.sources import build_counts
from ltseg.counts.table import CountsTable, check_table
from ltseg.datasets import LoadCheckedAnnotations, LoadCheckedImage, LongTailedDataset
from ltseg.datasets.checked_loading import read_labels
from ltseg.datasets.profiles import profile_counts

pytestmark = pytest.mark.usefixtures('mmseg_registered')

LABELS = stripes((0.5, 0.3, 0.2), (0, 1, 2))
COUNTS = ClassCounts(torch.tensor([3, 2, 1]), torch.tensor([1, 1, 1]), torch.tensor([6, 6, 6]))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a data set of three classes, in which relative paths begin."""
    write_images(tmp_path / 'data', LABELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dataset(**changes: Any) -> Any:
    prefix = {'img_path': 'img/train', 'seg_map_path': 'ann/train'}
    settings = {'data_root': 'data', 'data_prefix': prefix, 'metainfo': {'classes': NAMES}}
    return build_dataset({'type': 'mmseg.BaseSegDataset', **settings, **changes})


def save(values: Any, kind: type = np.uint8, name: str = 'label.tif') -> str:
    Image.fromarray(np.array(values, kind)).save(name)
    return name


def test_of_tables(here: Path) -> None:
    """'ltseg count' writes what count_dataset returns."""
    table, _ = count_dataset(dataset())
    written = lambda: (table.save('table.json'), CountsTable.load('table.json'))[1]  # noqa: E731
    hinted('Write it again with ltseg count.', lambda: CountsTable.load('table.json'))
    for broken in ('{', '[]', '{"format": "other"}'):
        Path('table.json').write_text(broken)
        hinted('Write it again with ltseg count.', lambda: build_counts('table.json'))
    assert written().counts.samples.tolist() == table.counts.samples.tolist()
    other = CountsTable(COUNTS, tuple('abc'))
    hinted('Count the training data of this config', lambda: check_table(other, 3, NAMES))
    check_table(written(), 3, NAMES)
    four = CountsTable(ClassCounts.from_list([1, 2, 3, 4]), tuple('abcd'))
    hinted('ltseg count CONFIG --out TABLE.json', lambda: check_table(four, 3))
    check_table(written(), 3)
    hinted('The data set has ', lambda: check_table(four, 5, NAMES))
    check_table(written(), 3, NAMES)


def test_of_counts(here: Path) -> None:
    labels = torch.tensor([0, 1, 2])
    source = build_counts('dataset')
    hinted('give counts=PATH', lambda: source(labels, 3))
    count_dataset(dataset())[0].save('table.json')
    assert build_counts('table.json')(labels, 3).num_classes == 3
    hinted('Give as many numbers, or a table', lambda: build_counts([1, 2])(labels, 3))
    assert build_counts([1, 2, 3])(labels, 3).num_classes == 3
    hinted("Use unit='samples', or a table", lambda: ClassCounts.from_list([1, 2]).of('images'))
    assert ClassCounts.from_list([1, 2]).of('samples').tolist() == [1, 2]
    assert count_dataset(dataset())[0].counts.of('images').tolist() == [2, 2, 2]
    hinted('Check num_classes of the head', lambda: count_labels(labels, 2))
    assert count_labels(labels, 3)[0].tolist() == [1, 1, 1]
    shots = lambda few: build_shots({'many': 1, 'medium': 1, 'few': few}, COUNTS.samples, NAMES)  # noqa: E731
    hinted('the number of classes in each group', lambda: shots(2))
    assert shots(1).num_classes == 3


def test_of_data_sets(here: Path) -> None:
    hinted("Set the data set's data_root", lambda: dataset(data_root='elsewhere'))
    hinted('Check data_root, data_prefix, img_suffix and ann_file.', lambda: dataset(img_suffix='.jpeg'))
    hinted('metainfo=dict(classes=(...))', lambda: count_dataset(dataset(metainfo=None)))
    without = {'img_path': 'img/train'}
    hinted("seg_map_path='LABELS'", lambda: count_dataset(dataset(data_prefix=without)))
    hinted('seg_map_suffix', lambda: count_dataset(dataset(seg_map_suffix='_labels.png')))
    hinted('Check classes', lambda: count_dataset(dataset(metainfo={'classes': ('a', 'b')})))
    assert count_dataset(dataset())[0].counts.samples.tolist() == [2 * int((k == LABELS).sum()) for k in range(3)]


def test_of_label_files(here: Path) -> None:
    def load(path: str, **settings: Any) -> np.ndarray:
        loader = LoadCheckedAnnotations(**settings)
        return loader({'seg_map_path': path, 'seg_fields': [], 'reduce_zero_label': False})['gt_seg_map']

    colours = save(np.zeros((2, 2, 3)))
    hinted('not colours', lambda: read_labels(colours))
    hinted('convert colour-coded labels first', lambda: label_histogram(colours))
    floats = save([[0.0, 1.0]], np.float32)
    hinted('8-bit or 16-bit integers', lambda: read_labels(floats))
    hinted('8-bit or 16-bit integers', lambda: label_histogram(floats))
    assert read_labels(save([[0, 1]])).tolist() == [[0, 1]]
    wide = save([[0, 299, 65535]], np.uint16)
    hinted('give num_classes and ignore_index to ltseg.LoadCheckedAnnotations', lambda: load(wide))
    assert load(wide, num_classes=300, ignore_index=65535).tolist() == [[0, 299, 65535]]
    hinted('and that this is its label format.', lambda: load(save([[0, 9]]), num_classes=2))
    assert load(save([[0, 9]]), num_classes=2, ignore_index=9).tolist() == [[0, 9]]
    whole = Path('data/img/train/0.jpg')
    content = whole.read_bytes()
    whole.write_bytes(content[:-400])
    image = lambda: LoadCheckedImage()({'img_path': str(whole)})['img']  # noqa: E731
    hinted('Copy or make it again.', image)
    whole.write_bytes(content)
    assert image().shape == (32, 32, 3)


def test_of_long_tails(here: Path) -> None:
    hinted('Take a smaller imbalance_factor.', lambda: profile_counts('exponential', 3, 10, 100))
    assert profile_counts('exponential', 3, 10, 10) == [10, 3, 1]

    class Images(list):
        metainfo, CLASSES = {'classes': NAMES}, NAMES

        def get_data_info(self, index: int) -> dict:
            return {'gt_label': self[index]}

    images = Images([0] * 2 + [1] * 8 + [2] * 4)
    hinted('Set imbalance_factor', lambda: LongTailedDataset(images))
    hinted(
        'Set largest to fewer images, or class_order so that large classes come first.',
        lambda: LongTailedDataset(images, imbalance_factor=4),
    )
    assert len(LongTailedDataset(images, imbalance_factor=4, class_order=[1, 2, 0])) == 8 + 4 + 2
    assert len(LongTailedDataset(images, imbalance_factor=2, largest=2)) == 2 + 1 + 1
    LongTailedDataset(images, imbalance_factor=2, largest=2, indices_file='chosen.json')
    again = lambda seed: LongTailedDataset(images, 2, largest=2, seed=seed, indices_file='chosen.json')  # noqa: E731
    hinted('Delete the file to choose anew', lambda: again(1))
    Path('chosen.json').unlink()
    assert len(again(1)) == 4


def test_of_metrics(here: Path) -> None:
    def metric(**settings: Any) -> Any:
        made = METRICS.build({'type': 'ltseg.LongTailIoU', **settings})
        made.dataset_meta = {'classes': NAMES}
        return made

    maps = torch.from_numpy(LABELS).long()[None]
    sample = {'pred_sem_seg': {'data': maps}, 'img_path': 'a.jpg'}
    labelled = {**sample, 'gt_sem_seg': {'data': maps}}
    hinted("list mmseg's IoUMetric as a second metric", lambda: metric(iou_metrics=['mDice']))
    both = Evaluator(
        [{'type': 'ltseg.LongTailIoU'}, {'type': 'mmseg.IoUMetric', 'iou_metrics': ['mDice'], 'prefix': 'other'}]
    )
    both.dataset_meta = {'classes': NAMES}
    both.process([labelled])
    found = both.evaluate(1)
    hinted("Give that one a prefix, e.g. prefix='other'", lambda: metric(iou_metrics=['mDice']))
    assert found['mIoU'] == found['other/mDice'] == 100
    hinted('Use format_only=True with output_dir', lambda: metric().process(None, [sample]))
    metric(format_only=True, output_dir='out').process(None, [sample])
    assert Path('out/a.png').is_file()
    few = metric(counts=[1, 2])
    hinted('its table', lambda: few.class_names)
    count_dataset(dataset())[0].save('table.json')
    assert metric(counts='table.json').class_names == NAMES
    right = metric()
    right.process(None, [labelled])
    assert right.evaluate(1)['mIoU'] == 100
