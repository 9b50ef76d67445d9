"""Set-up shared by all tests."""

import ltseg.compat  # noqa: F401  isort: skip (works around a fault, and therefore comes first)
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from config_reading import read_each_once
from small_training import forget_runners

torch.set_num_threads(1)
if not torch.cuda.is_available():
    os.environ['TRITON_INTERPRET'] = '1'  # kernels run on the CPU; Triton looks at it when they are defined


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--device cuda``: tests/device run on the GPU of this machine instead of the simulated one."""
    text = 'for tests/device; not mps: it does not tell when the CPU waits'
    parser.addoption('--device', choices=('simulated', 'cuda'), default='simulated', help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Turns warnings that our code gives, or gives in its caller's name, into errors."""
    if config.getoption('--device') == 'cuda' and not torch.cuda.is_available():
        raise pytest.UsageError('--device cuda: PyTorch finds no CUDA device here.')
    config.addinivalue_line('filterwarnings', 'error:::ltseg')
    config.addinivalue_line('filterwarnings', 'error::UserWarning:tests')
    for reference in ('torch.jit', 'mmcv.cnn'):  # what MMSegmentation and MMPretrain say of themselves on import
        config.addinivalue_line('filterwarnings', f'ignore:::{reference}')
    config.addinivalue_line('markers', 'slow: takes seconds; `make check` leaves it out')


@pytest.fixture(scope='session', autouse=True)
def _each_config_read_once() -> Iterator[None]:
    """Hundreds of configs share their bases."""
    with pytest.MonkeyPatch.context() as patch:
        read_each_once(patch, Path(__file__).resolve().parents[1] / 'configs')
        yield


@pytest.fixture(scope='session')
def mmseg_registered() -> None:
    """MMSegmentation with everything registered and ``mmseg`` as the default scope, as its train script has it."""
    from mmseg.utils import register_all_modules

    register_all_modules(init_default_scope=True)


@pytest.fixture
def mmpretrain_registered() -> Iterator[None]:
    """MMPretrain with everything registered and ``mmpretrain`` as the default scope, for one test."""
    from mmengine.registry import DefaultScope
    from mmpretrain.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        yield


@pytest.fixture
def no_runner() -> None:
    """A process in which no Runner has trained yet, as schedules see it."""
    forget_runners()


@pytest.fixture(autouse=True)
def default_scope_stays() -> Iterator[None]:
    """Puts the default scope back, which a Runner built by a test changes for the whole process."""
    yield
    if 'mmseg' in sys.modules:
        from mmengine.registry import DefaultScope, init_default_scope

        current = DefaultScope.get_current_instance()
        if current is not None and current.scope_name != 'mmseg':
            init_default_scope('mmseg')


@pytest.fixture(autouse=True)
def _autocast_is_left() -> Iterator[None]:
    """A compiled function that raises leaves PyTorch's count of nested autocasts too high, and old casts in use."""
    yield
    while torch.autocast_decrement_nesting() >= 0:
        pass
    torch.autocast_increment_nesting()
    torch.clear_autocast_cache()
