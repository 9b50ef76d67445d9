"""Every public class has an example in its docstring, and every example of the package runs as it says.

Public are the types that configs name, which are registered, and the classes that code imports: those in ``__all__`` of
the modules of the package and of its folders. Left out are folders inside of folders, which are parts of one thing, the
command line, and errors, for all of which the example of ``LtsegError`` stands.
"""

import doctest
import importlib
import inspect
import io
import pkgutil
from collections.abc import Iterator
from contextlib import redirect_stdout
from types import ModuleType
from typing import Any

import pytest
from mmengine.logging import MMLogger
from registered_types import registered
from tiny_runs import quick_runners

import ltseg

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')


def modules() -> list[ModuleType]:
    """All of the package, but those that run a command."""
    names = (found.name for found in pkgutil.walk_packages(ltseg.__path__, 'ltseg.'))
    return [importlib.import_module(name) for name in names if not name.endswith('__main__')]


def is_public(made: Any) -> bool:
    folders = made.__module__.split('.')[1:-1]
    is_error = issubclass(made, Exception) and made.__name__ != 'LtsegError'
    return len(folders) < 2 and folders != ['cli'] and not is_error


def public_classes() -> dict[str, Any]:
    """Registered types and public classes by their full names."""
    exported = (getattr(module, name) for module in modules() for name in getattr(module, '__all__', ()))
    classes = [made for made in exported if inspect.isclass(made) and made.__module__.startswith('ltseg.')]
    public = [*registered().values(), *filter(is_public, classes)]
    return {f'{made.__module__}.{made.__qualname__}': made for made in public}


def examples() -> dict[str, doctest.DocTest]:
    """Those of modules, classes, methods and functions; they import all that they use."""
    finder = doctest.DocTestFinder()
    found = (test for module in modules() for test in finder.find(module, globs={}))
    return {test.name: test for test in found if test.examples}


PUBLIC, EXAMPLES = public_classes(), examples()


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_runners():
        yield


@pytest.mark.parametrize('name', PUBLIC)
def test_docstring_has_an_example_section(name: str) -> None:
    sections = inspect.cleandoc(PUBLIC[name].__doc__ or '').split('\n\n')
    written = [section for section in sections if section.startswith('Example:\n')]
    assert len(written) == 1 and '>>> ' in written[0], f'{name}: write an Example section with >>>'
    assert name in EXAMPLES


@pytest.mark.parametrize('name', EXAMPLES)
def test_example_runs(name: str) -> None:
    MMLogger.get_instance(f'example of {name}', log_level='ERROR')  # what is logged is no part of the result
    assert any(example.want for example in EXAMPLES[name].examples), f'{name}: the example shows no result'
    report = io.StringIO()
    with redirect_stdout(report):
        failed, _ = doctest.DocTestRunner(verbose=False).run(EXAMPLES[name])
    assert not failed, report.getvalue()


def test_a_wrong_result_is_noticed() -> None:
    test = doctest.DocTestParser().get_doctest('>>> 1 + 1\n3', {}, 'wrong', None, None)
    with redirect_stdout(io.StringIO()):
        assert doctest.DocTestRunner(verbose=False).run(test).failed == 1
