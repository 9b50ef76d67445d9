"""Set-up of the tests of regularizers."""

from collections.abc import Iterator

import pytest
from mmengine.logging import MessageHub


@pytest.fixture(autouse=True)
def no_training() -> Iterator[None]:
    """Forgets the progress of training runs in other tests, which schedules read, and leaves none behind."""
    MessageHub._instance_dict.clear()
    yield
    MessageHub._instance_dict.clear()
