"""A reader that goes away, or an ASCII terminal, ends no command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
from ltseg.cli.errors import one_message_errors
with one_message_errors():
    for line in range(20_000):
        print('Straße', line)
        print('Straße', line, file=sys.stderr)
    Path(sys.argv[1]).write_text('written at the end')
"""
BUFFERED = {'PYTHONUNBUFFERED': ''}  # what is printed meets the pipe at the end of the process, outside of any try


@pytest.mark.parametrize('unbuffered', [False, True])
@pytest.mark.slow
def test_a_command_goes_on_without_a_reader(tmp_path: Path, unbuffered: bool) -> None:
    command = [sys.executable, *(['-u'] if unbuffered else []), '-c', PROGRAM, str(tmp_path / 'file')]
    environment = os.environ | {'PYTHONIOENCODING': 'ascii', 'PYTHONPATH': str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment) as running:
        assert running.stdout is not None and running.stderr is not None
        first = running.stdout.readline()
        running.stdout.close()
        last = running.stderr.read().splitlines()[-1]
        assert running.wait() == 0
    assert first == b'Stra\\xdfe 0\n' and last == b'Stra\\xdfe 19999'
    assert (tmp_path / 'file').read_text() == 'written at the end'


@pytest.mark.parametrize(
    ('command', 'code'),
    [
        (['-m', 'ltseg', '--help'], 0),
        (['-m', 'ltseg', '--version'], 0),
        (['-m', 'ltseg', 'configs'], 0),
        (['-m', 'ltseg', 'configs', '--help'], 0),
        (['-m', 'ltseg', 'check-env'], 1),  # it finds no package
        ([str(ROOT / 'tools/check_env.py')], 1),
        ([str(ROOT / 'tools/check_env.py'), '--help'], 0),
    ],
)
def test_a_reader_that_has_gone_before(command: list[str], code: int) -> None:
    """Without what is installed, which takes seconds to import."""
    reader, writer = os.pipe()
    os.close(reader)
    environment = os.environ | BUFFERED | {'PYTHONPATH': str(ROOT)}
    done = subprocess.run(
        [sys.executable, '-S', *command], stdout=writer, stderr=subprocess.PIPE, env=environment, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (code, b'')


def test_every_command_and_tool_has_the_parser_that_survives_it() -> None:
    sources = [*(ROOT / 'ltseg/cli').glob('*.py'), *(ROOT / 'tools').glob('*.py')]
    texts = {path.name: path.read_text(encoding='utf-8') for path in sources}
    assert [name for name, text in texts.items() if 'ArgumentParser(' in text] == ['parser.py']
