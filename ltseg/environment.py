"""What is installed, and the faults of an installation that can be named before they surface somewhere else.

Importing this module imports nothing but the standard library, such that it works in a broken installation.
"""

import importlib
import importlib.metadata
import importlib.util
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ['Environment', 'Finding', 'examine', 'findings']

# Imported in this order: ``ltseg.compat`` cures a torchvision that does not load, which mmpretrain and mmseg need.
MODULES = ('torch', 'torchvision', 'ltseg.compat', 'cv2', 'mmengine', 'mmcv', 'mmseg', 'mmpretrain')
HOSTS = {
    'mmengine': 'onedl-mmengine==0.10.12',
    'mmcv': 'onedl-mmcv==2.3.6',
    'mmseg': 'onedl-mmsegmentation==1.4.2',
    'mmpretrain': 'onedl-mmpretrain==1.3.6',
}
NEEDED = {'torch': 'torch==2.13.0', 'cv2': 'opencv-python==5.0.0.93'} | {
    k: HOSTS[k] for k in HOSTS if k != 'mmpretrain'
}


@dataclass(frozen=True)
class Environment:
    """What was found.

    Args:
        versions: Version of each module that is installed.
        distributions: Names of the installed distributions that provide a module.
        load_errors: What importing an installed module raised.
        has_pkg_resources: Whether setuptools still brings ``pkg_resources``.
        cuda_build: CUDA version that torch was built for; None for a CPU build.
        cuda_devices: Devices that torch can use.
    """

    versions: Mapping[str, str]
    distributions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    load_errors: Mapping[str, str] = field(default_factory=dict)
    has_pkg_resources: bool = True
    cuda_build: str | None = None
    cuda_devices: int = 0

    def release(self, module: str) -> tuple[int, ...]:
        """The version's leading numbers; () where the module is missing."""
        parts = self.versions.get(module, '').split('+')[0].split('.')
        return tuple(int(part) for part in parts if part.isdigit())

    def provided_by(self, module: str, distribution: str) -> bool:
        """Whether ``distribution`` provides ``module``."""
        return distribution in self.distributions.get(module, ())


@dataclass(frozen=True)
class Finding:
    """Something worth telling, with its cure; a fault keeps something from working, a note does not."""

    what: str
    cure: str
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
        distributions={module: tuple(names) for module, names in provided.items()},
        load_errors=load_errors,
        has_pkg_resources=importlib.util.find_spec('pkg_resources') is not None,
        cuda_build=build,
        cuda_devices=devices,
    )


def _cuda() -> tuple[str | None, int]:
    import torch

    return torch.version.cuda, torch.cuda.device_count() if torch.cuda.is_available() else 0


def findings(found: Environment) -> list[Finding]:
    """Everything that is wrong, or worth knowing, about an installation."""
    looks = (_missing, _mmcv, _torchvision, _setuptools, _checkpoints, _cuda_device)
    named = [finding for look in looks for finding in look(found)]
    explained = {'torchvision', 'ltseg.compat', *(['mmseg'] if _mmcv(found) else [])}
    missing = tuple(f"No module named '{module}" for module in MODULES if module not in found.versions)
    for module, error in found.load_errors.items():
        if module not in explained and not any(name in error for name in missing):
            cure = f'Reinstall it: pip install --force-reinstall --no-deps {(HOSTS | NEEDED).get(module, module)}'
            named.append(Finding(f'{module} is installed but cannot be imported ({error}).', cure))
    return named


def _missing(found: Environment) -> list[Finding]:
    faults = [
        Finding(f'{module} is missing.', f'pip install {pin}')
        for module, pin in NEEDED.items()
        if module not in found.versions
    ]
    if 'mmpretrain' not in found.versions:
        what = 'mmpretrain is missing: segmentation works, classification does not.'
        faults.append(Finding(what, f'pip install {HOSTS["mmpretrain"]}', is_fault=False))
    elif 'torchvision' not in found.versions:
        faults.append(Finding('torchvision is missing, and mmpretrain imports it.', 'pip install torchvision==0.28.0'))
    return faults


def _mmcv(found: Environment) -> list[Finding]:
    """MMSegmentation up to 1.2.2 asserts mmcv < 2.2.0 and imports its compiled operators."""
    if not () < found.release('mmseg') <= (1, 2, 2):
        return []
    renewed = 'pip uninstall -y mmsegmentation mmcv mmcv-lite && pip install ' + ' '.join(
        HOSTS[module] for module in ('mmengine', 'mmcv', 'mmseg')
    )
    mmseg, mmcv = found.versions['mmseg'], found.versions.get('mmcv', '')
    if found.provided_by('mmcv', 'mmcv-lite'):
        what = f'mmseg {mmseg} cannot be imported with mmcv-lite, which has no compiled operators.'
        return [Finding(what, f'pip uninstall -y mmcv-lite && pip install mmcv==2.1.0, or: {renewed}')]
    if found.release('mmcv') >= (2, 2):
        what = f'mmcv {mmcv} is too new for mmseg {mmseg}, which accepts versions below 2.2.0.'
        return [Finding(what, f'pip install mmcv==2.1.0, or: {renewed}')]
    return []


def _torchvision(found: Environment) -> list[Finding]:
    error = found.load_errors.get('torchvision')
    if error is None:
        return []
    torch, torchvision = (found.versions.get(module, 'missing') for module in ('torch', 'torchvision'))
    what = f'torchvision {torchvision} does not load beside torch {torch} ({error}).'
    cure = 'Install both from the same index, both for the CPU or both for the same CUDA version.'
    if 'torchvision::' in error:
        what += (
            " The tools of ltseg work (ltseg.compat declares what is missing), but MMSegmentation's own scripts cannot "
            'start where mmpretrain is installed.'
        )
    return [Finding(what, cure)]


def _setuptools(found: Environment) -> list[Finding]:
    names = ('mmengine', 'mmcv', 'mmsegmentation', 'mmpretrain')  # the original distributions
    original = [name for name in names if any(name in provided for provided in found.distributions.values())]
    if found.has_pkg_resources or not original:
        return []
    what = (
        f'pkg_resources is gone (setuptools 81 and newer), and {", ".join(original)} may need it, to build or to run.'
    )
    return [Finding(what, "pip install 'setuptools<81' (and build mmcv with pip install --no-build-isolation)")]


def _checkpoints(found: Environment) -> list[Finding]:
    """torch 2.6 loads weights only by default, and mmengine up to 0.10.7 does not ask for more."""
    if not () < found.release('mmengine') <= (0, 10, 7) or found.release('torch') < (2, 6):
        return []
    mmengine, torch = found.versions['mmengine'], found.versions['torch']
    what = f'mmengine {mmengine} cannot load the checkpoints that it writes with torch {torch}.'
    return [Finding(what, f"pip install 'torch<2.6', or: pip uninstall -y mmengine && pip install {HOSTS['mmengine']}")]


def _cuda_device(found: Environment) -> list[Finding]:
    if found.cuda_build is None or found.cuda_devices > 0:
        return []
    what = f'torch is built for CUDA {found.cuda_build}, but no device can be used: everything runs on the CPU.'
    cure = 'With a GPU: update its driver. Without: nothing, or install the CPU build of torch, which is smaller.'
    return [Finding(what, cure, is_fault=False)]
