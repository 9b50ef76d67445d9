"""The bilateral-branch network."""

import copy
import io

import pytest
import torch
from hinted import hinted
from mmengine.logging import MessageHub

from ltseg.models.bbn import instance_share
from ltseg.registry import MODELS
from ltseg.schedules import Progress

pytestmark = pytest.mark.usefixtures('mmpretrain_registered')


def model(**options):
    torch.manual_seed(0)
    config = dict(
        type='ltseg.BilateralClassifier',
        backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=4),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(
            type='ltseg.LongTailClsHead', num_classes=5, in_channels=32, loss=dict(type='ltseg.CrossEntropyLoss')
        ),
    )
    return MODELS.build({**config, **options})


def samples(labels):
    from mmpretrain.structures import DataSample

    return [DataSample().set_gt_label(int(label)) for label in labels]


@pytest.fixture
def progress():
    """Simulates that a training run has come this far."""
    hub = MessageHub.get_current_instance()
    yield lambda **known: [hub.update_info(name, value) for name, value in known.items()]
    for name in ('epoch', 'max_epochs', 'iter', 'max_iters'):
        hub.runtime_info.pop(name, None)


@pytest.mark.parametrize('epochs', [None, 100])
def test_share_is_that_of_the_released_code(epochs):
    """1 - ((e - 1) / E')^2 with epochs e from 1; E' is 100 for a training run of 90 epochs."""
    for e in (1, 2, 45, 90):
        share = instance_share(Progress(epoch=e - 1, max_epochs=90), epochs)
        assert share == pytest.approx(1 - ((e - 1) / (epochs or 90)) ** 2)
    assert instance_share(Progress(iter=5, max_iters=10)) == 0.75
    assert instance_share(Progress(iter=5, max_iters=10), epochs=100) == 1  # the first of 100 epochs alone


@pytest.mark.parametrize('epoch', [0, 6, 9])
def test_loss_by_hand(progress, epoch):
    """Each image in its own branch, and one classification of both features against both labels."""
    progress(epoch=epoch, max_epochs=10)
    classifier, images, labels = model().train(), torch.rand(6, 3, 16, 16), torch.tensor([0, 1, 2, 3, 4, 0])
    loss = classifier(images, samples(labels), mode='loss')['loss']
    share, backbone, features = 1 - (epoch / 10) ** 2, classifier.backbone, []
    for branch in range(2):
        maps = images[branch::2]
        maps = torch.relu(backbone.bn1(backbone.conv1(maps)))
        maps = backbone.layer3[:-1](backbone.layer2(backbone.layer1(maps)))
        features.append(backbone.layer3[-1].copies[branch](maps).mean((2, 3)))
    logits = classifier.head.fc(torch.cat([2 * share * features[0], 2 * (1 - share) * features[1]], 1))
    both = [torch.nn.functional.cross_entropy(logits, labels[branch::2]) for branch in range(2)]
    torch.testing.assert_close(loss, share * both[0] + (1 - share) * both[1])


def test_tests_see_every_image_in_both_branches():
    """With alpha = 1/2, whose factor 2 leaves the features as they are."""
    classifier, images = model().eval(), torch.rand(4, 3, 16, 16)
    (features,) = classifier.extract_feat(images)
    assert features.shape == (4, 32)
    for branch in range(2):
        classifier.branches[0].chosen = branch
        alone = classifier.neck(classifier.backbone(images))[0]
        torch.testing.assert_close(features[:, 16 * branch : 16 * (branch + 1)], alone)
    classifier.branches[0].chosen = None
    (maps,) = classifier.extract_feat(images, 'backbone')
    torch.testing.assert_close(maps.mean((2, 3)), features)
    assert torch.equal(classifier.extract_feat(images, 'pre_logits'), features)
    assert torch.equal(classifier(images), classifier.head.fc(features))
    predictions = classifier(images, mode='predict')
    assert [int(sample.pred_label) for sample in predictions] == classifier(images).argmax(1).tolist()


def test_both_branches_are_tested_after_training():
    classifier, images = model(), torch.rand(4, 3, 16, 16)
    classifier(images, samples([0, 1, 2, 3]), mode='loss')
    (features,) = classifier.eval().extract_feat(images)
    assert features.shape == (4, 32) and not torch.allclose(features[:, :16], features[:, 16:])


def test_all_of_it_learns_and_branches_begin_apart(progress):
    progress(epoch=5, max_epochs=10)
    classifier = model()
    classifier.init_weights()
    first, second = (copied.conv1.weight for copied in classifier.branches[0].copies)
    assert not torch.equal(first, second)
    classifier(torch.rand(4, 3, 16, 16), samples([0, 1, 2, 3]), mode='loss')['loss'].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in classifier.parameters())
    assert len({id(p) for p in classifier.parameters()}) == len(classifier.state_dict(keep_vars=True)) - 3 * len(
        [m for m in classifier.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    )


def test_can_be_copied_and_pickled():
    classifier, images = model().eval(), torch.rand(2, 3, 16, 16)
    stream = io.BytesIO()
    torch.save(classifier, stream)
    stream.seek(0)
    for other in (copy.deepcopy(classifier), torch.load(stream, weights_only=False)):
        assert torch.equal(other(images), classifier(images))
        assert other.branches[0] is other.backbone.layer3[-1] is not classifier.branches[0]


def test_faults():
    with pytest.raises(ValueError, match='even batch_size'):
        model()(torch.rand(3, 3, 16, 16), samples([0, 1, 2]), mode='loss')
    hinted(
        "Use an even batch_size and sampler=dict(type='ltseg.BilateralSampler').",
        lambda: model()(torch.rand(3, 3, 16, 16), samples([0, 1, 2]), mode='loss'),
    )
    assert model()(torch.rand(4, 3, 16, 16), samples([0, 1, 2, 3]), mode='loss')['loss'].isfinite()
    with pytest.raises(ValueError, match='an even number of images'):
        model()(torch.rand(2, 2, 3, 16, 16), samples([0, 1]), mode='loss')
    with pytest.raises(ValueError, match='pairs of images that are not mixed'):
        model(train_cfg=dict(augments=[dict(type='Mixup', alpha=1.0)]))
    with pytest.raises(ValueError, match=r'a module of CIFARResNet \(conv1, bn1, layer1'):
        model(branched='layer4.-1')
