"""Classes are names, in one order, or it is said at once; what a hint says makes the fault go away."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hinted import hinted
from mmengine.registry import METRICS
from plain_segmentation import NAMES, stripes, write_images, write_plain_config
from plain_training import save

from ltseg.cli.label_faults import trained_classes
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.class_names import check_class_order, check_classes
from ltseg.counts.data_set_counts import build_dataset, count_dataset
from ltseg.counts.table import CountsTable


def dataset(root: Path, classes: Any) -> dict[str, Any]:
    prefix = {'img_path': 'img/train', 'seg_map_path': 'ann/train'}
    return {
        'type': 'mmseg.BaseSegDataset',
        'data_root': str(root),
        'data_prefix': prefix,
        'metainfo': {'classes': classes},
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_images(tmp_path / 'data', stripes((1,), (0,)))


@pytest.mark.parametrize(
    ('wrong', 'parts'),
    [
        ('water', ("'water'", "classes=('water',)")),
        ('names.txt', ("'names.txt'", 'There is no such file in')),
        ('lists/names', ('There is no such file in',)),
        ((1, 2), ('1 for class 0', "in quotes, e.g. '1'")),
        (('a', None), ('None for class 1', 'Give each class a name')),
    ],
)
@pytest.mark.parametrize('wrapped', [False, True])
def test_what_is_no_list_of_names_is_refused(wrong: Any, parts: tuple, wrapped: bool, root: Path) -> None:
    config = dataset(root, wrong)
    if wrapped:
        config = {'type': 'RepeatDataset', 'times': 2, 'dataset': {'type': 'ConcatDataset', 'datasets': [config]}}
    with pytest.raises(ValueError, match='BaseSegDataset.metainfo.classes') as caught:
        build_dataset(config)
    assert all(part in str(caught.value) for part in parts)
    if wrong == 'water':
        hinted('One name needs a comma: classes=(', lambda: build_dataset(config))
    elif isinstance(wrong, str):
        hinted(': correct the path, or list the names.', lambda: build_dataset(config))
    elif None in wrong:
        hinted('Give each class a name.', lambda: build_dataset(config))
    else:
        hinted('Write names in quotes, e.g. ', lambda: build_dataset(config))


@pytest.mark.parametrize('key', ['CLASSES', 'Classes'])
@pytest.mark.parametrize('kind', ['BaseSegDataset', 'CityscapesDataset'])
def test_names_under_a_key_that_nobody_reads(key: str, kind: str, root: Path) -> None:
    """MMSegmentation would go on without names, or with those of the class."""
    config = {**dataset(root, None), 'type': f'mmseg.{kind}', 'metainfo': {key: NAMES}}
    suffixes = {'img_suffix': '.jpg', 'seg_map_suffix': '.png'}
    with pytest.raises(ValueError, match=rf"{kind}.metainfo: expected .* as 'classes', got '{key}'. Write the key in"):
        build_dataset(config | suffixes)
    hinted('Write the key in lower case.', lambda: build_dataset(config | suffixes))
    made = build_dataset(config | suffixes | {'metainfo': {key.lower(): NAMES}})
    assert made.metainfo['classes'] == NAMES


def test_names_under_a_key_that_nobody_reads_in_a_built_data_set(root: Path) -> None:
    from mmseg.datasets import BaseSegDataset

    settings = {k: v for k, v in dataset(root, None).items() if k != 'type'}
    with pytest.raises(ValueError, match='Write the key in lower case'):
        count_dataset(BaseSegDataset(**{**settings, 'metainfo': {'CLASSES': NAMES}}))


@pytest.mark.parametrize(('wrong', 'part'), [('cat', "classes=('cat',)"), ('names.txt', 'There is no such file in')])
def test_the_argument_of_mmpretrain_for_names(
    wrong: str, part: str, tmp_path: Path, mmpretrain_registered: None
) -> None:
    for name in ('cat', 'dog'):
        save(tmp_path / f'data/{name}/1.png', np.zeros((8, 8, 3), np.uint8))
    config = {'type': 'mmpretrain.CustomDataset', 'data_root': str(tmp_path / 'data')}
    with pytest.raises(ValueError, match=r'CustomDataset\.classes: expected a list of names') as caught:
        build_dataset({**config, 'classes': wrong})
    assert part in str(caught.value)
    (tmp_path / 'names.txt').write_text('cat\ndog\n')
    for right in (str(tmp_path / 'names.txt'), ('cat', 'dog')):
        assert build_dataset({**config, 'classes': right}).metainfo['classes'] == ('cat', 'dog')


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_a_key_in_capitals_ends_training_and_testing_before_they_begin(
    split: str, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str], mmseg_registered: None
) -> None:
    from tiny_training import quick_tools, tool

    from ltseg.cli import check

    changes = {f'{split}_dataloader__dataset__metainfo': {'_delete_': True, 'CLASSES': NAMES}}
    config = str(write_plain_config(tmp_path, **changes))
    with quick_tools(), pytest.raises(SystemExit):
        (tool('train') and check.main)([config])
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: BaseSegDataset.metainfo: expected the names of the classes as 'classes'")


def test_names_as_the_hints_say(root: Path, tmp_path: Path) -> None:
    (tmp_path / 'names.txt').write_text('water\nland\n')
    for right, names in ((('water',), ('water',)), (str(tmp_path / 'names.txt'), ('water', 'land')), (['1'], ('1',))):
        table, _ = count_dataset(build_dataset(dataset(root, right)))
        assert table.class_names == names


def test_names_that_a_data_set_itself_got_wrong_are_refused_too(root: Path) -> None:
    from mmseg.datasets import BaseSegDataset

    with pytest.raises(ValueError, match=r"classes=\('water',\)"):
        count_dataset(BaseSegDataset(**{k: v for k, v in dataset(root, 'water').items() if k != 'type'}))


@pytest.mark.parametrize('kind', ['LongTailIoU', 'LongTailAccuracy'])
def test_metrics_refuse_them_when_they_get_to_know_the_data(kind: str) -> None:
    """mmengine hands over the meta information when it builds the validation loop, before training."""
    metric = METRICS.build({'type': f'ltseg.{kind}'})
    for wrong in ('water', (1, 2), ('a', None)):
        with pytest.raises(ValueError, match=f'classes of the data set of {kind}'):
            metric.dataset_meta = {'classes': wrong}
    metric.dataset_meta = {'classes': NAMES}
    table = CountsTable(ClassCounts.from_list([3, 2, 1]), ('rider', 'car', 'road'))
    with pytest.raises(ValueError, match=r"'road' is class 2, got 'road' as class 0\..*same order"):
        metric.fill_counts(table)
    metric.fill_counts(CountsTable(table.counts, NAMES))
    metric.dataset_meta = {'classes': ('Road', 'Car', 'Rider')}  # other names are another matter
    metric.fill_counts(CountsTable(table.counts, NAMES))


def test_names_may_be_missing_or_repeated() -> None:
    check_classes('here', None)
    check_classes('here', ('a', 'a'))
    check_class_order('here', ('a', 'a', 'b'), ('a', 'a', 'b'))
    check_class_order('here', (), ('a',))
    check_class_order('here', ('a', 'b'), ())
    with pytest.raises(ValueError, match="'b' is class 1, got 'b' as class 2"):
        check_class_order('here', ('a', 'c', 'b'), ('a', 'b'))
    hinted(
        'Give all data sets the same classes in the same order: metainfo=dict(classes=(...)).',
        lambda: check_class_order('here', ('b', 'a'), ('a', 'b')),
    )


@pytest.mark.parametrize('split', ['val', 'test'])
def test_another_order_ends_training_and_testing_before_they_begin(
    split: str, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str], mmseg_registered: None
) -> None:
    from tiny_training import quick_tools, tool

    settings = {f'{split}_dataloader__dataset__metainfo__classes': NAMES[::-1]}
    config = str(write_plain_config(tmp_path, **settings))
    good = tmp_path / 'good'
    good.mkdir()
    checkpoint = str(tmp_path / 'work_dirs/run/iter_2.pth')
    with quick_tools():
        if split == 'test':
            tool('train')([config])
        capsys.readouterr()
        with pytest.raises(SystemExit):
            tool('train')([config]) if split == 'val' else tool('test')([config, checkpoint])
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith('error: ') and "'rider' is class 2, got 'rider' as class 0" in last
    assert (split == 'val') == (not Path(checkpoint).exists())


@pytest.mark.parametrize('counting', [True, False])
def test_an_order_that_the_checkpoint_does_not_have_is_refused_by_every_command(
    counting: bool, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str], mmseg_registered: None
) -> None:
    """Also where all data sets of the config have the same other order, or only the test split has one."""
    from tiny_training import quick_tools, tool

    with quick_tools():
        tool('train')([str(write_plain_config(tmp_path))])
        checkpoint = str(tmp_path / 'work_dirs/run/iter_2.pth')
        others = {f'{split}_dataloader__dataset__metainfo__classes': NAMES[::-1] for split in ('train', 'val', 'test')}
        hooks = {} if counting else {'custom_hooks': []}
        for changes in (others, {key: value for key, value in others.items() if key.startswith('test')}):
            config = str(write_plain_config(tmp_path, **changes, **hooks))
            for command, *options in (('test',), ('adjust_logits',), ('analyze_collapse', '--split', 'test')):
                capsys.readouterr()
                with pytest.raises(SystemExit) as ended:
                    tool(command)([config, checkpoint, *options])
                assert ended.value.code == 1
                assert "'rider' is class 2, got 'rider' as class 0" in capsys.readouterr().err, command


def test_check_compares_the_test_split_with_training(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str], mmseg_registered: None
) -> None:
    from tiny_training import quick_tools

    from ltseg.cli import check

    config = write_plain_config(tmp_path, test_dataloader__dataset__metainfo__classes=NAMES[::-1])
    with quick_tools(), pytest.raises(SystemExit):
        check.main([str(config)])
    assert 'test_dataloader.dataset, classes: expected the order of the training classes' in capsys.readouterr().err


@pytest.mark.parametrize('meta', [{}, {'dataset_meta': None}, {'dataset_meta': {'classes': 'ab'}}, {'dataset_meta': 3}])
def test_a_checkpoint_that_does_not_say_its_classes(meta: dict) -> None:
    assert trained_classes(meta) == ()
    assert trained_classes({'dataset_meta': {'classes': ['a', 'b']}}) == ('a', 'b')
