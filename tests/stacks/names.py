"""Names of PyTorch and OpenMMLab that ltseg uses, and lists of the names that an installation has.

    python tests/stacks/names.py oldest      in the environment of that stack: writes tests/stacks/names/oldest.json

tests/test_supported_names.py compares the two, for the oldest and the newest stack.
"""

import ltseg.compat  # noqa: F401  isort: skip
import ast
import importlib
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).parent / 'names'
LIBRARIES = ('torch', 'mmengine', 'mmcv', 'mmseg', 'mmpretrain')
METHODS = 'torch.Tensor'  # the methods that are looked for wherever an attribute is used


def sources() -> Iterator[Path]:
    for folder in ('ltseg', 'tools'):
        yield from sorted((ROOT / folder).rglob('*.py'))


def used_names(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name, such as 'torch.nn.functional.cross_entropy', of what a file takes from the libraries."""
    tree, known = ast.parse(source), dict[str, str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                library = alias.name.split('.')[0]
                if library in LIBRARIES:
                    known[alias.asname or library] = alias.name if alias.asname else library
                    yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and (node.module or '').split('.')[0] in LIBRARIES:
            for alias in node.names:
                known[alias.asname or alias.name] = f'{node.module}.{alias.name}'
                yield node.lineno, f'{node.module}.{alias.name}'
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            chain: list[str] = []
            value: ast.expr = node
            while isinstance(value, ast.Attribute):
                chain.insert(0, value.attr)
                value = value.value
            if isinstance(value, ast.Name) and value.id in known:
                yield node.lineno, '.'.join([known[value.id], *chain])


def used_attributes(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of every attribute that a file uses, of whatever object."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


def owner_of(name: str) -> tuple[str, Any]:
    """The innermost module, or class, that a dotted name is an attribute of, by its dotted name and itself."""
    parts = name.split('.')
    for end in range(len(parts) - 1, 0, -1):
        try:
            owner = importlib.import_module('.'.join(parts[:end]))
        except ImportError:
            continue
        place = parts[:end]
        for part in parts[end:-1]:
            inner = getattr(owner, part, None)
            if not isinstance(inner, type):
                break
            owner, place = inner, [*place, part]
        return '.'.join(place), owner
    raise ImportError(name)


def names_here() -> dict[str, str]:
    """The names of each module and class that ltseg takes something from, as this installation has them.

    Those of modules end in a slash.
    """
    owners = dict([owner_of(f'{METHODS}.any')])
    for path in sources():
        for _, name in used_names(path.read_text(encoding='utf-8')):
            if '.' in name:
                place, owner = owner_of(name)
                owners[place] = owner
    found = {}
    for place, owner in sorted(owners.items()):
        names = {name for name in dir(owner) if not name.startswith('__')}
        modules = {name.split('.')[-1] for name in sys.modules if name.rpartition('.')[0] == place}
        modules |= {name for name in names if isinstance(inspect.getattr_static(owner, name, None), ModuleType)}
        found[place] = ' '.join(sorted((names - modules) | {f'{name}/' for name in modules}))
    return found


def names_of(stack: str) -> dict[str, dict[str, bool]]:
    """The list of a stack: by module or class the names in it, and whether each is a module."""
    content = json.loads((FOLDER / f'{stack}.json').read_text(encoding='utf-8'))
    return {place: {name.rstrip('/'): name.endswith('/') for name in names.split()} for place, names in content.items()}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f'{sys.argv[1]}.json'
    path.write_text(json.dumps(names_here(), indent=0) + '\n', encoding='utf-8')
    print(f'{path}: {path.stat().st_size / 1000:.0f} kB')


if __name__ == '__main__':
    main()
