"""The divergence of experts from their mean."""

import math

import pytest
import torch
from hinted import hinted
from mmengine.logging import MessageHub

from ltseg.losses import ExpertDiversityLoss
from ltseg.losses.expert_diversity import class_temperatures

COUNTS = [60, 30, 10]


def rows(samples: int = 4, experts: int = 3) -> torch.Tensor:
    """Logits (N * E, K), the experts of a sample one after the other."""
    return torch.randn(samples * experts, len(COUNTS), dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def labels(number: int) -> torch.Tensor:
    return torch.arange(number) % len(COUNTS)


def by_hand(logits: torch.Tensor, experts: int, factor: float, temperatures: list[float]) -> float:
    total = 0.0
    for sample in logits.view(-1, experts, len(COUNTS)).tolist():
        mean = [math.fsum(column) / experts for column in zip(*sample, strict=True)]
        for own in sample:
            p, q = (softmax([z / t for z, t in zip(each, temperatures, strict=True)]) for each in (mean, own))
            total += math.fsum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    average = math.fsum(temperatures) / len(temperatures)
    return factor * average**2 * total / (len(logits) // experts)


def softmax(values: list[float]) -> list[float]:
    powers = [math.exp(value) for value in values]
    return [power / math.fsum(powers) for power in powers]


@pytest.fixture
def epoch():
    """Simulates that a training run is in this epoch."""
    hub = MessageHub.get_current_instance()
    yield lambda number: [hub.update_info(name, value) for name, value in (('epoch', number), ('max_epochs', 200))]
    for name in ('epoch', 'max_epochs'):
        hub.runtime_info.pop(name, None)


@pytest.mark.parametrize('experts', [2, 3, 4])
def test_value_by_hand_before_and_after_the_temperatures_begin(experts, epoch):
    logits, loss = rows(experts=experts), ExpertDiversityLoss(experts, -0.45, 0.05, begin=160, counts=COUNTS)
    epoch(159)
    assert float(loss(logits, labels(len(logits)))) == pytest.approx(by_hand(logits, experts, -0.45, [1, 1, 1]))
    epoch(160)
    temperatures = [0.05 * 3 * share + 0.95 for share in (0.6, 0.3, 0.1)]
    temperatures = [value / max(temperatures) for value in temperatures]
    torch.testing.assert_close(class_temperatures(torch.tensor([0.6, 0.3, 0.1]), 0.05), torch.tensor(temperatures))
    assert float(loss(logits, labels(len(logits)))) == pytest.approx(by_hand(logits, experts, -0.45, temperatures))


def test_is_zero_where_experts_agree_and_below_elsewhere():
    loss, logits = ExpertDiversityLoss(counts=COUNTS), rows()
    assert loss(logits, labels(12)) < 0
    agreed = rows(samples=4, experts=1).repeat_interleave(3, 0).requires_grad_()
    value = loss(agreed, labels(12))
    (gradient,) = torch.autograd.grad(value, agreed)
    torch.testing.assert_close(value, torch.zeros_like(value))
    torch.testing.assert_close(gradient, torch.zeros_like(gradient))


def test_a_step_along_the_gradient_makes_experts_differ_more():
    loss, logits = ExpertDiversityLoss(counts=COUNTS), rows().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(logits, labels(12)), logits)
    assert loss(logits - 0.1 * gradient, labels(12)) < loss(logits, labels(12))


def test_the_mean_sends_no_gradient():
    """The gradient of an expert is that of cross entropy against the mean's probabilities."""
    loss, logits = ExpertDiversityLoss(experts=2, diversity_factor=-1.0, begin=None), rows(1, 2).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(logits, labels(2)), logits)
    mean = logits.detach().mean(0).softmax(0)
    torch.testing.assert_close(gradient, -(logits.detach().softmax(1) - mean))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_large_logits_in_any_precision_are_finite(dtype):
    logits = (rows() * 1000).to(dtype).requires_grad_()
    value = ExpertDiversityLoss(counts=COUNTS)(logits, labels(12))
    value.backward()
    assert value.isfinite() and logits.grad.isfinite().all()


def test_ignored_samples_and_mixed_labels():
    loss, logits, target = ExpertDiversityLoss(counts=COUNTS), rows(), labels(12)
    ignored = target.clone()
    ignored[6:] = 255
    torch.testing.assert_close(loss(logits, ignored, ignore_index=255), loss(logits[:6], target[:6]))
    assert loss(logits, torch.full((12,), 255), ignore_index=255) == 0
    torch.testing.assert_close(loss(logits, torch.full((12, 3), 1 / 3).double()), loss(logits, target))


def test_faults():
    with pytest.raises(ValueError, match='expected 3 rows for each sample, got 4'):
        ExpertDiversityLoss(counts=COUNTS)(torch.randn(4, 3), labels(4))
    hinted(
        'Set the same number of experts in backbone, classifier and losses.',
        lambda: ExpertDiversityLoss(3, counts=COUNTS)(rows(experts=2), labels(8)),
    )
    assert ExpertDiversityLoss(2, counts=COUNTS)(rows(experts=2), labels(8)).isfinite()
    for wrong in ({'experts': 1}, {'experts': 2.5}, {'diversity_factor': 0.2}, {'sharpening': 1.0}, {'begin': -1}):
        with pytest.raises(ValueError, match='expected a (whole )?number (in|of at least)'):
            ExpertDiversityLoss(**wrong)
    with pytest.raises(RuntimeError, match=r'ltseg\.CountClasses'):  # in the first batch, not at epoch 160
        ExpertDiversityLoss()(rows(), labels(12))


def test_a_batch_without_valid_labels_has_no_loss_and_no_temperatures_of_its_own(epoch):
    logits, loss = rows().requires_grad_(), ExpertDiversityLoss(begin=0, counts='batch')
    epoch(1)
    value = loss(logits, torch.full((len(logits),), -100))
    value.backward()
    assert value == 0 and (logits.grad == 0).all()
