"""The table file holds what was counted, and nothing impossible."""

import json
from pathlib import Path

import pytest
import torch
from hinted import hinted

from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.table import CountsTable, check_table

NAMES = ('road', 'pole', 'bicycle "old"')


def example(**provenance: object) -> CountsTable:
    counts = ClassCounts(torch.tensor([2**33 + 1, 70, 0]), torch.tensor([9, 3, 0]), torch.tensor([2**34, 400, 0]))
    return CountsTable(counts, NAMES, provenance)


def test_loads_what_was_saved(tmp_path: Path) -> None:
    table = example(total_pixels=2**35, files=9, label_map={'11': 255})
    table.save(tmp_path / 'new' / 'counts.json')
    loaded = CountsTable.load(tmp_path / 'new' / 'counts.json')
    for name in ('samples', 'images', 'samples_of_images'):
        assert torch.equal(getattr(loaded.counts, name), getattr(table.counts, name))
        assert getattr(loaded.counts, name).dtype == torch.int64
    assert (loaded.class_names, loaded.provenance) == (table.class_names, table.provenance)


def test_samples_alone_and_fractions_load_too(tmp_path: Path) -> None:
    CountsTable(ClassCounts.from_list([0.5, 2.0]), ('a', 'b')).save(tmp_path / 'counts.json')
    loaded = CountsTable.load(tmp_path / 'counts.json')
    assert loaded.counts.samples.tolist() == [0.5, 2.0]
    assert loaded.counts.images is None


def test_file_has_one_class_per_line_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    example().save(tmp_path / 'counts.json')
    lines = (tmp_path / 'counts.json').read_text().splitlines()
    assert [json.loads(line.strip().rstrip(','))['name'] for line in lines if '"samples"' in line] == list(NAMES)
    assert [path.name for path in tmp_path.iterdir()] == ['counts.json']


def test_failed_save_keeps_the_old_table(tmp_path: Path) -> None:
    example().save(tmp_path / 'counts.json')
    before = (tmp_path / 'counts.json').read_bytes()
    (tmp_path / 'folder').mkdir()
    with pytest.raises(OSError):
        example().save(tmp_path / 'folder')
    with pytest.raises(TypeError):
        example(unknown=object()).save(tmp_path / 'counts.json')
    assert (tmp_path / 'counts.json').read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {'counts.json', 'folder'}


@pytest.mark.parametrize(
    ('provenance', 'message'),
    [({'total_pixels': 2**33}, 'files x height x width'), ({'files': 8}, 'at most 8 images')],
)
def test_refuses_more_than_the_files_hold(provenance: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        example(**provenance)
    example().save(tmp_path / 'counts.json')
    content = json.loads((tmp_path / 'counts.json').read_text())
    (tmp_path / 'counts.json').write_text(json.dumps(content | {'provenance': provenance}))
    with pytest.raises(ValueError, match=f'counts.json.*{message}'):
        CountsTable.load(tmp_path / 'counts.json')


def test_refuses_another_number_of_names() -> None:
    with pytest.raises(ValueError, match='expected 3 names'):
        CountsTable(example().counts, ('a', 'b'))


def with_classes(*rows: dict) -> str:
    return json.dumps({'format': 'ltseg class counts 1', 'provenance': {}, 'classes': list(rows)})


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"a": ', 'JSON'),
        ('[1, 2]', 'format'),
        ('{"format": "other"}', "got 'other'"),
        ('{"format": "ltseg class counts 1"}', "no 'classes'"),
        (with_classes(), 'one number for each class'),
        (with_classes({'name': 'a'}), "no 'samples'"),
        (with_classes({'name': 'a', 'samples': -1}), 'at least 0'),
        (with_classes({'name': 'a', 'samples': 'many'}), 'one number for each class'),
        (with_classes({'name': 'a', 'samples': 1, 'images': 1}, {'name': 'b', 'samples': 1}), "no 'images'"),
    ],
)
def test_load_names_file_and_fault(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / 'counts.json').write_text(text)
    with pytest.raises(ValueError, match=r'counts\.json') as caught:
        CountsTable.load(tmp_path / 'counts.json')
    assert message in str(caught.value)
    hinted('Write it again with ltseg count.', str(caught.value))
    example().save(tmp_path / 'counts.json')  # as ltseg count does
    assert CountsTable.load(tmp_path / 'counts.json').class_names == example().class_names


def test_load_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'none\.json.*ltseg count'):
        CountsTable.load(tmp_path / 'none.json')


def test_check_table_names_table_and_head() -> None:
    check_table(example(), 3, NAMES)
    with pytest.raises(ValueError) as caught:
        check_table(example(), 4, name='ade20k.json')
    assert str(caught.value) == (
        "counts: the table 'ade20k.json' lists 3 classes but the head has 4. "
        'Count the training data set of this config: ltseg count CONFIG --out TABLE.json.'
    )
    for number in (1, 5):
        with pytest.raises(ValueError, match=r'Count the training data set of this config: ltseg count CONFIG'):
            check_table(example(), number)
    with pytest.raises(ValueError, match=r'The data set has 2: set num_classes=2 in the head'):
        check_table(example(), 5, ('road', 'wall'))
    with pytest.raises(ValueError, match="class 1 'pole' but the data set calls it 'wall'"):
        check_table(example(), 3, ('road', 'wall', 'car'))


def test_a_data_set_without_ignored_pixels_fills_its_files() -> None:
    table = CountsTable(
        ClassCounts(torch.tensor([5, 3]), torch.tensor([2, 1])), ('a', 'b'), {'total_pixels': 8, 'files': 2}
    )
    assert table.counts.samples.sum() == 8
    with pytest.raises(ValueError, match='at most 7 samples'):
        CountsTable(table.counts, table.class_names, {'total_pixels': 7, 'files': 2})


@pytest.mark.parametrize(('samples', 'shares'), [([2, 1, 0], [0.6667, 0.3333, 0.0]), ([0, 0, 0], [0.0, 0.0, 0.0])])
def test_the_file_has_shares_for_the_reader(samples: list[int], shares: list[float], tmp_path: Path) -> None:
    CountsTable(ClassCounts(torch.tensor(samples)), NAMES).save(tmp_path / 'counts.json')
    content = json.loads((tmp_path / 'counts.json').read_text())
    assert [row['share'] for row in content['classes']] == shares
    assert CountsTable.load(tmp_path / 'counts.json').counts.samples.tolist() == samples


@pytest.mark.parametrize(
    ('rows', 'provenance', 'message'),
    [
        ([{'name': None, 'samples': 1}], {}, r'classes\.0\.name: expected a text, got None'),
        ([{'name': 'a\n', 'samples': 1}], {}, r'classes\.0\.name: expected a text without control characters'),
        ([[1]], {}, r'classes\.0: expected a dict, got \[1\]'),
        ({'a': 1}, {}, 'classes: expected a list'),
        ([{'name': 'a', 'samples': 2**62}, {'name': 'b', 'samples': 2**62}], {}, 'samples .* add up to less than'),
        ([{'name': 'a', 'samples': 1}], [1], r'provenance: expected a dict, got \[1\]'),
        ([{'name': 'a', 'samples': 1}], {'files': 'many'}, r"provenance\.files: expected a whole number .*got 'many'"),
        *(
            ([{'name': 'a', 'samples': 1}], {'total_pixels': 100, key: value}, rf'provenance\.{key}{message}')
            for key, value, message in (
                ('ignored_values', [1], r': expected a dict, got \[1\]'),
                ('ignored_values', 'abc', ": expected a dict, got 'abc'"),
                ('ignored_values', None, ': expected a dict, got None'),
                ('ignored_values', {'x': 1}, ": expected labels as keys, got 'x'"),
                ('ignored_values', {'9' * 20: 1}, ": expected labels as keys, got '9999"),
                ('ignored_values', {'255': None}, r'\.255: expected a whole number .*got None'),
                ('ignored_values', {'255': -40}, r'\.255: expected a whole number .*got -40'),
                ('ignored_values', {'255': 60, '0': 41}, ': expected at most 100 pixels, total_pixels, got 101'),
                ('valid_pixels', 101, ': expected at most 100 pixels, total_pixels, got 101'),
                ('parts', 3, ': expected a list, got 3'),
                ('parts', [1], r'\.0: expected a dict, got 1'),
                ('parts', [{'reduce_zero_label': 'no'}], r"\.0\.reduce_zero_label: expected true or false, got 'no'"),
                ('ignore_index', True, ': expected a label, got True'),
                ('ignore_index', 'zero', ": expected a label, got 'zero'"),
                ('ignore_index', 2**31, ': expected a label, got 2147483648'),
            )
        ),
        ([{'name': 'a', 'samples': 1}], {'fingerprint': 5}, r'provenance\.fingerprint: expected a text, got 5'),
    ],
)
def test_a_field_that_cannot_be_right_is_named(rows: object, provenance: object, message: str, tmp_path: Path) -> None:
    content = {'format': 'ltseg class counts 1', 'provenance': provenance, 'classes': rows}
    (tmp_path / 'counts.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f'counts.json.*{message}'):
        CountsTable.load(tmp_path / 'counts.json')


def test_a_whole_provenance_is_used(tmp_path: Path) -> None:
    provenance = {
        'total_pixels': 100,
        'valid_pixels': 60,
        'ignore_index': -100,
        'ignored_values': {'-100': 30, '7': 10},
        'parts': [{'dataset': 'A'}, {'dataset': 'B', 'reduce_zero_label': True}, {'reduce_zero_label': None}],
    }
    CountsTable(ClassCounts(torch.tensor([40, 20, 0])), NAMES, provenance).save(tmp_path / 'counts.json')
    loaded = CountsTable.load(tmp_path / 'counts.json')
    assert loaded.provenance == provenance
    assert loaded.ignored == 'Ignored: 40.0% of 100 pixels: value -100 (30.0%), value 7 (10.0%).'
