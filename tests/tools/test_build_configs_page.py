"""tools/build_configs_page.py: the page is up to date, and says of each config what is known of it."""

import runpy
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hinted import hinted

from ltseg.reports.record import RunRecord

ROOT = Path(__file__).parents[2]
RECORD = 'docs/runs/deeplabv3plus_ce_camvid-seed0-test.json'


@pytest.fixture(scope='module')
def tool() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / 'tools/build_configs_page.py'))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One config with one record, and an empty page."""
    for name in ('configs/deeplabv3plus_ce_camvid.py', RECORD):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / 'configs/_base_', tmp_path / 'configs/_base_')
    (tmp_path / 'configs/README.md').write_text('# Configs\n\n<!-- configs -->\n<!-- end -->\n')
    return tmp_path


def page_of(repository: Path, tool: dict[str, Any]) -> str:
    assert tool['main']([], root=repository) == 0
    return (repository / 'configs/README.md').read_text()


def test_page_is_up_to_date(tool: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert tool['main'](['--check']) == 0, 'Run tools/build_configs_page.py'
    assert capsys.readouterr().out == ''


def test_page_lists_every_config_once(tool: dict[str, Any]) -> None:
    page = (ROOT / 'configs/README.md').read_text().partition('<!-- configs -->')[2]
    for path in tool['config_files'](ROOT):
        assert page.count(f'({path.relative_to(ROOT / "configs").as_posix()})') == 1, path.name


def test_check_writes_nothing(repository: Path, tool: dict[str, Any]) -> None:
    before = (repository / 'configs/README.md').read_text()
    assert tool['main'](['--check'], root=repository) == 1
    assert (repository / 'configs/README.md').read_text() == before
    page_of(repository, tool)
    assert tool['main'](['--check'], root=repository) == 0


def test_measured_values_are_those_of_the_record(repository: Path, tool: dict[str, Any]) -> None:
    metrics = RunRecord.load(ROOT / RECORD).metrics()
    page = page_of(repository, tool)
    assert f'| mIoU {metrics["mIoU"]:.2f}; mAcc {metrics["mAcc"]:.2f} |' in page and page.startswith('# Configs\n')


@pytest.mark.parametrize('settings', [{'posthoc': {'tau': 1}}, {'model.decode_head.loss_decode.type': 'ltseg.ARBLoss'}])
def test_runs_of_another_method_do_not_count(repository: Path, tool: dict[str, Any], settings: dict) -> None:
    expected = page_of(repository, tool)
    record = RunRecord.load(ROOT / RECORD)
    replace(record, seed=1, settings=settings).save(repository / 'docs/runs/other.json')
    assert page_of(repository, tool) == expected


def test_seeds_are_averaged_and_lengths_are_not(repository: Path, tool: dict[str, Any]) -> None:
    record = RunRecord.load(ROOT / RECORD)
    for seed in (1, 2):
        replace(record, seed=seed).save(repository / f'docs/runs/seed{seed}.json')
    assert '(3 seeds)' in page_of(repository, tool)
    replace(record, iterations=8000, settings={'train_cfg.max_iters': 8000}).save(repository / 'docs/runs/long.json')
    page = page_of(repository, tool)
    assert '(3 seeds), mIoU' in page and '(4 seeds)' not in page


def test_header_without_a_word_on_measurements_is_named(repository: Path, tool: dict[str, Any], capsys: Any) -> None:
    (repository / 'configs/unet_new_camvid.py').write_text("# U-Net with something new.\n_base_ = './a.py'\n")
    with pytest.raises(SystemExit):
        tool['main']([], root=repository)
    text = capsys.readouterr().err
    assert 'header of unet_new_camvid.py: expected a sentence on what was measured' in text
    hinted("End it with 'Not measured.' or 'Measured: docs/results.md.', and what a paper says behind that.", text)
    header = '# U-Net with something new. Not measured.\n'
    (repository / 'configs/unet_new_camvid.py').write_text(header + "_base_ = './a.py'\n")
    assert tool['published'](repository / 'configs/unet_new_camvid.py') == ''
