"""Labels of images that mixup and its relatives have mixed."""

import torch
from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.core.labelled_batches import LabelledSamples

__all__ = ['labels_of_larger_share', 'numbers_of', 'targets_of']


def targets_of(data_samples: list) -> tuple[Tensor, Tensor | None]:
    """What to learn from mmpretrain's data samples, and the labels before mixing.

    Returns:
        Labels (N,) and None; or mixed labels (N, K), and the unmixed ones (N,) where the samples hold them, as those do
        that MMPretrain's data preprocessor has mixed. Mixed labels are floats; those that it has not mixed in the end,
        in evaluation for example, are integers when they come here.

    Raises:
        ValueError: If images have several labels.
    """
    if isinstance(data_samples, LabelledSamples):
        labels, scores = data_samples.labels, data_samples.scores
        return (labels, None) if scores is None else (scores if scores.is_floating_point() else scores.float(), labels)
    if 'gt_label' not in data_samples[0]:
        return _scores(data_samples), None
    labels = torch.cat([sample.gt_label for sample in data_samples])
    if len(labels) != len(data_samples):
        got = f'{len(labels)} labels of {len(data_samples)} images'
        raise InvalidValueError('LongTailClsHead', 'one label for each image', got)
    if 'gt_score' not in data_samples[0]:
        return labels, None
    return _scores(data_samples), labels


def numbers_of(data_samples: list) -> Tensor | None:
    """The number of each image in its data set, (N,) int64 on the CPU; None where one has none."""
    if isinstance(data_samples, LabelledSamples):
        return torch.tensor(data_samples.numbers)
    numbers = [getattr(sample, 'sample_idx', None) for sample in data_samples]
    return None if None in numbers else torch.tensor(numbers)


def _scores(data_samples: list) -> Tensor:
    scores = torch.stack([sample.gt_score for sample in data_samples])
    return scores if scores.is_floating_point() else scores.float()


def labels_of_larger_share(scores: Tensor, own: Tensor | None) -> Tensor:
    """The class with most of each mixed label (N, K), the image's ``own`` (N,) where others have as much."""
    largest = scores.argmax(1)
    if own is None:
        return largest
    return torch.where(scores.gather(1, own[:, None]).squeeze(1) >= scores.amax(1), own, largest)
