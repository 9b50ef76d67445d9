"""One training run at a time in a work dir."""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from ltseg.core.errors import FileWriteError, UsageError

__all__ = ['LOCK', 'locked']

LOCK = '.ltseg_train.lock'
PULSE, PATIENCE = 10.0, 35.0  # seconds: a run shows that it lives; how long another computer's run is watched
SETTLED = 0.2  # seconds after which, of two runs that take over a lock at once, the later one has written it
RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')


@contextmanager
def locked(work_dir: str, launcher: str = 'none') -> Iterator[None]:
    """Keeps other training runs out of a work dir.

    The lock is a file that its run writes anew every few seconds. That of a process which has died on this computer is
    taken over at once; that of another computer, whose processes cannot be seen from here, when it has not changed for
    a while. It needs no locks of the file system, and no equal clocks. All processes of a run share the lock of the
    first one.

    Args:
        work_dir: The folder, which is made.
        launcher: 'none' for a run of one process.

    Raises:
        UsageError: If another run is at work there.
        FileWriteError: If the folder cannot be written to.
    """
    rank = next((os.environ[name] for name in RANKS if name in os.environ), '0') if launcher != 'none' else '0'
    if rank != '0':
        yield
        return
    path = Path(work_dir, LOCK)
    mine = {'computer': socket.gethostname(), 'process': os.getpid(), 'started': _started(os.getpid())}
    mine['run'] = secrets.token_hex(8)
    _take(path, mine)
    ended = threading.Event()
    pulse = threading.Thread(target=_keep, args=(path, mine, ended), daemon=True)
    pulse.start()
    try:
        yield
    finally:
        ended.set()
        pulse.join()
        if _read(path).get('run') == mine['run']:
            path.unlink(missing_ok=True)


def _take(path: Path, mine: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open('x', encoding='utf-8') as stream:  # on network file systems too, one of two gets it
            json.dump(mine, stream)
        return
    except FileExistsError:
        if not path.is_file():
            raise FileWriteError(str(path), 'a file that can be written', 'a folder in its place') from None
    except OSError as error:
        raise FileWriteError(str(path), 'a file that can be written', str(error.strerror)) from error
    other = _read(path)
    if _lives(path, other):
        who = f'process {other.get("process")} on {other.get("computer")}'
        hint = f'Give another --work-dir, or wait until it has ended. (It is known by {path}.)'
        raise UsageError(f'work dir {path.parent}', 'no other training run in it', who, hint)
    print_log(f'Taken over: the lock of a training run that has died, {path}.', logger='current')
    _write(path, mine)
    time.sleep(SETTLED)
    if _read(path).get('run') != mine['run']:
        raise UsageError(f'work dir {path.parent}', 'no other training run in it', 'one that started at the same time')


def _lives(path: Path, other: dict[str, Any]) -> bool:
    """Whether the run that wrote a lock is still at work."""
    if other.get('computer') == socket.gethostname():
        started = _started(int(other.get('process') or 0))
        return started is not None and started == other.get('started')
    print_log(f'Waiting for a sign of life of the training run of {path} ...', logger='current')
    before, begin = other, time.monotonic()
    while time.monotonic() < begin + PATIENCE:
        time.sleep(PATIENCE / 35)
        if _read(path) != before:
            return True
    return False


def _keep(path: Path, mine: dict[str, Any], ended: threading.Event) -> None:
    """Writes the lock anew with another number until the run has ended."""
    beats = 0
    while not ended.wait(PULSE):
        beats += 1
        if _read(path).get('run') == mine['run']:
            try:
                _write(path, mine | {'beats': beats})
            except OSError:  # a disk that is full is for the checkpoint to say
                continue


def _write(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_name(f'{path.name}.{content["run"]}')
    draft.write_text(json.dumps(content), encoding='utf-8')
    draft.replace(path)


def _read(path: Path) -> dict[str, Any]:
    """What a lock says; nothing where it is not there or was cut off."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _started(process: int) -> str | None:
    """When a process of this computer started, which tells it from a later one of the same number; None if it died."""
    try:
        boot = Path('/proc/sys/kernel/random/boot_id').read_text(encoding='utf-8').strip()
        state, *fields = Path(f'/proc/{process}/stat').read_text(encoding='utf-8').rpartition(') ')[2].split()
        return None if state in 'ZX' else f'{boot} {fields[18]}'
    except OSError:
        return None if Path('/proc/self/stat').is_file() or not _signalled(process) else 'running'


def _signalled(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return process > 0
