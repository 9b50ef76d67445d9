"""Models for what is done after training."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.config import Config

from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.groups import ClassGroups
from ltseg.counts.shots import build_shots
from ltseg.counts.table import CountsTable
from ltseg.metrics.task import CLASSIFICATION
from ltseg.trained.model import TrainedModel, build_model

CONFIGS = Path(__file__).parents[2] / 'configs'


@pytest.mark.usefixtures('mmpretrain_registered')
def test_the_model_gets_the_data_preprocessor_beside_it() -> None:
    config = Config.fromfile(CONFIGS / 'classification/resnet32_ce_cifar10lt100.py')
    found = build_model(config).data_preprocessor
    assert found.mean.flatten().tolist() == pytest.approx(config.data_preprocessor.mean)
    assert found.std.flatten().tolist() == pytest.approx(config.data_preprocessor.std)


@pytest.mark.usefixtures('mmseg_registered')
def test_a_data_preprocessor_of_the_model_stays() -> None:
    config = Config.fromfile(CONFIGS / 'unet_ce_camvid.py')
    assert build_model(config).data_preprocessor.test_cfg == config.model.data_preprocessor.test_cfg


class Batches(list):
    """A data loader."""

    dataset = SimpleNamespace(metainfo={'classes': ('a', 'b', 'c')})


class Known(TrainedModel):
    """A model of which the logits of four images are known."""

    task = CLASSIFICATION
    num_classes = 3

    def __init__(self, counts: list[int], names: str = 'abc', **config: Any) -> None:
        self.config, self.model = Config(config), torch.nn.Linear(1, 1)
        self.table = CountsTable(ClassCounts.from_list(counts), tuple(names))
        batch = torch.tensor([[1.0, 0, 0], [1, 0, 0.5], [0, 1, 0], [0, 0, 1]]), torch.tensor([0, 2, 1, 2])
        self._loaders = dict.fromkeys(('val', 'test'), Batches([batch]))  # type: ignore[arg-type]

    def ignored_label(self, split: str) -> int:
        return -100

    def groups(self, option: Any, names: Sequence[str]) -> ClassGroups:
        return build_shots(option, self.table.counts.samples, names)

    def logits_and_labels(self, batch: Any, by: str) -> Iterator[Any]:
        yield batch


def test_a_floor_stands_for_classes_without_samples() -> None:
    model = Known([100, 100, 0])
    with pytest.raises(ValueError, match='0 for class c.*floor'):
        model.curve('val', (0.0, 1.0))
    accuracies = model.curve('val', (0.0, 1.0), floor=1).values('accuracy/top1')
    assert accuracies == [75, 50]  # log(100) makes the rare class the prediction everywhere


def test_counts_of_other_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="where 'a' is class 1, got 'a' as class 0"):
        Known([100, 100, 1], 'bac').curve('val', (0.0,))


def test_groups_are_those_of_the_metric_of_the_split() -> None:
    groups = {'val': dict(many=1, medium=1, few=1), 'test': dict(many=2, medium=1, few=0)}
    evaluators = {f'{split}_evaluator': [dict(type='other'), dict(groups=groups[split])] for split in groups}
    model = Known([100, 50, 1], **evaluators)
    for split, sizes in groups.items():
        found = model.curve(split, (0.0,)).at(0.0).groups
        assert {name: len(classes) for name, classes in found.items()} == sizes
