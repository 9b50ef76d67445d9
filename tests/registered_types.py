"""Every type that this package registers."""

from typing import Any

from ltseg import registry


def registered() -> dict[str, Any]:
    """Every registered type of this package by its name."""
    for name in registry.__all__:
        getattr(registry, name).import_from_location()
    entries = (getattr(registry, name).module_dict.items() for name in registry.__all__)
    return {name: made for each in entries for name, made in each if made.__module__.startswith('ltseg')}
