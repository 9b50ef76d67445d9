"""What ltseg takes from PyTorch and OpenMMLab exists in the oldest and in the newest supported versions."""

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = runpy.run_path(str(ROOT / 'tests/stacks/names.py'))
STACKS = ('oldest', 'newest')
LISTS = {
    stack: {place: set(names.split()) for place, names in json.loads(path.read_text(encoding='utf-8')).items()}
    for stack in STACKS
    for path in [ROOT / f'tests/stacks/names/{stack}.json']
}
PLAIN_METHODS = {name for kind in (list, str, dict, tuple) for name in dir(kind)}  # not only tensors have them


def faults(source: str, stack: str) -> list[str]:
    """Names that a file uses and the lists of a stack do not have."""
    known, found = LISTS[stack], []
    for line, name in NAMES['used_names'](source):
        place, _, last = name.rpartition('.')
        while place and place not in known:  # an attribute of a class or of a value, not of a module
            place, _, last = place.rpartition('.')
        if place and last not in known[place] and not last.startswith('__'):
            found.append(f'{line}: {place} has no {last}')
    new_methods = LISTS['newest']['torch.Tensor'] - known['torch.Tensor'] - PLAIN_METHODS
    found += [
        f'{line}: a tensor has no {name}' for line, name in NAMES['used_attributes'](source) if name in new_methods
    ]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize('stack', STACKS)
def test_every_name_exists(stack: str) -> None:
    paths = [path for path in NAMES['sources']() if path.name != 'torch_versions.py']  # looks before it uses a name
    assert len(paths) > 100
    found = [
        f'{path.relative_to(ROOT)}:{fault}'
        for path in paths
        for fault in faults(path.read_text(encoding='utf-8'), stack)
    ]
    hint = f'Use what every supported version has. A new module: tests/stacks/run.sh {stack} names.'
    assert not found, '\n'.join([*found, hint])


def test_every_module_is_listed() -> None:
    """A module that no list has would not be looked at."""
    places = {
        name.rpartition('.')[0]
        for path in NAMES['sources']()
        for _, name in NAMES['used_names'](path.read_text(encoding='utf-8'))
        if '.' in name
    }
    for stack in STACKS:
        listed = LISTS[stack]
        unknown = [x for x in sorted(places) if not any(x == place or x.startswith(f'{place}.') for place in listed)]
        assert not unknown, f'tests/stacks/run.sh {stack} names'


@pytest.mark.parametrize(
    ('source', 'fault'),
    [
        ('import torch\ntorch.compiler.is_compiling()', 'torch has no compiler'),
        ('import torch\nfrom torch import Tensor\ndef f(x: Tensor):\n    return x.untyped_storage', ''),
        ('from torch.nn import functional as F\nF.rms_norm(1)', 'torch.nn.functional has no rms_norm'),
        ('import torch.distributed as d\nd.device_mesh', 'has no device_mesh'),
        ('from torch import nn\nnn.RMSNorm', 'torch.nn has no RMSNorm'),
        ('def f(x):\n    return x.module_load', 'a tensor has no module_load'),
        ('from mmengine.runner.checkpoint import get_torch_safe_globals', 'has no get_torch_safe_globals'),
        ('import torch\ntorch.nn.functional.cross_entropy', ''),
        ('from mmseg.models.decode_heads.decode_head import BaseDecodeHead\nBaseDecodeHead.cls_seg', ''),
    ],
)
def test_a_name_that_the_oldest_versions_lack_is_found(source: str, fault: str) -> None:
    found = faults(source, 'oldest')
    assert (len(found) == 1 and fault in found[0]) if fault else not found
