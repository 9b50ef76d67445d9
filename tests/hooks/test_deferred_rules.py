"""Rules begin at their epoch or iteration, also after a resume, and change nothing before."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from small_training import COUNTS, Network, training

from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.table import CountsTable
from ltseg.losses import ARBLoss, CrossEntropyLoss, LDAMLoss, ReweightedLoss
from ltseg.rules import PriorBias, Weighting

HOOK = {'type': 'ltseg.DeferredRules'}


def rules_seen(model: Network) -> list[int]:
    return [rules for rules, _ in model.steps]


def test_is_cross_entropy_before_and_weighted_from_the_epoch_on(tmp_path: Path) -> None:
    """The default is DRW with effective numbers; weights before the switch equal those of plain cross entropy."""
    plain, deferred = Network(CrossEntropyLoss()), Network(CrossEntropyLoss(counts=COUNTS))
    training(tmp_path / 'plain', plain, epochs=2).train()
    training(tmp_path / 'deferred', deferred, {**HOOK, 'begin': 2}, epochs=3).train()
    assert rules_seen(deferred) == [0, 0, 0, 0, 1, 1]
    saved = torch.load(tmp_path / 'deferred' / 'epoch_2.pth', weights_only=False)['state_dict']
    assert saved.keys() == plain.state_dict().keys()
    assert all(torch.equal(value, saved[name]) for name, value in plain.state_dict().items())
    assert deferred.head.loss_module.rules == [Weighting(scheme='effective_number', beta=0.9999)]
    logits, labels = torch.randn(9, 3), torch.arange(9) % 3
    expected = ReweightedLoss(scheme='effective_number', counts=COUNTS)(logits, labels)
    assert torch.equal(deferred.head.loss_module(logits, labels), expected)


@pytest.mark.parametrize('begin', [0, 3])
def test_iterations(tmp_path: Path, begin: int) -> None:
    model = Network(CrossEntropyLoss(counts=COUNTS))
    hook = {**HOOK, 'rules': [{'type': 'ltseg.PriorBias'}], 'begin': begin, 'by_epoch': False}
    training(tmp_path, model, hook, iterations=6).train()
    assert rules_seen(model) == begin * [0] + (6 - begin) * [1]
    assert model.head.loss_module.rules == [PriorBias()]


@pytest.mark.parametrize('done', [1, 2])
def test_resumed_training_is_the_same(tmp_path: Path, done: int) -> None:
    """With the checkpoint before the switch, and behind it."""
    hook = {**HOOK, 'begin': 1}
    whole, resumed = Network(CrossEntropyLoss(counts=COUNTS)), Network(CrossEntropyLoss(counts=COUNTS))
    training(tmp_path, whole, hook).train()
    runner = training(tmp_path / 'resumed', resumed, hook, load_from=f'{tmp_path}/epoch_{done}.pth', resume=True)
    runner.train()
    assert rules_seen(resumed) == rules_seen(whole)[2 * done :]
    assert all(torch.equal(value, whole.state_dict()[name]) for name, value in resumed.state_dict().items())


def test_adds_to_the_rules_of_the_loss(tmp_path: Path) -> None:
    """LDAM-DRW: the margin stays, and the weights are its counts'."""
    loss = LDAMLoss(counts=COUNTS, scale=1.0)
    model = Network(loss)
    model.head.fc.weight.data.mul_(0.01)
    training(tmp_path, model, {**HOOK, 'begin': 1}, optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 1e-3}}).train()
    terms = loss.adjustment(torch.zeros(1, 3), torch.zeros(1, dtype=torch.int64), -100)
    assert terms.margin is not None and terms.weight is not None and terms.weight.argmax() == 2


def test_other_losses_than_those_named_stay_as_they_are(tmp_path: Path) -> None:
    model = Network(CrossEntropyLoss(counts=COUNTS))
    model.other = CrossEntropyLoss(counts=COUNTS)
    training(tmp_path, model, {**HOOK, 'begin': 1, 'target': ['head.loss_module']}, epochs=2).train()
    assert len(model.head.loss_module.rules) == 1 and model.other.rules == []


def test_counts_wait_from_the_start() -> None:
    """A loss that needs no counts gets those of the data set as soon as rules that need them are expected."""
    loss = CrossEntropyLoss()
    assert not loss.counts.waiting
    loss.expect_rules([Weighting()])
    assert loss.counts.waiting and not loss.rules
    batch = ARBLoss()
    batch.expect_rules([Weighting()])
    assert batch.counts.mode == 'batch'


@pytest.mark.parametrize(
    ('loss', 'hook', 'settings', 'expected'),
    [
        ({'counts': COUNTS}, {'begin': 3}, {}, 'expected less than the 3 epochs of training, got 3'),
        ({'counts': COUNTS}, {'begin': 1}, {'iterations': 6}, 'Set by_epoch=False'),
        ({'counts': COUNTS}, {'begin': 1, 'target': ['head.loss']}, {}, r"names out of \['head.loss_module'\]"),
        ({}, {'begin': 1}, {}, 'Add custom_hooks='),
        ({'counts': [3, 1, 0]}, {'begin': 1, 'rules': [PriorBias()]}, {}, 'got 0 for class 2|0 for class 2'),
        ({'counts': 'batch'}, {'begin': 1, 'rules': [Weighting(scheme='inverse')]}, {}, 'Give Weighting a floor'),
    ],
)
def test_faults_come_before_training(tmp_path: Path, loss: dict, hook: dict, settings: dict, expected: str) -> None:
    model = Network(CrossEntropyLoss(**loss))
    with pytest.raises((ValueError, RuntimeError), match=expected):
        training(tmp_path, model, {**HOOK, **hook}, **settings).train()
    assert model.steps == []


def test_what_the_hints_say_trains(tmp_path: Path) -> None:
    def trained(loss: dict, *hooks: dict, **settings: Any) -> list[int]:
        model = Network(CrossEntropyLoss(**loss))
        training(tmp_path, model, *hooks, **settings).train()
        return rules_seen(model)

    late = {**HOOK, 'begin': 2}
    hinted('Set by_epoch=False.', lambda: trained({'counts': COUNTS}, late, iterations=4))
    assert trained({'counts': COUNTS}, {**late, 'by_epoch': False}, iterations=4) == [0, 0, 1, 1]
    hinted("Add custom_hooks=[dict(type='ltseg.CountClasses')] to the config, or give the losses counts=PATH.",
           lambda: trained({}, late))  # fmt: skip
    CountsTable(ClassCounts.from_list(COUNTS), tuple('abc')).save(tmp_path / 'table.json')
    assert trained({'counts': str(tmp_path / 'table.json')}, late) == [0, 0, 0, 0, 1, 1]


def test_a_model_without_such_losses(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'a model with an ltseg\.LongTailLoss'):
        training(tmp_path, Network(), HOOK).train()
