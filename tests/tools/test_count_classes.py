"""The tool prints and writes what the data set of a config holds, and names what is wrong in one line."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ltseg.cli import count
from ltseg.counts.table import CountsTable

CONFIG = """
work_dir = {work_dir!r}
train_dataloader = dict(dataset=dict(type={type!r}, data_root={root!r}, pipeline=[dict(type='Unknown')],
    data_prefix=dict(img_path='img', seg_map_path='ann')))
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    for folder in ('img', 'ann'):
        (tmp_path / 'data' / folder).mkdir(parents=True)
    for index, values in enumerate(([[0, 1, 150, 150]], [[1, 1, 1, 0]])):
        Image.new('RGB', (4, 1)).save(tmp_path / 'data' / 'img' / f'{index}.jpg')
        Image.fromarray(np.array(values, dtype=np.uint8)).save(tmp_path / 'data' / 'ann' / f'{index}.png')
    return write_config(tmp_path, 'mmseg.ADE20KDataset')


def write_config(folder: Path, dataset: str) -> str:
    root, work_dir = str(folder / 'data'), str(folder / 'work_dirs' / 'run')
    (folder / 'config.py').write_text(CONFIG.format(root=root, work_dir=work_dir, type=dataset))
    return str(folder / 'config.py')


def test_prints_by_frequency_and_keeps_the_table(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('COLUMNS', '160')
    count.main([config])
    printed = capsys.readouterr().out
    rows = [line.split() for line in printed.splitlines()]
    first = rows.index(['wall', '4', '66.6667%', '2', '6'])
    assert rows[first + 1] == ['flag', '2', '33.3333%', '1', '3']
    assert 'Imbalance ratio: 2.0' in printed and 'Gini 0.' in printed and 'by images' in printed
    assert 'Absent: building, sky,' in printed.replace('\n', ' ')
    (path,) = (tmp_path / 'work_dirs' / 'class_counts').iterdir()
    assert str(path) in printed
    assert CountsTable.load(path).counts.samples[[0, 149]].tolist() == [4, 2]


def test_reduce_zero_label_and_out(config: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    data_set = ['train_dataloader.dataset.type=mmseg.BaseSegDataset', 'train_dataloader.dataset.metainfo.classes=a,b']
    out = tmp_path / 'tables' / 'counts.json'
    Image.fromarray(np.array([[2, 0, 0, 0]], dtype=np.uint8)).save(tmp_path / 'data' / 'ann' / '0.png')
    message = stop_message(capsys, config, '--out', str(out), '--cfg-options', *data_set)
    assert re.search(r'0\.png: expected labels of 2 classes.*\{2: 1\}', message)
    assert not out.exists()
    count.main([config, '--out', str(out), '--reduce-zero-label', '--cfg-options', *data_set])
    table = CountsTable.load(out)
    assert table.counts.samples.tolist() == [3, 1]
    assert table.provenance['parts'][0]['reduce_zero_label'] is True
    assert not (tmp_path / 'work_dirs').exists()


def test_reduce_zero_label_reaches_inner_data_sets(config: str, tmp_path: Path) -> None:
    with Path(config).open('a') as stream:
        stream.write(
            "leaf = train_dataloader['dataset']\n"
            "leaf.update(type='mmseg.BaseSegDataset', metainfo=dict(classes=[str(k) for k in range(150)]))\n"
            "parts = [dict(type='RepeatDataset', times=times, dataset=leaf) for times in (2, 1)]\n"
            "both = dict(type='ConcatDataset', datasets=parts)\n"
            "train_dataloader['dataset'] = dict(type='RepeatDataset', times=3, dataset=both)\n"
        )
    count.main([config, '--out', str(tmp_path / 'table.json'), '--reduce-zero-label'])
    table = CountsTable.load(tmp_path / 'table.json')
    assert table.counts.samples[[0, 149]].tolist() == [4, 2]
    assert [part['reduce_zero_label'] for part in table.provenance['parts']] == [True, True]


def stop_message(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        count.main(arguments)
    assert caught.value.code == 1
    return capsys.readouterr().err


def test_faults_are_one_line_that_names_them(config: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    messages = {
        'none.py': stop_message(capsys, str(tmp_path / 'none.py')),
        'val_dataloader': stop_message(capsys, config, '--split', 'val'),
        'elsewhere/img': stop_message(capsys, config, '--data-root', 'elsewhere'),
        'NoSuchDataset': stop_message(capsys, write_config(tmp_path, 'NoSuchDataset')),
    }
    for part, message in messages.items():
        assert part in message and message.startswith('error: ')
        assert message.count('\n') == 1


@pytest.mark.parametrize('arguments', [['--workers', '0'], ['--out', 'table.txt'], ['--split', 'all']])
def test_wrong_arguments_are_named(arguments: list[str], config: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        count.main([config, *arguments])
    assert arguments[0] in capsys.readouterr().err
