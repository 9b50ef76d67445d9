"""The faults of an installation that can be named before they surface somewhere else."""

import re
from dataclasses import dataclass

from ltseg.environment.installed import MODULES, PARTS, Environment
from ltseg.environment.pins import COMPILE_MMCV, LIBRARIES, OLDEST, ONEDL, OPENMMLAB

__all__ = ['Advice', 'findings']

SYSTEM_LIBRARY = re.compile(r'lib(?:GL|glib-2\.0|gthread-2\.0|xcb)\.so[.\d]*')  # which OpenCV's wheel loads


@dataclass(frozen=True)
class Advice:
    """Something worth telling, with what to do; a fault keeps something from working, a note does not.

    Example:
        >>> from ltseg.environment.advice import findings
        >>> from ltseg.environment.installed import Environment
        >>> [advice.what for advice in findings(Environment(versions={})) if advice.is_fault][:1]
        ['torch is missing.']
    """

    what: str
    hint: str
    is_fault: bool = True


def findings(found: Environment) -> list[Advice]:
    """Everything that is wrong, or worth knowing, about an installation."""
    looks = (_missing, _too_old, _twice, _numpy, _mmcv, _torchvision, _setuptools, _checkpoints, _cuda_device)
    named = [finding for look in looks for finding in look(found)]
    return [*named, *_unexplained(found)]


def _unexplained(found: Environment) -> list[Advice]:
    """What cannot be imported, where nothing else that is found is the reason; once for one error."""
    at_fault = [name for name in OPENMMLAB if name in _old_modules(found) or len(found.distributions.get(name, ())) > 1]
    at_fault += ['mmcv'] if _mmcv(found) else []
    explained = {'torchvision', 'ltseg.compat'}
    for module in at_fault:  # those above it import it, and look at its version
        explained |= set(OPENMMLAB[OPENMMLAB.index(module) :]) | set(PARTS.values())
    absent = [module for module in MODULES if module not in found.versions] + [*found.missing_of_mmseg]
    absent += [module for module, name in LIBRARIES.items() if name in found.missing_libraries]
    causes = tuple(f"No module named '{module}" for module in absent)
    named: dict[str, Advice] = {}
    for module, error in found.load_errors.items():
        if module not in explained and not any(cause in error for cause in causes):
            lacking = SYSTEM_LIBRARY.search(error)
            named.setdefault(lacking[0] if lacking else error, _broken(found, module, error))
    return [*named.values()]


def _broken(found: Environment, module: str, error: str) -> Advice:
    lacking = SYSTEM_LIBRARY.search(error)
    if lacking:
        what = f'The system lacks {lacking[0]}, without which {module} cannot be imported.'
        return Advice(what, 'apt-get install libgl1 libglib2.0-0 libxcb1')
    hint = f'Reinstall it: {found.reinstall(module.partition(".")[0])}'
    if module == PARTS['mmcv']:
        return Advice(f'The operators of mmcv do not load beside torch {found.versions.get("torch")} ({error}).', hint)
    return Advice(f'{module} is installed but cannot be imported ({error}).', hint)


def _missing(found: Environment) -> list[Advice]:
    tasks = {'mmseg': ('segmentation', 'mmpretrain'), 'mmpretrain': ('classification', 'mmseg')}
    faults = [
        Advice(f'{module} is missing.', found.install(module))
        for module in found.pins
        if module not in tasks and module not in found.versions
    ]
    if found.missing_libraries:
        names = ' '.join(found.missing_libraries)
        faults.append(Advice(f'Libraries that ltseg needs are missing: {names}.', f'pip install {names}'))
    if found.missing_of_mmseg:
        names = ' '.join(found.missing_of_mmseg)
        faults.append(Advice(f'Libraries that mmseg imports are missing: {names}.', f'pip install {names}'))
    for module, (task, other) in tasks.items():
        if module not in found.versions:
            faults.append(_missing_task(found, module, task, other, tasks[other][0]))
    if 'mmpretrain' in found.versions and 'torchvision' not in found.versions:
        hint = 'Install the version that belongs to this torch: torchvision 0.28.0 to torch 2.13.0, 0.16.2 to 2.1.2.'
        faults.append(Advice('torchvision is missing, and mmpretrain imports it.', hint))
    return faults


def _missing_task(found: Environment, module: str, task: str, other: str, other_task: str) -> Advice:
    """One of the two is enough; where both are missing, segmentation comes first."""
    if other in found.versions:
        what = f'{module} is missing: {other_task} works, {task} does not.'
        return Advice(what, found.install(module), is_fault=False)
    return Advice(f'{module} is missing: {task} does not work.', found.install(module), is_fault=module == 'mmseg')


def _old_modules(found: Environment) -> list[str]:
    return [module for module, least in OLDEST.items() if () < found.release(module) < least]


def _too_old(found: Environment) -> list[Advice]:
    """Versions below the oldest that ltseg is tested with."""
    old = []
    for module in _old_modules(found):
        if len(found.distributions.get(module, ())) > 1:
            continue  # :func:`_twice` replaces it
        needed = '.'.join(map(str, OLDEST[module]))
        what = f'{module} {found.versions[module]} is older than {needed}, the oldest version that ltseg supports.'
        old.append(Advice(what, f"pip install -U 'torch>={needed}'" if module == 'torch' else found.install(module)))
    return old


def _twice(found: Environment) -> list[Advice]:
    """Distributions that write the same files: the one that was installed last, or removed last, decides."""
    twice = []
    for module in OPENMMLAB:
        names = found.distributions.get(module, ())
        if len(names) > 1:
            what = f'{module} is provided by {" and ".join(names)}, which overwrite each other.'
            twice.append(Advice(what, found.install(module)))
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
    named_already = 'mmcv' in _old_modules(found) or len(found.distributions.get('mmcv', ())) > 1
    if not () < found.release('mmseg') <= (1, 2, 2) or 'mmcv' not in found.versions or named_already:
        return []
    mmseg, mmcv = found.versions['mmseg'], found.versions['mmcv']
    names = ' '.join(found.distributions.get('mmcv', ('mmcv',)))
    hint = f'pip uninstall -y {names} && ' + COMPILE_MMCV
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
