import importlib
import pickle
import re
import runpy
import shlex
import warnings
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import torch
from hinted import hinted
from mmengine.logging import HistoryBuffer

from ltseg.environment.advice import findings
from ltseg.environment.installed import Environment, examine
from ltseg.environment.pins import ONEDL, ORIGINAL

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
OPENMMLAB = Environment(
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


LACKING = 'libGL.so.1: cannot open shared object file: No such file or directory'


def changed(found: Environment, **versions: str | None) -> Environment:
    merged = {**found.versions, **versions}
    return replace(found, versions={module: version for module, version in merged.items() if version is not None})


@pytest.mark.parametrize('found', [SOUND, OPENMMLAB])
def test_sound_installations_have_no_finding(found: Environment) -> None:
    assert findings(found) == []


@pytest.mark.parametrize('module', sorted({*ONEDL} - {'mmseg', 'mmpretrain'}))
@pytest.mark.parametrize(('found', 'pins'), [(SOUND, ONEDL), (OPENMMLAB, ORIGINAL)], ids=['onedl', 'openmmlab'])
def test_missing_module_is_a_fault_with_the_version_that_fits_the_rest(
    found: Environment, pins: dict[str, str], module: str
) -> None:
    (finding,) = findings(changed(found, **{module: None}))
    assert finding.is_fault and finding.what == f'{module} is missing.'
    assert finding.hint.startswith('pip install ') and finding.hint.endswith(pins[module])


@pytest.mark.parametrize(('pins', 'file'), [(ONEDL, 'requirements.txt'), (ORIGINAL, 'tests/stacks/openmmlab.txt')])
def test_the_named_pins_are_the_tested_ones(pins: dict[str, str], file: str) -> None:
    tested = (Path(__file__).parents[1] / file).read_text(encoding='utf-8').splitlines()
    assert {pin.strip("'") for pin in pins.values()} <= set(tested)


def test_what_needs_a_missing_module_is_not_blamed() -> None:
    error = {'mmcv': "ModuleNotFoundError: No module named 'mmengine.utils'", 'ltseg.compat': 'ImportError: torch'}
    (finding,) = findings(replace(changed(SOUND, mmengine=None), load_errors=error))
    assert finding.what == 'mmengine is missing.'


def test_one_of_mmseg_and_mmpretrain_is_enough() -> None:
    (finding,) = findings(changed(SOUND, mmpretrain=None))
    assert not finding.is_fault and 'segmentation works, classification does not' in finding.what
    (finding,) = findings(changed(SOUND, mmseg=None))
    assert not finding.is_fault and 'classification works, segmentation does not' in finding.what
    assert any(finding.is_fault for finding in findings(changed(SOUND, mmseg=None, mmpretrain=None)))


def test_the_original_mmseg_is_installed_with_what_it_does_not_declare() -> None:
    (finding,) = findings(changed(replace(OPENMMLAB, distributions={'mmcv': ('mmcv',)}), mmseg=None))
    assert finding.hint == 'pip install mmsegmentation==1.2.2 ftfy regex'


def test_an_old_torch_gets_the_packages_of_its_time() -> None:
    found = Environment(versions={'python': '3.11.7', 'torch': '2.1.2'})
    assert [finding.hint.split('==')[-1] for finding in findings(found) if 'mmengine' in finding.what] == ['0.10.7']


@pytest.mark.parametrize(
    ('found', 'what', 'hint'),
    [
        (
            changed(OPENMMLAB, torch='2.6.0'),
            'mmengine 0.10.7 cannot load the checkpoints',
            'export TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1',
        ),
        (changed(OPENMMLAB, mmcv='2.2.0'), 'mmcv 2.2.0 is too new for mmseg 1.2.2', 'mmcv==2.1.0'),
        (
            replace(OPENMMLAB, distributions={'mmcv': ('mmcv-lite',)}, has_compiled_mmcv=False),
            'cannot be imported with this mmcv-lite',
            'pip uninstall -y mmcv-lite && ',
        ),
        (
            replace(
                SOUND,
                distributions={**SOUND.distributions, 'mmengine': ('mmengine', 'onedl-mmengine')},
                has_pkg_resources=True,
            ),
            'mmengine is provided by mmengine and onedl-mmengine',
            'pip uninstall -y mmengine onedl-mmengine && pip install onedl-mmengine==0.10.12',
        ),
        (
            replace(SOUND, missing_libraries=('scikit-learn', 'rich')),
            'Libraries that ltseg needs are missing: scikit-learn rich.',
            'pip install scikit-learn rich',
        ),
        (changed(SOUND, torch='1.13.1'), 'torch 1.13.1 is older than 2.0', "'torch>=2.0'"),
        (changed(OPENMMLAB, mmseg='1.1.0'), 'mmseg 1.1.0 is older than 1.2', 'mmsegmentation==1.2.2'),
        (changed(OPENMMLAB, torch='2.1.2', numpy='2.0.0'), 'torch 2.1.2 was built for numpy 1', "'numpy<2'"),
        (replace(OPENMMLAB, has_pkg_resources=False), 'pkg_resources is gone', "'setuptools<81'"),
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
        (replace(SOUND, load_errors={'cv2': 'ImportError: bad file'}), 'bad file', 'opencv-python'),
        (
            replace(SOUND, load_errors=dict.fromkeys(('cv2', 'mmengine', 'mmcv', 'mmseg'), f'ImportError: {LACKING}')),
            'The system lacks libGL.so.1',
            'apt-get install libgl1 libglib2.0-0',
        ),
        (
            replace(
                OPENMMLAB, load_errors=dict.fromkeys(('mmcv._ext', 'mmseg.models'), 'ImportError: undefined symbol')
            ),
            'operators of mmcv do not load beside torch 2.5.1 (ImportError: undefined symbol)',
            'pip install --no-build-isolation --force-reinstall --no-deps --no-cache-dir mmcv==2.1.0',
        ),
        (
            replace(
                OPENMMLAB,
                missing_of_mmseg=('ftfy',),
                load_errors={'mmseg.models': "ModuleNotFoundError: No module named 'ftfy'"},
            ),
            'Libraries that mmseg imports are missing: ftfy.',
            'pip install ftfy',
        ),
        (
            replace(
                changed(OPENMMLAB, mmcv='1.7.2'),
                distributions={**OPENMMLAB.distributions, 'mmcv': ('mmcv-full',)},
                load_errors=dict.fromkeys(('mmseg', 'mmpretrain'), 'AssertionError: MMCV==1.7.2 is incompatible'),
            ),
            'mmcv 1.7.2 is older than 2.1',
            'pip uninstall -y mmcv-full && ',
        ),
        (
            replace(
                changed(OPENMMLAB, mmcv='2.0.1'),
                distributions={**OPENMMLAB.distributions, 'mmcv': ('mmcv-lite',)},
                has_compiled_mmcv=False,
            ),
            'mmcv 2.0.1 is older than 2.1',
            'pip uninstall -y mmcv-lite && ',
        ),
        (
            replace(
                OPENMMLAB,
                distributions={**OPENMMLAB.distributions, 'mmcv': ('mmcv', 'mmcv-lite')},
                has_compiled_mmcv=False,
                load_errors={'mmseg': "ModuleNotFoundError: No module named 'mmcv._ext'"},
            ),
            'mmcv is provided by mmcv and mmcv-lite',
            'pip uninstall -y mmcv mmcv-lite && ',
        ),
        (changed(SOUND, torchvision=None), 'mmpretrain imports it', 'torchvision'),
    ],
)
def test_each_fault_is_named_with_its_hint(found: Environment, what: str, hint: str) -> None:
    (finding,) = findings(found)
    assert finding.is_fault and what in finding.what and hint in finding.hint


def test_one_cause_gives_one_finding() -> None:
    error = {'mmseg': 'AssertionError: MMCV==2.2.0 is used but incompatible'}
    (finding,) = findings(replace(changed(OPENMMLAB, mmcv='2.2.0'), load_errors=error))
    assert 'too new' in finding.what


def test_nothing_installed_gets_the_maintained_builds() -> None:
    found = Environment(versions={'python': '3.11.7'})
    assert [finding.hint for finding in findings(found)] == [f'pip install {pin}' for pin in ONEDL.values()]


def test_metadata_of_a_checkout_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('importlib.metadata.packages_distributions', lambda: {'ltseg': ['ltseg', 'ltseg']})
    assert examine().distributions['ltseg'] == ('ltseg',)


def test_parts_that_only_models_import_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """mmcv compiled for another torch, and ftfy missing: ``import mmcv, mmseg`` still works."""
    names, import_module = {'mmcv': ['mmcv'], 'mmseg': ['mmsegmentation']}, importlib.import_module

    def load(name: str) -> object:
        if name in ('mmcv._ext', 'mmseg.models'):
            raise ImportError(f'{name} is broken')
        return import_module(name)

    monkeypatch.setattr('importlib.metadata.packages_distributions', lambda: names)
    monkeypatch.setattr('importlib.metadata.version', lambda name: '2.1.0')
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None if name == 'ftfy' else ModuleSpec(name, load))
    monkeypatch.setattr('importlib.import_module', load)
    found = examine()
    assert found.load_errors['mmcv._ext'] == 'ImportError: mmcv._ext is broken'
    assert found.load_errors['mmseg.models'] == 'ImportError: mmseg.models is broken'
    assert found.missing_of_mmseg == ('ftfy',)
    names['mmcv'] = ['onedl-mmcv']  # needs no operators
    assert 'mmcv._ext' not in examine().load_errors


def test_libraries_are_those_that_setup_requires() -> None:
    from ltseg.environment.pins import LIBRARIES

    text = (Path(__file__).parents[1] / 'setup.py').read_text(encoding='utf-8')
    required = text.partition('install_requires=[')[2].partition(']')[0]
    assert sorted(re.findall(r"'(\w[\w-]*)", required)) == sorted({*LIBRARIES.values(), 'torch'})


def test_cuda_build_without_a_device_is_a_note() -> None:
    (finding,) = findings(replace(SOUND, cuda_build='13.0'))
    assert not finding.is_fault and 'CPU' in finding.what
    assert findings(replace(SOUND, cuda_build='13.0', cuda_devices=1)) == []


def test_tool_reports_this_installation(capsys: pytest.CaptureFixture[str]) -> None:
    tool = runpy.run_path(str(Path(__file__).parents[1] / 'tools/check_env.py'))
    code = tool['main']([])
    shown = capsys.readouterr().out
    named = findings(examine())
    assert code == int(any(finding.is_fault for finding in named))
    assert all(finding.hint in shown for finding in named) and ('No fault found.' in shown) == (code == 0)
    for module in ONEDL:
        assert examine().versions[module] in shown


MODULES = {pin.strip("'"): module for pins in (ONEDL, ORIGINAL) for module, pin in pins.items()}
OURS = ('mmengine', 'mmcv', 'mmseg', 'mmpretrain')
CHOSEN = {'numpy<2': ('numpy', '1.26.4'), 'torch>=2.0': ('torch', '2.1.2')}


def after(found: Environment, command: str) -> Environment:
    """An installation after commands of pip, as far as findings look at it."""
    for part in command.partition(' (')[0].split(' && '):
        words = shlex.split(part)
        names = [word for word in words[2:] if not word.startswith('-')]
        if words[1] == 'uninstall':
            kept = {module: set(provided) - {*names} for module, provided in found.distributions.items()}
            found = replace(found, distributions={module: tuple(left) for module, left in kept.items() if left})
            continue
        for name in names:
            module, version = CHOSEN.get(name) or (MODULES.get(name), name.partition('=')[2].strip('='))
            if module is not None:
                errors = {key: text for key, text in found.load_errors.items() if key.partition('.')[0] != module}
                provided = {**found.distributions, module: (name.partition('=')[0],)} if module in OURS else {}
                found = replace(changed(found, **{module: version}), load_errors=errors)
                found = replace(found, distributions=provided or found.distributions, has_compiled_mmcv=True)
        found = replace(
            found,
            load_errors={
                key: text for key, text in found.load_errors.items() if not text.endswith(tuple(map(repr, names)))
            },
            missing_libraries=tuple(each for each in found.missing_libraries if each not in names),
            missing_of_mmseg=tuple(each for each in found.missing_of_mmseg if each not in names),
            has_pkg_resources=found.has_pkg_resources or any(name.startswith('setuptools<') for name in names),
        )
    return found


def test_the_commands_leave_no_fault() -> None:
    def said(found: Environment) -> list[str]:
        return [finding.hint for finding in findings(found)]

    def mended(found: Environment) -> None:
        (command,) = said(found)
        assert findings(after(found, command[command.index('pip ') :])) == [], command

    lacks_mmcv, plain = changed(OPENMMLAB, mmcv=None), OPENMMLAB.distributions
    lacks_mmcv = replace(lacks_mmcv, distributions={**plain, 'mmcv': ()})
    lite = replace(OPENMMLAB, distributions={**plain, 'mmcv': ('mmcv-lite',)}, has_compiled_mmcv=False)
    twice = {**SOUND.distributions, 'mmengine': ('mmengine', 'onedl-mmengine')}
    twice = replace(SOUND, distributions=twice, has_pkg_resources=True)
    old_numpy, bare = changed(OPENMMLAB, torch='2.1.2', numpy='2.0.0'), replace(OPENMMLAB, has_pkg_resources=False)
    libraries = replace(SOUND, missing_libraries=('scikit-learn', 'rich'))
    of_mmseg = {'mmseg.models': "ModuleNotFoundError: No module named 'ftfy'"}
    of_mmseg = replace(OPENMMLAB, missing_of_mmseg=('ftfy',), load_errors=of_mmseg)
    broken = replace(SOUND, load_errors={'cv2': 'ImportError: bad file'})
    checkpoints = changed(OPENMMLAB, torch='2.6.0')
    hinted("pip install 'setuptools<70' wheel && pip install --no-build-isolation mmcv==", lambda: said(lacks_mmcv))
    hinted("pip install 'setuptools<70' wheel && pip install --no-build-isolation mmcv==", lambda: said(lite))
    hinted('pip uninstall -y ', lambda: said(twice))
    hinted('pip uninstall -y ', lambda: said(lite))
    hinted("pip install 'numpy<2'", lambda: said(old_numpy))
    hinted('pip install ', lambda: said(libraries))
    hinted('pip install ', lambda: said(changed(SOUND, mmengine=None)))
    hinted("pip install 'setuptools<81' (and build mmcv with pip install --no-build-isolation)", lambda: said(bare))
    hinted("pip install -U 'torch>=", lambda: said(changed(OPENMMLAB, torch='1.13.1')))
    hinted('Reinstall it: ', lambda: said(broken))
    hinted('For those scripts, and for files that you trust: export TORCH_FORCE_NO_WEIGHTS', lambda: said(checkpoints))
    for found in (lacks_mmcv, lite, twice, old_numpy, bare, libraries, of_mmseg, broken, checkpoints):
        mended(found)
    mended(changed(OPENMMLAB, torch='1.13.1'))
    for sound in (SOUND, OPENMMLAB):
        for module in ('torch', 'cv2', *OURS):
            mended(changed(replace(sound, distributions={**sound.distributions, module: ()}), **{module: None}))


def test_other_hints_leave_no_finding() -> None:
    unlike = replace(SOUND, load_errors={'torchvision': 'OSError: libcudart.so'})
    lacking = replace(SOUND, load_errors={'cv2': f'ImportError: {LACKING}'})
    without, unused = changed(SOUND, torchvision=None), replace(SOUND, cuda_build='13.0')
    hinted('Install both from the same index, both for the CPU', lambda: [each.hint for each in findings(unlike)])
    hinted('apt-get install libgl1 libglib2.0-0 libxcb1', lambda: [each.hint for each in findings(lacking)])
    assert findings(replace(unlike, load_errors={})) == []
    hinted('torchvision 0.28.0 to torch 2.13.0', lambda: [each.hint for each in findings(without)])
    assert findings(changed(without, torchvision='0.28.0')) == []
    hinted('update its driver. Without: nothing, or install the CPU', lambda: [each.hint for each in findings(unused)])
    assert findings(replace(unused, cuda_devices=1)) == findings(replace(unused, cuda_build=None)) == []


def test_the_libraries_of_the_hint_bring_what_the_system_lacked() -> None:
    """What OpenCV's wheel loads, by the package of Debian that has it."""
    packages = {'libGL': 'libgl1', 'libglib-2.0': 'libglib2.0-0', 'libgthread-2.0': 'libglib2.0-0', 'libxcb': 'libxcb1'}
    for library, package in packages.items():
        (finding,) = findings(replace(SOUND, load_errors={'cv2': f'ImportError: {library}.so.1: cannot open'}))
        assert package in finding.hint.split()


def test_the_variable_of_the_hint_makes_mmengine_load_its_checkpoints(tmp_path: Path) -> None:
    torch.save({'message_hub': HistoryBuffer()}, tmp_path / 'a.pth')
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'a.pth', weights_only=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # PyTorch says once in a process that it has seen the variable
            assert isinstance(torch.load(tmp_path / 'a.pth')['message_hub'], HistoryBuffer)
