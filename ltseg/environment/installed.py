"""What is installed in the running Python."""

import importlib
import importlib.metadata
import importlib.util
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ltseg.environment.pins import COMPILE_MMCV, LIBRARIES, OF_MMSEG, ONEDL, OPENMMLAB, ORIGINAL, RECOMPILE_MMCV

__all__ = ['MODULES', 'PARTS', 'Environment', 'examine']

# Imported in this order: ``ltseg.compat`` mends a torchvision that does not load, which mmpretrain and mmseg need.
MODULES = ('torch', 'torchvision', 'ltseg.compat', 'numpy', 'cv2', 'mmengine', 'mmcv', 'mmseg', 'mmpretrain')
PARTS = {'mmcv': 'mmcv._ext', 'mmseg': 'mmseg.models'}  # what the module itself does not import, and models need


@dataclass(frozen=True)
class Environment:
    """What was found.

    Args:
        versions: Version of each module that is installed.
        distributions: Names of the installed distributions that provide a module.
        load_errors: What importing an installed module raised.
        missing_libraries: Distributions that setup.py requires and that are not installed.
        missing_of_mmseg: Distributions that the original MMSegmentation needs and that are not installed.
        has_pkg_resources: Whether setuptools still brings ``pkg_resources``.
        has_compiled_mmcv: Whether mmcv has its compiled operators.
        cuda_build: CUDA version that torch was built for; None for a CPU build.
        cuda_devices: Devices that torch can use.

    Example:
        >>> from ltseg.environment.installed import Environment
        >>> found = Environment({'torch': '2.1.2+cu121', 'mmcv': '2.1.0'}, distributions={'mmcv': ('mmcv',)})
        >>> found.release('torch'), found.install('mmseg')
        ((2, 1, 2), 'pip install mmsegmentation==1.2.2 ftfy regex')
    """

    versions: Mapping[str, str]
    distributions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    load_errors: Mapping[str, str] = field(default_factory=dict)
    missing_libraries: tuple[str, ...] = ()
    missing_of_mmseg: tuple[str, ...] = ()
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
        first = next(filter(None, providers), None)
        if first is None:  # the maintained builds want a PyTorch of their time
            return ORIGINAL if () < self.release('torch') < (2, 3) else ONEDL
        return ONEDL if any(name.startswith('onedl-') for name in first) else ORIGINAL

    def install(self, module: str) -> str:
        """The command that installs ``module``, after others that provide it are gone."""
        pin = self.pins[module]
        there = self.distributions.get(module, ()) if module in OPENMMLAB else ()
        is_replaced = any(name != pin.partition('=')[0] for name in there)
        before = f'pip uninstall -y {" ".join(there)} && ' if is_replaced else ''
        if pin == ORIGINAL['mmcv']:
            return before + COMPILE_MMCV
        return before + f'pip install {" ".join([pin, *(OF_MMSEG if pin == ORIGINAL["mmseg"] else ())])}'

    def reinstall(self, module: str) -> str:
        """The command that installs ``module`` anew where it is there and broken."""
        pin = self.pins.get(module, module)
        return RECOMPILE_MMCV if pin == ORIGINAL['mmcv'] else f'pip install --force-reinstall --no-deps {pin}'


def examine() -> Environment:
    """Looks at the running Python. Imports the modules that it reports on."""
    provided = importlib.metadata.packages_distributions()
    versions = {'python': platform.python_version(), 'ltseg': importlib.import_module('ltseg').__version__}
    load_errors: dict[str, str] = {}
    for module in MODULES:
        if importlib.util.find_spec(module) is None:
            continue
        loaded = _load(module, load_errors)
        if module in provided:
            versions[module] = importlib.metadata.version(provided[module][0])
        elif module != 'ltseg.compat':
            versions[module] = getattr(loaded, '__version__', 'unknown')
    # A checkout that is installed has its metadata twice.
    distributions = {module: tuple(dict.fromkeys(names)) for module, names in provided.items()}
    _load_parts(distributions, load_errors)
    build, devices = _cuda() if 'torch' in versions and 'torch' not in load_errors else (None, 0)
    return Environment(
        versions=versions,
        distributions=distributions,
        load_errors=load_errors,
        missing_libraries=tuple(name for module, name in LIBRARIES.items() if not _has_module(module)),
        missing_of_mmseg=_missing_of_mmseg(distributions),
        has_pkg_resources=_has_module('pkg_resources'),
        has_compiled_mmcv='mmcv' in load_errors or 'mmcv' not in versions or _has_module('mmcv._ext'),
        cuda_build=build,
        cuda_devices=devices,
    )


def _load(module: str, load_errors: dict[str, str]) -> Any:
    """Imports a module; None, and a note in ``load_errors``, where that fails."""
    try:
        return importlib.import_module(module)
    except Exception as error:  # whatever it is, it is what this tool is there to report
        load_errors[module] = f'{type(error).__name__}: {error}'
        return None


def _load_parts(distributions: Mapping[str, tuple[str, ...]], load_errors: dict[str, str]) -> None:
    """Imports what may be broken in a module that can be imported."""
    for module, part in PARTS.items():
        maintained = any(name.startswith('onedl-') for name in distributions.get(module, ()))
        if module not in load_errors and _has_module(part) and not (module == 'mmcv' and maintained):
            _load(part, load_errors)


def _missing_of_mmseg(distributions: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if 'mmsegmentation' not in distributions.get('mmseg', ()):
        return ()
    return tuple(name for name in OF_MMSEG if not _has_module(name))


def _has_module(name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except ImportError:  # of the package around it
        return False
    return spec is not None and spec.loader is not None  # a stand-in of ltseg.compat has none


def _cuda() -> tuple[str | None, int]:
    import torch

    return torch.version.cuda, torch.cuda.device_count() if torch.cuda.is_available() else 0
