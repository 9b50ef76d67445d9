"""Symmetric label noise: its distribution, and that samples, infos and counts agree on it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from tiny_images import write_cifar_batches
from tiny_training import forget_runs, quick_tools, tool, write_classification

from ltseg.cli.checks import check_config
from ltseg.cli.config_files import training_images
from ltseg.cli.labels.run_labels import labels_of
from ltseg.counts.data_set_counts import build_dataset, count_dataset
from ltseg.datasets import CIFARDataset, LongTailedDataset, NoisyLabels, SeededDataset
from ltseg.reports.record import RunRecord

pytestmark = pytest.mark.usefixtures('mmseg_registered')


class Numbered(BaseDataset):
    """Images without pixels, classes taking turns."""

    def __init__(self, num_classes: int = 5, per_class: int = 2000) -> None:
        self.labels = np.arange(num_classes * per_class) % num_classes
        super().__init__(metainfo={'classes': tuple(map(str, range(num_classes)))}, serialize_data=False)

    def load_data_list(self) -> list[dict[str, Any]]:
        return [{'gt_label': int(label), 'number': number} for number, label in enumerate(self.labels)]


@pytest.mark.parametrize('rate', [0.1, 0.4])
def test_each_other_class_is_as_likely(rate: float) -> None:
    inside = Numbered()
    labels = NoisyLabels(inside, rate).get_gt_labels()
    share = np.zeros((5, 5))
    np.add.at(share, (inside.labels, labels), 1 / 2000)
    expected = np.where(np.eye(5), 1 - rate, rate / 4)
    assert np.abs(share - expected).max() < 4 * np.sqrt(0.25 / 2000)  # deviations of a binomial


def test_no_noise_changes_nothing() -> None:
    inside = Numbered()
    assert (NoisyLabels(inside, 0).get_gt_labels() == inside.labels).all()


def test_a_larger_rate_keeps_the_wrong_labels_of_a_smaller_one() -> None:
    inside = Numbered()
    few, many = (NoisyLabels(inside, rate).get_gt_labels() for rate in (0.1, 0.3))
    wrong = few != inside.labels
    assert wrong.any() and (many[wrong] == few[wrong]).all() and (many != inside.labels).sum() > 2 * wrong.sum()


def test_the_seed_decides() -> None:
    first, again, other = (NoisyLabels(Numbered(), 0.3, seed).get_gt_labels() for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


@pytest.mark.parametrize('rate', [-0.1, 1, 'x', True])
def test_a_rate_that_is_none_is_refused(rate: Any) -> None:
    with pytest.raises(ValueError, match=r'NoisyLabels\.rate: expected a number in'):
        NoisyLabels(Numbered(per_class=1), rate)


def test_one_class_has_no_other_label() -> None:
    with pytest.raises(ValueError, match='two classes or more, got 1'):
        NoisyLabels(Numbered(1, 3), 0.1)


def test_infos_samples_counts_and_batches_agree(tmp_path: Path) -> None:
    root = str(write_cifar_batches(tmp_path, per_class=8))
    inside = LongTailedDataset(CIFARDataset(data_root=root, pipeline=[dict(type='mmpretrain.PackInputs')]), 4)
    noisy = NoisyLabels(inside, 0.5)
    labels, size = noisy.get_gt_labels(), len(noisy)
    assert (labels != inside.get_gt_labels()).any() and size == len(inside)
    assert [noisy.get_cat_ids(index)[0] for index in range(size)] == labels.tolist()
    assert [noisy.get_data_info(index)['gt_label'] for index in range(size)] == labels.tolist()
    assert [int(noisy[index]['data_samples'].gt_label) for index in range(size)] == labels.tolist()
    order = torch.randperm(size, generator=torch.Generator().manual_seed(0)).tolist()
    for batch in (noisy.__getitems__(order), SeededDataset(noisy, 0).__getitems__([(index, 0) for index in order])):
        assert batch.samples.labels.tolist() == labels[order].tolist()
        assert torch.equal(batch[0]['inputs'], inside[order[0]]['inputs'])  # the image is that of the true label
    table, _ = count_dataset(noisy)
    assert table.counts.samples.tolist() == np.bincount(labels, minlength=10).tolist()
    assert table.provenance['fingerprint'] != count_dataset(inside)[0].provenance['fingerprint']


def test_a_config_builds_it_around_any_data_set() -> None:
    dataset = build_dataset(dict(type='ltseg.NoisyLabels', rate=0.2, dataset=Numbered()))
    assert tuple('01234') == dataset.CLASSES and dataset[0].keys() >= {'gt_label', 'number'}


def test_records_say_so_and_validation_has_true_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_classification(tmp_path, 'resnet32_ce_drw_noisy_cifar10lt100', **{'custom_hooks.3.begin': 0})
    with quick_tools():
        tool('train')([str(path), '--seed', '0'])
    forget_runs()
    record = RunRecord.load('work_dirs/training/records/val.json')
    assert record.dataset == 'CIFAR-10-LT 6, 0.2 wrong labels'
    assert record.setup['train_dataloader']['dataset']['rate'] == 0.2
    config = Config.fromfile(path)
    dataset = build_dataset(config.train_dataloader.dataset)
    assert record.evaluation.counts.tolist() == np.bincount(dataset.get_gt_labels(), minlength=10).tolist()
    assert record.evaluation.matrix.sum(1).tolist() == [6] * 10  # the true labels of the test images
    assert labels_of([config])['dataset'] == record.dataset
    images = build_dataset(dict(training_images(config)))  # which ltseg test --split train evaluates
    assert len(images) == len(dataset) and (images.get_gt_labels() != dataset.get_gt_labels()).any()

    config.val_dataloader.dataset = dict(type='ltseg.NoisyLabels', rate=0.1, dataset=config.val_dataloader.dataset)
    hinted('Take the data set inside it: results are of true labels.', lambda: check_config(config, True))
    config.val_dataloader.dataset = config.val_dataloader.dataset.dataset
    check_config(config, True)
