"""Which trained model a config has, and which label it leaves out."""

from types import SimpleNamespace
from typing import Any

import pytest
from mmengine.config import Config

from ltseg.trained.model import TrainedModel
from ltseg.trained.tasks import TrainedClassifier, TrainedSegmentor, trained_model


@pytest.mark.parametrize(
    ('config', 'kind'),
    [
        ({'default_scope': 'mmpretrain'}, TrainedClassifier),
        ({'default_scope': 'mmseg'}, TrainedSegmentor),
        ({}, TrainedSegmentor),
    ],
)
def test_the_default_scope_chooses_the_model(config: dict, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(TrainedModel, '__init__', lambda self, *arguments: given.extend(arguments))
    assert type(trained_model(Config(config), 'a.pth', 'table.json')) is kind
    assert given[1:] == ['a.pth', 'table.json']


def test_the_ignored_label_is_that_of_the_data_set_inside_wrappers() -> None:
    """mmengine's wrappers do not hand it on."""
    whole: Any = SimpleNamespace(ignore_index=11)
    model = TrainedSegmentor.__new__(TrainedSegmentor)
    for _ in range(4):
        assert model.ignore_index(whole) == 11
        whole = SimpleNamespace(dataset=whole)
    both = SimpleNamespace(datasets=[whole, SimpleNamespace(ignore_index=11)])
    assert model.ignore_index(both) == 11
    assert model.ignore_index(SimpleNamespace()) == 255
