"""The classification loss of queries: as MMDetection's heads call it, and with rules from counts of images."""

import importlib

import pytest
import torch
from hinted import hinted
from losses_under_test import COUNTS, K
from mmengine.config import ConfigDict
from mmengine.registry import MODELS
from torch import nn
from torch.nn import functional as F

from ltseg.core.adjustment import Adjustment
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.sources import ClassCountsSource
from ltseg.losses import MaskClassificationLoss

WEIGHTS = [1.0] * K + [0.1]
IMAGES = [90, 90, 40, 12, 3]
PIXELS_AND_IMAGES = ClassCounts(torch.tensor(COUNTS), torch.tensor(IMAGES), torch.tensor(COUNTS))
RULES = [dict(type='ltseg.PriorBias'), dict(type='ltseg.Weighting', scheme='inverse')]


class Head(nn.Module):
    """Calls its loss as MMDetection's MaskFormerHead does, and reads what that reads from the config."""

    def __init__(self, loss_cls: ConfigDict) -> None:
        super().__init__()
        self.num_classes, self.class_weight = K, loss_cls.class_weight
        self.loss_cls = MODELS.build(loss_cls)

    def loss(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        scores, labels = scores.flatten(0, 1), labels.flatten(0, 1)
        weight = scores.new_tensor(self.class_weight)
        return self.loss_cls(scores, labels, labels.new_ones(len(labels)), avg_factor=weight[labels].sum())


def queries(images: int = 2, number: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores (N, Q, K + 1) and labels (N, Q), most of them "no object"."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(images, number, K + 1, generator=generator, dtype=torch.float64)
    labels = torch.full((images, number), K)
    labels[:, :K] = torch.arange(K)
    return scores, labels


def head(**options) -> Head:
    return Head(ConfigDict(type='ltseg.MaskClassificationLoss', class_weight=WEIGHTS, **options))


def test_without_rules_it_is_the_weighted_cross_entropy_of_the_heads():
    scores, labels = queries()
    weight = torch.tensor(WEIGHTS, dtype=torch.float64)
    expected = 2 * F.cross_entropy(scores.flatten(0, 1), labels.flatten(), weight)
    torch.testing.assert_close(head(loss_weight=2.0).loss(scores, labels), expected)


def test_it_equals_the_loss_of_mmdetection():
    pytest.importorskip('mmdet')
    theirs = importlib.import_module('mmdet.models.losses').CrossEntropyLoss(class_weight=WEIGHTS, loss_weight=2.0)
    made, (scores, labels) = head(loss_weight=2.0), queries()
    ours, made.loss_cls = made.loss(scores, labels), theirs
    torch.testing.assert_close(ours, made.loss(scores, labels))


@pytest.mark.parametrize('average', ['weight', 'count'])
def test_rules_are_those_of_images_and_leave_no_object_alone(average):
    made, (scores, labels) = head(rules=RULES, average=average), queries()
    made.loss_cls.counts.fill(PIXELS_AND_IMAGES)
    images = torch.tensor(IMAGES, dtype=torch.float64)
    bias = torch.cat([torch.log(images / 90), torch.zeros(1)])
    weight = torch.cat([K / images / (1 / images).sum(), torch.tensor([0.1])])
    losses = F.cross_entropy(scores.flatten(0, 1) + bias, labels.flatten(), weight, reduction='none')
    weights_of_heads = torch.tensor(WEIGHTS)[labels].sum()
    expected = losses.sum() / (weight[labels].sum() if average == 'weight' else weights_of_heads)
    torch.testing.assert_close(made.loss(scores, labels), expected)


def test_a_list_of_counts_is_one_of_images():
    given, filled = MaskClassificationLoss(WEIGHTS, RULES, counts=IMAGES), MaskClassificationLoss(WEIGHTS, RULES)
    filled.counts.fill(PIXELS_AND_IMAGES)
    scores, labels = (each.flatten(0, 1) for each in queries())
    assert given(scores, labels) == filled(scores, labels)
    assert ClassCountsSource('dataset').unit == 'samples'  # of all other losses


def test_queries_of_absent_classes_are_not_repelled_and_no_object_is():
    scores, labels = (each.flatten(0, 1) for each in queries())
    loss, labels = MaskClassificationLoss(WEIGHTS, RULES[:1], counts='batch'), labels.where(labels != 1, K)
    scores.requires_grad_()
    loss(scores, labels).backward()
    assert (scores.grad[:, 1] == 0).all() and (scores.grad[:, [0, K]] != 0).all()


def test_a_batch_without_objects_is_learned_from():
    scores, labels = queries()[0].flatten(0, 1), torch.full((60,), K)
    loss = MaskClassificationLoss(WEIGHTS, RULES[:1], counts='batch')
    torch.testing.assert_close(loss(scores, labels), F.cross_entropy(scores, labels))


def test_rules_can_follow_the_recall_of_the_classes():
    scores, labels = (each.flatten(0, 1) for each in queries())
    loss = MaskClassificationLoss(WEIGHTS, [dict(type='ltseg.MissRateWeighting')], momentum=0.0, average='count')
    before, after = (loss(scores, labels, reduction_override='none') for _ in range(2))
    is_right = scores.argmax(1) == labels
    missed = torch.stack([(~is_right[labels == k]).sum() for k in range(K)])
    rates = torch.cat([missed.clamp(min=1) / 2, torch.ones(1)]).to(before)  # of two queries each
    torch.testing.assert_close(after / before, rates[labels])


def test_soft_labels_are_a_mean_of_hard_ones():
    scores, labels = (each.flatten(0, 1) for each in queries())
    loss, one_hot = MaskClassificationLoss(WEIGHTS, RULES, counts=IMAGES), F.one_hot(labels, K + 1).double()
    torch.testing.assert_close(loss(scores, one_hot), loss(scores, labels))


def test_every_term_is_neutral_for_the_class_more():
    terms = ('bias', 'margin', 'scale', 'weight', 'smoothing')
    made = Adjustment(**{name: torch.full((2,), 0.25) for name in terms}).with_neutral_class()
    assert [getattr(made, name)[-1].item() for name in terms] == [0, 0, 1, 1, 0]
    assert Adjustment().with_neutral_class().bias is None


def test_weights_of_another_number_of_classes_are_named():
    scores, labels = (each.flatten(0, 1) for each in queries())
    with pytest.raises(ValueError, match=f'class_weight: expected {K + 1} weights, as the logits, got {K}'):
        MaskClassificationLoss(WEIGHTS[:-1], RULES, counts=IMAGES)(scores, labels)
    hinted('class weights by a scheme are rules.', lambda: MaskClassificationLoss('sqrt_inverse', RULES))
    hinted('class weights by a scheme are rules.', lambda: MaskClassificationLoss(None, RULES))
    loss = MaskClassificationLoss(WEIGHTS, RULES, counts=[*IMAGES, 5])
    with pytest.raises(ValueError, match='counts: expected 5 classes'):
        loss(scores, labels)


@pytest.mark.parametrize('counts', [IMAGES, 'batch'])
def test_gradient_is_that_of_the_value(counts):
    scores, labels = (each.flatten(0, 1)[:8] for each in queries())
    loss = MaskClassificationLoss(WEIGHTS, RULES[:1], focusing=1.0, counts=counts)
    assert torch.autograd.gradcheck(lambda z: loss(z, labels), scores.requires_grad_())
