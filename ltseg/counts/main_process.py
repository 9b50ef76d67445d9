"""Work that one process does for all."""

from collections.abc import Callable
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process

__all__ = ['on_main_process']


def on_main_process(work: Callable[[], Any]) -> Any:
    """Runs ``work`` on the first process; every process gets its result or raises its error."""
    result: list[Any] = [None]
    if is_main_process():
        try:
            result = [work()]
        except Exception as error:  # the other processes wait for the broadcast and must hear of it
            result = [error]
    broadcast_object_list(result)
    if isinstance(result[0], Exception):
        raise result[0]
    return result[0]
