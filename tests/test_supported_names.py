"""What ltseg takes from PyTorch and OpenMMLab exists in the oldest and in the newest supported versions."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = runpy.run_path(str(ROOT / 'tests/stacks/names.py'))
STACKS = ('oldest', 'newest')
LISTS = {stack: NAMES['names_of'](stack) for stack in STACKS}
TENSOR_METHODS = {name for names in LISTS.values() for name in names['torch.Tensor']}
PLAIN_METHODS = {name for kind in (list, str, dict, tuple, Path) for name in dir(kind)}  # not only tensors have them
PLAIN_METHODS |= {'names'}  # of classes, in values of our own


def faults(source: str, stack: str) -> list[str]:
    """Names that a file uses and the lists of a stack do not have."""
    known, found = LISTS[stack], []
    for line, name in NAMES['used_names'](source):
        place, _, last = name.rpartition('.')
        is_inside = False
        while place and place not in known:  # an attribute of a class or of a value, or of a module that is not listed
            place, _, last = place.rpartition('.')
            is_inside = True
        if not place or last.startswith('__'):
            continue
        if last not in known[place]:
            found.append(f'{line}: {place} has no {last}')
        elif is_inside and known[place][last]:
            found.append(f'{line}: module {place}.{last} is not listed')
    absent = TENSOR_METHODS - known['torch.Tensor'].keys() - PLAIN_METHODS
    found += [f'{line}: a tensor has no {name}' for line, name in NAMES['used_attributes'](source) if name in absent]
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
    hint = f'Use what every supported version has. A module that is not listed: tests/stacks/run.sh {stack} names.'
    assert not found, '\n'.join([*found, hint])


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
        ('from torch.amp import GradScaler', 'module torch.amp is not listed'),
        ('from mmengine.version import Foo', 'module mmengine.version is not listed'),
        ('from mmengine import version\nversion.Foo', 'module mmengine.version is not listed'),
        ('import torch\ntorch.nn.functional.cross_entropy', ''),
        ('from mmseg.models.decode_heads.decode_head import BaseDecodeHead\nBaseDecodeHead.cls_seg', ''),
    ],
)
def test_a_name_that_the_oldest_versions_lack_is_found(source: str, fault: str) -> None:
    found = faults(source, 'oldest')
    assert (len(found) == 1 and fault in found[0]) if fault else not found


def test_a_tensor_method_that_the_newest_version_lacks_is_found() -> None:
    removed = LISTS['oldest']['torch.Tensor'].keys() - LISTS['newest']['torch.Tensor'].keys() - PLAIN_METHODS
    assert removed
    for name in removed:
        assert faults(f'def f(x):\n    return x.{name}', 'newest') == [f'2: a tensor has no {name}']
        assert faults(f'def f(x):\n    return x.{name}', 'oldest') == []
