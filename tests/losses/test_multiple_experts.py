"""LFME: its formula, what it is without experts or curriculum, and batches that do not fit."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from torch import Tensor
from torch.nn import functional as F
from two_processes import in_two_processes

from ltseg.core.distillation import PACES, expert_weights, sample_weights
from ltseg.losses import CrossEntropyLoss, LFMELoss, LongTailLoss
from ltseg.schedules import Progress

pytestmark = pytest.mark.usefixtures('no_runner')  # the curriculum begins

COUNTS = [60, 2, 30, 10, 3]
K = len(COUNTS)
GROUPS = [[0, 2], [4, 1, 3]]  # classes in the order of the experts' logits
RIGHT, MISSED = torch.tensor([8, 6, 5, 0, 9]), torch.tensor([2, 4, 5, 0, 1])  # class 3 is not in validation
ACCURACIES = (0.8 + 0.5) / 2, (0.9 + 0.6) / 2
NOTHING = dict(distillation=0.0, pace=None)


def taught(loss: LFMELoss, lessons: Any, groups: list[list[int]] = GROUPS) -> LFMELoss:
    loss.meet([torch.tensor(group) for group in groups], RIGHT, MISSED)
    loss.lessons = lessons
    return loss


def samples(*size: int) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Logits (N, K, *), labels (N, *) with 255 where ignored, and the experts' logits."""
    torch.manual_seed(0)
    labels = torch.randint(K, size)
    labels.view(-1)[::4] = 255
    logits, *lessons = (2 * torch.randn(size[0], k, *size[1:], dtype=torch.float64) for k in (K, *map(len, GROUPS)))
    return logits, labels, tuple(lessons)


def at(monkeypatch: pytest.MonkeyPatch, done: int) -> None:
    """So many of 100 iterations are done."""
    monkeypatch.setattr('ltseg.schedules.training_progress', lambda: Progress(iter=done, max_iters=100))


def know(loss: LFMELoss, *accuracies: float) -> None:
    """What validation has found of the student, the same for all classes of an expert."""
    right = torch.zeros(K, dtype=torch.float64)
    for group, accuracy in zip(GROUPS, accuracies, strict=True):
        right[group] = 1000 * accuracy
    loss.recall.follow_validation(K, right.device)
    loss.recall.validated(torch.stack([right, 1000 - right]))


def naive(logits: Tensor, labels: Tensor, lessons: tuple[Tensor, ...], student: list[float], done: float) -> Tensor:
    """The loss sample by sample, with alpha = 0.4 and T = 3."""
    means = [sum(COUNTS[k] for k in group) / len(group) for group in GROUPS]
    rows = logits.movedim(1, -1).reshape(-1, K)
    taught_rows = [each.movedim(1, -1).reshape(-1, each.shape[1]) for each in lessons]
    total, number = torch.zeros(()).double(), 0
    for i, y in enumerate(labels.flatten().tolist()):
        if y == 255:
            continue
        number += 1
        (e,) = [e for e, group in enumerate(GROUPS) if y in group]
        start = taught_rows[e][i].softmax(0)[GROUPS[e].index(y)] * min(means) / means[e]
        total = total - (start + (1 - start) * done) * rows[i].log_softmax(0)[y]
        for e, group in enumerate(GROUPS):
            target, ours = (taught_rows[e][i] / 3).softmax(0), (rows[i, group] / 3).softmax(0)
            weight = min(max((ACCURACIES[e] - student[e]) / ACCURACIES[e] / (1 - 0.4), 0), 1)
            total = total + 0.7 * weight * sum(t * (t / o).log() for t, o in zip(target, ours, strict=True))
    return total / number


@pytest.mark.parametrize('size', [(40,), (2, 5, 4)])
@pytest.mark.parametrize('student', [[0.1, 0.1], [0.5, 0.6], [0.9, 0.4]])
def test_by_the_formula(monkeypatch: pytest.MonkeyPatch, size: tuple[int, ...], student: list[float]) -> None:
    at(monkeypatch, 30)
    logits, labels, lessons = samples(*size)
    loss = taught(LFMELoss(3.0, 0.4, 0.7, counts=COUNTS), lessons)
    know(loss, *student)
    torch.testing.assert_close(loss(logits, labels, ignore_index=255), naive(logits, labels, lessons, student, 0.3))


def test_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 30)
    logits, labels, lessons = samples(12)
    loss = taught(LFMELoss(counts=COUNTS), lessons)
    know(loss, 0.5, 0.6)
    assert torch.autograd.gradcheck(lambda z: loss(z, labels, ignore_index=255), logits.requires_grad_())


def test_cross_entropy_without_experts_and_curriculum(monkeypatch: pytest.MonkeyPatch) -> None:
    """By options, at the end of training with a student that needs no expert, and out of training."""
    logits, labels, lessons = samples(40)
    expected = CrossEntropyLoss()(logits, labels, ignore_index=255)

    def equals(loss: LFMELoss) -> None:
        torch.testing.assert_close(loss(logits, labels, ignore_index=255), expected)

    at(monkeypatch, 0)
    equals(taught(LFMELoss(**NOTHING), lessons))
    equals(LFMELoss(counts=COUNTS).eval())
    at(monkeypatch, 100)
    loss = taught(LFMELoss(counts=COUNTS), lessons)
    know(loss, 0.65, 0.76)
    equals(loss)


def test_one_expert_of_all_classes_is_plain_distillation() -> None:
    logits, labels, _ = samples(40)
    valid, order = labels != 255, [3, 1, 0, 4, 2]
    teacher = torch.randn(40, K, dtype=torch.float64)
    loss = taught(LFMELoss(pace=None), (teacher[:, order],), [order])
    target, student = (teacher[valid] / 2).softmax(1), (logits[valid] / 2).log_softmax(1)
    expected = F.cross_entropy(logits[valid], labels[valid]) + F.kl_div(student, target, reduction='batchmean')
    torch.testing.assert_close(loss(logits, labels, ignore_index=255), expected)


def test_nothing_is_left_to_learn_of_experts_that_agree() -> None:
    """Whatever the logits of classes of other experts, and whatever is added to all of an expert."""
    logits, labels, _ = samples(40)
    lessons = tuple(logits[:, group] + 5 * number for number, group in enumerate(GROUPS))
    loss = taught(LFMELoss(pace=None), lessons)
    torch.testing.assert_close(
        loss(logits, labels, ignore_index=255), CrossEntropyLoss()(logits, labels, ignore_index=255)
    )


def test_weights_of_experts() -> None:
    student, expert = torch.linspace(0, 1, 101, dtype=torch.float64), torch.full((101,), 0.8, dtype=torch.float64)
    weights = expert_weights(student, expert, threshold=0.5)
    assert (weights[student <= 0.4] == 1).all() and (weights[student >= 0.8] == 0).all()
    between = (student > 0.4) & (student < 0.8)
    torch.testing.assert_close(weights[between], (0.8 - student[between]) / 0.4)
    assert expert_weights(torch.tensor([0.0, 0.3]), torch.zeros(2), 0.5).tolist() == [0, 0]  # nothing to teach


def test_weights_are_ones_before_the_first_validation() -> None:
    logits, labels, lessons = samples(40)
    loss = taught(LFMELoss(counts=COUNTS), lessons)
    loss.recall.follow_validation(K, logits.device)
    counts = loss.count(logits, labels, 255)
    assert loss.expert_weights(counts).tolist() == [1, 1]
    know(loss, 0.65, 0.3)
    assert loss.expert_weights(counts).tolist() == pytest.approx([0, (1 - 0.3 / 0.75) / 0.7])


@pytest.mark.parametrize('pace', PACES)
def test_easy_samples_come_first_and_all_in_the_end(pace: str) -> None:
    confidence, share = torch.tensor([0.1, 0.5, 1.0, 1.0]), torch.tensor([1.0, 1.0, 1.0, 0.25])
    steps = [sample_weights(confidence, share, PACES[pace](done / 10)) for done in range(11)]
    torch.testing.assert_close(steps[0], torch.tensor([0.1, 0.5, 1.0, 0.25]))
    torch.testing.assert_close(steps[-1], torch.ones(4))
    for before, after in zip(steps, steps[1:], strict=False):
        assert (after[[0, 1, 3]] > before[[0, 1, 3]]).all() and after[2] == 1
        assert before[0] < before[3] < before[1] < 1
    assert PACES[pace](0.5) == pytest.approx({'linear': 0.5, 'convex': 1 - 0.5**0.5, 'concave': math.log2(1.5)}[pace])


def test_the_curriculum_begins_alike_in_each_group() -> None:
    """With experts that are sure, the summed weights of a group are in proportion to its number of classes."""
    labels = torch.arange(K).repeat_interleave(torch.tensor(COUNTS))
    lessons = tuple(
        torch.where(labels[:, None] == torch.tensor(group), 50.0, 0.0).double() for group in GROUPS
    )  # of other experts' classes they know nothing
    loss = taught(LFMELoss(distillation=0.0, counts=COUNTS), lessons)
    logits = torch.zeros(len(labels), K, dtype=torch.float64)
    values = loss(logits, labels, reduction_override='none') / math.log(K)
    sums = [values[torch.isin(labels, torch.tensor(group))].sum().item() / len(group) for group in GROUPS]
    assert sums == pytest.approx([5, 5])  # (2 + 10 + 3) / 3


def test_rules_and_class_weights_are_those_of_the_cross_entropy() -> None:
    rules = [dict(type='ltseg.Margin', max_margin=0.5), dict(type='ltseg.Weighting', scheme='inverse')]
    logits, labels, lessons = samples(40)
    options = dict(rules=rules, counts=COUNTS, average='weight')
    found = taught(LFMELoss(**NOTHING, **options), lessons)(logits, labels, ignore_index=255)
    torch.testing.assert_close(found, LongTailLoss(**options)(logits, labels, ignore_index=255))


@pytest.mark.parametrize('size', [(6,), (2, 3, 3)])
def test_hostile_batches(size: tuple[int, ...]) -> None:
    logits, labels, lessons = samples(*size)
    for batch in (torch.full_like(labels, 255), torch.zeros_like(labels), torch.full_like(labels, 4)):
        loss, given = taught(LFMELoss(counts=COUNTS), lessons), logits.clone().requires_grad_()
        value = loss(given, batch, ignore_index=255)
        value.backward()
        assert value.isfinite() and given.grad.isfinite().all() and (value == 0) == bool((batch == 255).all())
    huge = taught(LFMELoss(counts=COUNTS), tuple(each.half() * 5e3 for each in lessons))
    assert huge(logits.half() * 5e3, labels, ignore_index=255).isfinite()
    with pytest.raises(ValueError, match='label'):
        taught(LFMELoss(counts=COUNTS), lessons)(logits, labels.clamp(min=7), ignore_index=255)
    empty = taught(LFMELoss(counts=COUNTS), tuple(each[:0] for each in lessons))
    assert empty(logits[:0].requires_grad_(), labels[:0]).item() == 0


def in_process(rank: int, folder: Path) -> None:
    logits, labels, lessons = samples(40)
    part = slice(11) if rank == 0 else slice(11, None)
    logits = logits[part].requires_grad_()
    loss = taught(LFMELoss(counts=COUNTS), tuple(each[part] for each in lessons))
    value = loss(logits, labels[part], ignore_index=255)
    torch.save((value.detach(), *torch.autograd.grad(value, logits)), folder / f'{rank}.pth')


def test_two_processes_have_the_value_and_gradient_of_one(tmp_path: Path) -> None:
    in_two_processes(in_process, tmp_path)
    logits, labels, lessons = samples(40)
    value = taught(LFMELoss(counts=COUNTS), lessons)(logits.requires_grad_(), labels, ignore_index=255)
    (first, second) = (torch.load(tmp_path / f'{rank}.pth', weights_only=True) for rank in range(2))
    torch.testing.assert_close((first[0] + second[0]) / 2, value.detach())
    torch.testing.assert_close(torch.cat([first[1], second[1]]) / 2, torch.autograd.grad(value, logits)[0])


def test_says_what_is_missing() -> None:
    logits, labels, lessons = samples(40)
    hinted("Add custom_hooks=[dict(type='ltseg.LearnFromExperts', experts=[...])].",
           lambda: LFMELoss(counts=COUNTS)(logits, labels, ignore_index=255))  # fmt: skip
    loss = taught(LFMELoss(counts=COUNTS), lessons)
    hinted('Train with one view of each image, and without branches that see a part of the batch.',
           lambda: loss(logits[::2], labels[::2], ignore_index=255))  # fmt: skip
    hinted('Train without mixed labels.', lambda: loss(logits, logits.softmax(1)))
    assert loss(logits, labels, ignore_index=255).isfinite()


@pytest.mark.parametrize(
    'options', [dict(temperature=0), dict(threshold=1.0), dict(distillation=-1), dict(pace='fast'), dict(threshold='x')]
)
def test_options_that_are_none(options: dict) -> None:
    with pytest.raises(ValueError, match=rf'LFMELoss\.{next(iter(options))}: expected'):
        LFMELoss(**options)
