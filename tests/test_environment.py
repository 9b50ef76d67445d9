import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from ltseg.environment import HOSTS, NEEDED, Environment, examine, findings

SOUND = Environment(
    versions={
        'python': '3.11.7',
        'torch': '2.13.0+cpu',
        'torchvision': '0.28.0',
        'cv2': '5.0.0.93',
        'mmengine': '0.10.12',
        'mmcv': '2.3.6',
        'mmseg': '1.4.2',
        'mmpretrain': '1.3.6',
    },
    distributions={'mmcv': ('onedl-mmcv',), 'mmseg': ('onedl-mmsegmentation',), 'mmengine': ('onedl-mmengine',)},
    has_pkg_resources=False,
)
ORIGINAL = Environment(
    versions={
        **SOUND.versions,
        'torch': '2.5.1',
        'mmengine': '0.10.7',
        'mmcv': '2.1.0',
        'mmseg': '1.2.2',
        'mmpretrain': '1.2.0',
    },
    distributions={'mmcv': ('mmcv',), 'mmseg': ('mmsegmentation',), 'mmengine': ('mmengine',)},
)


def changed(found: Environment, **versions: str | None) -> Environment:
    merged = {**found.versions, **versions}
    return replace(found, versions={module: version for module, version in merged.items() if version is not None})


@pytest.mark.parametrize('found', [SOUND, ORIGINAL])
def test_sound_installations_have_no_finding(found: Environment) -> None:
    assert findings(found) == []


@pytest.mark.parametrize('module', NEEDED)
def test_missing_module_is_a_fault_with_its_pin(module: str) -> None:
    (finding,) = findings(changed(SOUND, **{module: None}))
    assert (
        finding.is_fault and finding.what == f'{module} is missing.' and finding.cure == f'pip install {NEEDED[module]}'
    )


def test_the_named_pins_are_the_tested_ones() -> None:
    pins = (Path(__file__).parents[1] / 'requirements.txt').read_text(encoding='utf-8').splitlines()
    assert {*HOSTS.values(), *NEEDED.values()} <= set(pins)


def test_what_needs_a_missing_module_is_not_blamed() -> None:
    error = {'mmcv': "ModuleNotFoundError: No module named 'mmengine.utils'", 'ltseg.compat': 'ImportError: torch'}
    (finding,) = findings(replace(changed(SOUND, mmengine=None), load_errors=error))
    assert finding.what == 'mmengine is missing.'


def test_missing_mmpretrain_is_a_note_only() -> None:
    (finding,) = findings(changed(SOUND, mmpretrain=None))
    assert not finding.is_fault and 'classification' in finding.what


@pytest.mark.parametrize(
    ('found', 'what', 'cure'),
    [
        (changed(ORIGINAL, torch='2.6.0'), 'mmengine 0.10.7 cannot load the checkpoints', 'torch<2.6'),
        (changed(ORIGINAL, mmcv='2.2.0'), 'mmcv 2.2.0 is too new for mmseg 1.2.2', 'mmcv==2.1.0'),
        (
            replace(ORIGINAL, distributions={'mmcv': ('mmcv-lite',)}),
            'cannot be imported with mmcv-lite',
            'pip uninstall -y mmcv-lite',
        ),
        (replace(ORIGINAL, has_pkg_resources=False), 'pkg_resources is gone', "'setuptools<81'"),
        (
            replace(SOUND, load_errors={'torchvision': 'RuntimeError: operator torchvision::nms does not exist'}),
            'own scripts cannot start',
            'from the same index',
        ),
        (
            replace(SOUND, load_errors={'torchvision': 'OSError: libcudart.so'}),
            'does not load beside torch',
            'from the same index',
        ),
        (replace(SOUND, load_errors={'cv2': 'ImportError: libGL.so.1'}), 'libGL.so.1', 'opencv-python'),
        (changed(SOUND, torchvision=None), 'mmpretrain imports it', 'torchvision'),
    ],
)
def test_each_fault_is_named_with_its_cure(found: Environment, what: str, cure: str) -> None:
    (finding,) = findings(found)
    assert finding.is_fault and what in finding.what and cure in finding.cure


def test_one_cause_gives_one_finding() -> None:
    error = {'mmseg': 'AssertionError: MMCV==2.2.0 is used but incompatible'}
    (finding,) = findings(replace(changed(ORIGINAL, mmcv='2.2.0'), load_errors=error))
    assert 'too new' in finding.what


def test_cuda_build_without_a_device_is_a_note() -> None:
    (finding,) = findings(replace(SOUND, cuda_build='13.0'))
    assert not finding.is_fault and 'CPU' in finding.what
    assert findings(replace(SOUND, cuda_build='13.0', cuda_devices=1)) == []


def test_tool_reports_this_installation(capsys: pytest.CaptureFixture[str]) -> None:
    tool = runpy.run_path(str(Path(__file__).parents[1] / 'tools/check_env.py'))
    code = tool['main']()
    shown = capsys.readouterr().out
    named = findings(examine())
    assert code == int(any(finding.is_fault for finding in named))
    assert all(finding.cure in shown for finding in named) and ('No fault found.' in shown) == (code == 0)
    for module in NEEDED:
        assert examine().versions[module] in shown
