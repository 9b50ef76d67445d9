"""While a CUDA graph is captured, an iteration works, with its state where it was, or refuses and says what to do."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from losses_under_test import COUNTS, LOSSES, K, name_of
from pretended_cuda import PretendedCuda, values_of
from regularizers_under_test import REGULARIZERS
from regularizers_under_test import batch as features_of
from regularizers_under_test import built as regularizer_of
from regularizers_under_test import name_of as regularizer_name
from torch import Tensor

from ltseg.core.errors import WrongStateError
from ltseg.core.features import FeatureBatch, feature_rows
from ltseg.counts.sources import RunningCounts
from ltseg.datasets import BatchRandomFlip
from ltseg.registry import MODELS

OTHERS = [
    dict(type='ltseg.CrossEntropyLoss', class_weight=[1.0, 2.0, 3.0, 4.0, 5.0], counts='batch'),
    dict(type='ltseg.LDAMLoss', counts=COUNTS),
    dict(type='ltseg.SeesawLoss', counts='ema'),
]
FROZEN = ('ltseg.WeightRepulsion', 'ltseg.TargetedContrastiveLoss')  # its schedule; its matching on the CPU


@pytest.fixture
def capture(device: PretendedCuda, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Begins the capture."""

    def begin() -> None:
        monkeypatch.setattr(torch.cuda, 'is_initialized', lambda: True)
        monkeypatch.setattr(torch.cuda, 'is_current_stream_capturing', lambda: True)

    return begin


def places(module: torch.nn.Module) -> dict[str, int]:
    """Where the memory of a module's state is."""
    return {name: values_of(value).data_ptr() for name, value in module.state_dict().items()}


@pytest.mark.parametrize('config', LOSSES + OTHERS, ids=name_of)
def test_losses(device: PretendedCuda, capture: Callable[[], None], config: dict) -> None:
    logits = (torch.rand(12, K) * 2 - 1).to('cuda').requires_grad_()
    labels = torch.arange(12).remainder(K).to('cuda')
    loss = MODELS.build(config).to('cuda')

    def iterate() -> None:
        loss(logits, labels, avg_factor=12).backward()

    iterate()
    loss._calls = 50  # now values would be looked at again
    before = places(loss)
    capture()
    with device.watch() as noted:
        iterate()
    assert places(loss) == before and not noted.of('wait', 'upload')


@pytest.mark.parametrize('config', REGULARIZERS, ids=regularizer_name)
def test_regularizers(device: PretendedCuda, capture: Callable[[], None], config: dict) -> None:
    given = features_of(dtype=torch.float32)
    features, labels, classifier = (x.to('cuda') for x in (given.features, given.labels, given.class_vectors))
    regularizer = regularizer_of(config).to('cuda')

    def iterate() -> None:
        batch = FeatureBatch(features.requires_grad_(), labels, given.num_classes, classifier.requires_grad_())
        regularizer(batch).backward()
        regularizer.step()

    iterate()
    before = places(regularizer)
    capture()
    if config['type'] in FROZEN and config.get('schedule', '') is not None:
        with pytest.raises(WrongStateError, match='outside of a CUDA graph'):
            iterate()
        return
    with device.watch() as noted:
        iterate()
    assert places(regularizer) == before and not noted.of('wait', 'upload')


def weighted(**options: Any) -> Any:
    return MODELS.build(dict(type='ltseg.CrossEntropyLoss', class_weight=[1.0, 2.0], **options)).to('cuda')


REFUSED = {
    'a schedule': (lambda: MODELS.build(dict(type='ltseg.FocalLoss', schedule=dict(shape='linear'))), 'schedule=None'),
    'constants that are not there': (weighted, 'Run an iteration'),
    'counts that are not there': (lambda: MODELS.build(dict(type='ltseg.CDTLoss', counts=[2, 1])), 'Run an iteration'),
    'nothing counted yet': (lambda: MODELS.build(dict(type='ltseg.ARBLoss', counts='ema')), 'Run an iteration'),
    'temperatures from an epoch on': (
        lambda: MODELS.build(dict(type='ltseg.ExpertDiversityLoss', experts=2, counts='batch')),
        'outside of the graph',
    ),
}


@pytest.mark.parametrize(('build', 'hint'), REFUSED.values(), ids=REFUSED)
def test_what_a_graph_would_freeze_is_refused(capture: Callable[[], None], build: Callable, hint: str) -> None:
    loss = build()
    logits, labels = torch.zeros(4, 2).to('cuda'), torch.tensor([0, 1, 1, 0]).to('cuda')
    capture()
    with pytest.raises(WrongStateError, match=hint):
        for _ in range(2):
            loss(logits, labels)


def test_the_hint_of_what_is_not_there_helps(capture: Callable[[], None]) -> None:
    loss, logits, labels = weighted(), torch.zeros(4, 2).to('cuda'), torch.tensor([0, 1, 1, 0]).to('cuda')
    loss(logits, labels)
    capture()
    loss(logits, labels)


def test_what_depends_on_values_or_on_the_cpu_is_refused(capture: Callable[[], None]) -> None:
    images, labels = torch.zeros(2, 3, 4, 4).to('cuda'), torch.zeros(2, 4, 4, dtype=torch.int64).to('cuda')
    capture()
    with pytest.raises(WrongStateError, match='before the graph'):
        BatchRandomFlip()(images)
    with pytest.raises(WrongStateError, match='regularizers outside'):
        feature_rows(images, labels)


@pytest.mark.parametrize('mode', ['ema', 'accumulated'])
def test_running_counts_stay_where_they_are(mode: str) -> None:
    """And what was given for an earlier batch does not change."""
    source, labels = RunningCounts(mode), torch.tensor([0, 1, 1])
    first = source(labels, 2)
    kept, place = first.samples.clone(), source.get_extra_state().data_ptr()
    state = source.state_dict()
    for _ in range(3):
        source(1 - labels, 2)
    source.load_state_dict({name: value.clone() for name, value in state.items()})
    assert source.get_extra_state().data_ptr() == place and torch.equal(first.samples, kept)
    assert isinstance(state['_extra_state'], Tensor) and state['_extra_state'].data_ptr() == place
