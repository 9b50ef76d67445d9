import builtins
import inspect
import logging
import sys
from pathlib import Path

import pytest
import torch
from hinted import hinted
from mmengine.utils.dl_utils import mmcv_full_available

from ltseg.compat import NOISE, TORCHVISION_SCHEMAS, declare_mmcv_operators, declare_torchvision_operators, quietly
from ltseg.environment.installed import _has_module


def torchvision_that_raises(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def imported(name: str, *args: object) -> object:
        if name == 'torchvision':
            raise error
        return original(name, *args)

    monkeypatch.setattr(builtins, '__import__', imported)


def test_nothing_is_done_where_torchvision_loads_or_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert declare_torchvision_operators() is None  # tests/conftest.py has imported ltseg.compat
    torchvision_that_raises(ImportError('No module named torchvision'), monkeypatch)
    assert declare_torchvision_operators() is None


def test_other_faults_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    torchvision_that_raises(RuntimeError('something else'), monkeypatch)
    with pytest.raises(RuntimeError, match='something else'):
        declare_torchvision_operators()


def test_missing_operators_are_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Declares under another namespace, because this process may hold the real declarations."""
    original, made = torch.library.Library, []

    def library(namespace: str, kind: str) -> torch.library.Library:
        made.append(namespace)
        return original('ltseg_test_torchvision', kind)

    monkeypatch.setattr(torch.library, 'Library', library)
    torchvision_that_raises(RuntimeError('operator torchvision::nms does not exist'), monkeypatch)
    declared = declare_torchvision_operators()
    assert declared is not None and made == ['torchvision']
    for schema in TORCHVISION_SCHEMAS:
        assert hasattr(torch.ops.ltseg_test_torchvision, schema.split('(')[0])


def test_operators_of_mmcv_are_declared_where_mmdet_asks_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, 'mmcv._ext', raising=False)
    for module in ('mmcv', 'mmdet'):
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / module).mkdir()
        (tmp_path / module / '__init__.py').touch()
    monkeypatch.syspath_prepend(tmp_path)
    operators = declare_mmcv_operators()
    assert operators is not None and sys.modules['mmcv._ext'] is operators
    assert inspect.getmodule(inspect.currentframe()) is not None  # looks at all modules
    assert mmcv_full_available() and not _has_module('mmcv._ext')
    hinted('Hide the GPUs (CUDA_VISIBLE_DEVICES=-1)', lambda: operators.ms_deform_attn_forward(1, im2col_step=64))
    assert declare_mmcv_operators() is None
    monkeypatch.delitem(sys.modules, 'mmcv._ext')
    (tmp_path / 'mmcv' / '_ext.cpython-311-x86_64-linux-gnu.so').touch()  # as the hint has it
    assert declare_mmcv_operators() is None


def test_only_the_known_noise_of_openmmlab_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImportError), quietly():
        print(f'kept\n{NOISE[0]}\n{NOISE[1]} local backend from path: a.pth')
        print('no newline', end='')
        raise ImportError
    assert capsys.readouterr() == ('kept\nno newline', '')


def test_a_logger_that_is_made_quietly_is_heard(capsys: pytest.CaptureFixture[str]) -> None:
    """mmengine makes its logger where it is first asked for, maybe while other packages are imported."""
    with quietly():
        handler = logging.StreamHandler(sys.stdout)
        handler.emit(logging.makeLogRecord({'msg': 'at once'}))
        assert capsys.readouterr().out == 'at once\n'
    handler.emit(logging.makeLogRecord({'msg': 'afterwards'}))
    assert capsys.readouterr().out == 'afterwards\n'
