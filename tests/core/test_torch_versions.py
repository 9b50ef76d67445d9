"""Names of PyTorch that moved between versions."""

import runpy
import types
from pathlib import Path

import pytest
import torch
from hinted import hinted

from ltseg.core import torch_versions

FILE = Path(torch_versions.__file__)


def test_a_torch_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch 1.13 has neither torch.compile nor a way to ask for it."""
    monkeypatch.delattr(torch, 'compile')
    monkeypatch.setattr(torch, 'compiler', None, raising=False)
    monkeypatch.setattr(torch, '__version__', '1.13.1')
    with pytest.raises(ImportError, match=r'got torch 1\.13\.1\. torch >= 2\.0 is needed'):
        runpy.run_path(str(FILE))
    hinted("torch >= 2.0 is needed: pip install -U 'torch>=2.0'", lambda: runpy.run_path(str(FILE)))
    monkeypatch.undo()  # a newer one is installed
    assert not runpy.run_path(str(FILE))['is_compiling']()


def test_older_versions_keep_it_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch 2.0 has no torch.compiler, and 2.1 one without this function."""
    marker = object()
    monkeypatch.setattr(torch._utils, 'is_compiling', marker, raising=False)
    for compiler in (None, types.SimpleNamespace()):
        monkeypatch.setattr(torch, 'compiler', compiler, raising=False)
        assert runpy.run_path(str(FILE))['is_compiling'] is marker
