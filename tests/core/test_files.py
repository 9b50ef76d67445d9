"""Files are there whole or not at all."""

from pathlib import Path

import pytest

from ltseg.core.files import atomic_write


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / 'new' / 'table.json'
    with atomic_write(path) as draft:
        draft.write_text('half')
        assert draft.parent == path.parent and not path.exists()
        draft.write_text('whole')
    assert path.read_text() == 'whole' and list(path.parent.iterdir()) == [path]


def test_after_an_error_everything_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / 'table.json'
    path.write_text('before')
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as draft:
        draft.write_text('half')
        raise KeyboardInterrupt
    assert path.read_text() == 'before' and list(tmp_path.iterdir()) == [path]


def test_two_at_once_do_not_write_into_each_other(tmp_path: Path) -> None:
    path = tmp_path / 'table.json'
    with atomic_write(path) as first:
        first.write_text('first')
        with atomic_write(path) as second:
            second.write_text('second')
        assert path.read_text() == 'second' and first.read_text() == 'first'
    assert path.read_text() == 'first'
