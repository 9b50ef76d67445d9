"""Output that never ends a command: a reader that goes away, or a terminal that lacks letters, loses nothing."""

import io
import os
import sys
from typing import Any, TextIO

__all__ = ['forgiving_output']


class _Forgiving(io.FileIO):
    """Writes to a file descriptor until nobody reads it any more, and to nowhere from then on."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())  # for child processes too
            return len(data)


def forgiving_output() -> None:
    """Lets what is printed end early (``ltseg test ... | head -1``) and hold letters that the locale cannot show.

    The command goes on and writes its files; a letter that cannot be shown appears as its code. Streams that somebody
    has put in the place of the process's own stay as they are.
    """
    if sys.stdout is sys.__stdout__ and _is_plain(sys.stdout):
        sys.stdout = _forgiving(sys.stdout)
    if sys.stderr is sys.__stderr__ and _is_plain(sys.stderr):
        sys.stderr = _forgiving(sys.stderr)


def _raw(stream: Any) -> Any:
    return getattr(stream.buffer, 'raw', stream.buffer)  # without a buffer under python -u


def _is_plain(stream: Any) -> bool:
    return isinstance(stream, io.TextIOWrapper) and type(_raw(stream)) is io.FileIO


def _forgiving(stream: Any) -> TextIO:
    stream.flush()
    raw = _Forgiving(stream.fileno(), 'w', closefd=False)
    settings = {'line_buffering': stream.line_buffering, 'write_through': stream.write_through}
    return io.TextIOWrapper(io.BufferedWriter(raw), stream.encoding, 'backslashreplace', **settings)
