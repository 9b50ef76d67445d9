"""The hook fills losses and metrics from the training labels, once, before the model is copied."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hinted import hinted
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner
from PIL import Image
from torch import nn
from two_processes import in_two_processes

from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.main_process import on_main_process
from ltseg.counts.sources import ClassCountsSource
from ltseg.counts.table import CountsTable
from ltseg.heads import FrequencyBasedAssigner
from ltseg.losses import MaskClassificationLoss
from ltseg.rules import PriorBias

LABELS = ([[0, 0, 1, 2]], [[0, 0, 0, 255]])


class Loss(nn.Module):
    def __init__(self, mode: str) -> None:
        super().__init__()
        self.counts = ClassCountsSource(mode)


class Head(nn.Module):
    def __init__(self, num_classes: int, mode: str) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.loss_decode = nn.ModuleList([Loss(mode), Loss('batch')])


class Model(BaseModel):
    def __init__(self, num_classes: int = 3, mode: str = 'dataset') -> None:
        super().__init__()
        self.decode_head = Head(num_classes, mode)
        self.weight = nn.Parameter(torch.zeros(1))

    @property
    def source(self) -> ClassCountsSource:
        return self.decode_head.loss_decode[0].counts

    def forward(self, inputs: object = None, data_samples: object = None, mode: str = 'loss', **_: object) -> object:
        return {'loss': self.weight.sum()} if mode == 'loss' else [0]


class Metric(BaseMetric):
    table = None

    def fill_counts(self, table: CountsTable) -> None:
        self.table = table

    def process(self, data_batch: object, data_samples: object) -> None:
        self.results.append(1)

    def compute_metrics(self, results: list) -> dict:
        return {'number': len(results)}


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    for folder in ('img', 'ann'):
        (tmp_path / 'data' / folder).mkdir(parents=True)
    for index, values in enumerate(LABELS):
        Image.new('RGB', (4, 1)).save(tmp_path / 'data' / 'img' / f'{index}.jpg')
        Image.fromarray(np.array(values, dtype=np.uint8)).save(tmp_path / 'data' / 'ann' / f'{index}.png')
    return tmp_path / 'data'


def runner(data_root: Path, model: nn.Module, metric: Metric | None = None, hook: dict | None = None) -> Runner:
    prefix = {'img_path': 'img', 'seg_map_path': 'ann'}
    dataset = {'type': 'BaseSegDataset', 'data_root': str(data_root), 'data_prefix': prefix}
    dataset |= {'metainfo': {'classes': ('a', 'b', 'c')}, 'pipeline': [{'type': 'LoadAnnotations'}]}
    loader = {'batch_size': 1, 'num_workers': 0, 'collate_fn': {'type': 'pseudo_collate'}}
    train = loader | {'dataset': dataset, 'sampler': {'type': 'InfiniteSampler'}}
    sample = [{'inputs': torch.zeros(1), 'data_samples': None}]
    val = loader | {'dataset': sample, 'sampler': {'type': 'DefaultSampler', 'shuffle': False}}
    return Runner(
        model,
        work_dir=str(data_root.parent / 'work_dirs' / 'run'),
        train_dataloader=train,
        train_cfg={'type': 'IterBasedTrainLoop', 'max_iters': 1, 'val_interval': 1},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        val_dataloader=val,
        val_cfg={'type': 'ValLoop'},
        val_evaluator=Evaluator(metric or Metric()),
        custom_hooks=[{'type': 'EMAHook'}, {'type': 'ltseg.CountClasses'} | (hook or {})],
        default_hooks={'logger': None, 'checkpoint': None},
        default_scope='mmseg',
        experiment_name=f'{data_root}-{id(model)}',
        log_level='WARNING',
    )


@pytest.fixture(autouse=True)
def modules_registered(mmseg_registered: None) -> None:
    pass


def samples(source: ClassCountsSource) -> list[int]:
    return source(torch.zeros(1, 1, dtype=torch.long), 3).samples.tolist()


def test_training_fills_losses_their_copies_and_metrics(data_root: Path) -> None:
    model, metric = Model(), Metric()
    training = runner(data_root, model, metric)
    training.train()
    assert not model.source.waiting
    assert samples(model.source) == [5, 1, 1]
    assert metric.table.counts.samples.tolist() == [5, 1, 1]
    (copy,) = [hook.ema_model.module for hook in training.hooks if type(hook).__name__ == 'EMAHook']
    assert samples(copy.source) == [5, 1, 1]
    (cached,) = (data_root.parent / 'work_dirs' / 'class_counts').iterdir()
    assert CountsTable.load(cached).provenance == metric.table.provenance


def test_what_counts_segments_gets_images_with_each_class(data_root: Path) -> None:
    model = Model(mode='batch')
    model.decode_head.loss_cls = MaskClassificationLoss([1.0] * 4, [PriorBias()])
    model.decode_head.assigner = FrequencyBasedAssigner(object())
    runner(data_root, model).train()
    for part in (model.decode_head.loss_cls, model.decode_head.assigner):
        assert samples(part.counts) == [2, 1, 1] and part.counts.num_images == 2


def test_counts_nothing_where_nothing_waits(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Metric, 'fill_counts')
    runner(data_root, Model(mode='batch')).train()
    assert not (data_root.parent / 'work_dirs' / 'class_counts').exists()


def test_evaluation_counts_for_metrics_only_and_does_without(data_root: Path) -> None:
    model, metric = Model(), Metric()
    runner(data_root, model, metric).val()
    assert metric.table.counts.samples.tolist() == [5, 1, 1]
    assert model.source.waiting
    data_root.rename(data_root.parent / 'elsewhere')
    metric = Metric()
    runner(data_root, Model(), metric).val()
    assert metric.table is None


def test_missing_labels_stop_training_and_are_named(data_root: Path) -> None:
    (data_root / 'ann' / '1.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 missing ones.*ann/1\.png'):
        runner(data_root, Model()).train()


def test_another_number_of_classes_names_loss_head_and_data_set(data_root: Path) -> None:
    with pytest.raises(ValueError) as caught:
        runner(data_root, Model(num_classes=4)).train()
    parts = ("'BaseSegDataset' has 3", "Head 'decode_head'", "'decode_head.loss_decode.0'", 'has 4', 'num_classes=3')
    for part in parts:
        assert part in str(caught.value)
    hinted(' in the head, or the classes of the data set.', str(caught.value))
    runner(data_root, Model(num_classes=3)).train()


def test_given_table_is_used_and_checked_against_the_data_set(data_root: Path) -> None:
    path = data_root.parent / 'table.json'
    CountsTable(ClassCounts.from_list([7, 8, 9]), ('a', 'b', 'c')).save(path)
    model = Model()
    runner(data_root, model, hook={'table': str(path)}).train()
    assert samples(model.source) == [7, 8, 9]
    CountsTable(ClassCounts.from_list([7, 8, 9]), ('a', 'b', 'other')).save(path)
    with pytest.raises(ValueError, match=r"table\.json.*'other'.*'c'"):
        runner(data_root, Model(), hook={'table': str(path)}).train()


def test_the_table_of_a_loss_is_checked_against_the_data_set(data_root: Path) -> None:
    model = Model(mode='fixed')
    model.source.fill(CountsTable(ClassCounts.from_list([7, 8, 9]), ('b', 'a', 'c')))
    with pytest.raises(ValueError, match=r"'decode_head.loss_decode.0.counts' calls class 0 'b' but .* calls it 'a'"):
        runner(data_root, model).train()


def test_evaluation_does_without_whatever_a_package_raises(data_root: Path) -> None:
    metric = Metric()
    evaluation = runner(data_root, Model(), metric)
    evaluation._train_dataloader['dataset']['ann_file'] = str(data_root / 'none.txt')  # an AssertionError of mmseg
    evaluation.val()
    assert metric.table is None


def test_labels_that_training_cannot_use_stop_it_and_no_evaluation(data_root: Path) -> None:
    """Only a metric waits for counts; MMSegmentation would cast 1.7 to 1."""
    Image.fromarray(np.array([[0, 1, 1.7, np.nan]], np.float32)).save(data_root / 'ann/1.tif')
    (data_root / 'ann/1.tif').rename(data_root / 'ann/1.png')
    with pytest.raises(ValueError, match=r'label file .*1\.png: expected one channel of integers.*float32'):
        runner(data_root, Model(mode='batch'), Metric()).train()
    metric = Metric()
    runner(data_root, Model(mode='batch'), metric).val()
    assert metric.table is None


class Lower:
    """A user's transform, which makes classes of the values in the files."""

    def __call__(self, results: dict) -> dict:
        results['gt_seg_map'] = results['gt_seg_map'] % 3
        return results


def test_labels_that_a_transform_of_the_user_makes_classes_of_are_not_counted(data_root: Path) -> None:
    Image.fromarray(np.array([[77, 78, 79, 80]], np.uint8)).save(data_root / 'ann/1.png')
    metric = Metric()
    training = runner(data_root, Model(mode='batch'), metric)
    dataset = training._train_dataloader['dataset']
    dataset['pipeline'] = [*dataset['pipeline'], Lower()]
    training.train()
    assert metric.table is None
    with pytest.raises(ValueError, match=r'label file .*1\.png: expected labels of 3 classes'):
        runner(data_root, Model(mode='batch'), Metric()).train()


def one_of_two(rank: int, folder: str) -> None:
    """A process that asks for two tables; the first process makes one and fails at the other."""
    table = on_main_process(lambda: CountsTable(ClassCounts.from_list([rank + 1, 2]), ('a', 'b')))
    try:
        on_main_process(lambda: CountsTable.load(f'{folder}/none.json'))
    except FileNotFoundError as error:
        Path(folder, f'{rank}.txt').write_text(f'{table.counts.samples.tolist()} {error}')


def test_every_process_gets_the_table_or_the_error_of_the_first(tmp_path: Path) -> None:
    in_two_processes(one_of_two, str(tmp_path))
    texts = [(tmp_path / f'{rank}.txt').read_text() for rank in range(2)]
    assert texts[0] == texts[1]
    assert texts[0].startswith('[1.0, 2.0]')
    assert 'none.json' in texts[0]


def test_a_given_table_that_is_missing_stops_an_evaluation_too(data_root: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'none\.json'):
        runner(data_root, Model(), hook={'table': str(data_root / 'none.json')}).val()


def test_every_head_that_does_not_fit_is_named(data_root: Path) -> None:
    model = Model(num_classes=4)
    model.auxiliary_head = Head(5, 'dataset')
    with pytest.raises(ValueError, match=r"(?s)'decode_head' .*has 4 classes.*'auxiliary_head' .*has 5 classes"):
        runner(data_root, model).train()


def test_labels_are_decoded_by_as_many_workers_as_asked_for(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def count(dataset: Any, folder: Path, workers: int | None, **_: Any) -> tuple[CountsTable, None]:
        asked.append(workers)
        return CountsTable(ClassCounts.from_list([5, 1, 1]), ('a', 'b', 'c'), {'files': 2}), None

    monkeypatch.setattr('ltseg.hooks.count_classes.count_dataset', count)
    runner(data_root, Model(), hook={'workers': 3}).train()
    assert asked == [3]


@pytest.mark.parametrize(('mode', 'expected'), [('dataset', [4, 4, 1]), ('batch', None)])
def test_what_the_head_ignores_is_not_counted(mode: str, expected: list | None, data_root: Path) -> None:
    """In any run of mmengine, whatever the data set says; for the loss, the ignored class is no rare one."""
    Image.fromarray(np.array([[0, 1, 1, 1]], dtype=np.uint8)).save(data_root / 'ann/1.png')
    model, metric = Model(mode=mode), Metric()
    model.decode_head.ignore_index = 0
    runner(data_root, model, metric).train()
    assert metric.table.counts.samples.tolist() == [0, 4, 1]
    assert metric.table.provenance['ignored_values'] == {'0': 3}
    if expected:
        assert samples(model.source) == expected


@pytest.mark.parametrize('ignored', [255, 2])
def test_a_table_of_another_ignored_label_is_told(ignored: int, data_root: Path) -> None:
    path = data_root.parent / 'table.json'
    CountsTable(ClassCounts.from_list([7, 8, 9]), ('a', 'b', 'c'), {'ignore_index': 255}).save(path)
    model = Model()
    model.decode_head.ignore_index = ignored
    training = runner(data_root, model, hook={'table': str(path)})
    said: list[str] = []
    training.logger.warning = said.append  # type: ignore[method-assign]
    training.train()
    told = [text for text in said if 'counted with the ignored label 255, the head ignores 2' in text]
    assert len(told) == (ignored == 2)
    if told:
        hinted('Count again: ltseg count CONFIG --out ', told[0])
        CountsTable(ClassCounts.from_list([7, 8, 0]), ('a', 'b', 'c'), {'ignore_index': 2}).save(path)
        said.clear()
        training = runner(data_root, model, hook={'table': str(path)})
        training.logger.warning = said.append  # type: ignore[method-assign]
        training.train()
        assert not [text for text in said if 'counted with the ignored label' in text]
