"""ltseg choose for an image classifier, on tiny data."""

from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from mmpretrain.structures import DataSample
from rich.console import Console
from small_choice import BRIEF, Here, records
from tiny_training import quick_tools, write_classification

from ltseg.cli import choose as command
from ltseg.cli.choose import loaded_model, main
from ltseg.cli.choosing.candidates import candidates, with_method
from ltseg.cli.choosing.methods import CLASSIFIER_METHODS
from ltseg.cli.choosing.subject import check_subject
from ltseg.cli.choosing.work import load_counts
from ltseg.core.classified_images import ClassifiedImages
from ltseg.core.errors import UsageError
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.sources import ClassCountsSource
from ltseg.counts.table import CountsTable
from ltseg.datasets import CachedVectors
from ltseg.heads import LongTailClsHead
from ltseg.metrics.task import CLASSIFICATION
from ltseg.registry import MODELS
from ltseg.reports.record import RunRecord
from ltseg.trained.model import build_model

pytestmark = pytest.mark.usefixtures('mmpretrain_registered')
OPTIONS = ['--methods', 'cas', *BRIEF, '--batch-size', '16', '--longer', '2', '--images', '12']


@dataclass(frozen=True)
class Choice:
    """What a choice has been made of, said and left."""

    config: str
    said: str
    folder: Path

    def again(self) -> None:
        """The same command."""
        with quick_tools(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(command, 'process_pool', lambda _: Here())
            main([self.config, *OPTIONS])

    def features(self, split: str) -> CachedVectors:
        """What is kept of a split."""
        (folder,) = (self.folder / 'features').glob(f'{split}-*')
        return CachedVectors(folder)


@pytest.fixture(scope='module')
def choice(tmp_path_factory: pytest.TempPathFactory) -> Choice:
    root = tmp_path_factory.mktemp('choice')
    config, said = str(write_classification(root)), StringIO()
    with redirect_stdout(said):
        Choice(config, '', root).again()
    return Choice(config, ' '.join(said.getvalue().split()), root / 'work_dirs/training/choose')


@pytest.fixture
def config(choice: Choice) -> Config:
    return Config.fromfile(choice.config)


def test_it_trains_compares_and_leaves_a_config(choice: Choice) -> None:
    assert 'features of a random network say nothing' in choice.said
    assert 'above cross entropy with post-hoc adjustment by more than chance on 60 validation images' in choice.said
    runs = {(record.method, record.seed, record.iterations) for record in records(choice.folder)}
    names = ('cross entropy', 'cross entropy, class-aware sampling')
    assert runs == {*((name, seed, 2) for name in names for seed in (0, 1)), ('cross entropy', 0, 4)}
    table = (choice.folder / 'choice.md').read_text()
    assert 'best tau | its class acc | its weighted acc | its many | its medium | its few | above CE' in table
    assert '| method | seeds | class acc | weighted acc |' in table and '| cross entropy, 4 iterations | 1 |' in table
    assert 'points of class acc' in (choice.folder / 'choice.html').read_text()
    chosen = Config.fromfile(choice.folder / 'chosen.py')
    assert '--criterion accuracy/mean_class' in (choice.folder / 'chosen.py').read_text()
    assert chosen.model.head.type == 'ltseg.LongTailClsHead' and chosen.model.neck.type == 'GlobalAveragePooling'


def test_predictions_are_those_of_the_trained_head(choice: Choice) -> None:
    (folder,) = (choice.folder / 'runs').glob('cas-seed0-*')
    state = torch.load(folder / 'iter_2.pth', weights_only=False)['state_dict']
    vectors = choice.features('val')
    rows = torch.stack([vectors[place]['inputs'].float() for place in range(60)])
    logits = rows @ state['head.fc.weight'].T + state['head.fc.bias']
    samples = CountsTable.load(choice.folder / 'class_counts.json').counts.samples
    log_prior = (samples / samples.sum()).log()
    found, taus = load_counts(folder), command.parse_taus(['-1', '...', '1.5'])
    assert isinstance(found, ClassifiedImages) and torch.equal(found.true, torch.from_numpy(vectors.get_gt_labels()))
    for predicted, tau in zip(found.predicted, taus, strict=True):
        adjusted = logits - tau * log_prior
        chosen = adjusted.gather(1, predicted.long().unsqueeze(1)).squeeze(1)
        torch.testing.assert_close(chosen, adjusted.amax(1))
    evaluation = RunRecord.load(folder / 'records/val.json').evaluation
    at_zero = found.rates(torch.ones(1, 60))[0][0, taus.index(0.0)]
    assert evaluation.metrics()['accuracy/mean_class'] == pytest.approx(at_zero.item())


def test_classes_are_sampled_alike_from_images_that_have_all(choice: Choice, tmp_path: Path, config: Config) -> None:
    labels = choice.features('train').get_gt_labels()
    assert len(labels) == 12 and set(labels) == set(range(10))
    (folder,) = (choice.folder / 'runs').glob('cas-seed0-*')
    run, sampler = Config.fromfile(next(folder.glob('*.py'))), dict(type='ltseg.ClassAwareSampler')
    assert run.train_dataloader.sampler == sampler and 'neck' not in run.model
    command.write_config(tmp_path / 'chosen.py', config, '', CLASSIFIER_METHODS['cas'], 'So.', 0.5)
    assert Config.fromfile(tmp_path / 'chosen.py').train_dataloader.sampler == sampler


def test_what_is_done_is_not_done_again(choice: Choice) -> None:
    before = {path: path.stat().st_mtime_ns for path in (choice.folder / 'runs').glob('*/counts.pt')}
    (gone, *_) = before
    answer = (choice.folder / 'choice.md').read_text()
    gone.unlink()  # as if it had been killed in this run
    choice.again()
    assert [path for path in before if path.stat().st_mtime_ns != before[path]] == [gone]
    assert (choice.folder / 'choice.md').read_text() == answer


def test_classes_that_validation_lacks_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    here, there = (CountsTable(ClassCounts.from_list(counts), ('cat', 'owl')) for counts in ([9, 1], [9, 0]))
    command.warn_of_unseen(here, there, Console(), CLASSIFICATION.unit)
    assert 'No image of owl in validation: nothing is said of them.' in capsys.readouterr().out


@pytest.mark.parametrize('name', CLASSIFIER_METHODS)
def test_each_method_trains_a_head(name: str, config: Config) -> None:
    config.model.head = dict(type='LinearClsHead', num_classes=10, in_channels=64, loss=dict(type='CrossEntropyLoss'))
    config.model.head.update(regularizers=[dict(type='ltseg.WeightRepulsion')])
    head = MODELS.build(with_method(config, CLASSIFIER_METHODS[name]).model.head)
    samples = torch.arange(10, 0, -1)
    table = CountsTable(ClassCounts(samples, samples, samples), tuple('abcdefghij'), {})
    for module in (each for each in head.modules() if isinstance(each, ClassCountsSource) and each.waiting):
        module.fill(table)
    batch = [DataSample().set_gt_label(label) for label in (0, 3, 9)]
    losses = head.loss((torch.randn(3, 64, generator=torch.Generator().manual_seed(0)),), batch)
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    assert isinstance(head, LongTailClsHead) and head.regularizers is None and bool(head.fc.weight.grad.abs().sum() > 0)


def test_a_config_adds_its_own(config: Config) -> None:
    config.choose = dict(mine=dict(loss_decode=dict(type='ltseg.FocalLoss')))
    with pytest.raises(UsageError, match='a dict with loss, got'):
        candidates(None, config)
    hint = "E.g. choose=dict(mine=dict(loss=dict(type='ltseg.FocalLoss', gamma=3.)))."
    config.choose = eval(hint.removeprefix('E.g. choose=').rstrip('.'))
    (_, own) = candidates(['mine'], config)
    assert with_method(config, own).model.head.loss.gamma == 3
    assert [each.name for each in candidates(None, config)] == [*CLASSIFIER_METHODS, 'mine']


def test_heads_of_more_than_features_are_refused(config: Config) -> None:
    config.model.type = 'ltseg.BilateralClassifier'
    hinted('Choose with another model of the same backbone: the order of losses', lambda: check_subject(config))
    config.model.type = 'ImageClassifier'
    check_subject(config)


def test_a_neck_that_nothing_has_trained_is_refused(config: Config, tmp_path: Path) -> None:
    plain = config.model.neck
    config.model.neck = [dict(type='ltseg.BottleneckNeck', in_channels=64), plain]
    hinted(
        'Give a CHECKPOINT that has them, or set a neck without weights.',
        lambda: loaded_model(config, None),
    )
    trained = build_model(config)
    path = str(tmp_path / 'trained.pth')
    torch.save(trained.state_dict(), path)
    assert torch.equal(loaded_model(config, path).neck[0].block[0].weight, trained.neck[0].block[0].weight)
    config.model.neck = plain
    loaded_model(config, None)
