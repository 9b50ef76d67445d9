"""Several views of an image in one classifier."""

import copy
import io

import pytest
import torch
from hinted import hinted

from ltseg.registry import MODELS

pytestmark = pytest.mark.usefixtures('mmpretrain_registered')


def model(**head):
    torch.manual_seed(0)
    config = dict(
        type='ltseg.MultiViewClassifier',
        backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=4),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='ltseg.LongTailClsHead', num_classes=5, in_channels=16, **head),
    )
    return MODELS.build(config)


def samples(labels):
    from mmpretrain.structures import DataSample

    return [DataSample().set_gt_label(int(label)) for label in labels]


@pytest.mark.parametrize('stage', ['backbone', 'neck'])
def test_views_are_images_of_their_own(stage):
    classifier, images = model().eval(), torch.rand(2, 3, 3, 16, 16)
    (features,) = classifier.extract_feat(images, stage)
    assert features.shape[:2] == (2, 3)
    for view in range(3):
        (alone,) = classifier.extract_feat(images[:, view], stage)
        torch.testing.assert_close(features[:, view], alone)


def test_features_before_the_classifier_have_views_too():
    classifier, images = model().eval(), torch.rand(2, 3, 3, 16, 16)
    features = classifier.extract_feat(images, 'pre_logits')
    alone = [classifier.extract_feat(images[:, view], 'pre_logits') for view in range(3)]
    torch.testing.assert_close(features, torch.stack(alone, 1))


def test_is_that_of_mmpretrain_for_single_images():
    from mmpretrain.models import ImageClassifier

    classifier, images = model().eval(), torch.rand(2, 3, 16, 16)
    assert isinstance(classifier, ImageClassifier)
    logits = classifier(images)
    reference = ImageClassifier(classifier.backbone, classifier.neck, classifier.head).eval()
    assert torch.equal(reference(images), logits) and reference.state_dict().keys() == classifier.state_dict().keys()
    predictions = classifier(images, mode='predict')
    assert [int(sample.pred_label) for sample in predictions] == logits.argmax(1).tolist()


def test_trains_on_views():
    classifier, labels = model(classified_views=(0, 1)), torch.tensor([0, 3])
    losses = classifier(torch.rand(2, 3, 3, 16, 16), samples(labels), mode='loss')
    losses['loss'].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in classifier.parameters())


def test_can_be_copied_and_pickled():
    classifier, images = model().eval(), torch.rand(2, 3, 16, 16)
    stream = io.BytesIO()
    torch.save(classifier, stream)
    stream.seek(0)
    for other in (copy.deepcopy(classifier), torch.load(stream, weights_only=False)):
        assert type(other) is type(classifier) and torch.equal(other(images), classifier(images))


def test_views_are_not_predicted():
    with pytest.raises(ValueError, match='inputs'):
        model().eval()(torch.rand(2, 3, 3, 16, 16), mode='predict')
    hinted(
        'Test with a pipeline and a data preprocessor that give one view.',
        lambda: model().eval()(torch.rand(2, 3, 3, 16, 16), mode='predict'),
    )
    assert len(model().eval()(torch.rand(2, 3, 16, 16), mode='predict')) == 2
