"""Configs are read from a folder once, not once for each config that has them as a base."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

__all__ = ['read_each_once']


def read_each_once(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Lets mmengine keep what it has read of the files in a folder."""
    read, known = Config._file2dict, {}

    def read_once(filename: str, *settings: Any, **named: Any) -> Any:
        path = Path(filename).resolve()
        if not path.is_relative_to(folder):
            return read(filename, *settings, **named)
        key = path, settings, tuple(named.items())
        if key not in known:
            known[key] = read(filename, *settings, **named)
        return deepcopy(known[key])

    patch.setattr(Config, '_file2dict', staticmethod(read_once))
