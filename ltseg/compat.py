"""Workarounds for known faults of installations, applied on import and only where the fault is there.

Tools and tests import this module before any OpenMMLab package.
"""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import torch

from ltseg.core.errors import MissingPackageError

__all__ = [
    'TORCHVISION_SCHEMAS',
    'declare_mmcv_operators',
    'declare_torchvision_operators',
    'quietly',
]

# How the lines begin that mmengine and the onedl builds print, logging being set up or not.
NOISE = ('Could not import OneDL', 'Loads checkpoint by ')

# Operators that torchvision's Python code refers to at import but whose compiled library may not load beside torch.
TORCHVISION_SCHEMAS = (
    'nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
    'qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
)


def declare_torchvision_operators() -> torch.library.Library | None:
    """Declares the operators without which ``import torchvision`` fails beside another build of torch.

    A CPU build of torch beside a CUDA build of torchvision fails with "operator torchvision::nms does not exist".
    mmpretrain and mmengine's environment report import torchvision but call none of these operators, so that a
    declaration without an implementation is enough.

    Returns:
        The library that holds the declarations, which live as long as it does; None where nothing was missing.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if 'torchvision::' not in str(error):
            raise
    except ImportError:
        return None
    else:
        return None
    library = torch.library.Library('torchvision', 'DEF')
    for schema in TORCHVISION_SCHEMAS:
        library.define(schema)
    return library


class _OperatorsOfMMCV(ModuleType):
    """Stands in for ``mmcv._ext``: each operator is there, and says what is missing when it is called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)

        def operator(*_: Any, **__: Any) -> Any:
            hint = (
                'Hide the GPUs (CUDA_VISIBLE_DEVICES=-1): MaskFormer and Mask2Former need none on the CPU. '
                'Or build mmcv from source with MMCV_WITH_OPS=1 and FORCE_CUDA=1.'
            )
            raise MissingPackageError(f'mmcv.ops: {name}', 'the compiled operators of mmcv', 'none installed', hint)

        return operator


def declare_mmcv_operators() -> _OperatorsOfMMCV | None:
    """Declares the operators without which mmdet's heads cannot be imported beside an mmcv that was not compiled.

    MMSegmentation then says that mmdet is not installed. On the CPU its MaskFormer and Mask2Former call none of these
    operators: focal loss and deformable attention are there in PyTorch.

    Returns:
        The stand-in; None where nothing was missing, or mmdet is not installed.
    """
    found = find_spec('mmcv') if find_spec('mmdet') and 'mmcv._ext' not in sys.modules else None
    folders = (found and found.submodule_search_locations) or ()
    if not folders or any(any(Path(folder).glob('_ext.*')) for folder in folders):
        return None
    operators = sys.modules['mmcv._ext'] = _OperatorsOfMMCV('mmcv._ext')
    operators.__spec__ = ModuleSpec('mmcv._ext', None)  # mmengine looks for it before it imports mmcv.ops
    return operators


class _WithoutNoise(io.TextIOBase):
    """Hands lines on to a stream, but for what OpenMMLab prints; behind ``end`` all, for loggers that still hold it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._rest, self._has_ended = stream, '', False

    def write(self, text: str) -> int:
        if self._has_ended:
            return self._stream.write(text)
        *lines, self._rest = f'{self._rest}{text}'.split('\n')
        self._stream.write(''.join(f'{line}\n' for line in lines if not line.startswith(NOISE)))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def end(self) -> None:
        self._has_ended = True
        if not self._rest.startswith(NOISE):
            self._stream.write(self._rest)


@contextmanager
def quietly() -> Iterator[None]:
    """Leaves out what OpenMMLab prints on import and on loading a checkpoint; all other lines appear."""
    printed = _WithoutNoise(sys.stdout)
    try:
        with redirect_stdout(printed):
            yield
    finally:
        printed.end()


_declarations = declare_torchvision_operators()
declare_mmcv_operators()
