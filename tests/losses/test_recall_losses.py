"""Losses whose class weights follow what the model misses while it trains."""

import copy

import pytest
import torch
from hinted import hinted
from losses_under_test import LOSSES, REGION_LOSSES, UNFUSED_LOSSES, K, name_of
from torch.nn import functional as F

from ltseg.losses import CrossEntropyLoss, DifficultyBalancedLoss, JaccardLoss, LovaszLoss, RecallLoss
from ltseg.registry import MODELS
from ltseg.rules import MissRateWeighting

IGNORED = 255
LOSS_TYPES = pytest.mark.parametrize('loss_type', [RecallLoss, DifficultyBalancedLoss])


def batches(number=6):
    """Of maps with void pixels, each of which lacks a class; the third is all void, the last class is never there."""
    generator = torch.Generator().manual_seed(0)
    made = []
    for step in range(number):
        logits = torch.randn(2, K, 5, 6, generator=generator, dtype=torch.float64)
        labels = torch.randint(K - 1, (2, 5, 6), generator=generator)
        labels = labels.where(labels != step % (K - 1), IGNORED)
        made.append((logits, torch.full_like(labels, IGNORED) if step == 2 else labels))
    return made


def value_and_gradient(loss, logits, labels):
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, labels, ignore_index=IGNORED)
    return value.detach(), torch.autograd.grad(value, leaf)[0]


def naive_weights(seen, loss_type):
    """Of pairs of right and missed samples."""
    rate = torch.tensor([max(m, 1) / max(r + m, 1) for r, m in seen], dtype=torch.float64)
    if loss_type is RecallLoss:
        return rate
    recall = 1 - rate
    weight = rate ** (2 / (1 + torch.exp(1 - recall.max() / (recall.min() + 0.01))))
    return weight * K / weight.sum()


@LOSS_TYPES
@pytest.mark.parametrize('average', ['count', 'weight'])
def test_each_step_is_cross_entropy_under_the_weights_of_the_steps_before(loss_type, average):
    loss, seen = loss_type(momentum=0.75, average=average), [[0.0, 0.0] for _ in range(K)]
    for step, (logits, labels) in enumerate(batches()):
        weight, valid = naive_weights(seen, loss_type), labels != IGNORED
        leaf = logits.clone().requires_grad_()
        total = F.cross_entropy(leaf, labels, weight, ignore_index=IGNORED, reduction='sum')
        normaliser = valid.sum() if average == 'count' else weight[labels[valid]].sum()
        expected = total / normaliser if step != 2 else total
        found = value_and_gradient(loss, logits, labels)
        torch.testing.assert_close(found, (expected.detach(), torch.autograd.grad(expected, leaf)[0]))
        for k in range(K):
            own = labels == k
            if own.any():
                hits = (logits.argmax(1)[own] == k).sum().item()
                seen[k] = [0.75 * seen[k][0] + hits, 0.75 * seen[k][1] + own.sum().item() - hits]
    assert weight[-1] == weight.max() and weight.min() < weight.max()


@LOSS_TYPES
def test_resuming_changes_nothing(loss_type, tmp_path):
    loss, steps = loss_type(), batches()
    expected = [value_and_gradient(loss, *batch)[0] for batch in steps]
    first, second = loss_type(), loss_type()
    found = [value_and_gradient(first, *batch)[0] for batch in steps[:4]]
    torch.save(first.state_dict(), tmp_path / 'state.pth')
    second.load_state_dict(torch.load(tmp_path / 'state.pth', weights_only=True))
    found += [value_and_gradient(second, *batch)[0] for batch in steps[4:]]
    assert torch.equal(torch.stack(found), torch.stack(expected))


@LOSS_TYPES
def test_validation_changes_nothing(loss_type):
    loss, (first, second, *_) = loss_type(), batches()
    value_and_gradient(loss, *first)
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    value_and_gradient(loss.eval(), *second)
    with torch.no_grad():
        loss.train()(*second, ignore_index=IGNORED)
    value_and_gradient(loss, *batches()[2])  # all void
    assert before and all(torch.equal(value, before[name]) for name, value in loss.state_dict().items())


@pytest.mark.parametrize('config', LOSSES + REGION_LOSSES + UNFUSED_LOSSES, ids=name_of)
def test_only_losses_that_follow_recall_have_it_in_their_checkpoints(config):
    loss = MODELS.build(config)
    follows = config['type'] in ('ltseg.RecallLoss', 'ltseg.DifficultyBalancedLoss')
    counts_run = loss.counts.mode in ('ema', 'accumulated')
    keys = ['counts._extra_state'] * counts_run + ['recall._extra_state'] * follows
    assert list(loss.state_dict()) == keys


@pytest.mark.parametrize('loss_type', [JaccardLoss, LovaszLoss])
def test_losses_on_classes_follow_it_too(loss_type):
    rule, (first, second, *_) = MissRateWeighting(), batches()
    loss, reference = loss_type(rules=[rule]), RecallLoss()
    for each in (loss, reference):
        each.recall.momentum = 0.9
        value_and_gradient(each, *first)
    weights = rule(reference.recall(reference.counts(second[1], K, IGNORED))).weight.tolist()
    expected = value_and_gradient(loss_type(class_weight=weights), *second)
    torch.testing.assert_close(value_and_gradient(loss, *second), expected)


def test_shares_of_labels_are_right_by_themselves():
    (logits, labels), one_hot, indices = batches()[0], RecallLoss(), RecallLoss()
    labels = labels.where(labels != IGNORED, 1)
    for _ in range(3):
        soft = F.one_hot(labels, K).movedim(-1, 1).double()
        torch.testing.assert_close(one_hot(logits.requires_grad_(), soft), indices(logits, labels))


def test_a_rule_that_is_expected_follows_from_the_start():
    (first, second, *_), rules = batches(), [MissRateWeighting()]
    unexpected, expected, reference = CrossEntropyLoss(), CrossEntropyLoss(momentum=0.9), RecallLoss(average='weight')
    unexpected.add_rules(rules)
    hinted('by expect_rules where it is to begin late.', lambda: value_and_gradient(unexpected, *first))
    expected.expect_rules(rules)
    plain = value_and_gradient(CrossEntropyLoss(), *first)
    torch.testing.assert_close(value_and_gradient(expected, *first), plain)
    value_and_gradient(reference, *first)
    expected.add_rules(rules)
    torch.testing.assert_close(value_and_gradient(expected, *second), value_and_gradient(reference, *second))


def test_copies_share_it():
    """The averaged model of EMAHook is saved in place of the model."""
    loss = RecallLoss()
    averaged = copy.deepcopy(loss)
    value_and_gradient(loss, *batches()[0])
    assert torch.equal(averaged.state_dict()['recall._extra_state'], loss.state_dict()['recall._extra_state'])
