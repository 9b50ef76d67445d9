"""The pass of a model over images: what it measures equals what all features at once give."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hinted import hinted
from torch import Tensor, nn
from two_processes import in_two_processes

from ltseg.core.class_sample import ClassSample
from ltseg.core.class_statistics import ClassStatistics
from ltseg.core.collapse_summary import collapse_summary
from ltseg.trained import measuring
from ltseg.trained.measuring import measure, sample_size

K, D, BATCHES, SIZE = 4, 6, 5, 8


class Model(nn.Module):
    """A classifier whose features are its inputs, but for dropout."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Module()
        self.head.fc, self.head.num_classes = nn.Linear(D, K), K
        self.dropout = nn.Dropout(0.5)

    def data_preprocessor(self, batch: dict, training: bool) -> dict:
        return batch

    def forward(self, inputs: Tensor, data_samples: list, mode: str) -> Tensor:
        assert mode == 'tensor'
        return self.head.fc(self.dropout(inputs))


def batches(first: int = 0, last: int = BATCHES) -> Iterator[dict[str, Any]]:
    from mmpretrain.structures import DataSample

    for number in range(first, last):
        generator = torch.Generator().manual_seed(number)
        labels = torch.randint(0, K - 1, (SIZE,), generator=generator)  # the last class is absent
        rows = torch.randn(SIZE, D, generator=generator) + labels[:, None]
        yield dict(inputs=rows, data_samples=[DataSample().set_gt_label(int(label)) for label in labels])


def everything() -> tuple[Tensor, Tensor]:
    parts = list(batches())
    labels = [int(sample.gt_label) for part in parts for sample in part['data_samples']]
    return torch.cat([part['inputs'] for part in parts]), torch.tensor(labels)


def test_one_pass_equals_all_features_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, 'ROWS', 3)  # rows at a time
    model = Model().train()
    found = measure(model, batches())
    rows, labels = everything()
    expected = ClassStatistics.of(rows, labels, K)
    for name in ('counts', 'means', 'scatter', 'squares'):
        torch.testing.assert_close(getattr(found.statistics, name), getattr(expected, name))
    assert found.is_exact and torch.equal(found.classifier, model.head.fc.weight)
    sample = ClassSample.of(rows, labels, model.head.fc(rows).argmax(1), 1000)
    ours, naive = found.summary().figures, collapse_summary(expected, sample, model.head.fc.weight).figures
    assert ours == pytest.approx(naive, abs=1e-9) and len(ours) == 15
    assert model.training and not model._forward_pre_hooks


def test_memory_does_not_grow_with_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, 'SAMPLE_NUMBERS', K * D * 5)
    sizes = []

    def watched() -> Iterator[dict[str, Any]]:
        for number, batch in enumerate(batches(0, 8)):
            if number in (4, 7):
                gc.collect()
                tensors = (each for each in gc.get_objects() if type(each) is Tensor and each.numel())
                sizes.append(sum(each.untyped_storage().nbytes() for each in tensors))
            yield batch

    found = measure(Model(), watched())
    assert sample_size(K, D) == 5 and torch.bincount(found.sample.labels).tolist() == [5, 5, 5]
    assert not found.is_exact and found.statistics.counts.sum() == 8 * SIZE
    assert sizes[0] == sizes[1]


def test_a_label_outside_the_classes_is_named() -> None:
    model, (batch, *_) = Model(), batches()
    batch['data_samples'][3].set_gt_label(K + 2)
    with pytest.raises(ValueError, match=r'labels: expected classes 0..3, got 6'):
        measure(model, [batch])
    hinted(
        'Check num_classes of the head, and ignore_index and reduce_zero_label of the data set.',
        lambda: measure(model, [batch]),
    )
    batch['data_samples'][3].set_gt_label(K - 1)
    assert measure(model, [batch]).statistics.counts.sum() == SIZE
    assert not model._forward_pre_hooks and not model.head.fc._forward_hooks


def test_nothing_to_measure_is_an_error() -> None:
    with pytest.raises(ValueError, match='images with labels of some class'):
        measure(Model(), [])
    hinted('Check the labels of the split, ignore_index and reduce_zero_label.', lambda: measure(Model(), []))
    assert measure(Model(), batches(0, 1)).statistics.counts.sum() == SIZE


def run(rank: int, folder: str) -> None:
    found = measure(Model(), batches(0, 1) if rank == 0 else batches(1))
    torch.save((vars(found.statistics), found.summary().figures), f'{folder}/{rank}.pth')


@pytest.mark.slow
def test_two_processes_are_one(tmp_path: Any) -> None:
    in_two_processes(run, str(tmp_path))
    expected = measure(Model(), batches())
    for rank in range(2):
        statistics, figures = torch.load(tmp_path / f'{rank}.pth')
        for name, value in statistics.items():
            torch.testing.assert_close(value, getattr(expected.statistics, name))
        assert figures == pytest.approx(expected.summary().figures, abs=1e-9)
