"""Files are there whole or not at all."""

import errno
import io
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hinted import hinted

from ltseg.core.errors import FileWriteError
from ltseg.core.files import atomic_write, check_writable, naming_folder


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


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('before')
    path = tmp_path / 'file' / 'folder' / 'table.json'
    with pytest.raises(FileWriteError) as caught, atomic_write(path) as draft:
        draft.write_text('whole')
    assert str(caught.value).startswith(f'{path}: expected a file that can be written, got ')
    with pytest.raises(FileWriteError, match='table.json'):
        check_writable(tmp_path / 'new' / 'table.json', path)
    check_writable(tmp_path / 'new' / 'folder' / 'table.json')
    assert [each.name for each in tmp_path.iterdir()] == ['file'] and (tmp_path / 'file').read_text() == 'before'


@pytest.mark.parametrize('write', [True, False])
def test_a_file_in_the_place_of_a_folder_is_named(write: bool, tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    hinted(
        'is a file, no folder: give another folder, or move the file away.',
        lambda: write_or_check(write, tmp_path / 'file/table.json'),
    )
    with pytest.raises(FileWriteError) as caught:
        write_or_check(write, tmp_path / 'file/table.json')
    text = str(caught.value)
    assert f'{tmp_path}/file is a file, no folder: give another folder, or move the file away.' in text
    assert 'space' not in text
    write_or_check(write, tmp_path / 'other/table.json')
    (tmp_path / 'file').rename(tmp_path / 'moved')
    write_or_check(write, tmp_path / 'file/table.json')


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / 'table.json').mkdir()
    with pytest.raises(FileWriteError, match=r'table\.json is a folder: give the name of a file\.$'):
        write_or_check(True, tmp_path / 'table.json')
    hinted('is a folder: give the name of a file.', lambda: write_or_check(True, tmp_path / 'table.json'))
    write_or_check(True, tmp_path / 'table.json/table.json')


@pytest.mark.parametrize(('number', 'hint'), [(errno.ENOSPC, 'Free some space, or'), (errno.EROFS, 'Give another')])
def test_space_helps_a_full_disk_only(number: int, hint: str, tmp_path: Path) -> None:
    text = f'{os.strerror(number)}. {hint}'
    with pytest.raises(FileWriteError, match=text), naming_folder(tmp_path):
        raise OSError(number, os.strerror(number))


def write_or_check(write: bool, path: Path) -> None:
    if not write:
        check_writable(path)
        return
    with atomic_write(path) as draft:
        draft.write_text('whole')


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'iter_2.pth'
    path.write_bytes(b'before')
    with pytest.raises(FileWriteError, match=r'iter_2\.pth: .*No space left'), atomic_write(path) as draft:
        draft.write_bytes(b'half')
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert path.read_bytes() == b'before' and list(tmp_path.iterdir()) == [path]
    monkeypatch.setattr('ltseg.core.files.tempfile.TemporaryFile', lambda dir: io.FileIO('/dev/full', 'wb'))
    with pytest.raises(FileWriteError, match=r'iter_2\.pth: .*No space left'):
        check_writable(path)
    hinted('Free some space, or give another folder.', lambda: check_writable(path))
    monkeypatch.undo()  # there is space
    check_writable(path)


def test_another_folder_can_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(folder: Path) -> Any:
        if folder.name == 'mounted':
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return made(dir=folder)

    made = tempfile.TemporaryFile
    monkeypatch.setattr('ltseg.core.files.tempfile.TemporaryFile', lambda dir: read_only(Path(dir)))
    (tmp_path / 'mounted').mkdir()
    hinted('Give another folder.', lambda: check_writable(tmp_path / 'mounted/table.json'))
    check_writable(tmp_path / 'table.json')


def test_a_fault_of_what_goes_into_the_file_is_no_fault_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='absent'), atomic_write(tmp_path / 'copy') as draft:
        draft.write_bytes((tmp_path / 'absent').read_bytes())
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_named_by_its_folder_where_nobody_names_the_file(tmp_path: Path) -> None:
    text = f'{tmp_path}: expected a file that can be written, got No space left'
    with pytest.raises(FileWriteError, match=text), naming_folder(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for error in (OSError(errno.EIO, 'of anything'), OSError(errno.ENOSPC, 'full', '/other'), ValueError()):
        with pytest.raises(type(error)) as caught, naming_folder(tmp_path):
            raise error
        assert caught.value is error
