"""Where a device has no float64, nothing asks for it, and results are those of float32."""

import pytest
import torch
from losses_under_test import COUNTS, LOSSES, REGION_LOSSES, UNFUSED_LOSSES, K, batch, name_of
from regularizers_under_test import REGULARIZERS
from regularizers_under_test import batch as features_of
from regularizers_under_test import built as regularizer_of
from regularizers_under_test import name_of as regularizer_name
from simulated_cuda import SimulatedCuda, values_of

from ltseg.core import precision
from ltseg.core.class_sample import ClassSample
from ltseg.core.class_statistics import ClassStatistics
from ltseg.core.collapse_summary import collapse_summary
from ltseg.core.features import FeatureBatch
from ltseg.core.fused_upsampling import upsampled_losses
from ltseg.core.gradient_components import component_norms
from ltseg.core.precision import widened, widest_dtype
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.sources import RunningCounts
from ltseg.registry import MODELS

OTHERS = [
    dict(type='ltseg.DotRegressionLoss'),
    dict(type='ltseg.ExpertDiversityLoss', experts=2, begin=0, counts=COUNTS),
    dict(type='ltseg.ClassBalancedLoss', counts='batch', beta='1-1/N'),
    dict(type='ltseg.SeesawLoss', counts='ema'),
]


@pytest.fixture(autouse=True)
def without_float64(device: SimulatedCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the simulated device stand for Apple's."""
    monkeypatch.setattr(precision, 'WITHOUT_FLOAT64', ('cuda',))


def test_apples_devices_have_none_and_all_others_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert widest_dtype(torch.device('mps')) == widest_dtype(torch.device('mps', 0)) == torch.float32
    assert widest_dtype(torch.device('cpu')) == widest_dtype(torch.device('cuda')) == torch.float64
    assert widened(torch.tensor([2**60])).tolist() == [2**60]


@pytest.mark.parametrize('config', LOSSES + REGION_LOSSES + UNFUSED_LOSSES + OTHERS, ids=name_of)
@pytest.mark.parametrize('soft', [False, True], ids=['indices', 'probabilities'])
def test_losses(device: SimulatedCuda, config: dict, soft: bool) -> None:
    logits, labels = batch(12, dtype=torch.float32, ignored=not soft)
    labels = torch.rand(12, K).softmax(1) if soft else labels
    options = {'feature_norm': torch.ones(12)} if 'DotRegression' in config['type'] else {}
    expected = actual = None
    for where in ('cpu', 'cuda'):
        loss = MODELS.build(config).to(where)
        torch.manual_seed(0)
        given = {name: value.to(where) for name, value in options.items()}
        leaf = logits.detach().to(where).requires_grad_()
        try:
            value = loss(leaf, labels.to(where), ignore_index=255, **given)
        except ValueError:  # no formula for probabilities
            assert soft
            return
        value.backward()
        expected, actual = actual, [values_of(value.detach()), values_of(leaf.grad)]
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-6)
    assert not device.noted.of('float64', everywhere=True)


@pytest.mark.parametrize('config', REGULARIZERS, ids=regularizer_name)
def test_regularizers(device: SimulatedCuda, config: dict) -> None:
    given = features_of(dtype=torch.float32)
    features, labels, classifier = (x.to('cuda') for x in (given.features, given.labels, given.class_vectors))
    regularizer = regularizer_of(config).to('cuda')
    batch_of = FeatureBatch(features.requires_grad_(), labels, given.num_classes, classifier.requires_grad_())
    regularizer(batch_of).backward()
    regularizer.step()
    assert not device.noted.of('float64', everywhere=True)


def test_fused_losses(device: SimulatedCuda) -> None:
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(2, K, 6, 8, generator=generator), torch.randint(K, (2, 20, 30), generator=generator)
    sums = []
    for where in ('cpu', 'cuda'):
        leaf, loss = logits.to(where).requires_grad_(), MODELS.build(LOSSES[0]).to(where)
        found = upsampled_losses(leaf, labels.to(where), [loss.prepare(leaf, labels.to(where), 255)])
        (gradient,) = torch.autograd.grad(found.losses.sum(), leaf)
        sums.append((values_of(found.losses), values_of(gradient)))
    torch.testing.assert_close(*sums)
    assert not device.noted.of('float64', everywhere=True)


def test_monitors(device: SimulatedCuda) -> None:
    given = features_of(dtype=torch.float32)
    rows, labels, vectors = (x.to('cuda') for x in (*given.rows, given.class_vectors))
    sample = ClassSample.of(rows, labels, labels, 4, torch.Generator('cuda').manual_seed(0))
    collapse_summary(ClassStatistics.of(sample.rows, sample.labels, given.num_classes), sample, vectors)
    component_norms(rows @ vectors.T, rows, labels, cosine_weight=vectors)
    assert not device.noted.of('float64', everywhere=True)


def test_counts_go_there_and_back(device: SimulatedCuda) -> None:
    counts = ClassCounts.from_list([2.0, 3.0])
    moved = counts.to('cuda')
    assert moved.samples.dtype == torch.float32 and moved.to('cpu').samples.dtype == torch.float64
    with pytest.raises(ValueError, match='int64 or float64'):
        ClassCounts(torch.ones(2))


def test_running_counts_do_not_stop_at_the_last_whole_number_of_float32(device: SimulatedCuda) -> None:
    counts = RunningCounts('accumulated')
    counts.set_extra_state(torch.tensor([[2.0**24, 7.0]] * 3))
    for _ in range(3):
        found = counts(torch.tensor([0, 1]).to('cuda'), 2)
    assert counts.get_extra_state()[0].tolist() == [2**24 + 3, 10]
    assert found.samples.is_cuda and not device.noted.of('float64', everywhere=True)
