"""Vectors on the disk are those of a classifier's backbone and neck, with augmentation that a kill does not change."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from tiny_training import quick_tools, write_classification

from ltseg.core.errors import InvalidValueError, MissingFileError
from ltseg.datasets import CachedVectors
from ltseg.datasets.feature_store import FeatureStore
from ltseg.registry import DATASETS, MODELS
from ltseg.trained.feature_caching import FeaturePlan, cache_features
from ltseg.trained.model import build_model

pytestmark = pytest.mark.usefixtures('mmpretrain_registered', 'quick')
TRAIN = FeaturePlan('train', images=(0, 3, 5, 6, 7), variants=2, batch_size=4)


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


@pytest.fixture(scope='module')
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp('vectors')
    return Config.fromfile(write_classification(folder, 'resnet32_ce_mixup_cifar10lt100'))


@pytest.fixture
def model(config: Config) -> Any:
    torch.manual_seed(0)
    return build_model(config).eval()


def vectors_of(folder: Path) -> torch.Tensor:
    dataset = CachedVectors(folder)
    return torch.stack([dataset[place]['inputs'] for place in range(len(dataset))])


def test_vectors_are_those_that_enter_the_head(model: Any, config: Config, tmp_path: Path) -> None:
    cached = CachedVectors(cache_features(model, config, FeaturePlan('val', batch_size=7), tmp_path))
    dataset = DATASETS.build(config.val_dataloader.dataset)
    samples = [dataset[place] for place in range(len(dataset))]
    batch = {key: [sample[key] for sample in samples] for key in ('inputs', 'data_samples')}
    with torch.no_grad():
        (expected,) = model.extract_feat(model.data_preprocessor(batch, False)['inputs'])
        ours = torch.stack([cached[place]['inputs'].float() for place in range(len(cached))])
        torch.testing.assert_close(ours, expected, rtol=0.02, atol=0.02 * expected.abs().max().item())
    assert cached.get_gt_labels().tolist() == dataset.get_gt_labels().tolist()
    assert cached[9]['data_samples'].gt_label.item() == dataset.get_gt_labels()[9]
    assert cached.metainfo['classes'] == tuple(dataset.metainfo['classes'])


def test_variants_differ_and_are_the_same_another_time(model: Any, config: Config, tmp_path: Path) -> None:
    """Although it is the preprocessor that augments, whole batches at a time, and images come from other processes."""
    folders = []
    for workers in (0, 1):
        config.train_dataloader.num_workers = workers
        folders.append(cache_features(model, config, TRAIN, tmp_path / f'{workers}'))
    one, other = folders
    assert one.name == other.name and torch.equal(vectors_of(one), vectors_of(other))
    first, second = vectors_of(one).split(5)
    assert not torch.equal(first, second)
    labels = DATASETS.build(config.train_dataloader.dataset).get_gt_labels()
    assert CachedVectors(one).get_gt_labels().tolist() == 2 * labels[list(TRAIN.images or ())].tolist()


def test_a_killed_pass_goes_on_where_it_was(
    model: Any, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cache_features(model, config, TRAIN, tmp_path / 'whole')
    write = FeatureStore.write

    def killed(store: FeatureStore, index: int, *rest: Any) -> None:
        if index == 1:
            raise KeyboardInterrupt
        write(store, index, *rest)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(FeatureStore, 'write', killed)
        cache_features(model, config, TRAIN, tmp_path / 'part')
    (folder,) = (tmp_path / 'part').iterdir()
    with pytest.raises(MissingFileError):
        CachedVectors(folder)  # it is not complete
    kept = FeatureStore(folder).path(0).stat().st_mtime_ns
    cache_features(model, config, TRAIN, tmp_path / 'part')
    assert FeatureStore(folder).path(0).stat().st_mtime_ns == kept
    assert torch.equal(vectors_of(folder), vectors_of(whole)) and FeatureStore(folder).written() == [0, 1, 2]


def test_images_are_not_mixed(model: Any, config: Config, tmp_path: Path) -> None:
    assert config.data_preprocessor.batch_augments is not None
    plain = Config(config.to_dict())
    plain.data_preprocessor.pop('batch_augments')
    torch.manual_seed(0)
    folders = [cache_features(model, config, TRAIN, tmp_path / 'mixed')]
    folders.append(cache_features(build_model(plain).eval(), plain, TRAIN, tmp_path / 'plain'))
    assert folders[0].name == folders[1].name and torch.equal(*map(vectors_of, folders))


def test_what_vectors_depend_on_has_a_folder_of_its_own(model: Any, config: Config, tmp_path: Path) -> None:
    def name(changed: Config, changed_model: Any = model) -> str:
        return cache_features(changed_model, changed, TRAIN, tmp_path).name

    names = {name(config), name(config, build_model(config).eval())}
    for key, value in (('data_preprocessor.augmentations', []), ('train_dataloader.dataset.seed', 1)):
        changed = Config(config.to_dict())
        changed.merge_from_dict({key: value})
        names.add(name(changed))
    assert len(names) == 4
    other = deepcopy(model)
    other.neck.register_buffer('shift', torch.ones(1))
    assert name(config, other) not in names


def test_maps_instead_of_vectors_are_refused(model: Any, config: Config, tmp_path: Path) -> None:
    model.neck = None
    hint = "Set neck=dict(type='GlobalAveragePooling'), and give one view of each image."
    with pytest.raises(InvalidValueError, match=r'vectors \(N, D\) behind the neck, got features'):
        cache_features(model, config, FeaturePlan('val'), tmp_path)
    hinted(
        "Set neck=dict(type='GlobalAveragePooling'), and give one view of each image.",
        lambda: cache_features(model, config, FeaturePlan('val'), tmp_path),
    )
    exec(hint.partition(',')[0].removeprefix('Set '), {}, given := {})
    model.neck = MODELS.build(given['neck'])
    cache_features(model, config, FeaturePlan('val'), tmp_path)


def test_an_image_of_several_classes_is_refused(
    model: Any, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(DATASETS.build(config.val_dataloader.dataset))
    load = kind.__getitem__

    def of_two(dataset: Any, place: int) -> Any:
        sample = load(dataset, place)
        sample['data_samples'].set_gt_label([1, 2])
        return sample

    monkeypatch.setattr(kind, '__getitem__', of_two)
    with pytest.raises(InvalidValueError, match=r'one class for each image, got \[1, 2\]'):
        cache_features(model, config, FeaturePlan('val'), tmp_path)
