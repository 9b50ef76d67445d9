"""Remix, and what mixing does to class counts."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ltseg.counts.sources import ClassCountsSource
from ltseg.models import AugmentingClsPreprocessor, Remix

COUNTS = [900, 300, 120, 40, 8]
K = len(COUNTS)


def batch(number=64):
    torch.manual_seed(0)
    labels = torch.randint(0, K, (number,))
    return torch.rand(number, 3, 4, 4), F.one_hot(labels, K), labels


def mixed(augment, seed=0):
    np.random.seed(seed)
    images, scores, _ = batch()
    torch.manual_seed(seed)
    return augment(images, scores)


@pytest.mark.parametrize('seed', range(3))
def test_infinite_kappa_is_the_mixup_of_mmpretrain(seed):
    from mmpretrain.models.utils.batch_augments import Mixup

    ours, reference = mixed(Remix(kappa=float('inf'), counts=COUNTS), seed), mixed(Mixup(alpha=1.0), seed)
    torch.testing.assert_close(ours[0], reference[0])
    torch.testing.assert_close(ours[1], reference[1])


def test_mixup_leaves_the_class_counts_as_they_are():
    """One share for the batch and a permutation: every label gives as much as it gets."""
    _, _, labels = batch()
    counts = ClassCountsSource('batch')
    _, scores = mixed(Remix(kappa=float('inf'), counts=COUNTS))
    torch.testing.assert_close(counts(scores, K).samples, counts(labels, K).samples.double(), rtol=1e-6, atol=0)
    _, scores = mixed(Remix(counts=COUNTS))
    assert (counts(scores, K).samples - counts(labels, K).samples).abs().max() > 1  # which Remix does not


@pytest.mark.parametrize(
    ('share', 'own', 'partner', 'expected'),
    [
        (0.4, 300, 100, 0.0),  # the frequent class has less than tau of the image
        (0.6, 300, 100, 0.6),
        (0.6, 100, 300, 1.0),
        (0.4, 100, 300, 0.4),
        (0.4, 299, 100, 0.4),  # the counts are not far enough apart
        (0.6, 100, 299, 0.6),
    ],
)
def test_labels_lean_towards_the_rarer_class(share, own, partner, expected):
    counts = (torch.tensor([float(own)], dtype=torch.float64), torch.tensor([float(partner)], dtype=torch.float64))
    assert Remix(counts=COUNTS).label_shares(share, *counts).item() == expected


def test_swapping_both_images_swaps_their_shares():
    own, partner = (torch.rand(2, 200, dtype=torch.float64) * 8).exp()
    for share in (0.1, 0.3, 0.49, 0.51, 0.8):
        remix = Remix(counts=COUNTS, kappa=2.0, tau=0.6)
        swapped = remix.label_shares(1 - share, partner, own)
        torch.testing.assert_close(remix.label_shares(share, own, partner), 1 - swapped)


def test_labels_stay_distributions_and_images_are_those_of_mixup():
    from mmpretrain.models.utils.batch_augments import Mixup

    images, scores = mixed(Remix(counts=COUNTS))
    torch.testing.assert_close(images, mixed(Mixup(alpha=1.0))[0])
    torch.testing.assert_close(scores.sum(1), torch.ones(64))
    assert (scores >= 0).all() and scores.dtype == torch.float32


def test_each_label_leans_by_the_counts_of_its_own_two_images():
    remix = Remix(counts=COUNTS)
    images, _, labels = batch()
    found = mixed(remix, 1)[1]
    np.random.seed(1)
    torch.manual_seed(1)
    share, partners = np.random.beta(1.0, 1.0), torch.randperm(len(images))
    for row, own, other in zip(found, labels.tolist(), labels[partners].tolist(), strict=True):
        more, less = COUNTS[own] >= 3 * COUNTS[other], COUNTS[other] >= 3 * COUNTS[own]
        kept = 0.0 if more and share < 0.5 else 1.0 if less and 1 - share < 0.5 else share
        expected = kept * F.one_hot(torch.tensor(own), K) + (1 - kept) * F.one_hot(torch.tensor(other), K)
        torch.testing.assert_close(row, expected.float())


def test_the_preprocessor_hands_its_counts_to_the_hook():
    augments = [dict(type='ltseg.Remix'), dict(type='Mixup', alpha=1.0)]
    preprocessor = AugmentingClsPreprocessor(num_classes=K, batch_augments=dict(augments=augments, probs=[1.0, 0.0]))
    (name,) = [n for n, m in preprocessor.named_modules() if isinstance(m, ClassCountsSource) and m.waiting]
    assert name == 'mixing.0.counts' and not preprocessor.state_dict()
    with pytest.raises(RuntimeError, match='ltseg.CountClasses'):
        preprocessor.batch_augments(*batch()[:2])


def test_a_single_augmentation_needs_no_list():
    preprocessor = AugmentingClsPreprocessor(
        num_classes=K, batch_augments=dict(augments=dict(type='ltseg.Remix', counts=COUNTS))
    )
    assert [type(augment) for augment in preprocessor.batch_augments.augments] == [Remix]


def test_faults_are_named():
    for options, expected in (({'alpha': 0}, 'alpha'), ({'kappa': 0.5}, 'kappa'), ({'tau': 2}, 'tau')):
        with pytest.raises(ValueError, match=f'Remix.{expected}'):
            Remix(**options)
    with pytest.raises(ValueError, match=r'one-hot labels \(N, K\)'):
        Remix(counts=COUNTS)(torch.rand(2, 3, 4, 4), torch.tensor([0, 1]))
