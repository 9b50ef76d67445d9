"""Features on the disk are those of the backbone, whatever happened while they were written."""

import io
import os
import shutil
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from small_segmentor import small_config
from tiny_runs import quick_runners

from ltseg.core.errors import FileWriteError, InvalidValueError, MissingFileError
from ltseg.datasets import CachedFeatures
from ltseg.datasets.feature_store import FeatureStore
from ltseg.registry import DATASETS
from ltseg.trained import feature_caching
from ltseg.trained.feature_caching import FeaturePlan, cache_features
from ltseg.trained.model import build_model

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_runners():
        yield


@pytest.fixture(scope='module')
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return small_config(tmp_path_factory.mktemp('features'))


@pytest.fixture(scope='module')
def model(config: Config) -> Any:
    torch.manual_seed(0)
    return build_model(config).eval()


TRAIN = FeaturePlan('train', images=(0, 3), variants=2, batch_size=2)


def contents(folder: Path) -> list[tuple]:
    store = FeatureStore(folder)
    return [store.read(index) for index in store.written()]


def assert_equal(one: tuple, other: tuple) -> None:
    torch.testing.assert_close(one[:2], other[:2], rtol=0, atol=0)
    assert one[2] == other[2]


def test_features_are_the_backbones_and_labels_the_data_sets(model: Any, config: Config, tmp_path: Path) -> None:
    folder = cache_features(model, config, FeaturePlan('val'), tmp_path)
    dataset = DATASETS.build(config.val_dataloader.dataset)
    assert len(contents(folder)) == len(dataset) and folder.name.startswith('val-')
    for sample, (features, labels, meta) in zip(dataset, contents(folder), strict=True):
        data = model.data_preprocessor({'inputs': [sample['inputs']], 'data_samples': [sample['data_samples']]}, False)
        with torch.no_grad():
            expected = model.backbone(data['inputs'])
        for ours, theirs in zip(features, expected, strict=True):
            torch.testing.assert_close(ours.float(), theirs[0], rtol=0.05, atol=0.05 * theirs.abs().max().item())
        assert torch.equal(labels, sample['data_samples'].gt_sem_seg.data.long())
        assert tuple(meta['img_shape']) == sample['data_samples'].img_shape


def test_the_rest_of_the_model_gives_the_same_logits(model: Any, config: Config, tmp_path: Path) -> None:
    cached = CachedFeatures(cache_features(model, config, FeaturePlan('val'), tmp_path))
    sample = DATASETS.build(config.val_dataloader.dataset)[0]
    with torch.no_grad():
        (whole,) = model.test_step({'inputs': [sample['inputs']], 'data_samples': [sample['data_samples']]})
        maps = tuple(each.float().unsqueeze(0) for each in cached[0]['inputs'])
        logits = model.decode_head.predict(maps, [cached[0]['data_samples'].metainfo], {})
    torch.testing.assert_close(logits[0], whole.seg_logits.data, rtol=0.1, atol=0.05 * logits.abs().max().item())


def test_variants_differ_and_are_the_same_another_time(model: Any, config: Config, tmp_path: Path) -> None:
    one, other = (cache_features(model, config, TRAIN, tmp_path / name) for name in 'ab')
    assert one.name == other.name and len(contents(one)) == 4
    for first, second in zip(contents(one), contents(other), strict=True):
        assert_equal(first, second)
    assert not torch.equal(contents(one)[0][0][0], contents(one)[2][0][0])  # the same image, augmented otherwise


def test_a_killed_pass_goes_on_where_it_was(
    model: Any, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = contents(cache_features(model, config, TRAIN, tmp_path / 'whole'))
    write, written = FeatureStore.write, []

    def killed(store: FeatureStore, index: int, *rest: Any) -> None:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(index)
        write(store, index, *rest)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(FeatureStore, 'write', killed)
        cache_features(model, config, TRAIN, tmp_path / 'part')
    (folder,) = (tmp_path / 'part').iterdir()
    with pytest.raises(MissingFileError):
        CachedFeatures(folder)  # it is not complete
    kept = FeatureStore(folder).path(0).stat().st_mtime_ns
    cache_features(model, config, TRAIN, tmp_path / 'part')
    assert FeatureStore(folder).path(0).stat().st_mtime_ns == kept
    for part, all_of_it in zip(contents(folder), whole, strict=True):
        assert_equal(part, all_of_it)


def test_what_features_depend_on_has_a_folder_of_its_own(model: Any, config: Config, tmp_path: Path) -> None:
    plans = [TRAIN, FeaturePlan('train', images=(0, 1), variants=2, batch_size=2), FeaturePlan('train', (0, 3), 2, 1)]
    folders = {cache_features(model, config, plan, tmp_path).name for plan in plans}
    other = build_model(config).eval()  # other random weights
    folders.add(cache_features(other, config, TRAIN, tmp_path).name)
    changed = Config(config.to_dict())
    changed.train_dataloader.dataset.pipeline[2].ratio_range = (1.0, 1.0)
    folders.add(cache_features(model, changed, TRAIN, tmp_path).name)
    assert len(folders) == 5
    other_parts = Config(config.to_dict())
    other_parts.model.backbone.norm_eval = True  # whatever it is: the weights are the same
    folders.add(cache_features(model, other_parts, TRAIN, tmp_path).name)
    assert len(folders) == 6
    brighter = deepcopy(model)
    brighter.data_preprocessor.mean += 1
    folders.add(cache_features(brighter, config, TRAIN, tmp_path).name)
    assert len(folders) == 7
    moved = Config(config.to_dict())
    root = Path(shutil.copytree(config.train_dataloader.dataset.data_root, tmp_path / 'moved'))
    moved.train_dataloader.dataset.data_root = str(root)
    assert cache_features(model, moved, TRAIN, tmp_path).name in folders
    for kind in ('images', 'labels'):
        os.utime(next((root / kind / 'train').iterdir()), (0, 0))  # as if it had been edited
        name = cache_features(model, moved, TRAIN, tmp_path).name
        assert name not in folders
        folders.add(name)


def test_the_state_of_random_numbers_is_kept(model: Any, config: Config, tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    cache_features(model, config, TRAIN, tmp_path)
    assert torch.equal(torch.rand(1), expected)


def test_a_small_disk_is_named_after_the_first_batch(
    model: Any, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=2**28 + 10)
    monkeypatch.setattr(feature_caching.shutil, 'disk_usage', lambda _: usage)
    hinted(
        'Take fewer images or variants, or another disk.',
        lambda: cache_features(model, config, FeaturePlan('train', variants=2, batch_size=1), tmp_path),
    )
    with pytest.raises(FileWriteError, match='GiB for the features, got'):
        cache_features(model, config, FeaturePlan('train', variants=2, batch_size=1), tmp_path)
    usage.free = 2**28 + 20 * FeatureStore(next(tmp_path.iterdir())).path(0).stat().st_size // 10
    cache_features(model, config, FeaturePlan('train', images=(0,), variants=2, batch_size=1), tmp_path)


def test_a_backbone_without_maps_is_refused(model: Any, config: Config, tmp_path: Path) -> None:
    backbone = torch.nn.Flatten()
    broken = SimpleNamespace(
        data_preprocessor=model.data_preprocessor, backbone=backbone, eval=lambda: None, parameters=model.parameters
    )
    with pytest.raises(InvalidValueError, match='maps'):
        cache_features(broken, config, FeaturePlan('val'), tmp_path)
    hinted(
        'Choose with another backbone, or train each method whole.',
        lambda: cache_features(broken, config, FeaturePlan('val'), tmp_path),
    )
    cache_features(model, config, FeaturePlan('val'), tmp_path)


def test_labels_of_any_range_come_back(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    for index, values in enumerate(([0, 255], [-100, 7], [3, 60000])):
        store.write(
            index, [torch.zeros(1, 1, 2)], torch.tensor(values).view(1, 1, 2), {'path': 'a', 'object': object()}
        )
        _, labels, meta = store.read(index)
        assert labels.flatten().tolist() == values and meta == {'path': 'a'}


def test_crops_of_several_sizes_are_refused_before_any_training(model: Any, config: Config, tmp_path: Path) -> None:
    def crops(**step: Any) -> Config:
        changed = Config(config.to_dict())
        steps = [each for each in changed.train_dataloader.dataset.pipeline if each.type != 'RandomCrop']
        changed.train_dataloader.dataset.pipeline = [*steps[:-1], step, steps[-1]]
        return changed

    divided = deepcopy(model)
    divided.data_preprocessor.size, divided.data_preprocessor.size_divisor = None, 32
    plan = FeaturePlan('train', variants=3, batch_size=1)
    several = crops(type='RandomResize', scale=(64, 64), ratio_range=(0.5, 3.0), keep_ratio=True)
    hinted(
        'Set the crop_size of RandomCrop, and size instead of size_divisor in data_preprocessor.',
        lambda: cache_features(divided, several, plan, tmp_path),
    )
    one = crops(type='RandomCrop', crop_size=(32, 64))
    assert len({features[0].shape for features, *_ in contents(cache_features(model, one, plan, tmp_path))}) == 1


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, 'open', lambda *_: io.FileIO('/dev/full', 'wb'))
    with pytest.raises(FileWriteError, match='No space left'):
        FeatureStore(tmp_path).write(0, [torch.zeros(64, 100, 100)], torch.zeros(1, 4, 4), {})
    assert not list(tmp_path.iterdir())


def test_the_ignored_class_is_no_class_of_cached_features(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    store.write(0, [torch.ones(2, 1, 2)], torch.tensor([[[0, 0, 1, 7]]]), {'img_shape': (1, 4)})
    store.describe({'classes': ['void', 'road'], 'ignored': 0})
    assert CachedFeatures(tmp_path).pixels_of_images().tolist() == [[0, 1, 3]]
    store.describe({'classes': ['sky', 'road']})  # as written before
    assert CachedFeatures(tmp_path).pixels_of_images().tolist() == [[2, 1, 1]]
