"""Any decode head with another classifier; and every loss in MMSegmentation's own heads, with its pixel sampler."""

import copy
import io

import pytest
import torch
from hinted import hinted
from losses_under_test import LOSSES, OF_COSINES, name_of, without_chance
from mmengine.structures import PixelData

from ltseg.registry import MODELS

pytestmark = pytest.mark.usefixtures('mmseg_registered')

HEAD = dict(in_channels=8, channels=8, num_classes=5, num_convs=1, concat_input=False, dropout_ratio=0)


def base_head(**more):
    from mmseg.registry import MODELS as MMSEG  # noqa: N811

    torch.manual_seed(0)
    return MMSEG.build(dict(type='FCNHead', **{**HEAD, **more}))


def our_head(**more):
    torch.manual_seed(0)
    return MODELS.build(dict(type='ltseg.LongTailSegHead', **{'head_type': 'FCNHead', **HEAD, **more}))


def samples(labels):
    from mmseg.structures import SegDataSample

    made = []
    for image in labels:
        sample = SegDataSample()
        sample.gt_sem_seg = PixelData(data=image.unsqueeze(0))
        made.append(sample)
    return made


@pytest.fixture
def batch():
    torch.manual_seed(1)
    labels = torch.randint(0, 5, (2, 16, 16))
    labels[:, :3] = 255
    return [torch.randn(2, 8, 4, 4)], samples(labels), labels


def test_is_the_head_it_extends(batch):
    features, data_samples, _ = batch
    head, reference = our_head(), base_head()
    assert isinstance(head, type(reference)) and head.state_dict().keys() == reference.state_dict().keys()
    losses, expected = head.loss(features, data_samples, {}), reference.loss(features, data_samples, {})
    assert losses.keys() == expected.keys() and losses['loss_ce'] == expected['loss_ce']


def test_can_be_copied_and_pickled(batch):
    features, _, _ = batch
    head = our_head(classifier=dict(type='ltseg.CosineClassifier')).eval()
    stream = io.BytesIO()
    torch.save(head, stream)
    stream.seek(0)
    for other in (copy.deepcopy(head), torch.load(stream, weights_only=False)):
        assert type(other) is type(head) and torch.equal(other(features), head(features))


def test_cosine_classifier_gives_ldam_cosines(batch):
    features, data_samples, _ = batch
    loss = dict(type='ltseg.LDAMLoss', counts=[5, 4, 3, 2, 1])
    head = our_head(classifier=dict(type='ltseg.CosineClassifier'), loss_decode=loss)
    head.init_weights()
    head.loss(features, data_samples, {})['loss_ldam'].backward()  # a warning would be an error
    assert head(features).abs().max() <= 1 and head.conv_seg.weight.grad.abs().sum() > 0


@pytest.mark.parametrize('init_cfg', [None, [dict(type='Constant', layer='LayerNorm', val=1.0)]], ids=['one', 'list'])
def test_the_initialisation_of_the_convolution_is_not_the_classifiers(init_cfg):
    convolution = dict(type='Normal', std=0.01, override=dict(name='conv_seg'))
    given = convolution if init_cfg is None else [*init_cfg, convolution]
    head = our_head(classifier=dict(type='ltseg.ETFClassifier'), init_cfg=given)
    head.init_weights()
    assert (head.conv_seg.norm.weight == 1).all() and head.init_cfg == (init_cfg or [])


def test_a_class_is_a_head_type():
    reference = type(base_head())
    assert isinstance(our_head(head_type=reference), reference)
    with pytest.raises(ValueError, match='a decode head of mmseg'):
        our_head(head_type=torch.nn.Conv2d)


def test_dot_regression_with_a_simplex_classifier(batch):
    features, data_samples, _ = batch
    loss = dict(type='ltseg.DotRegressionLoss')
    head = our_head(classifier=dict(type='ltseg.ETFClassifier'), loss_decode=loss)
    vectors = head.conv_seg.vectors.clone()
    head.init_weights()
    assert torch.equal(head.conv_seg.vectors, vectors)
    optimiser = torch.optim.SGD(head.parameters(), lr=0.5)
    values = []
    for _ in range(30):
        optimiser.zero_grad()
        losses = head.loss(features, data_samples, {})
        losses['loss_dot_regression'].backward()
        optimiser.step()
        values.append(losses['loss_dot_regression'].item())
    assert values[-1] < 0.9 * values[0] and 'acc_seg' in losses
    for sample in data_samples:
        sample.gt_sem_seg.data.fill_(255)
    nothing = head.loss(features, data_samples, {})
    assert nothing['loss_dot_regression'] == 0 and nothing['acc_seg'] == 0


def test_faults_are_named():
    with pytest.raises(ValueError, match='a decode head of mmseg'):
        our_head(head_type='ResNet')
    with pytest.raises(ValueError, match='an ETF classifier under DotRegressionLoss'):
        our_head(loss_decode=dict(type='ltseg.DotRegressionLoss'))
    both = [dict(type='ltseg.DotRegressionLoss'), dict(type='ltseg.ARBLoss')]
    with pytest.raises(ValueError, match='DotRegressionLoss alone'):
        our_head(loss_decode=both, classifier=dict(type='ltseg.ETFClassifier'))


def test_what_the_hints_say_works(batch):
    features, data_samples, _ = batch

    def trains(head):
        losses = head.loss(features, data_samples, {})
        assert all(value.isfinite() for value in losses.values())

    hinted("Give a decode head's type, e.g. head_type=", lambda: our_head(head_type='ResNet'))
    trains(our_head(head_type='FCNHead'))
    regression, simplex = dict(type='ltseg.DotRegressionLoss'), dict(type='ltseg.ETFClassifier')
    hinted("Set classifier=dict(type='ltseg.ETFClassifier').", lambda: our_head(loss_decode=regression))
    trains(our_head(loss_decode=regression, classifier=simplex))
    both = [regression, dict(type='ltseg.ARBLoss')]
    hinted('Use it as the only loss, without a sampler.', lambda: our_head(loss_decode=both, classifier=simplex))
    sampled = dict(classifier=simplex, sampler=dict(type='mmseg.OHEMPixelSampler'), loss_decode=regression)
    hinted('Use it as the only loss, without a sampler.', lambda: our_head(**sampled))
    masks = dict(head_type='SegmenterMaskTransformerHead', in_channels=8, channels=8, num_classes=5, num_layers=1,
                 num_heads=2, embed_dims=8)  # fmt: skip
    build = lambda **more: MODELS.build(dict(type='ltseg.LongTailSegHead', **masks, **more))  # noqa: E731
    hinted('Leave classifier out for this head.', lambda: build(classifier=dict(type='ltseg.CosineClassifier')))
    trains(build())


def test_heads_inside_another_have_the_losses():
    from mmseg.registry import MODELS as MMSEG  # noqa: N811

    inner = dict(type='FCNHead', **HEAD, loss_decode=dict(type='ltseg.ARBLoss'))
    cascade = dict(num_stages=0, kernel_update_head=[])
    outer = dict(type='ltseg.LongTailSegHead', head_type='IterativeDecodeHead', kernel_generate_head=inner, **cascade)
    hinted("Build the heads inside it as 'ltseg.LongTailSegHead'.", lambda: MODELS.build(outer))
    inner = {**inner, 'type': 'ltseg.LongTailSegHead', 'head_type': 'FCNHead'}
    head = MMSEG.build(dict(type='IterativeDecodeHead', kernel_generate_head=inner, **cascade))
    assert type(head.kernel_generate_head).__name__ == 'LongTailSegHead[FCNHead]'


# With keep_mean, the factor of each pixel depends on which others are kept.
SAMPLED = [
    without_chance(config) for config in LOSSES if config['type'] not in OF_COSINES and not config.get('keep_mean')
]


@pytest.mark.parametrize('config', SAMPLED, ids=name_of)
@pytest.mark.parametrize('thresh', [0.3, None])
def test_pixel_sampler_equals_a_selection_by_hand(config, thresh, batch):
    """OHEM: the hardest pixels by loss, or those below a probability; the mean stays over all valid pixels."""
    features, data_samples, labels = batch
    sampler = dict(type='OHEMPixelSampler', thresh=thresh, min_kept=20)
    head = base_head(loss_decode={**config, 'average': 'count'}, sampler=sampler)
    with torch.no_grad():
        low = head.forward(features)
        logits = torch.nn.functional.interpolate(low, (16, 16), mode='bilinear', align_corners=False)
        loss = copy.deepcopy(head.loss_decode)
        losses = loss(logits, labels, ignore_index=255, reduction_override='none')
        valid = labels != 255
        if thresh is None:
            chosen = losses.masked_fill(~valid, -1).flatten().topk(40).indices
            kept = torch.zeros(losses.numel()).index_fill(0, chosen, 1).view_as(losses)
        else:
            probability = logits.softmax(1).gather(1, labels.where(valid, 0).unsqueeze(1)).squeeze(1)
            limit = max(probability[valid].sort().values[40].item(), thresh)
            kept = ((probability < limit) & valid).float()
        expected = (losses * kept).sum() / valid.sum()
    value = head.loss(features, data_samples, {})[head.loss_decode.loss_name]
    torch.testing.assert_close(value.detach(), expected)


def test_stock_cross_entropy_is_ours_without_ignored_pixels(batch):
    features, data_samples, _ = batch
    for sample in data_samples:
        sample.gt_sem_seg.data = sample.gt_sem_seg.data.where(sample.gt_sem_seg.data != 255, 0)
    ours = base_head(loss_decode=dict(type='ltseg.CrossEntropyLoss')).loss(features, data_samples, {})
    torch.testing.assert_close(ours['loss_ce'], base_head().loss(features, data_samples, {})['loss_ce'])


@pytest.mark.parametrize('ignored', [255, 254])
def test_dot_regression_and_its_accuracy_are_of_valid_pixels(batch, ignored):
    features, data_samples, labels = batch
    for sample in data_samples:
        sample.gt_sem_seg.data = sample.gt_sem_seg.data.where(sample.gt_sem_seg.data != 255, ignored)
    loss, classifier = dict(type='ltseg.DotRegressionLoss', balanced=False), dict(type='ltseg.ETFClassifier')
    head = our_head(loss_decode=loss, classifier=classifier, ignore_index=ignored)
    losses = head.loss(features, data_samples, {})
    logits, norm, nearest = head(features), head.conv_seg.feature_norm, labels[:, ::4, ::4]
    valid = nearest != 255
    own = logits.gather(1, nearest.where(valid, 0)[:, None]).squeeze(1)
    torch.testing.assert_close(losses['loss_dot_regression'], (0.5 * (own - norm) ** 2 / norm)[valid].mean())
    assert 0 < valid.sum() < valid.numel()
    torch.testing.assert_close(losses['acc_seg'], 100 * (logits.argmax(1) == nearest)[valid].float().mean()[None])
