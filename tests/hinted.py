"""What a test says that goes on to do what a hint says, and to see the fault gone."""

from collections.abc import Callable, Iterable
from typing import Any

from ltseg.core.errors import LtsegError

__all__ = ['hinted']


def hinted(text: str, faulty: Callable[[], Any] | str) -> None:
    """Asserts that ``faulty`` ends in an error of ltseg, or returns a message or messages, with ``text`` as the hint.

    The test that calls this follows the hint in its next lines; test_hints.py looks for such a call for each hint.

    Args:
        text: Of the hint, a literal, without what the fault fills in.
        faulty: Makes the fault; or what was said of one.
    """
    try:
        said = faulty if isinstance(faulty, str) else faulty()
    except LtsegError as error:
        said = error
    messages = said if isinstance(said, Iterable) and not isinstance(said, str) else [said]
    assert any(text in str(message) for message in messages), messages
