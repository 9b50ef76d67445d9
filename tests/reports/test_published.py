"""The numbers of papers: every file is whole, and the checks of the printed tables are as noted in them."""

import json
from pathlib import Path
from statistics import fmean

import pytest

from ltseg.reports.published import PAPERS, PUBLISHED, find_published, load_published

RUN = {'method': 'm', 'means': {'accuracy/top1': 50.0}}


def test_every_file_says_where_its_numbers_are_from() -> None:
    files = [json.loads(path.read_text(encoding='utf-8')) for path in PAPERS.glob('*.json')]
    assert files
    for content in files:
        assert content['source'] and content['notes'] and all('table' in each for each in content['tables'])


def test_rows_average_to_the_printed_means_but_for_the_two_misprints() -> None:
    off = {}
    for name, run in PUBLISHED.items():
        for rate, of_class in run.rates.items():
            if abs(fmean(of_class.values()) - run.means[rate]) > 0.0051:
                off[name, rate] = round(fmean(of_class.values()), 2)
    assert off == {('arb/deeplabv3plus/arb', 'IoU'): 78.44, ('arb/unet/arb', 'Acc'): 79.64}


def test_another_wall_would_close_the_gap() -> None:
    run = PUBLISHED['arb/deeplabv3plus/arb']
    assert run.rates['IoU']['wall'] == 38.15
    assert fmean((run.rates['IoU'] | {'wall': 58.15}).values()) == pytest.approx(run.means['IoU'], abs=0.0051)


def test_every_model_gains_by_blv_and_most_in_the_tail() -> None:
    runs = find_published('cityscapes/blv')
    assert [run.method for run in runs] == ['cross entropy', 'BLV'] * 7
    for before, after in zip(runs[::2], runs[1::2], strict=True):
        gains = [after.means[key] - before.means[key] for key in ('mIoU', 'mIoU_tail')]
        assert before.model == after.model and 0 < gains[0] < gains[1]


def test_means_of_disalign_are_those_of_its_groups() -> None:
    for run in find_published('ade20k/disalign'):
        for rate in ('mIoU', 'mAcc'):
            parts = (
                size * run.means[f'{rate}_{group}'] for group, size in (('head', 20), ('medium', 55), ('tail', 75))
            )
            assert sum(parts) / 150 == pytest.approx(run.means[rate], abs=0.011)


@pytest.mark.parametrize(('name', 'number'), [('arb', 4), ('arb/unet', 2), ('arb/unet/ce', 1), ('ade20k', 6)])
def test_a_prefix_finds_all_below(name: str, number: int) -> None:
    assert len(find_published(name)) == number


@pytest.mark.parametrize(
    ('name', 'nearest'),
    [
        ('arb/un', 'arb/unet'),
        ('cifar10lt100/abr', 'cifar10lt100/arb'),
        ('imagenet', 'imagenetlt'),
        ('abr/unet', 'arb/unet'),
    ],
)
def test_a_typo_is_answered_with_the_nearest_name(name: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"one of .*got '{name}'. Did you mean '{nearest}'"):
        find_published(name)
    assert find_published(nearest)


def write(folder: Path, file: str, run: dict, **table) -> None:
    about = {'table': 'Table 1', 'dataset': 'd', 'num_classes': 2, 'model': 'n', 'runs': {'d/p/m': run}, **table}
    (folder / file).write_text(json.dumps({'paper': 'p', 'source': 's', 'notes': [], 'tables': [about]}))


def test_files_of_a_folder_are_put_together(tmp_path: Path) -> None:
    write(tmp_path, 'a.json', RUN)
    write(tmp_path, 'b.json', RUN, runs={'d/p/other': RUN})
    assert list(load_published(tmp_path)) == ['d/p/m', 'd/p/other']
    write(tmp_path, 'b.json', RUN)
    with pytest.raises(ValueError, match='b.json.*a name that is not taken'):
        load_published(tmp_path)


@pytest.mark.parametrize(
    ('run', 'message'),
    [
        (RUN | {'means': {'accuracy/top1': 101}}, r'a number in \[0, 100\]'),
        (RUN | {'means': {'accuracy/top1': '50'}}, r'a number in \[0, 100\]'),
        (RUN | {'means': {}}, 'means of a metric'),
        (RUN | {'means': {'mIou': 50.0}}, 'metrics of one task.*mIou'),
        (RUN | {'means': {'mIoU': 50.0, 'accuracy/top1': 50.0}}, 'metrics of one task'),
        (RUN | {'rates': {'IoU': {'a': 1, 'b': 2}}}, 'means of .*IoU'),
        ({'method': 'm', 'means': {'IoU': 1}, 'rates': {'IoU': {'a': 1}}}, 'rows of 2 classes'),
        (RUN | {'mean': 5}, 'mean'),
        ({'means': {'accuracy/top1': 50}}, 'method'),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, run: dict, message: str) -> None:
    write(tmp_path, 'broken.json', run)
    with pytest.raises(ValueError, match=f'(?s)broken.json.*{message}'):
        load_published(tmp_path)
