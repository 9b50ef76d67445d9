"""The counts of what sampler and pipeline deliver are those of the samples that training begins with."""

import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from counted_labels import write_labels
from hinted import hinted
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch import nn
from two_processes import in_two_processes

from ltseg.counts.sources import build_counts
from ltseg.hooks.sampled_counts import sampled_counts
from ltseg.losses import BalancedSoftmaxLoss

pytestmark = pytest.mark.usefixtures('mmseg_registered')

PIXELS = [[40, 8, 0], [46, 2, 0], [0, 6, 42], [48, 0, 0], [0, 0, 48]]  # road, car, ignored of 48
CROP = dict(type='ltseg.ClassCrop', crop_size=(3, 4), share=0.5)
RARE = dict(type='ltseg.RareClassSampler', temperature=0.5)


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    steps = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), CROP, dict(type='PackSegInputs')]
    return {**write_labels(tmp_path / 'data', PIXELS), 'pipeline': steps}


def loader_of(config: dict[str, Any], sampler: dict[str, Any] | None = None, workers: int = 0) -> dict[str, Any]:
    collate = dict(type='pseudo_collate')
    return dict(dataset=config, batch_size=3, num_workers=workers, sampler=sampler or RARE, collate_fn=collate)


def built(config: dict[str, Any], **options: Any) -> Any:
    with DefaultScope.overwrite_default_scope('mmseg'):
        return Runner.build_dataloader(loader_of(config, **options), seed=7)


class Model(BaseModel):
    """Notes the labels of the batches it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.decode_head = nn.Module()
        self.decode_head.num_classes, self.decode_head.ignore_index = 2, 255
        self.decode_head.loss_decode = BalancedSoftmaxLoss(counts='sampled')
        self.weight, self.seen = nn.Parameter(torch.zeros(1)), []

    def forward(self, inputs: Any, data_samples: list, mode: str = 'loss') -> dict[str, Any]:
        self.seen += [sample.gt_sem_seg.data for sample in data_samples]
        return {'loss': self.weight.sum()}


def trained(folder: Path, loader: dict[str, Any], iterations: int, samples: int) -> Model:
    runner = Runner(
        Model(),
        work_dir=str(folder / 'work_dirs' / 'run'),
        train_dataloader=loader,
        train_cfg=dict(by_epoch=False, max_iters=iterations),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        custom_hooks=[dict(type='ltseg.CountClasses', samples=samples), dict(type='ltseg.ExactResume')],
        default_hooks=dict(logger=None, checkpoint=None),
        randomness=dict(seed=7),
        default_scope='mmseg',
        experiment_name=f'{folder}-{iterations}-{samples}',
        log_level='WARNING',
    )
    runner.train()
    return runner.model


@pytest.mark.parametrize('sampler', [RARE, dict(type='InfiniteSampler'), dict(type='DefaultSampler', shuffle=True)])
def test_losses_get_the_counts_of_the_first_samples_of_training(
    sampler: dict[str, Any], config: dict[str, Any], tmp_path: Path
) -> None:
    """Over three epochs of five images, whose batches of three end with a smaller one."""
    model = trained(tmp_path, loader_of(config, sampler), iterations=6, samples=13)
    seen = torch.stack(model.seen[:13])
    counts = model.decode_head.loss_decode.counts.filled
    assert counts.samples.tolist() == [(seen == k).sum().item() for k in (0, 1)]
    assert counts.images.tolist() == [(seen == k).flatten(1).any(1).sum().item() for k in (0, 1)]
    assert model.decode_head.loss_decode.counts.class_names == ('road', 'car')


def test_counts_tend_to_the_shares_of_sampler_and_image(config: dict[str, Any]) -> None:
    """Without a crop: the pixels of each image, as often as the sampler draws it."""
    config['pipeline'] = [step for step in config['pipeline'] if step is not CROP]
    loader = built(config)
    drawn = sampled_counts(loader, 2, 255, number=4000, seed=7).prior
    sampler = loader.sampler
    pixels = sampler.held.image_shares(sampler.shares) @ np.array(PIXELS)[:, :2]
    np.testing.assert_allclose(drawn, pixels / pixels.sum(), atol=0.01)
    plain = np.array(PIXELS)[:, :2].sum(0)
    assert abs(drawn[1] - plain[1] / plain.sum()) > 0.02  # which is not what the data set has


@pytest.mark.parametrize('sampler', [RARE, dict(type='InfiniteSampler')])
def test_neither_generators_nor_the_sampler_move(sampler: dict[str, Any], config: dict[str, Any]) -> None:
    def state() -> tuple[float, ...]:
        return random.random(), np.random.random(), torch.rand(()).item()

    loader, other = built(config, sampler=sampler), built(config, sampler=sampler)
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = state()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    sampled_counts(loader, 2, 255, number=12, seed=7)
    assert state() == expected
    assert list(itertools.islice(loader.sampler, 5)) == list(itertools.islice(other.sampler, 5))


def test_a_sampler_of_few_epochs_and_one_inside_another(mmpretrain_registered: None) -> None:
    from mmpretrain.structures import DataSample

    data = [{'inputs': torch.zeros(1), 'data_samples': DataSample().set_gt_label(int(k > 7))} for k in range(10)]
    images = type('Images', (list,), {'get_gt_labels': lambda self: [int(k > 7) for k in range(10)]})(data)
    progressive = dict(type='ltseg.ClassBalancedSampler', mode='progressive', epochs=2)
    for sampler in (progressive, dict(type='ltseg.BilateralSampler')):
        loader = Runner.build_dataloader(
            dict(dataset=images, batch_size=2, num_workers=0, sampler=sampler, collate_fn=dict(type='pseudo_collate'))
        )
        assert sampled_counts(loader, 2, None, number=64, seed=7).samples.sum() == 64
        assert getattr(loader.sampler, 'second', loader.sampler).epoch == 0


def test_workers_count_the_same(config: dict[str, Any]) -> None:
    one, two = (sampled_counts(built(config, workers=workers), 2, 255, 30, 7) for workers in (0, 2))
    assert torch.equal(one.samples, two.samples) and torch.equal(one.images, two.images)


def test_a_class_that_was_missed_is_none_that_never_occurs(config: dict[str, Any], tmp_path: Path) -> None:
    config['pipeline'][2] = dict(type='RandomCrop', crop_size=(6, 8))
    loader = loader_of({**config, 'indices': [1, 3, 3, 3]}, dict(type='DefaultSampler', shuffle=True))

    def count(samples: int) -> list[int]:
        return trained(tmp_path, loader, 1, samples).decode_head.loss_decode.counts.filled.samples.tolist()

    hinted("Draw more, dict(type='ltseg.CountClasses', samples=...), or use counts='dataset'.", lambda: count(1))
    assert count(4) == [190, 2]
    loader['dataset'] = {**config, 'indices': [3]}  # a class that occurs nowhere may be missed
    with pytest.raises(ValueError, match='PriorBias.* car'):  # as with the counts of the data set
        count(2)


def test_samples_without_labels_are_told_what_to_do(config: dict[str, Any]) -> None:
    unpacked = {**config, 'pipeline': config['pipeline'][:-1]}
    faulty = built(unpacked)
    hinted("Let the pipeline end with dict(type='PackSegInputs')", lambda: sampled_counts(faulty, 2, 255, 4, 7))
    assert sampled_counts(built(config), 2, 255, 4, 7).samples.sum() > 0
    assert build_counts('ema').mode == 'ema'


def test_labels_of_images_are_counted(mmpretrain_registered: None) -> None:
    from mmpretrain.structures import DataSample

    samples = [{'data_samples': DataSample().set_gt_label(label)} for label in (0, 1, 1, 255)]
    loader = torch.utils.data.DataLoader(samples, collate_fn=list)
    assert sampled_counts(loader, 256, None, number=8, seed=0).samples[[0, 1, 255]].tolist() == [2, 4, 2]


def _counts_alike(rank: int, config: dict[str, Any], folder: Path) -> None:
    model = trained(folder, loader_of(config), iterations=1, samples=9)
    found = [torch.zeros(2, dtype=torch.int64) for _ in range(2)]
    torch.distributed.all_gather(found, model.decode_head.loss_decode.counts.filled.samples)
    assert torch.equal(*found) and found[0].sum() > 0


def test_two_processes_have_the_same_counts(config: dict[str, Any], tmp_path: Path) -> None:
    in_two_processes(_counts_alike, config, tmp_path)


def test_at_least_one_sample_is_drawn(config: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'CountClasses\.samples: expected a whole number of at least 1, got 0'):
        trained(tmp_path, loader_of(config), 1, samples=0)
