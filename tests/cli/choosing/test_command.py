"""ltseg choose as a whole, on tiny data."""

import runpy
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from rich.console import Console
from small_choice import BRIEF, Here, records
from small_segmentor import small_config
from tiny_training import quick_tools

from ltseg.checkpoint_files.loading import files_are_trusted
from ltseg.cli import choose as command
from ltseg.cli.choose import has_weights, loaded_model, main
from ltseg.cli.choosing import work
from ltseg.cli.choosing.candidates import with_method
from ltseg.cli.choosing.methods import METHODS
from ltseg.cli.choosing.subject import check_subject
from ltseg.cli.choosing.work import load_counts
from ltseg.cli.train import parse_arguments as parse_training
from ltseg.core.confusion import confusion_matrix
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.table import CountsTable
from ltseg.datasets import CachedFeatures
from ltseg.datasets.image_classes import image_classes_of
from ltseg.registry import MODELS
from ltseg.reports.record import RunRecord
from ltseg.trained.model import build_model
from ltseg.trained.tasks import trained_model

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, 'process_pool', lambda _: Here())
    small_config(tmp_path)
    return 'segformer-lite0_ce_camvid.py'


def test_it_trains_compares_and_leaves_a_config(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([config, '--methods', 'sqrt', *BRIEF])
    said = capsys.readouterr()
    assert 'features of a random network say nothing' in said.err + said.out
    folder = Path('work_dirs/run/choose')
    assert 'cross entropy with post-hoc adjustment' in ' '.join(
        said.out.split()
    ) and f'{folder}/choice.html' in said.out.replace('\n', '')
    assert {(record.method, record.seed) for record in records()} == {
        (method, seed) for method in ('cross entropy', 'square-root weights') for seed in (0, 1)
    }
    assert 'Above cross entropy with post-hoc adjustment' in (folder / 'choice.html').read_text()
    assert '| cross entropy | 2 |' in (folder / 'choice.md').read_text()
    chosen = Config.fromfile(folder / 'chosen.py')
    assert chosen.model.decode_head.loss_decode.type in ('ltseg.CrossEntropyLoss', 'ltseg.ReweightedLoss')
    assert chosen.model.backbone.type == 'ResNet'


def test_what_is_done_is_not_done_again(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([config, '--methods', 'sqrt', *BRIEF])
    first = capsys.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in Path('work_dirs/run/choose/runs').glob('*/counts.pt')}
    (gone, *_) = before
    gone.unlink()  # as if it had been killed in this run
    main([config, '--methods', 'sqrt', *BRIEF])
    again = capsys.readouterr().out
    assert [path for path in before if path.stat().st_mtime_ns != before[path]] == [gone]
    assert first.partition('Heads on')[2] == again.partition('Heads on')[2]  # the same numbers
    main([config, '--methods', 'sqrt', *BRIEF, '--lr', '0.001'])
    assert len(records()) == 8  # other settings are other runs


def test_counts_are_those_of_the_model_and_the_record(config: str, tmp_path: Path) -> None:
    main([config, '--methods', 'arb', *BRIEF])
    (folder, *_) = sorted(Path('work_dirs/run/choose/runs').glob('arb-seed1-*'))
    counts, record = load_counts(folder), RunRecord.load(folder / 'records/val.json')
    zero = command.parse_taus(['-1', '...', '1.5']).index(0.0)
    assert torch.equal(counts.right[:, zero].sum(0), record.evaluation.matrix.diagonal())
    assert torch.equal(counts.predicted[:, zero].sum(0), record.evaluation.matrix.sum(0))
    run = Config.fromfile(next(folder.glob('*.py')))
    small = Config.fromfile(config)
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg'):
        run[key] = small[key]
    run.val_dataloader.dataset = dict(type='ltseg.CachedFeatures', folder=str(features_of('val')))
    model = trained_model(run, folder / 'iter_2.pth', 'work_dirs/run/choose/class_counts.json')
    matrix = torch.zeros(11, 11, dtype=torch.int64)
    for batch in model.loader('val'):
        for logits, labels in model.logits_and_labels(batch, 'prior'):
            matrix += confusion_matrix(logits.argmax(1), labels, 11)
    assert int((matrix - record.evaluation.matrix).abs().sum()) <= 1e-3 * int(matrix.sum())


def features_of(split: str) -> Path:
    (folder,) = Path('work_dirs/run/choose/features').glob(f'{split}-*')
    return folder


def test_a_longer_run_of_cross_entropy_is_no_seed(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = [each if each != '1' or BRIEF[place - 1] != '--longer' else '2' for place, each in enumerate(BRIEF)]
    main([config, '--methods', 'sqrt', *options])
    assert 'cross entropy seed 0 (4 iterations)' in capsys.readouterr().out
    table = Path('work_dirs/run/choose/choice.md').read_text()
    assert '| cross entropy | 2 |' in table and '| cross entropy, 4 iterations | 1 |' in table
    assert sorted(record.iterations for record in records()) == [2, 2, 2, 2, 4]
    main([config, '--methods', 'sqrt', *BRIEF, '--iterations', '4'])  # which takes it for its first seed
    assert sorted(record.iterations for record in records()) == [2, 2, 2, 2, 4, 4, 4, 4]


def test_crops_are_sampled_by_the_classes_they_hold(config: str) -> None:
    main([config, '--methods', 'rare', *BRIEF])
    assert {record.method for record in records()} == {'cross entropy', 'cross entropy, rare class sampling'}
    (folder, *_) = sorted(Path('work_dirs/run/choose/runs').glob('rare-seed0-*'))
    run = Config.fromfile(next(folder.glob('*.py')))
    assert run.train_dataloader.sampler.type == 'ltseg.RareClassSampler'
    dataset = CachedFeatures(run.train_dataloader.dataset.folder)
    held = image_classes_of(dataset)
    labels = [dataset[index]['data_samples'].gt_sem_seg.data for index in range(len(dataset))]
    table = CountsTable.load('work_dirs/run/choose/class_counts.json')
    for image, label in enumerate(labels):
        pixels = torch.bincount(label[label < len(table.class_names)].flatten().long())
        of_image = held.images == image
        assert held.samples[of_image].tolist() == pixels[pixels > 0].tolist() and held.sizes[image] == label.numel()
    command.write_config(Path('out/chosen.py'), Config.fromfile(config), '', METHODS['rare'], 'So.', 0.5)
    assert Config.fromfile('out/chosen.py').train_dataloader.sampler == dict(type='ltseg.RareClassSampler')


def test_a_part_of_the_images_is_taken(config: str) -> None:
    main([config, '--methods', 'sqrt', *BRIEF, '--images', '3'])
    assert len(list(features_of('train').glob('*.pt'))) >= 3


def test_a_method_that_fails_does_not_stop_the_others(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ['--cfg-options', "choose.broken.loss_decode.type='ltseg.NoSuchLoss'"]
    main([config, '--methods', 'broken', 'sqrt', *BRIEF, *options])
    said = capsys.readouterr().out
    assert 'Failed: broken-seed0' in said and 'NoSuchLoss' in said
    assert {record.method for record in records()} == {'cross entropy', 'square-root weights'}


def test_time_that_is_too_short_is_said(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main([config, '--methods', 'sqrt', *BRIEF, '--minutes', '0.0001'])
    said = ' '.join(capsys.readouterr().out.split())
    assert 'Only cross entropy was trained' in said and 'Left out for want of time: square-root weights seed 0' in said
    main([config, '--methods', 'sqrt', *BRIEF])  # goes on with them
    assert len(records()) == 4 and 'Left out' not in capsys.readouterr().out


def test_without_a_run_of_cross_entropy_there_is_no_answer(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(command, 'run_jobs', lambda jobs, *_: list(jobs))
        main([config, '--methods', 'sqrt', *BRIEF])
    hinted('Mend what its line says.', capsys.readouterr().err)  # the first run begins whatever the time
    main([config, '--methods', 'sqrt', *BRIEF])
    assert len(records()) == 4


def test_classes_that_validation_lacks_are_named(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    for path in Path('camvid/labels/val').iterdir():
        image = Image.open(path)
        image.point([4 if value == 3 else value for value in range(256)]).save(path)
    main([config, '--methods', 'sqrt', *BRIEF])
    assert 'No pixel of Road in validation' in capsys.readouterr().out


def test_groups_of_the_metric_are_those_of_the_records(config: str) -> None:
    small = Config.fromfile(config)
    small.val_evaluator.groups = dict(head=[0], medium=[1, 2], tail=list(range(3, 11)))
    small.dump(config)
    main([config, '--methods', 'sqrt', *BRIEF])
    assert {record.evaluation.groups.head for record in records()} == {(0,)}


def test_processes_import_and_trust_what_the_command_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'imported_by_choose.py').write_text('')
    monkeypatch.syspath_prepend(tmp_path)
    values = dict(default_scope='mmseg', custom_imports=dict(imports=['imported_by_choose']))

    def stop(_: Any) -> None:
        assert 'imported_by_choose' in sys.modules and files_are_trusted()
        raise KeyboardInterrupt

    monkeypatch.setattr(work, 'build_runner', stop)
    job = work.Job('ce', 'cross entropy', values, str(tmp_path / 'run'), 0, (0.0,), 255, '', '', '', True)
    with pytest.raises(KeyboardInterrupt):
        work.train_and_evaluate(job)


def test_the_chosen_config_has_the_whole_head_and_the_command_its_settings(config: str) -> None:
    small = Config.fromfile(config)
    head = small.model.decode_head
    head.type = head.pop('head_type')  # a plain head, and one that had regularizers
    small.dump('plain.py')
    head.update(type='ltseg.LongTailSegHead', head_type=head.type, regularizers=[dict(type='ltseg.WeightRepulsion')])
    small.dump('regularized.py')
    changes = ['model.decode_head.channels=8', 'train_dataloader.batch_size=3', 'choose.mine.loss_decode.gamma=3']
    options = command.parse_arguments(['plain.py', 'a.pth', '--data-root', 'a b', '--cfg-options', *changes])
    for base, name in (('plain.py', 'la+bcl'), ('regularized.py', 'sqrt')):
        given, method = Config.fromfile(base), METHODS[name]
        settings = command.settings_of(options, 'decode_head')
        command.write_config(Path('out/chosen.py'), given, settings, method, 'So.', 0.5)
        written = Config.fromfile('out/chosen.py')
        assert written.model.decode_head == with_method(given, method).model.decode_head
        MODELS.build(written.model.decode_head)
    line = next(line for line in Path('out/chosen.py').read_text().splitlines() if 'ltseg train' in line)
    again = parse_training(shlex.split(line.partition('ltseg train ')[2]))
    assert again.config == 'out/chosen.py' and again.data_root == 'a b'
    assert again.cfg_options == {'train_dataloader.batch_size': 3, 'load_from': 'a.pth'}


def test_a_checkpoint_may_be_of_other_classes(config: str) -> None:
    small = Config.fromfile(config)
    other = Config.fromfile(config)
    other.model.decode_head.num_classes = 3
    trained = build_model(other)
    torch.save(trained.state_dict(), 'other.pth')
    torch.testing.assert_close(loaded_model(small, 'other.pth').backbone.state_dict(), trained.backbone.state_dict())


def test_a_class_that_is_ignored_is_not_missed(capsys: pytest.CaptureFixture[str]) -> None:
    table = CountsTable(ClassCounts.from_list([9, 0, 9]), ('a', 'b', 'c'), {'ignore_index': 1})
    assert table.ignored_class == 1
    command.warn_of_unseen(table, table, Console())
    assert 'No pixel' not in capsys.readouterr().out


def test_pretrained_weights_are_seen() -> None:
    def known(checkpoint: str | None = None, **backbone: Any) -> bool:
        return has_weights(Config(dict(model=dict(backbone=dict(type='ResNet', **backbone)))), checkpoint)

    assert not known() and not known(init_cfg=dict(type='Kaiming')) and not known(weights=None)
    assert known(pretrained=True) and not known(pretrained=False)
    assert known('a.pth') and known(weights='a.pth') and known(init_cfg=dict(type='Pretrained', checkpoint='a.pth'))
    assert has_weights(Config(dict(model=dict(pretrained='a', backbone=dict(type='ResNet')))), None)


def test_cascades_are_refused(config: str) -> None:
    small = Config.fromfile(config)
    head = small.model.decode_head
    small.model.decode_head = [head, head]
    hinted('Choose with another model of the same backbone: the order of losses', lambda: check_subject(small))
    small.model.decode_head = head
    check_subject(small)


@pytest.mark.parametrize(
    'option', ['--seeds', '--variants', '--iterations', '--longer', '--minutes', '--images', '--lr']
)
def test_numbers_that_cannot_be_right_are_named(option: str, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([config, option, '0'])
    assert f'{option}: expected' in capsys.readouterr().err


@pytest.mark.slow
def test_processes_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """As the tool starts it, with processes of its own."""
    monkeypatch.chdir(tmp_path)
    small_config(tmp_path)
    tool = runpy.run_path(str(Path(__file__).parents[3] / 'tools/choose.py'))['main']
    monkeypatch.setattr(sys, 'argv', ['choose.py'])
    tool(['segformer-lite0_ce_camvid.py', '--methods', 'sqrt', *BRIEF, '--seeds', '1', '--workers', '2'])
    assert len(records()) == 2 and 'One seed of a method is no answer' in ' '.join(capfd.readouterr().out.split())
