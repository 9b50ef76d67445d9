"""Class counts of batches, moving and accumulated counts, and their state."""

import copy

import pytest
import torch
from hinted import hinted

from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.label_counts import count_labels
from ltseg.counts.sources import build_counts


def naive(labels, num_classes, ignore_index):
    images = [image[image != ignore_index] for image in labels]
    of_images = torch.stack([torch.tensor([(image == k).sum() for k in range(num_classes)]) for image in images])
    contains = of_images > 0
    return torch.stack([of_images.sum(0), contains.sum(0), (contains * of_images.sum(1, keepdim=True)).sum(0)])


@pytest.mark.parametrize('ignore_index', [255, -100, 0, 3])
@pytest.mark.parametrize('dtype', [torch.int64, torch.int32, torch.uint8])
def test_counts_equal_a_naive_count(ignore_index, dtype):
    torch.manual_seed(0)
    labels = torch.randint(0, 6, (3, 8, 9))
    labels[1] = 2
    if ignore_index == 255 or (ignore_index == -100 and dtype != torch.uint8):
        labels[:, :2] = ignore_index
    counted = count_labels(labels.to(dtype), 6, ignore_index)
    assert counted.dtype == torch.int64
    assert torch.equal(counted, naive(labels, 6, ignore_index))


def test_counts_of_images_and_of_probabilities():
    labels = torch.tensor([0, 2, 2, -100])
    assert count_labels(labels, 3).tolist() == [[1, 0, 2]] * 3
    soft = torch.tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]])
    assert count_labels(soft, 3).tolist() == [[0.5, 1.5, 0], [1, 2, 0], [1, 2, 0]]


def test_mixed_labels_have_the_counts_of_the_hard_labels():
    """One lambda and a permutation: every label gives and takes the same share."""
    torch.manual_seed(0)
    hard = torch.randint(0, 7, (64,))
    one_hot = torch.nn.functional.one_hot(hard, 7).double()
    mixed = 0.37 * one_hot + 0.63 * one_hot[torch.randperm(64)]
    torch.testing.assert_close(count_labels(mixed, 7)[0], count_labels(hard, 7)[0].double())


@pytest.mark.parametrize('bad', [6, 7, -1, -3])
@pytest.mark.parametrize('ignored', [255, -100])
def test_label_outside_the_classes(bad, ignored):
    labels = torch.zeros(1, 4, 4, dtype=torch.int64)
    labels[0, 0] = ignored
    assert count_labels(labels, 6, ignored)[0].tolist() == [12, 0, 0, 0, 0, 0]
    labels[0, 1, 1] = bad
    with pytest.raises(ValueError, match=rf'0\.\.5 or the ignored label {ignored}, got {bad}'):
        count_labels(labels, 6, ignored)


def test_ema():
    source = build_counts('ema', momentum=0.9)
    first, second = torch.tensor([[0, 0, 1]]), torch.tensor([[1, 1, 1]])
    assert source(first, 3).samples.tolist() == [2, 1, 0]
    torch.testing.assert_close(source(second, 3).samples, torch.tensor([1.8, 1.2, 0.0], dtype=torch.float64))


@pytest.mark.parametrize('mode', ['ema', 'accumulated'])
def test_advances_only_in_training_with_gradients(mode):
    source, labels = build_counts(mode), torch.tensor([[0, 1, 1]])
    source(labels, 2)
    state = source.get_extra_state().clone()
    with torch.no_grad():
        source(labels, 2)
    source.eval()(labels, 2)
    assert torch.equal(source.get_extra_state(), state)


def test_accumulated_includes_the_batch():
    source, labels = build_counts('accumulated'), torch.tensor([[0, 1, 1]])
    assert source(labels, 2).samples.tolist() == [1, 2]
    assert source(labels, 2).samples.tolist() == [2, 4]


@pytest.mark.parametrize('mode', ['ema', 'accumulated'])
def test_state_is_saved_loaded_and_shared_with_copies(mode, tmp_path):
    source = build_counts(mode)
    averaged = copy.deepcopy(source)
    source(torch.tensor([[0, 1, 1]]), 2)
    assert torch.equal(averaged.get_extra_state(), source.get_extra_state())
    torch.save(source.state_dict(), tmp_path / 'state.pth')
    other = build_counts(mode)
    other.load_state_dict(torch.load(tmp_path / 'state.pth', weights_only=True))
    assert torch.equal(other.get_extra_state(), source.get_extra_state())
    other(torch.tensor([[0, 0, 0]]), 2)
    assert not torch.equal(other.get_extra_state(), source.get_extra_state())


def test_state_of_another_number_of_classes_starts_anew():
    source = build_counts('accumulated')
    source(torch.tensor([[0, 1, 1]]), 2)
    with pytest.warns(UserWarning, match='2 classes, the logits have 4'):
        assert source(torch.tensor([[3, 3, 0]]), 4).samples.tolist() == [1, 0, 0, 2]


def test_constant_counts():
    source = build_counts('dataset')
    assert source.waiting
    with pytest.raises(RuntimeError, match='ltseg.CountClasses'):
        source(torch.zeros(1, dtype=torch.int64), 3)
    source.fill(ClassCounts.from_list([3, 2, 1]))
    assert not source.waiting and source(torch.zeros(1, dtype=torch.int64), 3).samples.tolist() == [3, 2, 1]
    with pytest.raises(ValueError, match='expected 4 classes'):
        source(torch.zeros(1, dtype=torch.int64), 4)
    assert build_counts([5, 1])(torch.zeros(1, dtype=torch.int64), 2).samples.tolist() == [5, 1]


@pytest.mark.parametrize('counts', ['bach', ['a', 'b'], [-1, 2]])
def test_bad_options(counts):
    with pytest.raises(ValueError, match='expected'):
        build_counts(counts)


def test_counts_are_of_all_processes_or_of_one(monkeypatch):
    monkeypatch.setattr('ltseg.counts.sources.world_size', lambda: 2)
    monkeypatch.setattr('ltseg.counts.sources.all_reduced_sum', lambda value: 2 * value)
    labels = torch.tensor([[0, 1, 1], [0, 0, 0]])
    for sync in (False, True):
        counts = build_counts('batch', sync)(labels, 2)
        found = torch.stack([counts.samples, counts.images, counts.samples_of_images])
        assert torch.equal(found, (1 + sync) * count_labels(labels, 2))


def test_a_copy_counts_in_the_same_way():
    copied = copy.deepcopy(build_counts('ema', sync=False, momentum=0.5).eval())
    assert (copied.mode, copied.sync, copied.momentum, copied.training) == ('ema', False, 0.5, False)


def test_labels_before_mixing_count_for_their_batch_only():
    source, mixed = build_counts('batch'), torch.tensor([[0.3, 0.7], [0.5, 0.5]])
    with source.counting(torch.tensor([1, 1])):
        assert source(mixed, 2).samples.tolist() == [0, 2]
    assert source(torch.tensor([0, 1]), 2).samples.tolist() == [1, 1]


def test_maps_of_probabilities_count_as_their_labels():
    labels = torch.randint(0, 3, (4, 5, 6), generator=torch.Generator().manual_seed(0))
    labels[1] = 2
    soft = torch.nn.functional.one_hot(labels, 3).movedim(-1, 1).float()
    torch.testing.assert_close(count_labels(soft, 3), count_labels(labels, 3).double())


@pytest.mark.parametrize('samples', [torch.ones(3), torch.tensor([1, 2], dtype=torch.int32), torch.ones(2, 2).double()])
def test_counts_of_a_type_that_stops_counting_are_refused(samples):
    with pytest.raises(ValueError, match=r'ClassCounts\.samples: expected .* int64 or float64'):
        ClassCounts(samples)


@pytest.mark.parametrize('wrong', [-1.0, float('inf'), float('nan')])
def test_impossible_counts_are_refused(wrong):
    with pytest.raises(ValueError, match='finite counts of at least 0'):
        ClassCounts.from_list([1.0, wrong])


@pytest.mark.parametrize('state', ['eval', 'no gradients', 'eval without gradients'])
def test_counts_given_without_training_are_those_of_the_average(state):
    """Neither the counts of the batch, nor an average that takes it in."""
    source = build_counts('ema', momentum=0.9)
    source(torch.tensor([[0, 0, 1]]), 3)
    source(torch.tensor([[1, 1, 1]]), 3)
    average = [1.8, 1.2, 0.0]
    source.train('eval' not in state)
    for _ in range(3):
        with torch.set_grad_enabled('gradients' not in state):
            given = source(torch.tensor([[2, 2, 2]]), 3)
        assert given.samples.tolist() == pytest.approx(average)
        assert given.images.tolist() == pytest.approx([0.9, 1.0, 0.0])
        assert given.samples_of_images.tolist() == pytest.approx([2.7, 3.0, 0.0])
    assert source.train()(torch.tensor([[2, 2, 2]]), 3).samples.tolist() == pytest.approx([1.62, 1.08, 0.3])


def test_before_training_the_average_is_that_of_the_batch_and_does_not_start():
    source = build_counts('ema').eval()
    assert source(torch.tensor([[0, 0, 1]]), 2).samples.tolist() == [2, 1]
    assert source(torch.tensor([[1, 1, 1]]), 2).samples.tolist() == [0, 3]
    assert source.train()(torch.tensor([[0, 1, 1]]), 2).samples.tolist() == [1, 2]


def test_accumulated_counts_in_eval_mode_add_the_batch_to_what_was_seen_and_forget_it():
    source = build_counts('accumulated')
    source(torch.tensor([[0, 1, 1]]), 2)
    for _ in range(2):
        assert source.eval()(torch.tensor([[0, 0, 0]]), 2).samples.tolist() == [4, 2]


def test_running_counts_are_of_all_processes(monkeypatch):
    monkeypatch.setattr('ltseg.counts.sources.world_size', lambda: 2)
    monkeypatch.setattr('ltseg.counts.sources.all_reduced_sum', lambda value: 2 * value)
    labels = torch.tensor([[0, 1, 1]])
    for mode in ('ema', 'accumulated'):
        assert build_counts(mode)(labels, 2).samples.tolist() == [2, 4]
        assert build_counts(mode, sync=False)(labels, 2).samples.tolist() == [1, 2]


def test_running_counts_go_beyond_single_precision(monkeypatch):
    source = build_counts('accumulated')
    source.set_extra_state(torch.full((3, 2), 2.0**24, dtype=torch.float64))
    assert source(torch.tensor([[0, 1, 1]]), 2).samples.tolist() == [2**24 + 1, 2**24 + 2]
    monkeypatch.setattr('ltseg.counts.sources.world_size', lambda: 2)
    monkeypatch.setattr('ltseg.counts.sources.all_reduced_sum', lambda value: value + 2**24)
    assert build_counts('ema')(torch.tensor([[0, 1, 1]]), 2).samples.tolist() == [2**24 + 1, 2**24 + 2]


@pytest.mark.parametrize('momentum', [-0.01, 1.01])
def test_a_momentum_out_of_range_is_refused(momentum):
    with pytest.raises(ValueError, match=r'counts momentum: expected a number in \[0, 1\]'):
        build_counts('ema', momentum=momentum)


@pytest.mark.parametrize('ignore_index', [255, -100, 2**16, 2**16 + 1, 6])
@pytest.mark.parametrize('on_accelerator', [False, True])
def test_labels_without_an_ignored_one_count_all(ignore_index, on_accelerator, monkeypatch):
    monkeypatch.setattr('ltseg.counts.label_counts.on_accelerator', lambda values: on_accelerator)
    labels = torch.randint(0, 6, (3, 8, 9), generator=torch.Generator().manual_seed(0))
    assert torch.equal(count_labels(labels, 6, ignore_index), naive(labels, 6, ignore_index))


@pytest.mark.parametrize(('ignore_index', 'dtype'), [(255, torch.uint8), (255, torch.int64), (-100, torch.int64)])
def test_counts_on_an_accelerator_are_the_same_and_leave_out_what_is_no_class(ignore_index, dtype, monkeypatch):
    """There nothing looks at values, so that a label outside the classes is not an error."""
    labels = torch.randint(0, 6, (3, 8, 9), generator=torch.Generator().manual_seed(0))
    labels[:, 0] = ignore_index
    expected = naive(labels, 6, ignore_index)
    monkeypatch.setattr('ltseg.counts.label_counts.on_accelerator', lambda values: True)
    for outside in (ignore_index, 6, 77):
        labels[:, 0, 2:] = outside
        found = count_labels(labels.to(dtype), 6, ignore_index)
        assert found.dtype == torch.int64 and torch.equal(found, expected)


@pytest.mark.parametrize('shape', [(0,), (0, 4, 4), (2, 0, 4)])
def test_no_labels_are_no_counts(shape):
    assert count_labels(torch.zeros(shape, dtype=torch.int64), 3, 255).tolist() == [[0] * 3] * 3


def test_classes_and_labels_that_fit_are_counted() -> None:
    labels = torch.tensor([0, 5])
    count = lambda number: build_counts('batch')(labels, number)  # noqa: E731
    hinted('Check num_classes of the head, reduce_zero_label of the data set, and ignore_index.', lambda: count(3))
    assert count(6).samples.tolist() == [1, 0, 0, 0, 0, 1]
