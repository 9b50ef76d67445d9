"""Labels of a batch as one tensor, and as the samples of MMPretrain."""

import pickle

import pytest
import torch
from mmpretrain.structures import DataSample

from ltseg.core.labelled_batches import ChosenImages, ImageStore, LabelledBatch, LabelledSamples
from ltseg.heads.mixed_labels import targets_of

IMAGES = torch.randint(256, (6, 4, 5, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def samples(mixed: bool = False) -> LabelledSamples:
    scores = torch.tensor([[1.0, 0.0], [0.2, 0.8], [0.4, 0.6]]) if mixed else None
    return LabelledSamples(torch.tensor([0, 1, 0]), [7, 8, 9], (4, 5), DataSample, scores)


@pytest.mark.parametrize('mixed', [False, True])
def test_samples_one_by_one_hold_the_same_labels(mixed: bool) -> None:
    whole = samples(mixed)
    for part in (whole, whole[1:], whole[::2]):
        one, other = targets_of(part), targets_of(list(part))
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1]) if mixed else one[1] is other[1] is None
        assert [sample.sample_idx for sample in part] == list(part.numbers)
    assert whole[-1].sample_idx == 9 and whole[-1].img_shape == (4, 5)
    with pytest.raises(IndexError):
        whole[3]


def test_images_are_those_at_their_places() -> None:
    store = ImageStore(IMAGES)
    batch = LabelledBatch(ChosenImages(store, torch.tensor([5, 0, 5])), samples())
    expected = IMAGES[[5, 0, 5]].permute(0, 3, 1, 2)
    assert torch.equal(batch.images.on('cpu'), expected) and batch.images.on('cpu').is_contiguous()
    assert [sample['inputs'].tolist() for sample in batch] == expected.tolist()
    assert len(batch) == len(batch.images) == 3 and batch[1]['data_samples'].gt_label.item() == 1


def test_a_store_shares_memory_on_the_cpu_and_takes_no_copies_to_another_process() -> None:
    store = ImageStore(IMAGES)
    assert store.on('cpu').data_ptr() == IMAGES.data_ptr()
    assert store.on('meta') is store.on('meta')  # one copy, not one for each batch
    size = len(pickle.dumps(store))
    assert size < IMAGES.numel() + 500
    assert torch.equal(pickle.loads(pickle.dumps(store)).on('cpu'), IMAGES)
