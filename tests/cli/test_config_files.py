import sys
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

import pytest
from hinted import hinted
from mmengine.config import Config

from ltseg.cli.config_files import add_common_arguments, load_config, register_modules, training_images
from ltseg.core.errors import UsageError
from ltseg.environment.advice import findings
from ltseg.environment.installed import examine

CONFIGS = Path(__file__).parents[2] / 'configs'
ARB = str(CONFIGS / 'unet_arb_camvid.py')


def parsed(*arguments: str) -> Namespace:
    parser = ArgumentParser()
    add_common_arguments(parser)
    return parser.parse_args(arguments)


def message(*arguments: str, **options: tuple[str, ...]) -> str:
    with pytest.raises(UsageError) as caught:
        load_config(parsed(*arguments), **options)
    return str(caught.value)


def test_wrong_path_names_the_nearest() -> None:
    text = message(str(CONFIGS / 'unet_abr_camvid.py'))
    assert 'unet_abr_camvid.py' in text and 'Near it: unet_arb_camvid.py' in text
    assert 'Near it' not in message('nowhere/at/all.py')
    assert 'expected a file' in message(str(CONFIGS))


@pytest.mark.parametrize('name', ['resnet32_ce_cifar10lt100.py', 'classification/resnet32_ce_cifar10lt100'])
def test_the_name_of_a_config_of_ltseg_is_enough(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = parsed(name)
    config = load_config(options)
    assert config.work_dir == 'work_dirs/resnet32_ce_cifar10lt100'
    assert options.config == 'classification/resnet32_ce_cifar10lt100.py'  # as records name it: no path of this machine
    given = load_config(parsed(str(CONFIGS / 'classification/resnet32_ce_cifar10lt100.py')))
    assert config.to_dict() == given.to_dict()
    assert 'Near it: unet_arb_camvid.py' in message('unet_abr_camvid.py')


def test_a_file_goes_before_a_config_of_ltseg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path('unet_arb_camvid.py').write_text("model = dict(a='mine')")
    assert load_config(parsed('unet_arb_camvid.py')).model.a == 'mine'


@pytest.mark.parametrize(
    ('name', 'content', 'expected'),
    [
        ('a.py', 'model = dict(', 'SyntaxError'),
        ('a.py', "_base_ = './missing.py'", 'missing.py'),
        ('a.py', 'model = undefined', 'undefined'),
        ('a.txt', 'model', 'Only py/yml/yaml/json'),
        ('a.py', 'x = 1', "none of ['model']"),
    ],
)
def test_no_config(name: str, content: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    text = message(str(tmp_path / name))
    assert expected in text and str(tmp_path / name) in text


def test_missing_parts_are_named(tmp_path: Path) -> None:
    (tmp_path / 'a.py').write_text('model = dict(a=1)\ntrain_cfg = None')
    text = message(str(tmp_path / 'a.py'), needs=('model', 'train_cfg', 'train_dataloader'))
    assert "none of ['train_cfg', 'train_dataloader']" in text


def test_changes_that_do_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert '9' in message(ARB, '--cfg-options', 'param_scheduler.9.end=1')
    with pytest.raises(SystemExit, match='2'):
        parsed(ARB, '--cfg-options', 'train_cfg.max_iters=5', 'resume')
    assert "--cfg-options: expected key=value, got 'resume'" in capsys.readouterr().err


@pytest.mark.parametrize('value', ["[dict(type='Mixup',alpha=1.0)]", 'dict(type=Mixup)', '[1,2', 'Mixup(1,2)'])
def test_values_that_mmengine_cannot_read(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = 'resnet32_ce_cifar10lt100.py'
    with pytest.raises(SystemExit, match='2'):
        parsed(name, '--cfg-options', f'model.train_cfg.augments={value}')
    said = capsys.readouterr().err
    assert f'a list of them in brackets, got {f"model.train_cfg.augments={value}"!r}' in said
    hinted('Give each part of a dict by itself, e.g. model.train_cfg.augments.type=Mixup.', said)
    parts = ('model.train_cfg.augments.type=Mixup', 'model.train_cfg.augments.alpha=1.0')
    config = load_config(parsed(name, '--cfg-options', *parts, 'model.neck.output_size=[1,1]'))
    assert config.model.train_cfg.augments == dict(type='Mixup', alpha=1.0)
    assert config.model.neck.output_size == [1, 1]


def test_changes_and_work_dir() -> None:
    config = load_config(parsed(ARB, '--cfg-options', 'model.pretrained=None', 'crop_size=(1,2)'))
    assert config.model.pretrained is None and config.crop_size == (1, 2)
    assert config.work_dir == 'work_dirs/unet_arb_camvid'
    assert load_config(parsed(ARB, '--cfg-options', 'work_dir=a')).work_dir == 'a'
    assert load_config(parsed(ARB, '--work-dir', 'b', '--cfg-options', 'work_dir=a')).work_dir == 'b'


def test_data_root_reaches_every_data_set(tmp_path: Path) -> None:
    inner = "dict(type='ltseg.CamVidDataset', data_root='old')"
    (tmp_path / 'a.py').write_text(
        f'model = dict(a=1)\n'
        f"train_dataloader = dict(dataset=dict(type='RepeatDataset', times=2, dataset={inner}))\n"
        f"val_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=[{inner}, {inner}]))\n"
        f'test_dataloader = None\n'
    )
    config = load_config(parsed(str(tmp_path / 'a.py'), '--data-root', 'new'))
    assert str(config.to_dict()).count("'data_root': 'new'") == 3 and 'old' not in str(config.to_dict())
    assert 'data_root' not in config.train_dataloader.dataset
    config = load_config(parsed(ARB, '--data-root', 'new'))
    roots = [config[f'{split}_dataloader'].dataset.data_root for split in ('train', 'val', 'test')]
    assert roots == ['new'] * 3
    assert load_config(parsed(ARB)).train_dataloader.dataset.data_root == 'data/camvid/'


def test_training_images_have_the_pipeline_of_validation_inside_wrappers() -> None:
    inner = {'type': 'A', 'data_root': 'x', 'pipeline': ['flip']}
    wrapped = {'type': 'Wrap', 'imbalance_factor': 9, 'pipeline': ['mix'], 'dataset': inner}
    config = Config({'train_dataloader': {'dataset': wrapped}, 'val_dataloader': {'dataset': {'pipeline': ['pack']}}})
    expected = {**wrapped, 'pipeline': [], 'dataset': {**inner, 'pipeline': ['pack']}}
    assert training_images(config).to_dict() == expected
    assert config.train_dataloader.dataset.to_dict() == wrapped


@pytest.mark.parametrize(('scope', 'package'), [('mmpretrain', 'mmpretrain'), (None, 'mmseg')])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, scope: str | None, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=f'expected the package {package}.*check-env'):
        register_modules(Config({'default_scope': scope}))
    hinted('ltseg check-env says how to install it.', lambda: register_modules(Config({'default_scope': scope})))
    found = replace(examine(), versions={'python': '3.11.7', 'torch': '2.13.0'})
    assert any(package in advice.hint for advice in findings(found))
    monkeypatch.undo()  # it is installed
    register_modules(Config({'default_scope': scope}))


def test_the_launcher_is_that_of_the_command_line() -> None:
    assert load_config(parsed(ARB, '--launcher', 'slurm')).launcher == 'slurm'
    assert load_config(parsed(ARB)).launcher == 'none'
