"""While a CUDA graph is captured, an iteration works, with its state where it was, or refuses and says what to do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from unittest import mock

import pytest
import torch
from hinted import hinted
from losses_under_test import COUNTS, LOSSES, REGION_LOSSES, UNFUSED_LOSSES, K, name_of
from regularizers_under_test import REGULARIZERS
from regularizers_under_test import batch as features_of
from regularizers_under_test import built as regularizer_of
from regularizers_under_test import name_of as regularizer_name
from simulated_cuda import SimulatedCuda, values_of
from torch import Tensor

from ltseg.core.errors import WrongStateError
from ltseg.core.features import FeatureBatch
from ltseg.counts.sources import RunningCounts
from ltseg.datasets import BatchRandomFlip
from ltseg.registry import MODELS

OTHERS = [
    dict(type='ltseg.CrossEntropyLoss', class_weight=[1.0, 2.0, 3.0, 4.0, 5.0], counts='batch'),
    dict(type='ltseg.LDAMLoss', counts=COUNTS),
    dict(type='ltseg.SeesawLoss', counts='ema'),
]
FROZEN = ('ltseg.WeightRepulsion', 'ltseg.TargetedContrastiveLoss')  # its schedule; its matching on the CPU


@contextmanager
def capture() -> Iterator[None]:
    """Within it, the simulated device captures a graph."""
    with (
        mock.patch.object(torch.cuda, 'is_initialized', lambda: True),
        mock.patch.object(torch.cuda, 'is_current_stream_capturing', lambda: True),
    ):
        yield


def places(module: torch.nn.Module) -> dict[str, int]:
    """Where the memory of a module's state is."""
    return {name: values_of(value).data_ptr() for name, value in module.state_dict().items()}


@pytest.mark.parametrize('config', LOSSES + REGION_LOSSES + UNFUSED_LOSSES + OTHERS, ids=name_of)
def test_losses(device: SimulatedCuda, config: dict) -> None:
    logits = (torch.rand(12, K) * 2 - 1).to('cuda').requires_grad_()
    labels = torch.arange(12).remainder(K).to('cuda')
    loss = MODELS.build(config).to('cuda')

    def iterate() -> None:
        loss(logits, labels, avg_factor=12).backward()

    iterate()
    loss._calls = 50  # now values would be looked at again
    before = places(loss)
    with capture(), device.watch() as noted:
        iterate()
    assert places(loss) == before and not noted.of('wait', 'upload')


@pytest.mark.parametrize('config', REGULARIZERS, ids=regularizer_name)
def test_regularizers(device: SimulatedCuda, config: dict) -> None:
    given = features_of(dtype=torch.float32)
    features, labels, classifier = (x.to('cuda') for x in (given.features, given.labels, given.class_vectors))
    regularizer = regularizer_of(config).to('cuda')

    def iterate() -> None:
        leaves = features.requires_grad_(), classifier.requires_grad_()
        batch = FeatureBatch(leaves[0], labels, given.num_classes, leaves[1], valid=labels >= 0)
        regularizer(batch).backward()
        regularizer.step()

    iterate()
    before = places(regularizer)
    if config['type'] in FROZEN and config.get('schedule', '') is not None:
        with capture(), pytest.raises(WrongStateError, match='outside of a CUDA graph'):
            iterate()
        return
    with capture(), device.watch() as noted:
        iterate()
    assert places(regularizer) == before and not noted.of('wait', 'upload')


def losses_of(config: dict) -> Callable[..., Tensor]:
    """Computes a loss of two classes, in a capture."""
    loss, logits = MODELS.build(config).to('cuda'), torch.zeros(4, 2).to('cuda')
    labels = torch.tensor([0, 1, 1, 0]).to('cuda')

    def compute(captured: bool = True) -> Tensor:
        with capture() if captured else nullcontext():
            return loss(logits, labels)

    return compute


@pytest.mark.usefixtures('device')
def test_a_schedule_would_stay_as_it_is() -> None:
    scheduled = losses_of(dict(type='ltseg.FocalLoss', schedule=dict(shape='linear')))
    hinted('Set schedule=None, or capture the model and compute its losses outside of the graph.', scheduled)
    losses_of(dict(type='ltseg.FocalLoss', schedule=None))()
    scheduled(captured=False)
    with pytest.raises(WrongStateError, match='progress of training'):  # from an epoch on, temperatures are others
        losses_of(dict(type='ltseg.ExpertDiversityLoss', experts=2, counts='batch'))()


@pytest.mark.usefixtures('device')
def test_constants_and_states_must_be_there() -> None:
    weighted = losses_of(dict(type='ltseg.CrossEntropyLoss', class_weight=[1.0, 2.0]))
    hinted('Run an iteration on the same device before the graph is captured.', weighted)
    counted = losses_of(dict(type='ltseg.CDTLoss', counts=[2, 1]))
    hinted('Run an iteration on the same device before the graph is captured.', counted)
    running = losses_of(dict(type='ltseg.ARBLoss', counts='ema'))
    hinted('Run an iteration on the same device before the graph is captured.', running)
    for compute in (weighted, counted, running):
        compute(captured=False)
        compute()


@pytest.mark.usefixtures('device')
def test_numbers_that_are_drawn_on_the_cpu_would_be_the_same_again_and_again() -> None:
    flip, images = BatchRandomFlip(prob=1.0), torch.arange(3.0).view(1, 1, 1, 3).to('cuda')

    def augment() -> Tensor:
        with capture():
            return flip(images)

    hinted(
        'Call the data preprocessor before the graph, and leave out TargetedContrastiveLoss and ClusterSubclasses.',
        augment,
    )
    assert values_of(flip(images)).flatten().tolist() == [2, 1, 0]


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
