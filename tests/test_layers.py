"""Files import from lower layers only, and OpenMMLab only where the layer allows them."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the ground up. Parts of one layer do not import each other. Rules take ``ClassCounts``, hence two layers.
LAYERS = (
    ('core',),
    ('registry', 'compat', 'checkpoint_files', 'config_parts', 'nested_datasets', 'schedules', '__init__'),
    ('counts',),
    ('rules',),
    ('losses', 'regularizers'),
    ('heads', 'metrics', 'datasets', 'models'),
    ('trained',),
    ('hooks', 'reports', 'environment'),
    ('cli',),
    ('__main__',),
    ('tools', 'configs', 'tests', 'benchmarks'),
)
HEIGHT = {part: height for height, layer in enumerate(LAYERS) for part in layer}
SCRIPTS = LAYERS[-1]
LOWEST = {'mmseg': HEIGHT['heads'], 'mmpretrain': HEIGHT['heads'], 'matplotlib': HEIGHT['reports']}
ONLY = {
    'core': {'torch', 'triton'},
    'registry': {'mmengine'},
    '__init__': {'mmengine'},
    'compat': {'torch', 'torchvision'},
}


def imports(tree: ast.AST, at_load: bool = True) -> Iterator[tuple[int, str, bool]]:
    """Line, full name, and whether loading the module imports it, of everything that is imported below ``tree``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, at_load) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = '.' * node.level + (node.module or '')
            yield from ((node.lineno, f'{module}.{alias.name}', at_load) for alias in node.names)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports(node, at_load and not inside)


def part_of(names: list[str]) -> str:
    """The part of the project that a dotted name belongs to; ``ltseg`` alone is its ``__init__``."""
    if names[0] in SCRIPTS:
        return names[0]
    return names[1] if len(names) > 1 and names[1] in HEIGHT else '__init__'


def fault_of(part: str, name: str, at_load: bool) -> str | None:
    """What is wrong with an import of ``name`` by a file of ``part``, or None."""
    names = name.split('.')
    if name.startswith('.'):
        return 'relative import'
    if names[0] == 'ltseg' or names[0] in SCRIPTS:
        other = part_of(names)
        if other in ('__init__', part) and other not in SCRIPTS:
            return None
        if HEIGHT[other] >= HEIGHT[part] and part != 'tests':
            return f'{part} must not import {other}'
        return None
    if names[0] in sys.stdlib_module_names:
        return None
    if names[:2] == ['mmcv', 'ops']:
        return 'mmcv.ops may not exist'
    if names[0] not in ONLY.get(part, {names[0]}):
        return f'{part} must not import {names[0]}'
    if HEIGHT[part] < LOWEST.get(names[0], 0):
        return f'{names[0]} is for higher layers'
    if names[0] == 'mmpretrain' and part not in SCRIPTS and at_load:
        return 'mmpretrain may be absent: import it inside the function that needs it'
    return None


def faults(path: Path, source: str) -> list[str]:
    """All faults of the file ``path`` (relative to the repository) with the text ``source``."""
    parts = path.with_suffix('').parts
    part = parts[0] if parts[0] in SCRIPTS else parts[1]
    if part not in HEIGHT:
        return [f'{path}: {part} is on no layer; add it to LAYERS']
    found = ((line, fault_of(part, name, at_load)) for line, name, at_load in imports(ast.parse(source)))
    return [f'{path}:{line}: {fault}' for line, fault in found if fault]


def test_every_file_imports_from_lower_floors_only() -> None:
    folders = [ROOT / name for name in ('ltseg', *SCRIPTS) if (ROOT / name).is_dir()]
    paths = [path for folder in folders for path in sorted(folder.rglob('*.py'))]
    assert len(paths) > 10
    found = [fault for path in paths for fault in faults(path.relative_to(ROOT), path.read_text(encoding='utf-8'))]
    assert not found, '\n'.join(found)


@pytest.mark.parametrize(
    ('path', 'source', 'expected'),
    [
        ('ltseg/core/a.py', 'from ltseg.registry import MODELS', 'core must not import registry'),
        ('ltseg/core/a.py', 'from ltseg import registry', 'core must not import registry'),
        ('ltseg/core/a.py', 'import mmengine', 'core must not import mmengine'),
        ('ltseg/core/a.py', 'from . import checks', 'relative import'),
        ('ltseg/registry.py', 'import torch', 'registry must not import torch'),
        ('ltseg/counts/a.py', 'import ltseg.rules.rule', 'counts must not import rules'),
        ('ltseg/losses/a.py', 'def f():\n    import ltseg.heads', 'losses must not import heads'),
        ('ltseg/losses/a.py', 'from ltseg.regularizers import a', 'losses must not import regularizers'),
        ('ltseg/losses/a.py', 'from mmseg.models import losses', 'mmseg is for higher layers'),
        ('ltseg/heads/a.py', 'from ltseg.metrics import a', 'heads must not import metrics'),
        ('ltseg/heads/a.py', 'from mmpretrain.models import a', 'mmpretrain may be absent'),
        ('ltseg/heads/a.py', 'from mmcv.ops import a', 'mmcv.ops may not exist'),
        ('ltseg/metrics/a.py', 'import matplotlib.pyplot as plt', 'matplotlib is for higher layers'),
        ('ltseg/reports/a.py', 'if True:\n    from tools.train import main', 'reports must not import tools'),
        ('tools/a.py', 'import tools.b', 'tools must not import tools'),
        ('ltseg/other/a.py', '', 'other is on no layer'),
    ],
)
def test_a_bad_import_is_caught(path: str, source: str, expected: str) -> None:
    (found,) = faults(Path(path), source)
    assert expected in found


@pytest.mark.parametrize(
    ('path', 'source'),
    [
        ('ltseg/core/a.py', 'import torch, math\nfrom ltseg.core.checks import fault\nfrom ltseg import __version__'),
        ('ltseg/rules/a.py', 'from ltseg.counts.class_counts import ClassCounts'),
        ('ltseg/heads/a.py', 'import mmseg\ndef f():\n    from mmpretrain.models import a'),
        ('ltseg/reports/a.py', 'import matplotlib\nfrom ltseg.metrics import LongTailIoU'),
        ('tools/a.py', 'import ltseg.compat\nfrom ltseg.hooks import CountClasses'),
        ('tests/losses/test_a.py', 'from tests.conftest import a\nfrom ltseg.losses import b'),
    ],
)
def test_a_good_import_passes(path: str, source: str) -> None:
    assert faults(Path(path), source) == []
