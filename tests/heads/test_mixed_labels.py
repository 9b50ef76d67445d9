"""Labels that mixing has changed, or could have changed."""

import pytest
import torch
from hinted import hinted
from mmpretrain.structures import DataSample

from ltseg.core.labelled_batches import LabelledSamples
from ltseg.heads.mixed_labels import labels_of_larger_share, numbers_of, targets_of
from ltseg.registry import MODELS

K = 4
pytestmark = pytest.mark.usefixtures('mmpretrain_registered')


def samples(labels: list[int], scores: torch.Tensor | None = None) -> list[DataSample]:
    made = [DataSample().set_gt_label(label) for label in labels]
    return made if scores is None else [s.set_gt_score(score) for s, score in zip(made, scores, strict=True)]


def one_hot(labels: list[int]) -> torch.Tensor:
    """As MMPretrain's data preprocessor makes them where it is to mix labels."""
    return torch.nn.functional.one_hot(torch.tensor(labels), K)


def test_labels_that_were_not_mixed_in_the_end_are_floats() -> None:
    target, unmixed = targets_of(samples([2, 0], one_hot([2, 0])))
    assert target.dtype == torch.float32 and target.tolist() == one_hot([2, 0]).tolist()
    assert unmixed.tolist() == [2, 0] == labels_of_larger_share(target, unmixed).tolist()


def test_mixed_labels_keep_their_precision() -> None:
    mixed = torch.tensor([[0.25, 0.75, 0, 0]], dtype=torch.float64)
    target, unmixed = targets_of(samples([0], mixed))
    torch.testing.assert_close(target, mixed, rtol=0, atol=0)
    assert unmixed.tolist() == [0] and labels_of_larger_share(target, unmixed).tolist() == [1]


def test_one_hot_labels_give_the_loss_of_the_labels() -> None:
    torch.manual_seed(0)
    head = MODELS.build(
        dict(type='ltseg.LongTailClsHead', num_classes=K, in_channels=3, loss=dict(type='ltseg.ARBLoss'),
             regularizers=[dict(type='ltseg.WithinClassRegularizer', centers='batch')])
    )  # fmt: skip
    labels, features = [2, 0, 2, 1], (torch.randn(4, 3),)
    plain, hot = (head.loss(features, samples(labels, scores)) for scores in (None, one_hot(labels)))
    assert plain.keys() == hot.keys()
    for name, value in plain.items():
        torch.testing.assert_close(hot[name], value)


def test_numbers_are_those_of_the_data_set() -> None:
    numbered = [DataSample(metainfo={'sample_idx': number}) for number in (7, 0)]
    assert numbers_of(numbered).tolist() == [7, 0]
    assert numbers_of(LabelledSamples(torch.tensor([1, 2]), [9, 4], (8, 8), DataSample)).tolist() == [9, 4]
    assert numbers_of([*numbered, DataSample()]) is None


def test_mixed_images_have_no_subclass() -> None:
    term = dict(type='ltseg.SubclassBalancedContrastiveLoss', hidden_channels=None)
    head = MODELS.build(dict(type='ltseg.LongTailClsHead', num_classes=K, in_channels=3, regularizers=[term]))
    labels, features = torch.tensor([2, 0]), torch.nn.functional.normalize(torch.randn(2, 3))
    head.regularizers.terms[0].subclasses.divide(features, labels, torch.tensor([5, 3]))

    def losses(scores: torch.Tensor | None) -> object:
        given = samples(labels.tolist(), scores)
        for number, sample in zip((5, 3), given, strict=True):
            sample.set_metainfo({'sample_idx': number})
        return head.loss((features,), given)

    hinted(
        "Leave out mixup and its like, and keep 'sample_idx' in meta_keys of PackInputs.",
        lambda: losses(one_hot([2, 0]) * 0.5 + 0.125),
    )
    assert 'loss_subclass_balanced' in losses(None)
