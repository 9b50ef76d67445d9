"""What costs time on a GPU, and where it came."""

import os
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import ltseg

__all__ = ['KINDS', 'Event', 'Events', 'place_in_package']

PACKAGE = str(Path(ltseg.__file__).parent) + os.sep
AUTOGRAD = os.path.join('torch', 'autograd', '__init__.py')
LIBRARIES = [f'{os.sep}{name}{os.sep}' for name in ('mmengine', 'mmcv', 'mmseg', 'mmpretrain')]
KINDS = {
    'wait': 'the CPU waits until the device has done all work before',
    'upload': 'a blocking copy to the device: the CPU waits for the copy',
    'float64': 'computation in double precision, which some devices lack, and which is slow on others',
    'nondeterministic': 'an operator without a deterministic algorithm on CUDA',
}


class Event(NamedTuple):
    """Something that costs time on a GPU."""

    kind: str  # of KINDS
    place: str  # 'losses/logits_loss.py:forward', 'backward' in PyTorch's autograd, '' outside of ltseg
    operator: str


class Events(Counter[Event]):
    """How often which event came."""

    def of(self, *kinds: str, everywhere: bool = False) -> Counter[Event]:
        """Events of these kinds in ltseg and in backward passes, or also in other code."""
        return Counter({e: n for e, n in self.items() if e.kind in kinds and (e.place or everywhere)})


def place_in_package() -> str:
    """The innermost function of ltseg that runs now, 'backward', or '' where a library or a test works for itself."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        path, name = frame.f_code.co_filename, frame.f_code.co_name
        if path.startswith(PACKAGE) and not name.startswith('<'):  # comprehensions are functions in older Pythons
            return f'{path[len(PACKAGE) :]}:{name}'
        if path.endswith(AUTOGRAD):
            return 'backward'
        if any(library in path for library in LIBRARIES):
            return ''
        frame = frame.f_back
    return ''
