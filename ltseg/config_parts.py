"""Walks through the parts of a config."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ['hooks_of', 'parts_of', 'type_name', 'without_wrappers']


def parts_of(value: Any, path: str) -> Iterator[tuple[str, dict]]:
    """Every dict in a part of a config with its dotted path, to read or to change in place."""
    if isinstance(value, dict):
        yield path, value
        for key in value:
            yield from parts_of(value[key], f'{path}.{key}')
    elif isinstance(value, list | tuple):
        for index, entry in enumerate(value):
            yield from parts_of(entry, f'{path}.{index}')


def hooks_of(config: Mapping[str, Any]) -> Iterator[tuple[str, dict]]:
    """The hooks of a config with their dotted paths; default ones may have no type."""
    hooks = {f'default_hooks.{name}': hook for name, hook in (config.get('default_hooks') or {}).items()}
    hooks |= {f'custom_hooks.{index}': hook for index, hook in enumerate(config.get('custom_hooks') or ())}
    yield from ((path, hook) for path, hook in hooks.items() if isinstance(hook, dict))


def type_name(part: dict) -> str:
    """Name of the type of a part without the scope of its registry."""
    kind = part.get('type')
    return getattr(kind, '__name__', str(kind)).rsplit('.', 1)[-1]


def without_wrappers(config: Any, name: str) -> Any:
    """The config of a data set in which what a wrapper of the type ``name`` holds stands in its place."""
    if isinstance(config, list | tuple):
        return [without_wrappers(each, name) for each in config]
    if not isinstance(config, dict):
        return config
    if type_name(config) == name:
        return without_wrappers(config['dataset'], name)
    return {**config, **{key: without_wrappers(config[key], name) for key in ('dataset', 'datasets') if key in config}}
