"""One training run at a time in a work dir; the locks of dead ones are no obstacle."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ltseg.cli import work_dir_lock
from ltseg.cli.work_dir_lock import LOCK, locked
from ltseg.core.errors import FileWriteError, UsageError


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_dir_lock, 'PULSE', 0.02)
    monkeypatch.setattr(work_dir_lock, 'PATIENCE', 0.35)


def content(folder: Path) -> dict:
    return json.loads((folder / LOCK).read_text())


def leave(folder: Path, **changes: object) -> None:
    """The lock of a run that was killed."""
    with locked(str(folder)):
        left = content(folder)
    (folder / LOCK).write_text(json.dumps(left | changes))


def test_a_second_run_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with locked(str(tmp_path / 'run')):
        for _ in range(2):
            with (
                pytest.raises(UsageError, match=rf'run: expected no other training run.*process {os.getpid()}'),
                locked(str(tmp_path / 'run')),
            ):
                pass
            time.sleep(0.05)  # the lock has been written anew
        with locked(str(tmp_path / 'other')):
            pass
    with locked(str(tmp_path / 'run')):
        assert content(tmp_path / 'run')['process'] == os.getpid()
    assert not list((tmp_path / 'run').iterdir())


def test_a_run_that_fails_gives_the_lock_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(str(tmp_path)):
        print(1 / 0)
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    program = f'from ltseg.cli.work_dir_lock import locked; import os\nwith locked({str(tmp_path)!r}): os._exit(9)'
    root = str(Path(__file__).parents[2])
    subprocess.run([sys.executable, '-c', program], check=False, env=os.environ | {'PYTHONPATH': root})
    dead = content(tmp_path)
    with locked(str(tmp_path)):
        assert content(tmp_path)['run'] != dead['run']
    assert not list(tmp_path.iterdir())


def test_another_process_of_the_same_number_is_not_the_one_that_died(tmp_path: Path) -> None:
    leave(tmp_path, started='another boot 7')
    with locked(str(tmp_path)):
        assert content(tmp_path)['started'] != 'another boot 7'


@pytest.mark.parametrize('left', ['', '[]', '{"comp'])
def test_a_lock_that_was_cut_off_is_taken_over(tmp_path: Path, left: str) -> None:
    (tmp_path / LOCK).write_text(left)
    with locked(str(tmp_path)):
        assert content(tmp_path)['process'] == os.getpid()


def test_a_run_on_another_computer_lives_while_its_lock_changes(tmp_path: Path) -> None:
    leave(tmp_path, computer='elsewhere', process=1)
    beating = threading.Event()

    def beat() -> None:
        for number in range(200):
            work_dir_lock._write(tmp_path / LOCK, content(tmp_path) | {'beats': number})
            if beating.wait(0.05):
                return

    pulse = threading.Thread(target=beat)
    pulse.start()
    with pytest.raises(UsageError, match='process 1 on elsewhere'), locked(str(tmp_path)):
        pass
    beating.set()
    pulse.join()
    with locked(str(tmp_path)):  # it does not change any more
        assert content(tmp_path)['computer'] != 'elsewhere'


def test_of_two_that_take_over_at_once_one_goes_on(tmp_path: Path) -> None:
    leave(tmp_path, started='another boot 7')
    ended: list[object] = []
    begin, done = threading.Barrier(4), threading.Barrier(4)

    def run() -> None:
        begin.wait()
        try:
            with locked(str(tmp_path)):
                ended.append('ran')
                done.wait()
        except UsageError as error:
            ended.append(error)
            done.wait()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended.count('ran') == 1 and len(ended) == 4


def test_processes_of_one_run_share_the_lock_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with locked(str(tmp_path), launcher='pytorch'):
        monkeypatch.setenv('RANK', '1')
        with locked(str(tmp_path), launcher='pytorch'):
            assert (tmp_path / LOCK).is_file()
        assert (tmp_path / LOCK).is_file()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(FileWriteError, match='file/'), locked(str(tmp_path / 'file')):
        pass
