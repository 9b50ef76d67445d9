"""Regularizers in mmseg's decode heads."""

import copy
import pickle

import pytest
import torch
from hinted import hinted
from mmengine.structures import PixelData
from torch.nn import functional as F

from ltseg.core.features import FeatureBatch
from ltseg.registry import MODELS
from ltseg.regularizers import Regularizer

pytestmark = pytest.mark.usefixtures('mmseg_registered')

K = 5
TERMS = [
    dict(type='ltseg.WithinClassRegularizer', loss_weight=0.01),
    dict(type='ltseg.BetweenClassRegularizer', loss_weight=0.1),
    dict(type='ltseg.PeerToPeerRegularizer'),
    dict(type='ltseg.PeerToPeerRegularizer', on='classifier'),
    dict(type='ltseg.WeightRepulsion', schedule=None),
]
NAMES = {
    'loss_within_class',
    'loss_between_class',
    'loss_peer_to_peer_means',
    'loss_peer_to_peer_classifier',
    'loss_weight_repulsion',
}

COMMON = dict(channels=8, num_classes=K, norm_cfg=dict(type='BN'), align_corners=False)
ONE = dict(in_channels=12, in_index=1, **COMMON)
ALL = dict(in_channels=[6, 12, 12, 12], in_index=[0, 1, 2, 3], **COMMON)
SETR = dict(in_channels=12, in_index=1, num_convs=1, up_scale=2, kernel_size=3, **COMMON)
PYRAMID = dict(pool_scales=(1, 2), **ALL)

# Decode heads by type, on features of four resolutions; cascades get logits as well.
HEADS = {
    'FCNHead': dict(num_convs=1, **ONE),
    'ASPPHead': dict(dilations=(1, 2), **ONE),
    'DepthwiseSeparableASPPHead': dict(dilations=(1, 2), c1_in_channels=6, c1_channels=4, **ONE),
    'DepthwiseSeparableFCNHead': dict(num_convs=1, **ONE),
    'PSPHead': dict(pool_scales=(1, 2), **ONE),
    'UPerHead': PYRAMID,
    'SegformerHead': ALL,
    'FPNHead': dict(feature_strides=[1, 2, 2, 2], **ALL),
    'OCRHead': dict(ocr_channels=4, **ONE),
    'DAHead': dict(pam_channels=4, **ONE),
    'EncHead': dict(num_codes=4, **{**ALL, 'in_channels': [6, 12, 12], 'in_index': [0, 1, 2]}),
    'GCHead': dict(ratio=1 / 4, pooling_type='att', fusion_types=('channel_add',), **ONE),
    'NLHead': ONE,
    'DNLHead': ONE,
    'APCHead': dict(pool_scales=(1, 2), **ONE),
    'DMHead': dict(filter_sizes=(1, 3), **ONE),
    'EMAHead': dict(ema_channels=8, num_bases=4, num_stages=1, momentum=0.1, **ONE),
    'ISAHead': dict(isa_channels=4, down_factor=(2, 2), **ONE),
    'ANNHead': dict(
        project_channels=4, query_scales=(1,), key_pool_scales=(1, 2), in_channels=[6, 12], in_index=[0, 1], **COMMON
    ),
    'SETRUPHead': SETR,
}
CASCADES = {'OCRHead'}


def our_head(head_type, **more):
    torch.manual_seed(0)
    return MODELS.build(dict(type='ltseg.LongTailSegHead', head_type=head_type, **{**HEADS.get(head_type, {}), **more}))


def features():
    torch.manual_seed(1)
    return [torch.randn(2, channels, size, size, requires_grad=True) for channels, size in
            zip((6, 12, 12, 12), (16, 8, 8, 8), strict=True)]  # fmt: skip


def labels():
    torch.manual_seed(2)
    drawn = torch.randint(0, K, (2, 32, 32))
    drawn[:, :9] = 255
    return drawn


def samples(of_images):
    from mmseg.structures import SegDataSample

    made = []
    for image in of_images:
        sample = SegDataSample()
        sample.gt_sem_seg = PixelData(data=image.unsqueeze(0))
        made.append(sample)
    return made


def losses_of(head, head_type, inputs, of_images):
    torch.manual_seed(3)  # of dropout
    previous = [torch.randn(2, K, 8, 8)] if head_type in CASCADES else []
    return head.loss(inputs, *previous, samples(of_images), {})


def can_be_trained(losses):
    try:
        losses['loss_ce'].backward()
    except RuntimeError:
        return False
    return True


@pytest.mark.parametrize('head_type', HEADS)
def test_terms_join_the_losses_of_the_head_and_change_nothing_else(head_type):
    head, plain = our_head(head_type, regularizers=TERMS), our_head(head_type)
    plain.load_state_dict(head.state_dict(), strict=False)
    inputs = features()
    losses = losses_of(head, head_type, inputs, labels())
    expected = losses_of(plain, head_type, features(), labels())
    assert losses.keys() == expected.keys() | NAMES
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value)
    if head_type == 'DNLHead' and not can_be_trained(expected):
        pytest.skip('the head of MMSegmentation itself cannot be trained: mmcv 2.1 changes a tensor in place')
    gradients = torch.autograd.grad(losses['loss_peer_to_peer_means'], inputs, allow_unused=True)
    assert any(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)
    losses['loss_weight_repulsion'].backward()
    assert head.conv_seg.weight.grad.abs().sum() > 0


@pytest.mark.parametrize('fused', [True, False])
def test_terms_join_the_fused_losses_too(fused):
    head = our_head('FCNHead', regularizers=TERMS, loss_decode=dict(type='ltseg.ARBLoss'), fused=fused)
    losses = losses_of(head, 'FCNHead', features(), labels())
    assert losses.keys() == NAMES | {'loss_arb', 'acc_seg'}


class Spy(Regularizer):
    """Keeps the batches that it gets."""

    def __init__(self):
        super().__init__(loss_name='loss_spy')
        self.seen = []

    def value(self, batch: FeatureBatch) -> torch.Tensor:
        self.seen.append(batch)
        return batch.features.sum() * 0


def test_features_are_taken_before_dropout_at_their_resolution():
    spy = Spy()
    head = our_head('FCNHead', regularizers=[spy], dropout_ratio=0.9)
    losses_of(head, 'FCNHead', features(), labels())
    (batch,) = spy.seen
    feature = head._forward_feature(features())
    nearest = F.interpolate(labels()[:, None].double(), (8, 8)).flatten().long()
    kept = nearest != 255
    torch.testing.assert_close(batch.features[kept, 0], feature.permute(0, 2, 3, 1).flatten(0, 2)[kept])
    assert torch.equal(batch.labels, nearest.where(kept, -1)) and batch.num_classes == K
    assert torch.equal(batch.class_vectors, head.conv_seg.weight[:, :, 0, 0]) and batch.class_vectors.requires_grad


@pytest.mark.parametrize('ignored', [True, False], ids=['all ignored', 'one class'])
def test_batches_without_information_have_finite_gradients(ignored):
    head = our_head('FCNHead', regularizers=TERMS, loss_decode=dict(type='ltseg.ARBLoss'))
    with pytest.warns(UserWarning) if not ignored else torch.enable_grad():
        losses = losses_of(head, 'FCNHead', features(), torch.full_like(labels(), 255 if ignored else 3))
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(parameter.grad.isfinite().all() for parameter in head.parameters())


@pytest.mark.parametrize('classifier', ['CosineClassifier', 'ETFClassifier'])
def test_our_classifiers_have_class_vectors(classifier):
    head = our_head('FCNHead', regularizers=TERMS, classifier=dict(type=f'ltseg.{classifier}'))
    assert losses_of(head, 'FCNHead', features(), labels()).keys() > NAMES


def test_only_centres_join_the_checkpoint():
    assert our_head('FCNHead', regularizers=[TERMS[-1]]).state_dict().keys() == our_head('FCNHead').state_dict().keys()
    more = our_head('FCNHead', regularizers=TERMS).state_dict().keys() - our_head('FCNHead').state_dict().keys()
    assert more == {
        'regularizers.0.centers.vectors',
        'regularizers.2.memory.vectors',
        'regularizers.2.memory.seen',
    }


def test_prediction_and_copies():
    head = our_head('FCNHead', regularizers=TERMS).eval()
    other = pickle.loads(pickle.dumps(copy.deepcopy(head)))
    assert torch.equal(other.predict(features(), [dict(img_shape=(32, 32))] * 2, {}), head.predict(
        features(), [dict(img_shape=(32, 32))] * 2, {}))  # fmt: skip
    assert losses_of(other, 'FCNHead', features(), labels()) == losses_of(head, 'FCNHead', features(), labels())


def test_a_failure_leaves_nothing_behind():
    head = our_head('FCNHead', regularizers=TERMS)
    with pytest.raises(ValueError, match='batch_size'):
        losses_of(head, 'FCNHead', features(), labels()[:1])
    assert losses_of(head, 'FCNHead', features(), labels()).keys() > NAMES


def test_what_the_hints_say_of_a_config_works():
    hinted(
        'Give the regularizer another loss_name.',
        lambda: our_head('FCNHead', regularizers=[{**TERMS[0], 'loss_name': 'loss_ce'}]),
    )
    hinted('Give each its own loss_name.', lambda: our_head('FCNHead', regularizers=[TERMS[0], TERMS[0]]))
    head = our_head('FCNHead', regularizers=[TERMS[0], {**TERMS[0], 'loss_name': 'loss_second'}])
    losses = losses_of(head, 'FCNHead', features(), labels())
    assert {'loss_ce', 'loss_within_class', 'loss_second'} <= losses.keys()
    binary = dict(regularizers=TERMS, num_classes=2, threshold=0.3)
    hinted('Set out_channels to num_classes.', lambda: our_head('FCNHead', **binary, out_channels=1))
    head = our_head('FCNHead', **{**binary, 'threshold': None}, out_channels=2)
    assert losses_of(head, 'FCNHead', features(), labels().clamp(max=1)).keys() > NAMES


def test_heads_that_cannot_be_served_are_named():
    segmenter = dict(in_channels=12, channels=8, num_classes=K, num_layers=1, num_heads=2, embed_dims=8, in_index=1)
    with pytest.raises(ValueError, match=r'SegmenterMaskTransformerHead\]: expected a head that calls cls_seg once'):
        our_head('SegmenterMaskTransformerHead', regularizers=TERMS, **segmenter)
    hinted(
        'Leave what sees features out: no layer of this head classifies the features of all pixels once.',
        lambda: our_head('SegmenterMaskTransformerHead', regularizers=TERMS, **segmenter),
    )
    head = our_head('SegmenterMaskTransformerHead', **segmenter)
    assert losses_of(head, 'SegmenterMaskTransformerHead', features(), labels())['loss_ce'].isfinite()
    inner = our_head(
        'FCNHead', regularizers=TERMS
    )  # as K-Net does: it has the losses of the inner head on its own logits
    with pytest.raises(ValueError, match=r'FCNHead\]: expected a head that calls cls_seg once'):
        inner.loss_by_feat(inner(features()), samples(labels()))


def test_a_head_that_learns_from_other_labels_is_named():
    edges = dict(in_channels=12, in_index=1, channels=8, num_convs=1, concat_input=False, num_classes=2)
    losses = [dict(type='CrossEntropyLoss', loss_name='loss_ce')]
    head = our_head('STDCHead', regularizers=TERMS[:1], boundary_threshold=0.1, loss_decode=losses, **edges)
    with pytest.raises(ValueError, match=r'classes 0\.\.1 or the ignored label 255, got [234]'):
        losses_of(head, 'STDCHead', features(), labels())


def test_faults_of_the_config_are_named():
    with pytest.raises(ValueError, match='names in the log that no loss has, got loss_ce'):
        our_head('FCNHead', regularizers=[{**TERMS[0], 'loss_name': 'loss_ce'}])
    with pytest.raises(ValueError, match='different names in the log, got loss_within_class'):
        our_head('FCNHead', regularizers=[TERMS[0], TERMS[0]])
    with pytest.raises(ValueError, match='regularizers: expected 2 class vectors, got 1. Set out_channels'):
        our_head('FCNHead', regularizers=TERMS, num_classes=2, out_channels=1, threshold=0.3)


def test_the_ignored_label_is_that_of_the_head():
    spy = Spy()
    of_images = labels().masked_fill(labels() == 255, 254)
    losses_of(our_head('FCNHead', regularizers=[spy], ignore_index=254), 'FCNHead', features(), of_images)
    assert (spy.seen[0].labels >= 0).sum() == (F.interpolate(labels()[:, None].double(), (8, 8)) != 255).sum()
