"""The running recall against its recursion, and its state."""

import copy

import pytest
import torch

from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.running_recall import RunningRecall

K = 4
NONE = ClassCounts(torch.zeros(K, dtype=torch.int64))


def state_of(recall, counts=NONE):
    given = recall(counts)
    return torch.stack([given.right, given.missed])


def steps(number=9):
    """Outcomes of batches that lack classes now and then; the last class is never there."""
    generator = torch.Generator().manual_seed(0)
    batches = torch.randint(50, (number, 2, K), generator=generator)
    present = torch.rand(number, 1, K, generator=generator) < 0.6
    return batches * present * (torch.arange(K) < K - 1)


@pytest.mark.parametrize('momentum', [0.0, 0.9, 1.0])
def test_recursion(momentum):
    recall, expected = RunningRecall(momentum=momentum), [[0.0] * K, [0.0] * K]
    for outcomes in steps():
        recall.observe(outcomes)
        for k in range(K):
            if outcomes[:, k].sum() > 0:
                for row in range(2):
                    expected[row][k] = momentum * expected[row][k] + outcomes[row, k].item()
        torch.testing.assert_close(state_of(recall), torch.tensor(expected, dtype=torch.float64))
    assert state_of(recall)[:, -1].tolist() == [0, 0]


def test_an_absent_class_keeps_what_it_has():
    recall, batch = RunningRecall(), torch.tensor([[3, 0, 1, 7], [4, 2, 0, 1]])
    recall.observe(batch)
    before = state_of(recall).clone()
    for _ in range(5):
        recall.observe(torch.tensor([[1, 0, 0, 0], [0, 0, 0, 0]]))
        recall.observe(torch.zeros(2, K, dtype=torch.int64))
    assert torch.equal(state_of(recall)[:, 1:], before[:, 1:]) and not torch.equal(state_of(recall), before)


@pytest.mark.parametrize('mode', ['eval', 'no gradients'])
def test_advances_only_in_training_with_gradients(mode):
    recall = RunningRecall()
    first, second = steps(2)
    recall.observe(first)
    before = state_of(recall).clone()
    recall.train(mode != 'eval')
    with torch.set_grad_enabled(mode == 'eval'):
        recall.observe(second)
    assert torch.equal(state_of(recall), before)


def test_state_is_saved_loaded_and_shared_with_copies(tmp_path):
    recall = RunningRecall(sync=False, momentum=0.5)
    averaged = copy.deepcopy(recall)
    recall.observe(steps()[0])
    assert torch.equal(state_of(averaged), state_of(recall))
    assert (averaged.sync, averaged.momentum, averaged.training) == (False, 0.5, True)
    torch.save(recall.state_dict(), tmp_path / 'state.pth')
    other = RunningRecall(momentum=0.5)
    other.load_state_dict(torch.load(tmp_path / 'state.pth', weights_only=True))
    assert torch.equal(state_of(other), state_of(recall))
    other.observe(steps()[1])
    assert not torch.equal(state_of(other), state_of(recall))


def test_state_of_another_number_of_classes_starts_anew():
    recall = RunningRecall()
    recall.observe(torch.tensor([[1, 2], [3, 4]]))
    with pytest.warns(UserWarning, match='of 2 classes, the logits have 4'):
        assert state_of(recall).tolist() == [[0] * K] * 2
    with pytest.warns(UserWarning, match='of 2 classes, the logits have 4'):
        recall.observe(steps()[0])
    assert torch.equal(state_of(recall), steps()[0].double())


@pytest.mark.parametrize('sync', [True, False])
def test_batches_are_those_of_all_processes_or_of_one(sync, monkeypatch):
    monkeypatch.setattr('ltseg.counts.running_recall.world_size', lambda: 2)
    monkeypatch.setattr('ltseg.counts.running_recall.all_reduced_sum', lambda value: 2 * value)
    recall = RunningRecall(sync)
    recall.observe(steps()[0])
    assert torch.equal(state_of(recall), (1 + sync) * steps()[0].double())


@pytest.mark.parametrize('momentum', [-0.01, 1.01])
def test_a_momentum_out_of_range_is_refused(momentum):
    with pytest.raises(ValueError, match=r'running recall momentum: expected a number in \[0, 1\]'):
        RunningRecall(momentum=momentum)


def test_under_validation_no_batch_changes_it_and_what_validation_lacks_stays():
    recall, (first, second, third) = RunningRecall(), steps(3)
    recall.follow_validation(K, torch.device('cpu'))
    place = recall._state.data_ptr()
    recall.observe(first)
    assert not recall.advances and state_of(recall).tolist() == [[0] * K] * 2
    recall.validated(second)
    assert torch.equal(state_of(recall), second.double())
    third[:, 0] = 0
    recall.validated(third)
    assert torch.equal(state_of(recall), third.where(third.sum(0) > 0, second).double())
    assert recall._state.data_ptr() == place  # where a CUDA graph reads it


def test_what_was_loaded_stays_until_validation():
    before, recall = RunningRecall(), RunningRecall()
    before.observe(steps()[0])
    recall.load_state_dict(before.state_dict())
    recall.follow_validation(K, torch.device('cpu'))
    assert torch.equal(state_of(recall), steps()[0].double())
