"""JSON of others is read whole, or refused in one message that names the file."""

import math
from pathlib import Path

import pytest

from ltseg.core.errors import InvalidValueError, MissingFileError
from ltseg.core.json_files import DEEPEST, parse_json, read_json


def test_values_are_those_of_json() -> None:
    text = '{"a": [1, -2.5, "ü", null, true], "b": {"c": 9223372036854775807}}'
    assert parse_json(text) == {'a': [1, -2.5, 'ü', None, True], 'b': {'c': 2**63 - 1}}
    assert parse_json('[' * DEEPEST + ']' * DEEPEST)
    assert math.isnan(parse_json('[NaN]', nan=True)[0])


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"a": ', 'Expecting value'),
        ('[NaN]', 'NaN, which is no finite number'),
        ('[-Infinity]', 'no finite number'),
        ('[1e400]', '1e400, which is no finite number'),
        ('[9223372036854775808]', 'more than 64 bits'),
        (f'[{"9" * 5000}]', 'more than 64 bits'),
        ('[' * 21 + ']' * 21, 'lists inside each other, more than 20'),
        ('[' * 10**5 + ']' * 10**5, 'lists inside each other, more than 20'),
        ('{"a":' * 10**5, 'lists inside each other, more than 20'),
    ],
)
def test_what_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(text)
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(InvalidValueError, match=f'the file: expected a JSON file, got .*{message}.*Do this'):
        read_json(tmp_path / 'a.json', 'the file', 'Do this.')


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingFileError, match='the file: expected a file, got none'):
        read_json(tmp_path / 'a.json', 'the file')
    with pytest.raises(InvalidValueError, match='the file: expected a JSON file'):
        read_json(tmp_path, 'the file')
    (tmp_path / 'a.json').write_bytes(b'\xff\xfe')
    with pytest.raises(InvalidValueError, match='the file: expected a JSON file'):
        read_json(tmp_path / 'a.json', 'the file')
    monkeypatch.setattr('ltseg.core.json_files.LARGEST', 1)
    with pytest.raises(InvalidValueError, match='at most 1 bytes, got 2'):
        read_json(tmp_path / 'a.json', 'the file')
