"""The tools on an image classifier, from the command line to their files."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hinted import hinted
from tiny_training import quick_tools, tool, write_classification

from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.table import CountsTable
from ltseg.datasets.cifar import OFFICIAL
from ltseg.reports.record import RunRecord

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory, mmseg_registered: None, quick: None) -> tuple[Path, Path]:
    """A config and its checkpoint."""
    config = write_classification(tmp_path_factory.mktemp('classification'))
    tool('train')([str(config), '--seed', '4', '--cfg-options', 'optimizer.lr=0.01'])
    return config, config.parents[1] / 'work_dirs/training/epoch_1.pth'


def run(name: str, trained: tuple[Path, Path], *options: str) -> None:
    tool(name)([*map(str, trained), *options])


def test_training_leaves_a_record(trained: tuple[Path, Path]) -> None:
    record = RunRecord.load(trained[1].parent / 'records/val.json')
    assert (record.method, record.model, record.dataset) == ('cross entropy', 'ResNet-20', 'CIFAR-10-LT 6')
    assert (record.seed, record.settings, record.iterations) == (4, {'optimizer.lr': 0.01}, 1)
    (point,) = record.curves['val']
    assert point['accuracy/top1'] == record.metrics()['accuracy/top1'] and 'accuracy/cat' not in point
    assert 'ece/all' in point and 'mmpretrain' in record.versions
    assert record.evaluation.counts.tolist() == [6, 4, 4, 3, 2, 2, 1, 1, 1, 1]
    assert record.evaluation.counts_from == 'the training labels'


def test_evaluation_prints_and_writes_groups_classes_and_calibration(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work_dir = trained[1].parent
    run('test', trained, '--out', str(tmp_path / 'out'), '--show-dir', str(tmp_path / 'shown'))
    shown = capsys.readouterr().out
    assert 'cross entropy, ResNet-20, CIFAR-10-LT 6 test, seed 4' in shown
    assert 'top-1 ' in shown and 'few (10): airplane' in shown and 'Expected calibration error' in shown
    record = RunRecord.load(work_dir / 'records/test.json')
    assert record.evaluation.matrix.sum() == 60 and record.curves['val']
    with (work_dir / 'reports/test_report.csv').open() as stream:
        rows = {row[0]: row for row in csv.reader(stream)}
    assert rows['images'][1:11] == ['6', '4', '4', '3', '2', '2', '1', '1', '1', '1']
    assert float(rows['accuracy'][11]) == pytest.approx(record.metrics()['accuracy/mean_class'])
    content = json.loads((work_dir / 'reports/test_report.json').read_text())
    assert content['metrics']['accuracy/top1'] == record.metrics()['accuracy/top1']
    assert content['classes']['cat']['accuracy'] == record.metrics()['accuracy/cat']
    assert len((tmp_path / 'out/predictions.csv').read_text().splitlines()) == 61
    assert len(list((tmp_path / 'shown').iterdir())) == 60


def test_training_split_is_the_long_tailed_part(trained: tuple[Path, Path]) -> None:
    run('test', trained, '--split', 'train')
    record = RunRecord.load(trained[1].parent / 'records/train.json')
    assert record.evaluation.matrix.sum(1).tolist() == record.evaluation.counts.tolist()


@pytest.mark.parametrize('form', ['un', 'cl2n'])
def test_nearest_mean_predicts_what_its_definition_does(trained: tuple[Path, Path], form: str) -> None:
    from mmengine.config import Config
    from mmengine.runner import Runner
    from mmpretrain.registry import MODELS

    from ltseg.cli.config_files import training_images

    run('test', trained, '--nearest-mean', form)
    folder = trained[1].parent / f'nearest_mean_{form}'
    record = RunRecord.load(folder / 'records/test.json')
    assert record.method == f'cross entropy + NCM ({form})' and record.settings['nearest_mean'] == form

    config = Config.fromfile(trained[0])
    model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor}).eval()
    model.load_state_dict(torch.load(trained[1], weights_only=False)['state_dict'])
    sets = []
    for dataset in (training_images(config), config.test_dataloader.dataset):
        loader = Runner.build_dataloader({**config.test_dataloader, 'dataset': dataset})
        (batch,) = list(loader)
        data = model.data_preprocessor(batch)
        with torch.no_grad():
            features = model.extract_feat(data['inputs'])[-1].double()
        sets.append((features, torch.cat([sample.gt_label for sample in data['data_samples']])))
    (seen, labels), (new, truth) = sets
    if form == 'cl2n':
        center = seen.mean(0)
        seen, new = ((rows - center) / (rows - center).norm(dim=1, keepdim=True) for rows in (seen, new))
    means = torch.stack([seen[labels == k].mean(0) for k in range(10)])
    nearest = (new[:, None] - means).norm(dim=2).argmin(1)
    matrix = torch.zeros(10, 10, dtype=torch.int64).index_put_((truth, nearest), torch.tensor(1), accumulate=True)
    assert (matrix - record.evaluation.matrix).abs().sum() <= 2  # distances equal up to rounding


def test_logit_adjustment_curve_and_folded_checkpoint_agree(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The counts call one class rare, so that a large tau predicts it everywhere."""
    folded, table = tmp_path / 'folded.pth', tmp_path / 'counts.json'
    CountsTable(ClassCounts(torch.tensor([100] * 9 + [1])), OFFICIAL[10]).save(table)
    options = ('--prior', str(table), '--tau', '0', '9', '--select-on', 'test', '--criterion', 'accuracy/truck')
    run('adjust_logits', trained, *options, '--fold-into', str(folded), '--work-dir', str(tmp_path))
    record = RunRecord.load(tmp_path / 'records/test_posthoc.json')
    shown = capsys.readouterr().out
    assert 'on the same images' in shown and 'Logit adjustment on test' in shown and 'few (1): truck' in shown
    assert [point['tau'] for point in record.tau_curve] == [0, 9] and record.settings['posthoc']['tau'] == 9
    assert record.metrics()['accuracy/truck'] == 100 and record.metrics()['accuracy/top1'] == 10
    assert (tmp_path / 'reports/test_tau_curve.png').exists() and record.method == 'cross entropy + post-hoc'
    run('test', (trained[0], folded), '--work-dir', str(tmp_path / 'again'))
    again = RunRecord.load(tmp_path / 'again/records/test.json')
    assert torch.equal(again.evaluation.matrix, record.evaluation.matrix)


def test_tau_normalisation_curve_and_folded_checkpoint_agree(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folded, options = tmp_path / 'folded.pth', ('--by', 'norm', '--tau', '2', '--work-dir', str(tmp_path))
    run('adjust_logits', trained, *options, '--fold-into', str(folded), '--criterion', 'accuracy/few')
    record = RunRecord.load(tmp_path / 'records/val_tau_norm.json')
    chosen = record.settings['posthoc']['tau']
    run('test', (trained[0], folded), '--work-dir', str(tmp_path / 'again'))
    again = RunRecord.load(tmp_path / 'again/records/test.json')
    assert torch.equal(again.evaluation.matrix, record.evaluation.matrix)
    assert record.method == 'cross entropy + tau-norm' and record.settings['posthoc']['adjustment'] == 'norm'
    assert 'Tau-normalisation on val' in capsys.readouterr().out and chosen in (0, 2)
    assert (tmp_path / 'reports/val_tau_norm_curve.png').exists()


def test_runs_are_compared_with_the_papers(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('COLUMNS', '200')
    record, markdown = str(trained[1].parent / 'records/val.json'), tmp_path / 'table.md'
    tool('compare_runs')([record, '--paper', 'cifar10lt100/arb', '--markdown', str(markdown)])
    text = markdown.read_text()
    assert 'ARB-Loss (ARB paper)' in text and '83.30 (+12.90)' in text and '| ece/all |' in text
    assert '| truck | few |' in text and 'Papers have their own rules' in text
    with pytest.raises(SystemExit):
        tool('compare_runs')([record, '--paper', 'cifar100lt100/arb'])
    assert '100 classes, as CIFAR-100-LT 100 has' in capsys.readouterr().err


def test_classes_are_counted_in_images(trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    tool('count_classes')([str(trained[0])])
    shown = capsys.readouterr().out
    assert 'few (10): airplane' in shown and 'Imbalance ratio: 6.0' in shown and 'pixels' not in shown


@pytest.mark.parametrize(
    ('name', 'options', 'expected'),
    [
        ('test', ('--data-root', 'nowhere'), ['nowhere', 'cifar-10-batches-py']),
        ('test', ('--cfg-options', 'model.head.num_classes=9'), ['model.head.num_classes', 'expected 10']),
        ('test', ('--cfg-options', 'model.backbone.depth=32'), ['weights of this model', 'backbone.']),
        ('test', ('--tta',), ['tta_pipeline']),
        ('test', ('--cfg-options', 'test_evaluator.groups.many=3'), ['groups: expected', 'many=36']),
        ('adjust_logits', ('--criterion', 'accuracy/top'), ["Did you mean 'accuracy/top1'"]),
        ('adjust_logits', ('--by', 'norm', '--fold-into', '{checkpoint}'), ['another file than the checkpoint']),
    ],
)
def test_fault_ends_in_one_message(
    trained: tuple[Path, Path],
    tmp_path: Path,
    name: str,
    options: tuple[str, ...],
    expected: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    filled = [option.format(checkpoint=trained[1]) for option in options]
    with pytest.raises(SystemExit) as stop:
        run(name, trained, *filled, '--work-dir', str(tmp_path))
    text = capsys.readouterr().err
    assert stop.value.code == 1 and 'Traceback' not in text
    assert [part for part in expected if part not in text] == [], text
    if options == ('--tta',):
        hinted('Leave --tta out.', text)
        run(name, trained, '--work-dir', str(tmp_path))
        assert (tmp_path / 'records/test.json').is_file()
