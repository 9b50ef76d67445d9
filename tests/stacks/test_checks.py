"""The checks of the stacks: what they leave behind, and what they take for a result."""

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKS = runpy.run_path(str(Path(__file__).with_name('checks.py')))
CheckError = CHECKS['CheckError']


def test_a_stack_has_to_be_named() -> None:
    done = subprocess.run(['bash', Path(__file__).with_name('run.sh')], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr == 'usage: tests/stacks/run.sh STACK [CHECK ...]\n'


@pytest.fixture
def session(tmp_path: Path) -> Any:
    return CHECKS['Session'](tmp_path / 'work', tmp_path / 'check.log')


def test_a_command_that_takes_too_long_leaves_its_log(session: Any) -> None:
    with pytest.raises(CheckError, match='took over 5 s'):
        session.python('-c', 'import time; print("begun", flush=True); time.sleep(60)', timeout=5)
    assert 'begun\n[took over 5 s]' in session.log.read_text()


def test_a_command_must_end_as_expected(session: Any) -> None:
    assert session.python('-c', 'print(1); raise SystemExit(3)', expected=3) == '1\n'
    with pytest.raises(CheckError, match='ended with 3'):
        session.python('-c', 'raise SystemExit(3)')


def test_only_a_summary_of_pytest_is_a_result() -> None:
    assert CHECKS['passed']('...\n3 passed, 1 skipped in 2.00s\n') == '3 passed, 1 skipped in 2.00s'
    with pytest.raises(CheckError, match='no summary'):
        CHECKS['passed']('... [100%]\nversion 1.2.3\n')


@pytest.mark.parametrize(
    ('torch', 'mmengine', 'expected'),
    [('2.6.0+cpu', '0.10.7', True), ('2.6.0', '0.10.10', False), ('2.5', '0.9', False)],
)
def test_versions_are_compared_as_numbers(
    torch: str, mmengine: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {'torch': torch, 'mmengine': mmengine}
    monkeypatch.setitem(CHECKS['release_of'].__globals__, 'version', versions.__getitem__)
    assert CHECKS['loads_weights_only']() is expected


def test_versions_are_those_that_the_checks_began_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``hints`` installs others, and the environment is to be made anew."""
    versions, written = {'torch': '2.1.2'}, []
    names = CHECKS['main'].__globals__

    def hints(session: Any) -> str:
        versions['torch'] = '2.13.0'
        return 'mended'

    for name, value in {
        'SHOWN': {'torch': ('torch',)},
        'CHECKS': {'hints': hints},
        'version': versions.__getitem__,
        'write_section': lambda stack, text: written.append(text),
    }.items():
        monkeypatch.setitem(names, name, value)
    monkeypatch.setattr(sys, 'argv', ['checks.py', 'openmmlab', '--logs', str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        CHECKS['main']()
    assert ended.value.code == 0
    assert 'torch 2.1.2' in written[0] and '2.13.0' not in written[0]


def test_an_environment_whose_faults_were_made_is_made_anew(
    session: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / 'requirements.txt').write_text('torch==2.1.2')
    monkeypatch.setattr(sys, 'prefix', str(tmp_path))
    monkeypatch.setattr(sys, 'executable', '/bin/false')
    with pytest.raises(CheckError):
        CHECKS['hints'](session)
    assert not (tmp_path / 'requirements.txt').exists()
