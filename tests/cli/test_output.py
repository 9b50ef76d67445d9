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
# The help of one tool after the other, each with output as a new process has it.
HELP_OF_TOOLS = """
import runpy, sys
for path in sys.argv[1:]:
    sys.stdout, sys.argv = sys.__stdout__, [path, '--help']
    main = runpy.run_path(path).get('main')
    if main is not None:
        try:
            main()
        except SystemExit as ended:
            assert not ended.code, path
        sys.stdout.flush()
"""


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


@pytest.mark.slow
def test_the_help_of_every_tool_without_a_reader() -> None:
    tools = sorted(str(path) for path in (ROOT / 'tools').glob('*.py'))
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, '-W', 'ignore', '-c', HELP_OF_TOOLS, *tools]
    environment = os.environ | BUFFERED | {'PYTHONPATH': os.pathsep.join((str(ROOT), str(ROOT / 'tools')))}
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(writer)
    assert tools and (done.returncode, done.stderr) == (0, b'')
