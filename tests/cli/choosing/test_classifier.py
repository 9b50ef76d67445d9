"""ltseg choose for an image classifier, on tiny data."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_choice import BRIEF, Here
from tiny_training import quick_tools, write_classification

from ltseg.cli import choose as command
from ltseg.cli.choose import main
from ltseg.core.errors import UsageError
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.sources import ClassCountsSource
from ltseg.counts.table import CountsTable
from ltseg.datasets import CachedVectors
from ltseg.heads import LongTailClsHead
from ltseg.registry import MODELS

pytestmark = pytest.mark.usefixtures('mmpretrain_registered', 'quick')
FOLDER = Path('work_dirs/training/choose')


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, 'process_pool', lambda _: Here())
    return str(write_classification(tmp_path))


def brief(*more: str) -> list[str]:
    options = list(BRIEF)
    options[options.index('--batch-size') + 1] = '16'
    return [*options, *more]


def features_of(split: str) -> CachedVectors:
    (folder,) = (FOLDER / 'features').glob(f'{split}-*')
    return CachedVectors(folder)


def test_it_trains_compares_and_leaves_a_config(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([config, '--methods', 'bs', *brief('--longer', '2')])
    said = ' '.join(capsys.readouterr().out.split())
    assert 'features of a random network say nothing' in said
    assert 'above cross entropy with post-hoc adjustment by more than chance on 60 validation images' in said
    runs = {(record.method, record.seed, record.iterations) for record in records(FOLDER)}
    names = ('cross entropy', 'balanced softmax')
    assert runs == {*((name, seed, 2) for name in names for seed in (0, 1)), ('cross entropy', 0, 4)}
    table = (FOLDER / 'choice.md').read_text()
    header = 'class acc | weighted acc | best tau | its class acc | its weighted acc | its many | its medium | its few |'
    assert header in table and '| cross entropy | 2 |' in table and '| cross entropy, 4 iterations | 1 |' in table
    assert 'points of class acc' in (FOLDER / 'choice.html').read_text()
    text, chosen = (FOLDER / 'chosen.py').read_text(), Config.fromfile(FOLDER / 'chosen.py')
    assert '--criterion accuracy/mean_class' in text and 'the highest mean class accuracy was at' in text
    assert chosen.model.head.type == 'ltseg.LongTailClsHead' and chosen.model.neck.type == 'GlobalAveragePooling'


def test_a_run_is_the_head_of_the_whole_model(config: str) -> None:
    """Its predictions are those of backbone, neck and trained head on the images, and its record has the same."""
    main([config, '--methods', 'cas', *brief('--seeds', '1')])
    (folder,) = (FOLDER / 'runs').glob('cas-seed0-*')
    given, taus = Config.fromfile(config), command.parse_taus(['-1', '...', '1.5'])
    whole = loaded_model(given, None)
    head = torch.load(folder / 'iter_2.pth', weights_only=False)['state_dict']
    whole.load_state_dict({**whole.state_dict(), **head})
    torch.save(whole.state_dict(), 'whole.pth')
    model = trained_model(given, 'whole.pth', FOLDER / 'class_counts.json')
    curve, found = model.curve('val', taus), load_counts(folder)
    assert isinstance(found, ClassifiedImages)
    for quality, fairness, evaluation in zip(*(rate[0] for rate in found.rates(torch.ones(1, 60))), curve.evaluations):
        metrics = evaluation.metrics()
        assert quality.item() == pytest.approx(metrics['accuracy/mean_class'], abs=4)  # of bfloat16: two images of 60
        assert fairness.item() == pytest.approx(
            float((evaluation.rates.acc * found.samples).sum() / found.samples.sum()), abs=12
        )
    matrix = RunRecord.load(folder / 'records/val.json').evaluation.matrix
    predicted = found.predicted[taus.index(0.0)].long()
    assert torch.equal(matrix, torch.zeros(100).index_add(0, 10 * found.true + predicted, torch.ones(60)).view(10, 10))


def test_what_is_done_is_not_done_again(config: str) -> None:
    main([config, '--methods', 'bs', *brief()])
    before = {path: path.stat().st_mtime_ns for path in (FOLDER / 'runs').glob('*/counts.pt')}
    (gone, *_) = before
    answer = (FOLDER / 'choice.md').read_text()
    gone.unlink()  # as if it had been killed in this run
    main([config, '--methods', 'bs', *brief()])
    assert [path for path in before if path.stat().st_mtime_ns != before[path]] == [gone]
    assert (FOLDER / 'choice.md').read_text() == answer


def test_classes_are_sampled_alike_and_a_part_of_the_images_has_all(config: str) -> None:
    main([config, '--methods', 'cas', *brief('--seeds', '1', '--images', '12')])
    labels = features_of('train').get_gt_labels()
    assert len(labels) == 12 and set(labels) == set(range(10))
    (folder,) = (FOLDER / 'runs').glob('cas-seed0-*')
    run = Config.fromfile(next(folder.glob('*.py')))
    sampler = dict(type='ltseg.ClassAwareSampler')
    assert run.train_dataloader.sampler == sampler and 'neck' not in run.model
    command.write_config(Path('out/chosen.py'), Config.fromfile(config), '', CLASSIFIER_METHODS['cas'], 'So.', 0.5)
    assert Config.fromfile('out/chosen.py').train_dataloader.sampler == sampler


def test_classes_that_validation_lacks_are_named(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    changed = Config.fromfile(config)
    indices = [place for place in range(60) if place % 10 != 3]
    changed.val_dataloader.dataset = dict(
        type='ltseg.LongTailedDataset', dataset=changed.val_dataloader.dataset, indices=indices
    )
    changed.dump(config)
    main([config, '--methods', 'bs', *brief('--seeds', '1')])
    assert 'No image of cat in validation: nothing is said of them.' in capsys.readouterr().out


@pytest.mark.parametrize('name', CLASSIFIER_METHODS)
def test_each_method_trains_a_head(name: str, config: str) -> None:
    given = Config.fromfile(config)
    given.model.head = dict(type='LinearClsHead', num_classes=10, in_channels=64, loss=dict(type='CrossEntropyLoss'))
    given.model.head.update(regularizers=[dict(type='ltseg.WeightRepulsion')])
    head = MODELS.build(with_method(given, CLASSIFIER_METHODS[name]).model.head)
    samples = torch.arange(10, 0, -1)
    table = CountsTable(ClassCounts(samples, samples, samples), tuple('abcdefghij'), {})
    for module in (each for each in head.modules() if isinstance(each, ClassCountsSource) and each.waiting):
        module.fill(table)
    batch = [DataSample().set_gt_label(label) for label in (0, 3, 9)]
    losses = head.loss((torch.randn(3, 64, generator=torch.Generator().manual_seed(0)),), batch)
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    assert isinstance(head, LongTailClsHead) and head.regularizers is None and bool(head.fc.weight.grad.abs().sum() > 0)


def test_a_config_adds_its_own(config: str) -> None:
    given = Config.fromfile(config)
    given.choose = dict(mine=dict(loss_decode=dict(type='ltseg.FocalLoss')))
    with pytest.raises(UsageError, match='a dict with loss, got'):
        candidates(None, given)
    hint = "E.g. choose=dict(mine=dict(loss=dict(type='ltseg.FocalLoss', gamma=3.)))."
    given.choose = eval(hint.removeprefix('E.g. choose=').rstrip('.'))
    (_, own) = candidates(['mine'], given)
    assert with_method(given, own).model.head.loss.gamma == 3
    assert [each.name for each in candidates(None, given)] == [*CLASSIFIER_METHODS, 'mine']


def test_heads_of_more_than_features_are_refused(config: str) -> None:
    given = Config.fromfile(config)
    given.model.type = 'ltseg.BilateralClassifier'
    hinted('Choose with another model of the same backbone: the order of losses', lambda: check_subject(given))
    given.model.type = 'ImageClassifier'
    check_subject(given)


def test_a_neck_that_nothing_has_trained_is_refused(config: str) -> None:
    given = Config.fromfile(config)
    plain = given.model.neck
    given.model.neck = [dict(type='ltseg.BottleneckNeck', in_channels=64), plain]
    hinted(
        'Give a CHECKPOINT that has them, or set a neck without weights.',
        lambda: loaded_model(given, None),
    )
    trained = build_model(given)
    torch.save(trained.state_dict(), 'trained.pth')
    assert torch.equal(loaded_model(given, 'trained.pth').neck[0].block[0].weight, trained.neck[0].block[0].weight)
    given.model.neck = plain
    loaded_model(given, None)
