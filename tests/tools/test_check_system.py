import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / 'tools/check_system.sh'


def check(python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(['sh', str(SCRIPT), python], capture_output=True, text=True, check=False)


def python_without(folder: Path, words: tuple[str, ...]) -> str:
    """A stand-in for Python that fails where its arguments contain one of ``words``."""
    patterns = ''.join(f'case "$*" in *{word}*) exit 1 ;; esac\n' for word in words)
    path = folder / 'python'
    path.write_text(f'#!/bin/sh\n{patterns}exit 0\n')
    path.chmod(0o755)
    return str(path)


def test_nothing_is_said_where_nothing_is_missing(tmp_path: Path) -> None:
    result = check(python_without(tmp_path, ()))
    assert (result.returncode, result.stdout, result.stderr) == (0, '', '')


@pytest.mark.parametrize(
    ('words', 'packages'),
    [
        (('ensurepip',), 'python3-venv'),
        (('libGL',), 'libgl1'),
        (('libxcb', 'libglib', 'libgthread'), 'libglib2.0-0 libxcb1'),
        (('ensurepip', 'libGL', 'libglib'), 'python3-venv libgl1 libglib2.0-0'),
    ],
)
def test_everything_missing_is_in_one_command(tmp_path: Path, words: tuple[str, ...], packages: str) -> None:
    result = check(python_without(tmp_path, words))
    assert result.returncode == 1
    assert result.stderr.endswith(f'sudo apt update && sudo apt install {packages}\n')


def test_missing_and_old_python_are_named(tmp_path: Path) -> None:
    missing = check('no-such-python')
    assert missing.returncode == 1 and 'apt install python3 python3-venv' in missing.stderr
    old = check(python_without(tmp_path, ('version_info',)))
    assert old.returncode == 1 and 'Python 3.10 or newer' in old.stderr


def test_the_running_python_is_new_enough() -> None:
    assert 'Python 3.10 or newer' not in check(sys.executable).stderr
