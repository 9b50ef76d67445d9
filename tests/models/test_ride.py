"""Experts, from the backbone to the prediction."""

import pytest
import torch
from hinted import hinted
from torch.nn import functional as F

from ltseg.registry import MODELS

pytestmark = pytest.mark.usefixtures('mmpretrain_registered')

LOSS = [dict(type='ltseg.CrossEntropyLoss', loss_weight=3), dict(type='ltseg.ExpertDiversityLoss', begin=None)]


def model(experts=3, loss=LOSS, **backbone):
    torch.manual_seed(0)
    inner = dict(type='ltseg.CIFARResNet', depth=20, base_channels=4)
    head = dict(
        type='ltseg.LongTailClsHead', num_classes=5, in_channels=16, loss=loss, classified_views=[*range(experts)]
    )
    head['classifier'] = dict(type='ltseg.ExpertClassifier', experts=experts)
    backbone = dict(type='ltseg.ExpertBackbone', backbone=inner, experts=experts, **backbone)
    return MODELS.build(dict(type='ltseg.MultiViewClassifier', backbone=backbone, head=head))


def samples(labels):
    from mmpretrain.structures import DataSample

    return [DataSample().set_gt_label(int(label)) for label in labels]


def logits_of(classifier, images):
    """Of each expert, (E, N, K)."""
    backbone = classifier.backbone.backbone
    shared = backbone.layer1(torch.relu(backbone.bn1(backbone.conv1(images))))
    paths = zip(backbone.layer2.copies, backbone.layer3.copies, classifier.head.fc.experts, strict=True)
    return torch.stack([own(third(second(shared)).mean((2, 3))) for second, third, own in paths])


@pytest.mark.parametrize('experts', [2, 3, 4])
def test_predicts_by_the_mean_of_the_experts(experts):
    classifier, images = model(experts).eval(), torch.rand(4, 3, 16, 16)
    logits = logits_of(classifier, images)
    assert not torch.allclose(logits[0], logits[1])
    torch.testing.assert_close(classifier(images), logits.mean(0))
    scores = torch.stack([sample.pred_score for sample in classifier(images, mode='predict')])
    torch.testing.assert_close(scores, logits.mean(0).softmax(1))


def test_loss_is_the_sum_over_experts_and_their_divergence():
    classifier, images, labels = model(), torch.rand(4, 3, 16, 16), torch.tensor([0, 1, 2, 4])
    losses = classifier(images, samples(labels), mode='loss')
    logits = logits_of(classifier, images)
    expected = sum(F.cross_entropy(own, labels) for own in logits)
    torch.testing.assert_close(losses['loss_ce'], expected)
    mean = logits.mean(0).softmax(1)
    divergence = sum(F.kl_div(own.log_softmax(1), mean, reduction='batchmean') for own in logits)
    torch.testing.assert_close(losses['loss_diversity'], -0.2 * divergence)


def test_experts_share_the_early_stages_only():
    classifier = model(2)
    classifier.init_weights()
    logits_of(classifier, torch.rand(2, 3, 16, 16))[0].square().sum().backward()
    backbone = classifier.backbone.backbone
    assert backbone.conv1.weight.grad.abs().sum() > 0
    for stage in (backbone.layer2, backbone.layer3):
        assert stage.copies[0][0].conv1.weight.grad.any() and not stage.copies[1][0].conv1.weight.grad.any()
        assert not torch.equal(stage.copies[0][0].conv1.weight, stage.copies[1][0].conv1.weight)


def test_one_expert_is_the_plain_network():
    loss = dict(type='ltseg.CrossEntropyLoss')
    classifier, images = model(1, loss).eval(), torch.rand(2, 3, 16, 16)
    assert sum(p.numel() for p in classifier.backbone.parameters()) == sum(
        p.numel() for p in MODELS.build(dict(type='ltseg.CIFARResNet', depth=20, base_channels=4)).parameters()
    )
    torch.testing.assert_close(classifier(images), logits_of(classifier, images)[0])


def test_cosine_experts():
    cosine = dict(type='ltseg.CosineClassifier', scale=30.0)
    classifier = MODELS.build(
        dict(type='ltseg.ExpertClassifier', in_channels=8, num_classes=5, experts=2, classifier=cosine)
    )
    features = torch.randn(3, 2, 8)
    each = torch.stack([own(features[:, view]) for view, own in enumerate(classifier.experts)], 1)
    torch.testing.assert_close(classifier(features), each.mean(1))
    torch.testing.assert_close(classifier(features.flatten(0, 1)), each.flatten(0, 1))
    assert each.abs().max() <= 30 * (1 + 1e-6)


def test_an_mmpretrain_backbone():
    inner = dict(type='mmpretrain.ResNet', depth=18, base_channels=4, stem_channels=4)
    config = dict(type='ltseg.ExpertBackbone', backbone=inner, experts=2, stages=['layer3', 'layer4'])
    (features,) = MODELS.build(config)(torch.rand(2, 3, 64, 64))
    assert features.shape == (2, 2, 32)


def test_faults():
    with pytest.raises(ValueError, match='at least one expert'):
        model(experts=0)
    with pytest.raises(ValueError, match='and one stage'):
        model(stages=[])
    with pytest.raises(ValueError, match='a module of CIFARResNet'):
        model(stages=['layer4'])
    with pytest.raises(ValueError, match='expected 2 experts, got 3'):
        MODELS.build(dict(type='ltseg.ExpertClassifier', in_channels=8, num_classes=5, experts=2))(torch.rand(1, 3, 8))


def test_numbers_of_experts_that_fit_work():
    views = torch.rand(4, 3, 8)  # of a backbone of 3 experts
    config = dict(type='ltseg.ExpertClassifier', in_channels=8, num_classes=5)
    hinted(
        'Set the same number of experts in backbone and classifier.',
        lambda: MODELS.build({**config, 'experts': 2})(views),
    )
    assert MODELS.build({**config, 'experts': 3})(views).shape == (4, 5)
