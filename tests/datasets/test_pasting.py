"""Pasted pixels are those of the source, image and labels alike, and what is pasted has the right distribution."""

import gc
import math
import pickle
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import mmcv
import numpy as np
import pytest
from hinted import hinted
from mmengine.dataset import worker_init_fn
from PIL import Image
from torch.utils.data import DataLoader

from ltseg.core.errors import InvalidValueError, LtsegError
from ltseg.counts.data_set_counts import build_dataset, count_dataset
from ltseg.datasets import ClassMix, PastingDataset, RareClassPaste, SeededDataset
from ltseg.datasets.cut_outs import paste_classes

pytestmark = pytest.mark.usefixtures('mmseg_registered')

VOID = 255
NAMES = ('road', 'car', 'pole', 'bike')
LOADING = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
PASTE = dict(type='ltseg.RareClassPaste', classes=NAMES[1:])
SIZES = [((9, 12), (9, 12)), ((9, 12), (4, 5)), ((4, 5), (9, 12)), ((9, 4), (5, 12)), ((1, 1), (3, 3))]


@pytest.fixture(scope='module', autouse=True)
def _quick() -> Iterator[None]:
    gc.freeze()  # each data set collects garbage, among all modules that are loaded
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    np.random.seed(0)


def sample(labels: Any, index: int = 0) -> dict[str, Any]:
    """An image whose pixels say their label, the number of the image, and their place."""
    labels = np.asarray(labels, np.uint8)
    places = np.arange(labels.size).reshape(labels.shape)
    return {'img': np.stack([labels, np.full_like(labels, index), places], 2).astype(np.uint8), 'gt_seg_map': labels}


def noise(size: tuple[int, int], index: int = 0) -> dict[str, Any]:
    return sample(np.random.choice([0, 1, 2, VOID], size), index)


def written(root: Path, images: list[Any], **options: Any) -> dict[str, Any]:
    """The config of a data set of these labels, with images as in :func:`sample`."""
    for index, labels in enumerate(images):
        made = sample(labels, index)
        Image.fromarray(made['img'][..., ::-1]).save(root / f'{index:02d}.jpg', 'PNG')  # mmcv reads BGR
        Image.fromarray(made['gt_seg_map']).save(root / f'{index:02d}.png')
    folders = dict(img_path=str(root), seg_map_path=str(root))
    return dict(type='BaseSegDataset', data_prefix=folders, pipeline=LOADING, metainfo=dict(classes=NAMES), **options)


def row(*labels: int) -> list[list[int]]:
    return [list(labels)] * 2


ROWS = [row(0, 0, 0, 0, 0, VOID), row(0, 1, 1, 1, 1, 0), row(0, 2, 2, 0, 0, 0), row(VOID, 2, 0, 3, 0, 0)]


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    """Four images, the first without a rare class; 8, 6 and 2 pixels of the rare classes."""
    return written(tmp_path, ROWS)


# The operation


@pytest.mark.parametrize(('target_size', 'source_size'), SIZES)
@pytest.mark.parametrize('classes', [[1], [1, 2], [7]])
def test_pixels_are_of_the_target_or_of_the_classes_of_the_source(
    target_size: tuple[int, int], source_size: tuple[int, int], classes: list[int]
) -> None:
    for _ in range(20):
        before, source = noise(target_size), noise(source_size, 1)
        target, kept = dict(before), pickle.loads(pickle.dumps([before, source]))
        paste_classes(target, source, classes)
        image, labels = target['img'], target['gt_seg_map']
        np.testing.assert_array_equal(image[..., 0], labels)
        pasted = image[..., 1] == 1
        np.testing.assert_array_equal(image[~pasted], before['img'][~pasted])
        assert np.isin(labels[pasted], classes).all()
        rows, columns = np.nonzero(pasted)
        places = image[pasted][:, 2].astype(int)
        moved = np.stack([rows - places // source_size[1], columns - places % source_size[1]])
        assert (moved == moved[:, :1]).all()  # as one piece
        np.testing.assert_equal([before, source], kept)  # arrays of the target are replaced, not written to


@pytest.mark.parametrize('ratio', [0.5, 0.6, 1.0, 1.5])
def test_what_is_pasted_is_resized_bilinearly_and_labels_to_the_nearest_pixel(ratio: float) -> None:
    """Each place that lies inside the target occurs, and no other."""
    source, size = noise((6, 8), 1), (10, 13)
    height, width = round(6 * ratio), round(8 * ratio)
    image = mmcv.imresize(source['img'], (width, height), interpolation='bilinear')
    labels = mmcv.imresize(source['gt_seg_map'], (width, height), interpolation='nearest')
    expected = {}
    for top in range(size[0] - height + 1):
        for left in range(size[1] - width + 1):
            made = {'img': np.zeros((*size, 3), np.uint8), 'gt_seg_map': np.zeros(size, np.uint8)}
            window, mask = (slice(top, top + height), slice(left, left + width)), labels == 2
            made['img'][window][mask], made['gt_seg_map'][window][mask] = image[mask], labels[mask]
            expected[top, left] = made['img'].tobytes() + made['gt_seg_map'].tobytes()
    found = set()
    for _ in range(40 * len(expected)):
        target = {'img': np.zeros((*size, 3), np.uint8), 'gt_seg_map': np.zeros(size, np.uint8)}
        paste_classes(target, source, [2], ratio)
        found.add(target['img'].tobytes() + target['gt_seg_map'].tobytes())
    assert found == set(expected.values())


def test_a_class_in_the_corner_of_a_larger_source_is_never_lost() -> None:
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        labels = np.zeros((30, 40), np.uint8)
        labels[corner] = 1
        for _ in range(30):
            target = sample(np.zeros((4, 5)))
            paste_classes(target, sample(labels), [1])
            assert (target['gt_seg_map'] == 1).sum() == 1


def test_a_class_larger_than_the_target_covers_it() -> None:
    labels = np.pad(np.ones((20, 20), np.uint8), 5)
    for _ in range(30):
        target = sample(np.zeros((8, 9)))
        paste_classes(target, sample(labels), [1])
        assert (target['gt_seg_map'] == 1).all()


@pytest.mark.parametrize('channels', [(), (1,), (4,)])
@pytest.mark.parametrize(('kind', 'label_kind'), [(np.float32, np.int64), (np.uint16, np.uint16)])
def test_any_type_and_number_of_channels_is_kept(channels: tuple[int, ...], kind: type, label_kind: type) -> None:
    source = {'img': np.full((6, 8, *channels), 300, kind), 'gt_seg_map': np.full((6, 8), 300, label_kind)}
    target = {'img': np.zeros((5, 5, *channels), kind), 'gt_seg_map': np.zeros((5, 5), label_kind)}
    paste_classes(target, source, [300], 0.5)
    assert target['img'].dtype == kind and target['gt_seg_map'].dtype == label_kind
    assert (target['img'] == 300).sum() == 12 * math.prod(channels) and (target['gt_seg_map'] == 300).sum() == 12


# Rare classes


def prepared(data: dict[str, Any], **options: Any) -> RareClassPaste:
    transform = RareClassPaste(**{'classes': NAMES[1:], **options})
    transform.prepare(build_dataset(data, with_pipeline=True))
    return transform


@pytest.mark.parametrize('exponent', [0.0, -1.0, -0.5])
def test_classes_are_drawn_by_their_pixels_and_their_images_alike(data: dict[str, Any], exponent: float) -> None:
    """Two chi-square tests, at 0.1 %."""
    transform = prepared(data, sample_ratio=0.3, exponent=exponent)
    classes, images = Counter(), Counter()
    number, background = 1500, row(0, 0, 0, 0, 0, 0)
    for _ in range(number):
        results = transform(sample(background, 99))
        (k,) = set(results['gt_seg_map'].ravel().tolist()) - {0}
        classes[k] += 1
        images.update(set(results['img'][results['gt_seg_map'] == 2][:, 1].tolist()))
    shares = np.array([8.0, 6.0, 2.0]) ** exponent
    expected = number * shares / shares.sum()
    found = np.array([classes[k] for k in (1, 2, 3)])
    assert ((found - expected) ** 2 / expected).sum() < 13.8  # 2 degrees of freedom
    assert set(images) == {2, 3}
    assert (images[2] - images[3]) ** 2 / (images[2] + images[3]) < 10.8  # 1 degree of freedom


@pytest.mark.parametrize(('ratio', 'number'), [(0.0, 0), (0.1, 1), (1 / 3, 1), (0.34, 2), (1.0, 3)])
def test_so_many_of_the_missing_classes_come_in(tmp_path: Path, ratio: float, number: int) -> None:
    """The classes have places of their own, so that none covers another."""
    transform = prepared(written(tmp_path, [row(0, 1, 0, 0), row(0, 0, 2, 0), row(0, 0, 0, 3)]), sample_ratio=ratio)
    for _ in range(5):
        labels = transform(sample(row(0, 0, 0, 0)))['gt_seg_map']
        assert len(np.unique(labels)) == 1 + number


def test_what_an_image_has_is_not_pasted(data: dict[str, Any]) -> None:
    transform, whole = prepared(data), row(1, 2, 0, 0, 0, 3)
    for _ in range(10):
        np.testing.assert_array_equal(transform(sample(whole, 99))['img'], sample(whole, 99)['img'])
        results = transform(sample(row(1, 2, 0, 0, 0, 0), 99))
        assert set(results['gt_seg_map'][results['img'][..., 1] != 99]) == {3}


def test_an_image_without_any_class_gets_all_rare_ones(tmp_path: Path) -> None:
    transform = prepared(written(tmp_path, [row(0, 1, 0, 0), row(0, 0, 2, 0), row(0, 0, 0, 3)]))
    assert transform(sample(row(*[VOID] * 4)))['gt_seg_map'].tolist() == row(VOID, 1, 2, 3)


def test_the_tail_of_the_data_set_is_rare(data: dict[str, Any]) -> None:
    """A third of four classes is one."""
    results = prepared(data, classes=None)(sample(row(0, 0, 0, 0, 0, 0)))
    assert set(results['gt_seg_map'].ravel()) == {0, 3}


def test_the_ignored_class_is_no_rare_one(tmp_path: Path) -> None:
    """It would take the only place in the tail."""
    data = written(tmp_path, [row(1, 1, 1, 1, 2, 2), row(1, 1, 1, 2, 3, 0)])
    transform = RareClassPaste()
    dataset = build_dataset(data, with_pipeline=True)
    dataset.ignore_index = 0
    transform.prepare(dataset)
    assert list(transform.images) == [3]


def test_pasting_inside_another_transform(data: dict[str, Any]) -> None:
    inner = dict(type='RandomApply', transforms=[PASTE], prob=1.0)
    dataset = build_dataset(pasting(data, inner), with_pipeline=True)
    assert set(dataset[0]['gt_seg_map'].ravel()) & {1, 2, 3}


def test_a_class_lost_in_the_source_changes_nothing(tmp_path: Path) -> None:
    data = written(tmp_path, [row(0, 1, 0, 0)])
    data['pipeline'] = [*LOADING, dict(type='Resize', scale=(1, 2), keep_ratio=False)]
    labels = row(0, 2, 0, 0)
    results = prepared(data, classes=['car'])(sample(labels, 99))
    np.testing.assert_array_equal(results['img'], sample(labels, 99)['img'])


# Class mix


def mixed(*images: Any) -> ClassMix:
    transform = ClassMix(prob=1.0)

    class Images(list):
        metainfo = {'classes': NAMES}

    transform.prepare(Images(images))
    return transform


@pytest.mark.parametrize(('present', 'number'), [((0,), 1), ((1, 3), 1), ((0, 1, 2), 2), ((0, 1, 2, 3), 2)])
def test_half_of_the_classes_come_in_and_each_choice_equally_often(present: tuple[int, ...], number: int) -> None:
    transform = mixed(sample(row(*present, VOID), 1))
    found: Counter[tuple] = Counter()
    for _ in range(600):
        results = transform(sample(row(*[VOID] * (len(present) + 1))))
        is_new = results['img'][..., 1] == 1
        np.testing.assert_array_equal(results['gt_seg_map'] != VOID, is_new)  # at their places, and never void
        found[tuple(np.unique(results['gt_seg_map'][is_new]))] += 1
    choices = math.comb(len(present), number)
    assert len(found) == choices and all(len(choice) == number for choice in found)
    expected = 600 / choices
    assert sum((times - expected) ** 2 / expected for times in found.values()) < 20.6  # up to 5 degrees of freedom


def test_a_source_of_void_alone_changes_nothing() -> None:
    results = mixed(sample(row(VOID, VOID), 1))(sample(row(0, 1)))
    assert results['gt_seg_map'].tolist() == row(0, 1) and not results['img'][..., 1].any()


@pytest.mark.parametrize('prob', [0.0, 0.25, 1.0])
def test_a_share_of_the_images_is_mixed(prob: float) -> None:
    transform = mixed(sample(row(1, 1), 1))
    transform.prob = prob
    number = sum(transform(sample(row(0, 0)))['gt_seg_map'].any() for _ in range(400))
    assert abs(number - 400 * prob) <= 4 * math.sqrt(400 * prob * (1 - prob))


# Data sets


def pasting(data: dict[str, Any], *pipeline: dict[str, Any]) -> dict[str, Any]:
    return dict(type='ltseg.PastingDataset', dataset=data, pipeline=list(pipeline))


def test_samples_are_packed_and_counts_are_those_of_the_files(data: dict[str, Any]) -> None:
    config = pasting(data, PASTE, dict(type='PackSegInputs'))
    dataset = build_dataset(config, with_pipeline=True)
    assert len(dataset) == 4 and dataset.metainfo['classes'] == NAMES
    packed = dataset[0]
    labels = packed['data_samples'].gt_sem_seg.data[0].numpy()
    assert set(labels.ravel()) & {1, 2, 3}
    np.testing.assert_array_equal(packed['inputs'][0].numpy(), labels)
    expected = count_dataset(build_dataset(data))[0].counts.samples.tolist()
    assert expected == [28, 8, 6, 2]
    for built in (dataset, build_dataset(config)):
        assert count_dataset(built)[0].counts.samples.tolist() == expected


def test_wrappers_inside_and_outside(data: dict[str, Any]) -> None:
    twice = dict(type='ConcatDataset', datasets=[data, dict(type='RepeatDataset', dataset=data, times=2)])
    config = dict(type='RepeatDataset', dataset=pasting(twice, PASTE), times=3)
    dataset = build_dataset(config, with_pipeline=True)
    assert len(dataset) == 36
    assert sorted(dataset.dataset.pipeline[0].images[3].tolist()) == [3, 7, 11]
    assert {index for each in range(10) for index in dataset[0]['img'][..., 1].ravel()} == {0, 1, 2, 3}


def test_the_files_are_counted_once_and_workers_get_the_result(
    data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = build_dataset(pasting(data, PASTE), with_pipeline=True)
    monkeypatch.setattr('ltseg.datasets.rare_class_paste.image_classes_of', None)
    dataset.full_init()
    copied = pickle.loads(pickle.dumps(dataset))
    assert copied.pipeline[0].dataset is copied.dataset
    assert set(copied[0]['gt_seg_map'].ravel()) & {1, 2, 3}


@pytest.mark.parametrize('mixing', [PASTE, dict(type='ltseg.ClassMix')], ids=['paste', 'mix'])
@pytest.mark.parametrize('workers', [0, 2])
def test_samples_depend_on_the_seed_and_the_position_alone(
    data: dict[str, Any], mixing: dict[str, Any], workers: int
) -> None:
    """As a resumed run needs them, with augmentation of the sources and of what has been pasted."""
    resize = dict(type='RandomResize', scale=(6, 2), ratio_range=(1.0, 3.0), keep_ratio=True)
    config = pasting({**data, 'pipeline': [*LOADING, resize]}, mixing, dict(type='RandomFlip', prob=0.5))
    places = [(index % 2, position) for position, index in enumerate(range(12))]
    dataset = SeededDataset(build_dataset(config, with_pipeline=True), seed=3)
    expected = [dataset[place]['img'].tobytes() for place in places]
    loader = DataLoader(dataset, 2, sampler=places[6:], num_workers=workers, collate_fn=list)
    found = [each['img'].tobytes() for batch in loader for each in batch]
    assert found == expected[6:]
    assert len(set(expected)) == len(expected)


def test_two_workers_draw_different_images(data: dict[str, Any]) -> None:
    init = partial(worker_init_fn, num_workers=2, rank=0, seed=0)  # mmengine's, where nothing else seeds
    dataset = build_dataset(pasting(data, PASTE), with_pipeline=True)
    loader = DataLoader(dataset, 8, sampler=[0] * 16, num_workers=2, worker_init_fn=init, collate_fn=list)
    first, second = ([each['img'].tobytes() for each in batch] for batch in loader)
    assert first != second and len(set(first)) > 1


# Errors


@pytest.mark.parametrize(
    ('made', 'expected'),
    [
        (partial(RareClassPaste, sample_ratio=1.1), 'sample_ratio: expected a number in [0, 1], got 1.1'),
        (partial(RareClassPaste, resize_ratio=0), 'resize_ratio: expected a number above 0, got 0'),
        (partial(RareClassPaste, exponent=math.nan), 'exponent: expected a number in [-10, 10], got nan'),
        (partial(ClassMix, prob=-0.1), 'prob: expected a number in [0, 1], got -0.1'),
    ],
)
def test_arguments_are_checked(made: Any, expected: str) -> None:
    with pytest.raises(InvalidValueError) as error:
        made()
    assert expected in str(error.value)


def test_hint_for_a_pipeline_without_a_data_set(data: dict[str, Any]) -> None:
    alone = build_dataset({**data, 'pipeline': [*LOADING, PASTE]}, with_pipeline=True)
    hinted("Use it in the pipeline of dict(type='ltseg.PastingDataset', dataset=dict(...)", lambda: alone[0])
    assert build_dataset(pasting(data, PASTE), with_pipeline=True)[0]


def test_hint_for_classes_that_are_not_there(tmp_path: Path) -> None:
    data = written(tmp_path, [row(0, 0), row(0, 1)])

    def build(*classes: str) -> Any:
        options = dict(classes=list(classes)) if classes else {}
        return build_dataset(pasting(data, dict(type='ltseg.RareClassPaste', **options)), with_pipeline=True)

    hinted('Leave it out.', lambda: build('car', 'pole'))
    assert build('car')
    hinted('Name classes that have pixels: classes=[...].', build)
    with pytest.raises(InvalidValueError, match="Did you mean 'car'"):
        build('cars')


def test_one_class_alone_can_be_named(tmp_path: Path) -> None:
    data = {**written(tmp_path, [row(0, 0), row(VOID, VOID)]), 'metainfo': dict(classes=('road',))}
    with pytest.raises(InvalidValueError, match='none among the tail of 1 classes'):
        build_dataset(pasting(data, dict(type='ltseg.RareClassPaste')), with_pipeline=True)
    dataset = build_dataset(pasting(data, dict(type='ltseg.RareClassPaste', classes=['road'])), with_pipeline=True)
    assert dataset[1]['gt_seg_map'].tolist() == row(0, 0)


@pytest.mark.parametrize('place', ['inside', 'before'])
def test_hint_for_packed_samples(data: dict[str, Any], place: str) -> None:
    pack = dict(type='PackSegInputs')
    inside = {**data, 'pipeline': [*LOADING, pack]} if place == 'inside' else data
    outside = [dict(type='ltseg.ClassMix', prob=1.0), pack]
    faulty = pasting(inside, *(outside if place == 'inside' else outside[::-1]))
    hinted('let only the pipeline that pastes pack.', lambda: build_dataset(faulty, with_pipeline=True)[0])
    assert build_dataset(pasting(data, *outside), with_pipeline=True)[0]


def test_hint_for_images_without_labels_of_their_size(data: dict[str, Any]) -> None:
    shrink = dict(type='Resize', scale=(3, 1), keep_ratio=True)

    def load(*pipeline: dict[str, Any]) -> Any:
        return build_dataset(pasting({**data, 'pipeline': list(pipeline)}, PASTE), with_pipeline=True)[0]

    hinted('Let each transform resize image and labels alike.', lambda: load(LOADING[0], shrink, LOADING[1]))
    assert load(*LOADING, shrink)


def test_hint_for_pixels_that_mean_something_else(data: dict[str, Any]) -> None:
    scale = dict(type='PhotoMetricDistortion'), dict(type='Normalize', mean=[1.0] * 3, std=[2.0] * 3)

    def load(*pipeline: dict[str, Any]) -> Any:
        return build_dataset(pasting(data, *pipeline), with_pipeline=True)[0]

    hinted('Paste before what changes the type or the channels of images', lambda: load(*scale, PASTE))
    assert load(PASTE, *scale)
    both = {**data, 'pipeline': [*LOADING, scale[1]]}
    assert build_dataset(pasting(both, PASTE), with_pipeline=True)[0]


def test_missing_label_files_are_named(data: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / '02.png').unlink()
    with pytest.raises(LtsegError, match=r'02\.png'):
        build_dataset(pasting(data, PASTE), with_pipeline=True)


def test_the_type_is_a_data_set_of_mmsegmentation(data: dict[str, Any]) -> None:
    mosaic = dict(type='RandomMosaic', prob=0.0, img_scale=(6, 2))
    assert PastingDataset(data, [mosaic, PASTE])[0]['img'].shape == (2, 6, 3)
