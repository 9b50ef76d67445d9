"""Losses that follow recall get that of the last validation, the same after a resume and in every process."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hinted import hinted
from small_training import COUNTS, Classified, Network, training, validation
from torch import Tensor
from two_processes import in_two_processes

from ltseg.core.confusion import confusion_matrix
from ltseg.counts.running_recall import RunningRecall
from ltseg.hooks import ValidationRecall
from ltseg.losses import CrossEntropyLoss, DifficultyBalancedLoss, LongTailLoss, RecallLoss
from ltseg.metrics import LongTailAccuracy

HOOK = {'type': 'ltseg.ValidationRecall'}


class Validated(Network):
    """Notes the weights of each iteration, and the labels and predictions of each validation."""

    def __init__(self, loss: torch.nn.Module | None = None) -> None:
        super().__init__(loss or RecallLoss())
        self.weights: list[list[float]] = []
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, inputs: Tensor, label: Tensor, mode: str = 'loss') -> Any:
        found = super().forward(inputs, label, mode)
        if mode == 'predict':
            self.seen.append((label, torch.cat([sample['pred_label'] for sample in found])))
        else:
            terms = self.head.loss_module.adjustment(torch.zeros(1, 3), label, -100)
            self.weights.append([1.0] * 3 if terms.weight is None else terms.weight.tolist())
        return found


def validated(folder: Path, model: Validated, *hooks: dict, classes: int = 3, **settings: Any) -> Any:
    """A Runner that validates after each epoch, or every two iterations."""
    given = validation(classes)
    if 'iterations' in settings:
        given['train_cfg'] = {'by_epoch': False, 'max_iters': settings['iterations'], 'val_interval': 2}
        checkpoint = {'type': 'CheckpointHook', 'interval': 1, 'by_epoch': False}
        given['default_hooks'] = {'logger': None, 'checkpoint': checkpoint}
    return training(folder, model, *hooks, **{**given, **settings})


def expected_weights(label: Tensor, predicted: Tensor, rate: str) -> list[float]:
    weights = []
    for k in range(3):
        true, taken = label == k, predicted == k
        of = true if rate == 'Acc' else true | taken
        weights.append(1.0 if not true.any() else max(int((of & ~(true & taken)).sum()), 1) / int(of.sum()))
    return weights


@pytest.mark.parametrize('rate', ['IoU', 'Acc'])
def test_weights_are_ones_and_then_of_the_last_validation(tmp_path: Path, rate: str) -> None:
    """Until the first validation training is that of cross entropy."""
    model, plain = Validated(), Validated(CrossEntropyLoss())
    validated(tmp_path / 'weighted', model, {**HOOK, 'rate': rate}).train()
    validated(tmp_path / 'plain', plain).train()
    for (label, predicted), first, second in zip(model.seen, model.weights[2::2], model.weights[3::2], strict=False):
        assert first == second == pytest.approx(expected_weights(label, predicted, rate))
    assert model.weights[:2] == 2 * [[1.0] * 3] and len({str(weights) for weights in model.weights}) == 3
    saved = [torch.load(tmp_path / folder / 'epoch_1.pth', weights_only=False)['state_dict']
             for folder in ('weighted', 'plain')]  # fmt: skip
    assert all(torch.equal(value, saved[0][name]) for name, value in saved[1].items())


def test_a_class_that_validation_lacks_has_weight_1(tmp_path: Path) -> None:
    model = Validated()
    validated(tmp_path, model, HOOK, classes=2).train()
    assert all(weights[2] == 1 for weights in model.weights) and model.weights[-1][0] != 1


def test_what_a_loss_makes_of_the_recall_stays_its_own(tmp_path: Path) -> None:
    """CDB as in its paper: accuracies of validation, and weights that sum to K."""
    model = Validated(DifficultyBalancedLoss(tau=2.0))
    validated(tmp_path, model, {**HOOK, 'rate': 'Acc'}).train()
    rates = torch.tensor(expected_weights(*model.seen[-2], 'Acc')) ** 2
    assert model.weights[-1] == pytest.approx((3 * rates / rates.sum()).tolist())


@pytest.mark.parametrize(('settings', 'done'), [({}, 1), ({}, 2), ({'iterations': 6}, 2), ({'iterations': 6}, 3)])
def test_resumed_training_is_the_same(tmp_path: Path, settings: dict, done: int) -> None:
    """From a checkpoint that was saved ahead of its validation, and from one between two validations."""
    hooks, unit = (HOOK, {'type': 'ltseg.ExactResume'}), 'iter' if settings else 'epoch'
    whole, resumed = Validated(), Validated()
    validated(tmp_path, whole, *hooks, **settings).train()
    start = {'load_from': f'{tmp_path}/{unit}_{done}.pth', 'resume': True}
    validated(tmp_path / 'resumed', resumed, *hooks, **settings, **start).train()
    assert resumed.weights == whole.weights[-len(resumed.weights) :]
    assert len(resumed.seen) == (2 if done == 3 or (done == 2 and not settings) else 3)  # none twice
    assert all(torch.equal(value, whole.state_dict()[name]) for name, value in resumed.state_dict().items())


def test_a_validation_is_made_up_for_where_the_checkpoint_lacks_it(tmp_path: Path) -> None:
    """With all that follows a validation, such as the best checkpoint; which itself has seen its validation."""
    best = {'type': 'CheckpointHook', 'interval': 1, 'save_best': 'accuracy/top1', 'rule': 'greater'}

    def resumed(checkpoint: Path, epochs: int) -> Validated:
        model, settings = Validated(), {'default_hooks': {'logger': None, 'checkpoint': best}, 'resume': True}
        validated(tmp_path / 'second', model, HOOK, epochs=epochs, load_from=str(checkpoint), **settings).train()
        return model

    validated(tmp_path / 'first', Validated(), HOOK, epochs=1).train()
    model = resumed(tmp_path / 'first/epoch_1.pth', epochs=2)
    assert len(model.seen) == 2 and model.weights[0] != [1.0] * 3
    again = resumed(*(tmp_path / 'second').glob('best_*_2.pth'), epochs=3)
    assert len(again.seen) == 1 and again.weights[0] == pytest.approx(expected_weights(*model.seen[-1], 'IoU'))


def test_validation_alone_changes_nothing(tmp_path: Path) -> None:
    model = Validated()
    runner = validated(tmp_path, model, HOOK)
    runner.val()
    assert len(model.seen) == 1 and model.head.loss_module.recall._state.shape == (2, 0)


def test_every_process_has_the_weights_of_the_first() -> None:
    """A metric of BaseMetric's own evaluation has a matrix there alone."""
    in_two_processes(_agree)


def _agree(rank: int) -> None:
    hook, metric, recall = ValidationRecall(), LongTailAccuracy(counts=COUNTS), RunningRecall()
    metric.dataset_meta = Classified.metainfo
    if rank == 0:
        matrix = confusion_matrix(torch.tensor([0, 1, 1, 1]), torch.tensor([0, 0, 1, 2]), 3)
        metric.evaluation = metric.evaluation_of(matrix)
    runner: Any = SimpleNamespace(
        model=torch.nn.Sequential(torch.nn.Linear(1, 1), recall), iter=4,
        message_hub=SimpleNamespace(update_info=lambda *_: None),
        val_loop=SimpleNamespace(evaluator=SimpleNamespace(metrics=[metric])),
    )  # fmt: skip
    hook.before_train(runner)
    hook.after_val_epoch(runner)
    assert recall._state.tolist() == [[1, 1, 0], [1, 2, 1]]


def test_what_the_hints_say_trains(tmp_path: Path) -> None:
    def trained(loss: torch.nn.Module, **settings: Any) -> bool:
        model = Validated(loss)
        validated(tmp_path / f'{id(model)}', model, HOOK, epochs=2, **settings).train()
        return model.weights[-1] != [1.0] * 3

    hinted("Use 'ltseg.RecallLoss', or 'ltseg.LongTailLoss' with rules=[dict(type='ltseg.MissRateWeighting')].",
           lambda: trained(CrossEntropyLoss()))  # fmt: skip
    assert trained(RecallLoss()) and trained(LongTailLoss([{'type': 'ltseg.MissRateWeighting'}]))
    hinted("Set val_dataloader, val_cfg and val_evaluator=dict(type='ltseg.LongTailIoU'), or 'ltseg.LongTailAccuracy'.",
           lambda: trained(RecallLoss(), val_dataloader=None, val_cfg=None, val_evaluator=None))  # fmt: skip
    with pytest.raises(ValueError, match=r"ValidationRecall.rate: expected one of.*Did you mean 'IoU'"):
        ValidationRecall(rate='mIoU')
