"""Every registered type has an example in its docstring, and the example runs as it says."""

import doctest
import inspect
import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

import pytest
from mmengine.logging import MMLogger
from registered_types import registered
from tiny_runs import quick_runners

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')
TYPES = registered()


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_runners():
        yield


def docstring(made: Any) -> str:
    return inspect.cleandoc(made.__doc__ or '')


@pytest.mark.parametrize('name', TYPES)
def test_docstring_has_an_example_section(name: str) -> None:
    sections = docstring(TYPES[name]).split('\n\n')
    examples = [section for section in sections if section.startswith('Example:\n')]
    assert len(examples) == 1 and '>>> ' in examples[0], f'{name}: write an Example section with >>>'


@pytest.mark.parametrize('name', TYPES)
def test_example_runs(name: str) -> None:
    MMLogger.get_instance(f'example of {name}', log_level='ERROR')  # what is logged is no part of the result
    test = doctest.DocTestParser().get_doctest(docstring(TYPES[name]), {}, name, None, None)
    assert any(example.want for example in test.examples), f'{name}: the example shows no result'
    report = io.StringIO()
    with redirect_stdout(report):
        failed, _ = doctest.DocTestRunner(verbose=False).run(test)
    assert not failed, report.getvalue()


def test_a_wrong_result_is_noticed() -> None:
    test = doctest.DocTestParser().get_doctest('>>> 1 + 1\n3', {}, 'wrong', None, None)
    with redirect_stdout(io.StringIO()):
        assert doctest.DocTestRunner(verbose=False).run(test).failed == 1
