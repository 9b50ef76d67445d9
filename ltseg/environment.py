"""What is installed, and the faults of an installation that can be named before they surface somewhere else.

Importing this module imports nothing but the standard library, such that it works in a broken installation.
"""

import importlib
import importlib.metadata
import importlib.util
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ['Environment', 'Advice', 'examine', 'findings']

# Imported in this order: ``ltseg.compat`` mends a torchvision that does not load, which mmpretrain and mmseg need.
MODULES = ('torch', 'torchvision', 'ltseg.compat', 'numpy', 'cv2', 'mmengine', 'mmcv', 'mmseg', 'mmpretrain')
OPENMMLAB = ('mmengine', 'mmcv', 'mmseg', 'mmpretrain')
ONEDL = {  # the maintained builds, which requirements.txt has
    'torch': 'torch==2.13.0',
    'cv2': 'opencv-python==5.0.0.93',
    'mmengine': 'onedl-mmengine==0.10.12',
    'mmcv': 'onedl-mmcv==2.3.6',
    'mmseg': 'onedl-mmsegmentation==1.4.2',
    'mmpretrain': 'onedl-mmpretrain==1.3.6',
}
ORIGINAL = {  # the last releases of OpenMMLab, and what they work with
    'torch': 'torch==2.1.2',
    'cv2': "'opencv-python<4.12'",
    'mmengine': 'mmengine==0.10.7',
    'mmcv': 'mmcv==2.1.0',
    'mmseg': 'mmsegmentation==1.2.2',
    'mmpretrain': 'mmpretrain==1.2.0',
}
# What setup.py requires beside torch; an installation with --no-deps leaves it out.
LIBRARIES = {
    'numpy': 'numpy',
    'scipy': 'scipy',
    'sklearn': 'scikit-learn',
    'matplotlib': 'matplotlib',
    'rich': 'rich',
    'jinja2': 'jinja2',
    'markupsafe': 'markupsafe',
}
OLDEST = {'torch': (2, 0), 'mmengine': (0, 10), 'mmcv': (2, 1), 'mmseg': (1, 2), 'mmpretrain': (1, 2)}
COMPILE_MMCV = "pip install 'setuptools<70' wheel && pip install --no-build-isolation mmcv==2.1.0"


@dataclass(frozen=True)
class Environment:
    """What was found.

    Args:
        versions: Version of each module that is installed.
        distributions: Names of the installed distributions that provide a module.
        load_errors: What importing an installed module raised.
        missing_libraries: Distributions that setup.py requires and that are not installed.
        has_pkg_resources: Whether setuptools still brings ``pkg_resources``.
        has_compiled_mmcv: Whether mmcv has its compiled operators.
        cuda_build: CUDA version that torch was built for; None for a CPU build.
        cuda_devices: Devices that torch can use.
    """

    versions: Mapping[str, str]
    distributions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    load_errors: Mapping[str, str] = field(default_factory=dict)
    missing_libraries: tuple[str, ...] = ()
    has_pkg_resources: bool = True
    has_compiled_mmcv: bool = True
    cuda_build: str | None = None
    cuda_devices: int = 0

    def release(self, module: str) -> tuple[int, ...]:
        """The version's leading numbers; () where the module is missing."""
        parts = self.versions.get(module, '').split('+')[0].split('.')
        return tuple(int(part) for part in parts if part.isdigit())

    @property
    def pins(self) -> Mapping[str, str]:
        """The versions to install beside what is there: those of OpenMMLab, or the maintained builds."""
        providers = (self.distributions.get(module, ()) for module in ('mmseg', 'mmpretrain', 'mmcv', 'mmengine'))
        first = next(filter(None, providers), ('onedl-',))
        return ONEDL if any(name.startswith('onedl-') for name in first) else ORIGINAL

    def install(self, module: str) -> str:
        """The command that installs ``module``."""
        pin = self.pins[module]
        return COMPILE_MMCV if pin == ORIGINAL['mmcv'] else f'pip install {pin}'


@dataclass(frozen=True)
class Advice:
    """Something worth telling, with what to do; a fault keeps something from working, a note does not."""

    what: str
    hint: str
    is_fault: bool = True


def examine() -> Environment:
    """Looks at the running Python. Imports the modules that it reports on."""
    provided = importlib.metadata.packages_distributions()
    versions = {'python': platform.python_version(), 'ltseg': importlib.import_module('ltseg').__version__}
    load_errors = {}
    for module in MODULES:
        if importlib.util.find_spec(module) is None:
            continue
        try:
            loaded = importlib.import_module(module)
        except Exception as error:  # whatever it is, it is what this tool is there to report
            load_errors[module] = f'{type(error).__name__}: {error}'
            loaded = None
        if module in provided:
            versions[module] = importlib.metadata.version(provided[module][0])
        elif module != 'ltseg.compat':
            versions[module] = getattr(loaded, '__version__', 'unknown')
    build, devices = _cuda() if 'torch' in versions and 'torch' not in load_errors else (None, 0)
    return Environment(
        versions=versions,
        # A checkout that is installed has its metadata twice.
        distributions={module: tuple(dict.fromkeys(names)) for module, names in provided.items()},
        load_errors=load_errors,
        missing_libraries=tuple(name for module, name in LIBRARIES.items() if importlib.util.find_spec(module) is None),
        has_pkg_resources=importlib.util.find_spec('pkg_resources') is not None,
        has_compiled_mmcv='mmcv' in load_errors or 'mmcv' not in versions or _has_module('mmcv._ext'),
        cuda_build=build,
        cuda_devices=devices,
    )


def _has_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:  # of the package around it
        return False


def _cuda() -> tuple[str | None, int]:
    import torch

    return torch.version.cuda, torch.cuda.device_count() if torch.cuda.is_available() else 0


def findings(found: Environment) -> list[Advice]:
    """Everything that is wrong, or worth knowing, about an installation."""
    looks = (_missing, _too_old, _twice, _numpy, _mmcv, _torchvision, _setuptools, _checkpoints, _cuda_device)
    named = [finding for look in looks for finding in look(found)]
    explained = {'torchvision', 'ltseg.compat', *(['mmseg'] if _mmcv(found) else [])}
    missing = tuple(f"No module named '{module}" for module in MODULES if module not in found.versions)
    for module, error in found.load_errors.items():
        if module not in explained and not any(name in error for name in missing):
            hint = f'Reinstall it: pip install --force-reinstall --no-deps {found.pins.get(module, module)}'
            named.append(Advice(f'{module} is installed but cannot be imported ({error}).', hint))
    return named


def _missing(found: Environment) -> list[Advice]:
    faults = [
        Advice(f'{module} is missing.', found.install(module))
        for module in found.pins
        if module != 'mmpretrain' and module not in found.versions
    ]
    if found.missing_libraries:
        names = ' '.join(found.missing_libraries)
        faults.append(Advice(f'Libraries that ltseg needs are missing: {names}.', f'pip install {names}'))
    if 'mmpretrain' not in found.versions:
        what = 'mmpretrain is missing: segmentation works, classification does not.'
        faults.append(Advice(what, found.install('mmpretrain'), is_fault=False))
    elif 'torchvision' not in found.versions:
        hint = 'Install the version that belongs to this torch: torchvision 0.28.0 to torch 2.13.0, 0.16.2 to 2.1.2.'
        faults.append(Advice('torchvision is missing, and mmpretrain imports it.', hint))
    return faults


def _too_old(found: Environment) -> list[Advice]:
    """Versions below the oldest that ltseg is tested with."""
    old = []
    for module, least in OLDEST.items():
        if () < found.release(module) < least:
            needed = '.'.join(map(str, least))
            what = f'{module} {found.versions[module]} is older than {needed}, the oldest version that ltseg supports.'
            old.append(
                Advice(what, f"pip install -U 'torch>={needed}'" if module == 'torch' else found.install(module))
            )
    return old


def _twice(found: Environment) -> list[Advice]:
    """Distributions that write the same files: the one that was installed last, or removed last, decides."""
    twice = []
    for module in OPENMMLAB:
        names = found.distributions.get(module, ())
        if len(names) > 1:
            what = f'{module} is provided by {" and ".join(names)}, which overwrite each other.'
            twice.append(Advice(what, f'pip uninstall -y {" ".join(names)} && {found.install(module)}'))
    return twice


def _numpy(found: Environment) -> list[Advice]:
    if found.release('numpy') < (2,) or not () < found.release('torch') < (2, 3):
        return []
    numpy, torch = found.versions['numpy'], found.versions['torch']
    return [
        Advice(f'torch {torch} was built for numpy 1 and does not work with numpy {numpy}.', "pip install 'numpy<2'")
    ]


def _mmcv(found: Environment) -> list[Advice]:
    """MMSegmentation up to 1.2.2 asserts mmcv < 2.2.0 and imports its compiled operators."""
    if not () < found.release('mmseg') <= (1, 2, 2) or 'mmcv' not in found.versions:
        return []
    mmseg, mmcv = found.versions['mmseg'], found.versions['mmcv']
    names = ' '.join(found.distributions.get('mmcv', ('mmcv',)))
    hint = f'pip uninstall -y {names} && {COMPILE_MMCV}'
    if found.release('mmcv') >= (2, 2):
        what = f'mmcv {mmcv} is too new for mmseg {mmseg}, which accepts versions below 2.2.0.'
        return [Advice(what, hint)]
    if not found.has_compiled_mmcv:
        what = f'mmseg {mmseg} cannot be imported with this {names}, which has no compiled operators.'
        return [Advice(what, hint)]
    return []


def _torchvision(found: Environment) -> list[Advice]:
    error = found.load_errors.get('torchvision')
    if error is None:
        return []
    torch, torchvision = (found.versions.get(module, 'missing') for module in ('torch', 'torchvision'))
    what = f'torchvision {torchvision} does not load beside torch {torch} ({error}).'
    hint = 'Install both from the same index, both for the CPU or both for the same CUDA version.'
    if 'torchvision::' in error:
        what += (
            " The tools of ltseg work (ltseg.compat declares what is missing), but MMSegmentation's own scripts cannot "
            'start where mmpretrain is installed.'
        )
    return [Advice(what, hint)]


def _setuptools(found: Environment) -> list[Advice]:
    names = ('mmengine', 'mmcv', 'mmsegmentation', 'mmpretrain')  # the original distributions
    original = [name for name in names if any(name in provided for provided in found.distributions.values())]
    if found.has_pkg_resources or not original:
        return []
    what = (
        f'pkg_resources is gone (setuptools 81 and newer), and {", ".join(original)} may need it, to build or to run.'
    )
    return [Advice(what, "pip install 'setuptools<81' (and build mmcv with pip install --no-build-isolation)")]


def _checkpoints(found: Environment) -> list[Advice]:
    """torch 2.6 loads weights only by default, and mmengine up to 0.10.7 does not ask for more."""
    if not () < found.release('mmengine') <= (0, 10, 7) or found.release('torch') < (2, 6):
        return []
    mmengine, torch = found.versions['mmengine'], found.versions['torch']
    what = (
        f"mmengine {mmengine} cannot load the checkpoints that it writes with torch {torch}: MMSegmentation's and "
        "MMPretrain's own scripts can neither test nor resume. The tools of ltseg can."
    )
    hint = (
        'For those scripts, and for files that you trust: export TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1. Or: '
        f'pip uninstall -y mmengine && pip install {ONEDL["mmengine"]}'
    )
    return [Advice(what, hint)]


def _cuda_device(found: Environment) -> list[Advice]:
    if found.cuda_build is None or found.cuda_devices > 0:
        return []
    what = f'torch is built for CUDA {found.cuda_build}, but no device can be used: everything runs on the CPU.'
    hint = 'With a GPU: update its driver. Without: nothing, or install the CPU build of torch, which is smaller.'
    return [Advice(what, hint, is_fault=False)]
