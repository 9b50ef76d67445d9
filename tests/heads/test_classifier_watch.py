"""What enters and leaves the last layer of a running model, with the labels."""

import pytest
import torch
from hinted import hinted
from mmengine.structures import PixelData
from torch import nn
from torch.nn import functional as F

from ltseg.core.features import feature_rows
from ltseg.heads.classifier_watch import ClassifierWatch, class_vectors_of
from ltseg.registry import MODELS

K, IGNORED = 4, 255
pytestmark = pytest.mark.usefixtures('mmseg_registered')


def segmentor(**head):
    torch.manual_seed(0)
    backbone = dict(type='mmseg.UNet', base_channels=8, num_stages=2, strides=(1, 1), enc_num_convs=(1, 1),
                    dec_num_convs=(1,), downsamples=(True,), enc_dilations=(1, 1), dec_dilations=(1,))  # fmt: skip
    settings = dict(type='ltseg.LongTailSegHead', head_type='FCNHead', in_channels=8, in_index=1, channels=6,
                    num_convs=1, num_classes=K, dropout_ratio=0.5, align_corners=False,
                    loss_decode=dict(type='ltseg.ARBLoss'))  # fmt: skip
    return MODELS.build(
        dict(
            type='mmseg.EncoderDecoder',
            backbone=backbone,
            decode_head={**settings, **head},
            train_cfg={},
            test_cfg=dict(mode='whole'),
        )
    )


def seg_batch(size=(16, 24)):
    from mmseg.structures import SegDataSample

    torch.manual_seed(1)
    samples = []
    for _ in range(2):
        drawn = torch.randint(0, K, (1, *size))
        drawn[:, :3] = IGNORED
        samples.append(SegDataSample(gt_sem_seg=PixelData(data=drawn), metainfo=dict(img_shape=size)))
    return dict(inputs=torch.randn(2, 3, *size), data_samples=samples)


def watched(model, batch, mode='tensor', **options):
    watch = ClassifierWatch(model, **options)
    result = model(**batch, mode=mode)
    return watch, result


def test_features_logits_and_labels_of_pixels():
    model, batch = segmentor().eval(), seg_batch()
    watch, logits = watched(model, batch)
    maps = torch.stack([sample.gt_sem_seg.data for sample in batch['data_samples']])
    _, expected = feature_rows(logits, maps)
    labels = watch.labels()
    assert torch.equal(labels, expected.masked_fill(expected == IGNORED, K)) and (labels == K).any()
    torch.testing.assert_close(
        watch.features() @ class_vectors_of(model).T + model.decode_head.conv_seg.bias, watch.logits()
    )
    chosen = torch.tensor([5, 0, 700])
    assert torch.equal(watch.features(chosen), watch.features()[chosen])
    assert torch.equal(watch.logits(chosen), watch.logits()[chosen])
    assert torch.equal(watch.logits(), logits.permute(0, 2, 3, 1).flatten(0, 2))


def test_labels_follow_images_that_are_scaled_and_padded():
    model, batch = segmentor().eval(), seg_batch((16, 24))
    for sample in batch['data_samples']:
        sample.gt_sem_seg = PixelData(
            data=sample.gt_sem_seg.data[:, :12, :20].repeat_interleave(2, 1).repeat_interleave(2, 2)
        )
        sample.set_metainfo(dict(img_shape=(12, 20)))
    watch, _ = watched(model, batch)
    labels = watch.labels().view(2, 16, 24)
    expected = torch.cat([sample.gt_sem_seg.data[:, ::2, ::2] for sample in batch['data_samples']])
    assert torch.equal(labels[:, :12, :20], expected.masked_fill(expected == IGNORED, K))
    assert (labels[:, 12:] == K).all() and (labels[:, :, 20:] == K).all()


def test_features_are_those_before_dropout_and_gradients_of_what_came_behind_it():
    model, batch = segmentor().train(), seg_batch()
    watch, losses = watched(model, batch, 'loss', gradients=True)
    losses['decode.loss_arb'].backward()
    gradients, entered = watch.gradient_and_input()
    features = watch.features()
    dropped = (entered == 0) & (features != 0)
    assert dropped.any() and torch.allclose(entered[~dropped], 2 * features[~dropped])
    weight = model.decode_head.conv_seg.weight
    torch.testing.assert_close(gradients.T @ entered, weight.grad.flatten(1), rtol=1e-4, atol=1e-7)


def test_cosines_are_differentiated_as_cosines():
    classifier = dict(type='ltseg.CosineClassifier', scale=8.0)
    model, batch = segmentor(classifier=classifier, dropout_ratio=0).train(), seg_batch()
    watch, losses = watched(model, batch, 'loss', gradients=True)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    gradients, entered = watch.gradient_and_input()
    weight = watch.cosine_weight.clone().requires_grad_()
    (F.normalize(entered) @ F.normalize(weight).T * gradients).sum().backward()
    torch.testing.assert_close(weight.grad, model.decode_head.conv_seg.weight.grad.flatten(1), rtol=1e-4, atol=1e-7)


def test_nothing_stays_behind():
    model = segmentor().eval()
    watch, _ = watched(model, seg_batch())
    watch.close()
    assert not model._forward_pre_hooks and not any(part._forward_hooks for part in model.modules())
    assert not vars(watch)


@pytest.mark.usefixtures('mmpretrain_registered')
@pytest.mark.parametrize('mixed', [False, True])
def test_features_of_images(mixed):
    from mmpretrain.structures import DataSample

    torch.manual_seed(0)
    head = dict(type='ltseg.LongTailClsHead', num_classes=K, in_channels=64, loss=dict(type='ltseg.CrossEntropyLoss'))
    model = MODELS.build(
        dict(type='mmpretrain.ImageClassifier', backbone=dict(type='ltseg.CIFARResNet', depth=20),
             neck=dict(type='mmpretrain.GlobalAveragePooling'), head=head)
    )  # fmt: skip
    samples = [DataSample().set_gt_label(index % K) for index in range(6)]
    if mixed:
        for index, sample in enumerate(samples):
            sample.set_gt_score(F.one_hot(torch.tensor((index + 1) % K), K) * 0.7 + 0.075)
    batch = dict(inputs=torch.randn(6, 3, 32, 32), data_samples=samples)
    watch, losses = watched(model, batch, 'loss', gradients=True)
    losses['loss'].backward()
    gradients, entered = watch.gradient_and_input()
    torch.testing.assert_close(gradients.T @ entered, model.head.fc.weight.grad)
    assert watch.labels().tolist() == [(index + mixed) % K for index in range(6)]


def test_a_model_that_classifies_several_times_is_refused():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Module()
            self.head.fc, self.head.num_classes = nn.Linear(3, K), K

        def forward(self, inputs, data_samples=None):
            return self.head.fc(inputs) + self.head.fc(-inputs)

    model = Twice()
    watch = ClassifierWatch(model)
    model(torch.zeros(2, 3), data_samples=[1, 2])
    with pytest.raises(ValueError, match='classifies the features of a labelled batch once, got 2 times'):
        watch.labels()
    hinted('Leave this analysis out for this model.', watch.labels)
    assert Twice()(torch.zeros(2, 3)).shape == (2, K)


def test_images_without_labels_are_refused():
    model, batch = segmentor().eval(), seg_batch()
    samples = batch['data_samples']
    watch, _ = watched(model, {**batch, 'data_samples': [type(sample)() for sample in samples]})
    hinted('Choose a split with labels.', watch.labels)
    model(**batch, mode='tensor')
    assert len(watch.labels()) == 2 * 16 * 24


def test_a_layer_without_class_vectors_is_refused():
    with pytest.raises(ValueError, match='Linear: expected a model with one last layer'):
        ClassifierWatch(nn.Linear(2, K))
    model = segmentor()
    model.decode_head.conv_seg = nn.Conv2d(6, K, 3)
    with pytest.raises(ValueError, match='decode_head.conv_seg: expected a layer with one vector for each'):
        ClassifierWatch(model)
