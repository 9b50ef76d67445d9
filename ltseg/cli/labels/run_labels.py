"""The labels of a training run."""

from collections.abc import Mapping, Sequence
from typing import Any

from ltseg.cli.labels.data import data_label
from ltseg.cli.labels.method import method_label
from ltseg.cli.labels.model import model_label
from ltseg.core.checks import check_choice
from ltseg.core.errors import UsageError

__all__ = ['labels_of']


def labels_of(stages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The 'method', 'model' and 'dataset' of a run.

    Args:
        stages: The resolved config of each stage, or the only one. ``report=dict(method=..., model=..., dataset=...)``
            in the last one says what to call it instead.

    Raises:
        UsageError: If ``report`` is no dict of these texts.
    """
    last = stages[-1]
    given = last.get('report') or {}
    if not isinstance(given, Mapping) or any(not isinstance(text, str) or not text for text in given.values()):
        raise UsageError('report', 'a dict of texts', repr(given), "E.g. report=dict(method='my method').")
    makers = {
        'method': lambda: method_label(stages),
        'model': lambda: model_label(last),
        'dataset': lambda: data_label(last),
    }
    for key in given:
        check_choice('report', key, tuple(makers))
    return {key: given.get(key) or make() for key, make in makers.items()}
