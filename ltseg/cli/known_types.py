"""Types in a config that came with somebody's files: those that are registered, and no others.

mmengine imports and calls whatever a ``type`` with dots in it names, such as ``dict(type='os.system', command=...)``.
"""

from collections.abc import Iterator
from typing import Any

import mmengine.registry
from mmengine.registry import Registry

from ltseg.checkpoint_files.loading import TRUST_FLAG, files_are_trusted
from ltseg.core.errors import UsageError

__all__ = ['check_known_types']


def check_known_types(config: dict, where: str) -> None:
    """Raises UsageError where a part of ``config`` is of a type that no registry has, unless files are trusted.

    Args:
        config: What will be built.
        where: What messages call it.
    """
    if files_are_trusted():
        return
    nodes = list(_nodes())
    for name in dict.fromkeys(_type_names(config)):
        scope, _, own = name.rpartition('.')
        if not any(own in node._module_dict and scope in ('', node.scope) for node in nodes):
            hint = f'{TRUST_FLAG} imports and calls what it names: only for files that you trust.'
            raise UsageError(where, 'types that MMSegmentation, MMPretrain or ltseg has', repr(name), hint)


def _type_names(value: Any) -> Iterator[str]:
    """Names of all types in a part of a config; of keys such as ``head_type`` those that may be imported."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if key == 'type' or (isinstance(entry, str) and str(key).endswith('_type') and '.' in entry):
                yield str(entry)
            yield from _type_names(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _type_names(entry)


def _nodes() -> Iterator[Registry]:
    """Every registry of mmengine with those of other packages below it."""
    waiting = [each for each in vars(mmengine.registry).values() if isinstance(each, Registry)]
    while waiting:
        node = waiting.pop()
        node.import_from_location()
        yield node
        waiting += node.children.values()
