"""``ltseg COMMAND``, also where nothing but Python is installed."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hinted import hinted

import ltseg
from ltseg.cli.main import COMMANDS, main
from ltseg.core.missing_packages import missing_package
from ltseg.environment.advice import findings
from ltseg.environment.installed import Environment

ROOT = Path(__file__).parents[2]


def without_packages(*arguments: str, folder: Path) -> subprocess.CompletedProcess:
    """Runs Python without what is installed in it, so that torch and mmengine are missing."""
    command = [sys.executable, '-S', *arguments]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def arguments_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts ``sys.argv`` back, where a command finds its name."""
    monkeypatch.setattr(sys, 'argv', ['ltseg'])


@pytest.mark.parametrize('arguments', [[], ['-h'], ['--help']])
def test_help_names_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert all(f'  {name} ' in shown and what in shown for name, what in COMMANDS.items())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['--version']) == 0
    assert capsys.readouterr().out == f'ltseg {ltseg.__version__}\n'


def test_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['trian']) == 2
    shown = capsys.readouterr()
    assert "no command 'trian'. Did you mean 'train'?" in shown.err and not shown.out


@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='0'):
        main([name, '--help'])
    assert f'usage: ltseg {name} ' in capsys.readouterr().out


@pytest.mark.parametrize(('returned', 'code'), [(None, 0), (0, 0), (3, 3)])
def test_arguments_and_exit_code_are_passed_on(
    returned: int | None, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(sys, 'argv', ['ltseg', 'check-env', 'a', '--b'])
    module = importlib.import_module('ltseg.cli.check_env')
    monkeypatch.setattr(module, 'main', lambda arguments: seen.append(arguments) or returned)
    assert main() == code and seen == [['a', '--b']]


def test_what_needs_no_package_works_without_any(tmp_path: Path) -> None:
    for arguments in (['--help'], ['--version'], ['configs', '--data', 'minicity'], ['cp', 'unet_ce_minicity.py', '.']):
        done = without_packages('-m', 'ltseg', *arguments, folder=tmp_path)
        assert done.returncode == 0 and done.stdout and not done.stderr, arguments
    assert (tmp_path / 'unet_ce_minicity.py').is_file()


def test_check_env_names_what_is_missing(tmp_path: Path) -> None:
    done = without_packages('-m', 'ltseg', 'check-env', folder=tmp_path)
    assert done.returncode == 1 and not done.stderr
    assert 'FAULT: torch is missing.' in done.stdout and 'FAULT: mmengine is missing.' in done.stdout


@pytest.mark.parametrize('name', ['train', 'report', 'minicity'])
def test_a_missing_package_is_one_message(name: str, tmp_path: Path) -> None:
    done = without_packages('-m', 'ltseg', name, 'x', folder=tmp_path)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith(f'error: ltseg {name}: expected the package ') and 'ltseg check-env' in done.stderr
    assert done.stderr.count('\n') == 1


def test_a_missing_mmengine_names_the_extras(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith(('mmengine', 'ltseg.cli.'))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'mmengine', None)
    assert main(['train', 'x']) == 1
    hinted("For segmentation: pip install 'ltseg[mmseg]'. For classification: pip install", capsys.readouterr().err)
    monkeypatch.undo()  # it is installed
    with pytest.raises(SystemExit, match='0'):
        main(['train', '--help'])
    hinted('ltseg check-env says how to install it.', lambda: str(missing_package('ltseg report', 'jinja2')))
    lacking = Environment(versions={'python': '3.11.7'}, missing_libraries=('jinja2',))
    assert any(advice.hint == 'pip install jinja2' for advice in findings(lacking))


def test_the_registry_names_the_extras_without_mmengine(tmp_path: Path) -> None:
    done = without_packages('-c', 'import ltseg.registry', folder=tmp_path)
    assert 'MissingPackageError: ltseg.registry: expected the package mmengine' in done.stderr
    assert "pip install 'ltseg[mmseg]'" in done.stderr


def test_a_fault_inside_a_package_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ModuleNotFoundError(f'No module named {name!r}', name='json.not_there')

    monkeypatch.setattr(importlib, 'import_module', broken)
    with pytest.raises(ModuleNotFoundError):
        main(['train', 'x'])
