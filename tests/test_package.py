"""What pip installs is whole: the wheel, made from the source distribution, and its metadata."""

import email
import email.message
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

import ltseg

ROOT = Path(__file__).parents[1]
BUILD = 'import sys, setuptools.build_meta as backend; print(getattr(backend, sys.argv[1])(sys.argv[2]))'
IN_THE_SOURCE = ('ltseg', 'configs', 'tools', 'docs')
MIM = 'ltseg/.mim/'


def build(kind: str, tree: Path, folder: Path) -> Path:
    """Runs ``build_sdist`` or ``build_wheel`` as pip does, without isolation; returns the file."""
    command = [sys.executable, '-c', BUILD, kind, str(folder)]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope='module')
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository without what is not part of it, and with what an earlier build would have left."""
    folder = tmp_path_factory.mktemp('tree')
    for path in ROOT.iterdir():
        if path.is_file() and not path.name.startswith('.'):
            shutil.copy(path, folder)
    for name in IN_THE_SOURCE:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns('__pycache__', '.mim', 'runs'))
    stale = folder / 'build/lib/ltseg/.mim/configs/gone.py'
    stale.parent.mkdir(parents=True)
    stale.touch()
    return folder


@pytest.fixture(scope='module')
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of the source distribution: whoever has that alone gets the same as from a checkout."""
    folder = tmp_path_factory.mktemp('built')
    with tarfile.open(build('build_sdist', tree, folder)) as archive:
        archive.extractall(folder, filter='data')
    return zipfile.ZipFile(build('build_wheel', folder / f'ltseg-{ltseg.__version__}', folder))


@pytest.fixture(scope='module')
def metadata(wheel: zipfile.ZipFile) -> email.message.Message:
    return email.message_from_bytes(wheel.read(f'ltseg-{ltseg.__version__}.dist-info/METADATA'))


def inside(folder: Path, pattern: str) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in folder.rglob(pattern) if path.is_file()}


def test_the_wheel_has_all_of_the_package(wheel: zipfile.ZipFile) -> None:
    files = {name for name in inside(ROOT / 'ltseg', '*') if '__pycache__' not in name}
    assert {'ltseg/py.typed', 'ltseg/reports/page/templates/page.html.j2', 'ltseg/cli/main.py'} <= files
    assert files <= set(wheel.namelist())


def test_the_wheel_has_configs_tools_and_index_as_openmmlab_packages_have_them(wheel: zipfile.ZipFile) -> None:
    names = {name.removeprefix(MIM) for name in wheel.namelist() if name.startswith(MIM)}
    configs = {name for name in names if name.startswith('configs/')}
    assert configs == inside(ROOT / 'configs', '*.py') | inside(ROOT / 'configs', '*.yml')
    assert {'model-index.yml', 'tools/train.py', 'tools/test.py', 'tools/dist_train.sh'} <= names
    assert 'tools/build_docs.py' not in names


def test_nothing_else_is_installed(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition('/')[0] for name in wheel.namelist()}
    assert tops == {'ltseg', f'ltseg-{ltseg.__version__}.dist-info'}


def test_a_wheel_of_the_tree_is_the_same(wheel: zipfile.ZipFile, tree: Path, tmp_path: Path) -> None:
    direct = zipfile.ZipFile(build('build_wheel', tree, tmp_path))  # with leftovers of an earlier build
    assert set(direct.namelist()) == set(wheel.namelist())


def test_an_installed_config_can_be_copied_from_the_wheel_alone(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / 'site')
    command = [sys.executable, '-S', '-m', 'ltseg', 'cp', 'resnet32_crt_cifar10lt100', 'here']
    subprocess.run(command, cwd=tmp_path, env={'PYTHONPATH': str(tmp_path / 'site')}, check=True, capture_output=True)
    assert len(list((tmp_path / 'here/_base_').rglob('*.py'))) > 3


def test_the_command_is_an_entry_point(wheel: zipfile.ZipFile) -> None:
    text = wheel.read(f'ltseg-{ltseg.__version__}.dist-info/entry_points.txt').decode()
    assert text.split() == ['[console_scripts]', 'ltseg', '=', 'ltseg.cli.main:main']


def test_metadata(metadata: email.message.Message) -> None:
    assert metadata['Version'] == ltseg.__version__ and metadata['Requires-Python'] == '>=3.10'
    assert metadata['License'] == 'Apache-2.0' and metadata.get_all('License-File') == ['LICENSE']
    assert metadata['Description-Content-Type'] == 'text/markdown'
    assert metadata.get_payload().strip().startswith('# ltseg')
    assert 'Typing :: Typed' in metadata.get_all('Classifier') and 'long-tailed' in metadata['Keywords']


def test_openmmlab_is_required_by_extras_only(metadata: email.message.Message) -> None:
    requirements = metadata.get_all('Requires-Dist')
    openmmlab = [each for each in requirements if each.startswith(('mm', 'onedl'))]
    assert openmmlab and all('extra == ' in each for each in openmmlab)
    providers = {extra: {each for each in openmmlab if f'"{extra}"' in each} for extra in ('mmseg', 'openmmlab')}
    assert all(each.startswith('onedl-') for each in providers['mmseg'])  # never both: they overwrite each other
    assert all(each.startswith('mm') for each in providers['openmmlab'])


def test_the_model_index_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    tool = runpy.run_path(str(ROOT / 'tools/write_model_index.py'))
    assert tool['main'](['--check']) == 0, f'Run tools/write_model_index.py: {capsys.readouterr().out}'


def test_the_model_index_names_every_config_with_its_files() -> None:
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text(encoding='utf-8'))
    metafiles = [yaml.safe_load((ROOT / name).read_text(encoding='utf-8')) for name in index['Import']]
    models = [model for metafile in metafiles for model in metafile['Models']]
    leaves = {*ROOT.glob('configs/*.py'), *ROOT.glob('configs/classification/*.py')}
    assert {ROOT / model['Config'] for model in models} == leaves
    for metafile in metafiles:
        collections = {collection['Name'] for collection in metafile['Collections']}
        assert {model['In Collection'] for model in metafile['Models']} == collections
    assert sum('Results' in model for model in models) > 20


def test_the_model_index_has_the_means_of_the_records() -> None:
    from ltseg.reports.record import RunRecord

    metafile = yaml.safe_load((ROOT / 'configs/metafile.yml').read_text(encoding='utf-8'))
    (model,) = (model for model in metafile['Models'] if model['Name'] == 'unet_ce_camvid')
    runs = [RunRecord.load(path) for path in ROOT.glob('docs/runs/unet_ce_camvid-seed?-test.json')]
    (result,) = model['Results']
    assert model['Metadata']['Seeds'] == len(runs) > 1 and result['Task'] == 'Semantic Segmentation'
    mean = sum(run.metrics()['mIoU'] for run in runs) / len(runs)
    assert result['Metrics']['mIoU'] == pytest.approx(mean, abs=0.005)
