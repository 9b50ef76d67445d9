"""``ltseg configs``, and the catalog that it shows."""

from pathlib import Path

import pytest
from hinted import hinted

from ltseg.cli.config_catalog import TASKS, catalog, config_folder, find_config
from ltseg.cli.configs import main, matching, table
from ltseg.core.errors import UsageError

CONFIGS = Path(__file__).parents[2] / 'configs'
FILES = {path.relative_to(CONFIGS).as_posix() for folder in TASKS.values() for path in (CONFIGS / folder).glob('*.py')}


def listed(*arguments: str) -> list[str]:
    """Files that are listed for these filters."""
    names = dict(zip(arguments[::2], arguments[1::2], strict=True))
    return [config.file for config in matching(catalog(), names)]


def test_the_catalog_has_every_config_once_and_no_part() -> None:
    found = [config.file for config in catalog()]
    assert sorted(found) == sorted(FILES) and len(found) > 200
    assert len({config.path.name for config in catalog()}) == len(found)  # or a bare name would be two configs
    assert all(config.path.is_file() for config in catalog())


def test_what_an_entry_says() -> None:
    config = find_config('resnet32_balanced_softmax_cifar10lt100.py', catalog())
    assert (config.task, config.model, config.method) == ('classification', 'resnet32', 'balanced_softmax')
    assert config.dataset == 'cifar10lt100'
    assert f'# {config.summary}\n' == config.path.open(encoding='utf-8').readline()
    long = find_config('unet_arb_camvid_long.py', catalog())
    assert (long.task, long.model, long.method, long.dataset) == ('segmentation', 'unet', 'arb', 'camvid_long')


def test_every_config_says_what_it_is() -> None:
    for config in catalog():
        assert f'{config.model}_{config.method}_{config.dataset}' == config.path.stem
        assert config.summary[0].isupper() and config.summary.endswith('.'), config.file


@pytest.mark.parametrize('name', ['resnet32_ce_cifar10lt100', 'classification/resnet32_ce_cifar10lt100'])
def test_a_config_is_found_with_and_without_folder_and_ending(name: str) -> None:
    assert find_config(name, catalog()) == find_config(f'{name}.py', catalog())
    assert find_config(name, catalog()).file == 'classification/resnet32_ce_cifar10lt100.py'
    assert find_config(f'{name}0', catalog()) is None


@pytest.mark.parametrize('text', ['arb', 'ARB', 'ARB-Loss', 'arb_loss'])
def test_filters_match_words_in_upper_and_lower_case(text: str) -> None:
    found = listed('--method', text)
    assert 'unet_arb_camvid.py' in found and 'classification/resnet50_arb_placeslt.py' in found
    assert all('_arb_' in file for file in found)


def test_filters_match_whole_words_of_name_and_header() -> None:
    assert listed('--data', 'cifar10lt100') == [file for file in listed() if 'cifar10lt100' in file]
    assert set(listed('--data', 'CIFAR-10-LT')) == set(listed('--data', 'cifar10lt100'))
    assert set(listed('--method', 'logit weight repulsion')) == {file for file in FILES if '_lwr_' in file}


def test_filters_narrow_each_other() -> None:
    found = listed('--method', 'arb', '--model', 'unet', '--data', 'camvid')
    assert set(found) == set(listed('--method', 'arb')) & set(listed('--model', 'unet')) & set(
        listed('--data', 'camvid')
    )
    assert found and set(listed()) == FILES


def test_the_last_words_of_a_name_are_those_of_data_sets() -> None:
    known = {path.stem.replace('_', '') for path in (CONFIGS / '_base_/datasets').glob('*.py')}
    for config in catalog():  # a new variant would be taken for a data set, and the data set for part of a method
        assert config.dataset.partition('_')[0].removesuffix('100') in known, config.file


def test_a_filter_without_match_names_what_is_near() -> None:
    with pytest.raises(UsageError, match=r"--method: expected words .* got 'abr'\. Near it: arb"):
        listed('--method', 'abr')
    with pytest.raises(UsageError, match=r"--data: .* among those of --model unet, got 'imagenet'"):
        listed('--model', 'unet', '--data', 'imagenet')


def test_the_table_has_a_line_for_each_config() -> None:
    configs = catalog()
    header, *lines = table(configs).splitlines()
    assert header.split() == ['file', 'model', 'method', 'data', 'what', 'it', 'is']
    assert [line.split()[0] for line in lines] == [config.file for config in configs]
    assert all(line.endswith(config.summary) for line, config in zip(lines, configs, strict=True))
    cut = table(configs, 80).splitlines()
    assert max(map(len, cut)) == 80 and cut[1].endswith('…') and cut[1][:79] == lines[0][:79]


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    main(['--task', 'classification', '--data', 'placeslt'])
    _, *lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {file for file in FILES if 'placeslt' in file}
    with pytest.raises(SystemExit, match='1'):
        main(['--task', 'segmentation', '--data', 'placeslt'])
    assert capsys.readouterr().err.startswith('error: --data: expected words')


def test_configs_of_an_installation_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = (tmp_path / 'installed', tmp_path / 'checkout')
    monkeypatch.setattr('ltseg.cli.config_catalog.FOLDERS', folders)
    hinted('Install ltseg with pip, or start from a checkout.', config_folder)
    for folder in reversed(folders):
        (folder / '_base_').mkdir(parents=True)
        assert config_folder() == folder
