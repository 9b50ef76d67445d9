"""``ltseg cp``."""

import re
from pathlib import Path

import pytest
from config_reading import read_each_once
from hinted import hinted
from mmengine.config import Config

from ltseg.cli.config_catalog import catalog
from ltseg.cli.configs import main as list_configs
from ltseg.cli.cp import bases_of, copies, copy, main

CONFIGS = Path(__file__).parents[2] / 'configs'


def files(folder: Path) -> dict[str, str]:
    """Texts of all files by their paths in the folder."""
    found = (path for path in folder.rglob('*') if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text(encoding='utf-8') for path in found}


@pytest.mark.slow
def test_every_copy_is_the_config_that_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_each_once(monkeypatch, tmp_path)
    for config in catalog():  # in one folder, where they have the same bases
        target = copy(config.file, str(tmp_path), force=False)
        assert target == tmp_path / config.path.name
        assert Config.fromfile(str(target)).to_dict() == Config.fromfile(str(config.path)).to_dict(), config.file


def test_every_copy_stays_in_its_folder_and_names_files_that_are_copied(tmp_path: Path) -> None:
    for config in catalog():
        texts = copies(config.path.resolve(), tmp_path / config.path.name)
        assert all(place.is_relative_to(tmp_path) for place in texts)
        named = {(place.parent / base).resolve() for place, text in texts.items() for base in bases_of(text)}
        assert named == set(texts) - {tmp_path / config.path.name}, config.file


def test_a_copy_changes_nothing_but_the_way_to_its_bases(tmp_path: Path) -> None:
    copy('unet_arb_camvid', str(tmp_path), force=False)
    assert all((CONFIGS / name).read_text(encoding='utf-8') == text for name, text in files(tmp_path).items())
    copy('resnet32_crt_cifar10lt100', str(tmp_path), force=False)
    original = (CONFIGS / 'classification/resnet32_crt_cifar10lt100.py').read_text(encoding='utf-8')
    copied = files(tmp_path)['resnet32_crt_cifar10lt100.py']
    assert "'../_base_/" in original and copied == original.replace("'../_base_/", "'_base_/")


@pytest.mark.parametrize(
    ('source', 'names'),
    [
        ("_base_ = './a.py'", ['./a.py']),
        ("_base_ = [\n    'a.py',\n    '_base_/b.py',\n]\nx = ['c.py']", ['a.py', '_base_/b.py']),
        ("other = './a.py'\ny = dict(_base_='b.py')", []),
    ],
)
def test_bases_are_read_without_running_the_config(source: str, names: list[str]) -> None:
    assert list(bases_of(source)) == names
    assert all(spelled in source for spelled in bases_of(source).values())


def test_the_copy_may_have_another_name(tmp_path: Path) -> None:
    assert copy('unet_arb_camvid.py', str(tmp_path / 'a' / 'mine.py'), force=False) == tmp_path / 'a' / 'mine.py'
    assert (tmp_path / 'a' / 'unet_ce_camvid.py').is_file() and not (tmp_path / 'a' / 'unet_arb_camvid.py').exists()
    Config.fromfile(str(tmp_path / 'a' / 'mine.py'))


def test_files_that_differ_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(['unet_arb_camvid.py', str(tmp_path)])
    assert f'ltseg train {tmp_path / "unet_arb_camvid.py"}' in capsys.readouterr().out
    whole = files(tmp_path)
    main(['unet_arb_camvid.py', str(tmp_path)])  # the same files again
    assert files(tmp_path) == whole
    (tmp_path / 'unet_ce_camvid.py').write_text('# mine', encoding='utf-8')
    (tmp_path / '_base_/runtime/default.py').unlink()
    changed = files(tmp_path)
    with pytest.raises(SystemExit, match='1'):
        main(['unet_arb_camvid.py', str(tmp_path)])
    shown = capsys.readouterr().err
    assert str(tmp_path / 'unet_ce_camvid.py') in shown and '--force' in shown and 'default.py' not in shown
    assert files(tmp_path) == changed  # half a copy is none
    hinted('--force overwrites them.', shown)
    main(['unet_arb_camvid.py', str(tmp_path), '--force'])
    assert files(tmp_path) == whole


@pytest.mark.parametrize(
    ('name', 'target', 'expected'),
    [
        ('unet_abr_camvid.py', '', 'Near it: unet_arb_camvid.py'),
        ('_base_/runtime/default.py', '', 'ltseg configs lists all'),
        ('unet_arb_camvid.py', 'unet_ce_camvid.py', 'another name than that of a base'),
    ],
)
def test_what_cannot_be_copied(
    name: str, target: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match='1'):
        main([name, str(tmp_path / target), '--force'])
    text = capsys.readouterr().err
    assert expected in text and not files(tmp_path)
    if target:
        hinted(' inherits from it.', text)
        main([name, str(tmp_path / 'mine.py')])
        assert (tmp_path / 'mine.py').is_file()
    elif name.startswith('_base_'):
        hinted(' ltseg configs lists all.', text)
        list_configs([])
        listed = re.findall(r'\S+\.py', capsys.readouterr().out)
        main([listed[0], str(tmp_path)])
        assert (tmp_path / listed[0]).is_file()
