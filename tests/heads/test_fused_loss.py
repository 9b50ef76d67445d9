"""The fused loss of a head is the plain one, and steps aside where it cannot be."""

import copy
from unittest.mock import patch

import pytest
import torch
import torch._dynamo
from hinted import hinted
from losses_under_test import COUNTS, LOSSES, OF_COSINES, REGION_LOSSES, name_of, without_chance
from mmengine.logging import MessageHub
from mmengine.structures import PixelData
from torch.utils._python_dispatch import TorchDispatchMode

import ltseg.heads.long_tail_seg_head as module
from ltseg.losses.fused import fused_losses
from ltseg.losses.logits_loss import LogitsLoss
from ltseg.registry import MODELS

pytestmark = pytest.mark.usefixtures('mmseg_registered')

ARB = dict(type='ltseg.ARBLoss')
HEAD = dict(in_channels=8, channels=8, num_classes=5, num_convs=1, concat_input=False, dropout_ratio=0)


def head_of(**options):
    torch.manual_seed(0)
    return MODELS.build({'type': 'ltseg.LongTailSegHead', 'head_type': 'FCNHead', **HEAD, **options})


def batch(size=(19, 22)):
    from mmseg.structures import SegDataSample

    torch.manual_seed(1)
    labels = torch.randint(0, 5, (2, 1, *size))
    labels[:, :, :3] = 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=image)) for image in labels]
    return torch.randn(2, 8, 5, 6), samples


def loss_and_gradient(head, features, samples):
    head.zero_grad()
    losses = head.loss([features], samples, {})
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    return losses, {name: p.grad.clone() for name, p in head.named_parameters()}


def assert_fused_is_plain(options, tolerance=1e-5, fused=True):
    features, samples = batch()
    fused, plain = (head_of(**{**options, 'fused': flag}) for flag in (fused, False))
    with patch.object(module, 'fused_losses', wraps=module.fused_losses) as used:
        found = loss_and_gradient(fused, features, samples)
        expected = loss_and_gradient(plain, features, samples)
    assert used.call_count == 1
    assert found[0].keys() == expected[0].keys()
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize('config', LOSSES, ids=name_of)
def test_every_loss(config):
    more = {'classifier': dict(type='ltseg.CosineClassifier')} if config['type'] in OF_COSINES else {}
    assert_fused_is_plain({'loss_decode': without_chance(config), **more})


CE = dict(type='ltseg.CrossEntropyLoss', loss_weight=0.25)


MISSED = [dict(type='ltseg.MissRateWeighting')]


@pytest.mark.parametrize(
    'losses',
    [
        dict(type='ltseg.RecallLoss'),
        [dict(type='ltseg.DifficultyBalancedLoss'), CE, dict(type='ltseg.JaccardLoss', rules=MISSED)],
        dict(type='ltseg.JaccardLoss', rules=MISSED),
    ],
    ids=['alone', 'beside others', 'of regions'],
)
@pytest.mark.parametrize('align_corners', [False, True])
def test_losses_that_follow_training_see_the_same(losses, align_corners):
    fused, plain = (head_of(loss_decode=losses, fused=flag, align_corners=align_corners) for flag in (True, False))
    for _ in range(3):
        features, samples = batch()
        found, expected = (loss_and_gradient(head, features, samples) for head in (fused, plain))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    states = [{name: v for name, v in head.state_dict().items() if 'recall' in name} for head in (fused, plain)]
    assert states[0]
    torch.testing.assert_close(*states, rtol=0, atol=0)


@pytest.mark.parametrize('config', REGION_LOSSES, ids=name_of)
@pytest.mark.parametrize('beside', [[], [CE], [CE, dict(type='ltseg.JaccardLoss', rules=[dict(type='ltseg.Margin')])]])
def test_every_loss_on_regions_alone_and_beside_others(config, beside):
    beside = [{**loss, 'counts': COUNTS} if 'rules' in loss else loss for loss in beside]
    losses = [{**config, 'loss_weight': 0.75}, *beside]
    assert_fused_is_plain({'loss_decode': losses, 'band_rows': 4}, fused='bands')


def test_losses_on_regions_of_void_alone_are_zero_with_a_graph():
    biased = dict(type='ltseg.DiceLoss', rules=[dict(type='ltseg.PriorBias')], counts='batch')  # of -inf everywhere
    head = head_of(loss_decode=[CE, biased])
    features, samples = batch()
    for sample in samples:
        sample.gt_sem_seg.data.fill_(255)
    losses, gradients = loss_and_gradient(head, features, samples)
    assert losses['loss_dice'] == 0 and all((gradient == 0).all() for gradient in gradients.values())


def test_a_compiled_head_has_its_regions_on_the_plain_path():
    torch._dynamo.reset()
    features, samples = batch()
    head = head_of(loss_decode=dict(type='ltseg.JaccardLoss'))
    logits = head([features]).detach()
    leaves_compiled_code = not hasattr(torch.library, 'custom_op')  # torch < 2.4, in which bands are then taken
    effect = module.fused_losses if leaves_compiled_code else AssertionError
    with patch.object(module, 'fused_losses', side_effect=effect):
        found = torch.compile(head.loss_by_feat, backend='eager')(logits, samples)
    torch.testing.assert_close(found['loss_jaccard'], head.loss_by_feat(logits, samples)['loss_jaccard'])


@pytest.mark.parametrize('fused', ['bands', 'triton'])
@pytest.mark.parametrize(
    'loss', [ARB, dict(type='ltseg.VSLoss', counts=COUNTS), dict(type='ltseg.FocalLoss'), [ARB, ARB]], ids=str
)
def test_either_path_can_be_chosen(loss, fused):
    pytest.importorskip('triton', minversion='3.0')
    assert_fused_is_plain({'loss_decode': loss}, fused=fused)


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (dict(loss_decode=ARB, sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=20)), 'no pixel sampler'),
        (dict(loss_decode=[ARB, dict(type='DiceLoss')]), 'losses of ltseg alone'),
    ],
    ids=['sampler', 'loss of MMSegmentation'],
)
@pytest.mark.parametrize('fused', ['bands', 'triton'])
def test_a_path_that_is_chosen_and_cannot_be_taken_is_an_error(options, match, fused):
    with pytest.raises(ValueError, match=match) as raised:
        head_of(**options, fused=fused)
    hinted('Set fused=True.', str(raised.value))
    features, samples = batch()
    assert head_of(**options, fused=True).loss([features], samples, {})['loss_arb'].isfinite()


def test_a_loss_that_kernels_cannot_compute_is_named_with_what_to_do():
    features, samples = batch()
    cases = ('SeesawLoss', 'loss_seesaw', 'no adjusted cross entropy'), ('DiceLoss', 'loss_dice', 'a loss on regions')
    for kind, name, match in cases:
        options = dict(loss_decode=dict(type=f'ltseg.{kind}'))
        with pytest.raises(ValueError, match=match) as raised:
            head_of(**options, fused='triton').loss([features], samples, {})
        hinted('Set fused=True.', str(raised.value))
        assert head_of(**options, fused=True).loss([features], samples, {})[name].isfinite()


def test_a_path_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="fused.*'triton', got 'tritone'.*Did you mean 'triton'"):
        head_of(loss_decode=ARB, fused='tritone')


class Operators(TorchDispatchMode):
    """Names of the operators that were called."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.seen.add(function.__name__.split('.')[0])
        return function(*args, **kwargs or {})


def test_nothing_is_called_that_is_random_on_a_gpu():
    """Of what PyTorch names as not deterministic on CUDA; counting takes another way there than on the CPU."""
    features, samples = batch()
    head = head_of(loss_decode=[ARB, dict(type='ltseg.SeesawLoss')])
    with Operators() as operators:
        loss_and_gradient(head, features, samples)
    assert 'convolution_backward' in operators.seen
    random = ('upsample', 'nll_loss2d', 'index_put', 'put_', 'cumsum', 'kthvalue', 'median')
    assert not [name for name in operators.seen if name.startswith(random)]


@pytest.mark.parametrize('counts', ['accumulated', [900, 300, 120, 40, 8]], ids=['accumulated', 'constant'])
def test_seesaw_is_the_same_to_a_millionth_in_every_step(counts):
    torch.manual_seed(0)
    logits, labels = torch.randn(3, 2, 5, 6, 7), torch.randint(0, 5, (3, 2, 23, 26))
    labels[:, 0, :5] = 255
    fused, plain = (MODELS.build(dict(type='ltseg.SeesawLoss', counts=counts)) for _ in range(2))
    for step in range(3):
        z, wide = (logits[step].double().requires_grad_() for _ in range(2))
        (value,), _ = fused_losses([fused], z, labels[step], 255, band_rows=4)
        upsampled = torch.nn.functional.interpolate(wide, labels.shape[2:], mode='bilinear')
        expected = plain(upsampled, labels[step], ignore_index=255)
        torch.testing.assert_close(value, expected, rtol=1e-6, atol=0)
        gradients = torch.autograd.grad(value, z)[0], torch.autograd.grad(expected, wide)[0]
        torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-9)


class SquaredLoss(LogitsLoss):
    """A loss of somebody else, weighted by the share of each class in the batch."""

    def prepare(self, logits, labels, ignore_index):
        share = self.count(logits, labels, ignore_index).prior.to(logits)

        def squared(logits, labels):
            valid = labels != ignore_index
            own = labels.where(valid, 0)
            missing = 1 - logits.softmax(1).gather(1, own.unsqueeze(1)).squeeze(1)
            weight = share[own] * valid
            return weight * missing**2, weight

        return squared


def test_a_loss_of_somebody_else_is_fused_by_its_prepare_alone(monkeypatch):
    monkeypatch.setitem(MODELS.module_dict, 'SquaredLoss', SquaredLoss)
    assert_fused_is_plain({'loss_decode': dict(type='ltseg.SquaredLoss', counts='batch', average='weight')})


@pytest.mark.parametrize('options', [dict(align_corners=True), dict(band_rows=1), dict(band_rows=100)], ids=str)
def test_every_option(options):
    assert_fused_is_plain({'loss_decode': {**ARB, 'loss_weight': 0.4}, **options})


@pytest.mark.parametrize('average', ['weight', 'count'])
@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_every_reduction(average, reduction):
    loss = dict(type='ltseg.CrossEntropyLoss', class_weight=[1.0, 2.0, 3.0, 4.0, 5.0])
    assert_fused_is_plain({'loss_decode': {**loss, 'average': average, 'reduction': reduction}})


def test_several_losses_add_up_under_their_names():
    losses = [ARB, dict(type='ltseg.FocalLoss'), {**ARB, 'loss_weight': 0.5}]
    assert_fused_is_plain({'loss_decode': losses})


def test_images_without_valid_pixels_give_zero_with_a_graph():
    head = head_of(loss_decode=ARB)
    features, samples = batch()
    for sample in samples:
        sample.gt_sem_seg.data.fill_(255)
    losses, gradients = loss_and_gradient(head, features, samples)
    assert losses['loss_arb'] == 0 and losses['acc_seg'] == 0
    assert all((gradient == 0).all() for gradient in gradients.values())


@pytest.mark.parametrize('loss', [ARB, dict(type='ltseg.CrossEntropyLoss')], ids=['batch counts', 'no counts'])
def test_a_label_that_is_no_class_is_named(loss):
    features, samples = batch()
    samples[1].gt_sem_seg.data[0, 2, 3] = 77
    with pytest.raises(ValueError, match=r'the ignored label 255, got 77\. Check num_classes'):
        head_of(loss_decode=loss).loss([features], samples, {})


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_under_autocast_the_loss_is_that_of_the_rounded_logits(dtype):
    features, samples = batch()
    head = head_of(loss_decode=ARB)
    if dtype == torch.float16 and torch.__version__ < '2.2':
        pytest.skip('PyTorch before 2.2 has no autocast to float16 on the CPU')
    with torch.autocast('cpu', dtype=dtype):
        losses, gradients = loss_and_gradient(head, features, samples)
    _, expected = loss_and_gradient(head, features, samples)
    assert losses['loss_arb'].dtype == torch.float32
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], rtol=0.05, atol=0.01)


def test_a_copy_computes_the_same():
    features, samples = batch()
    head = head_of(loss_decode=dict(type='ltseg.ARBLoss', counts='ema'))
    twin = copy.deepcopy(head)
    torch.testing.assert_close(*(h.loss([features], samples, {})['loss_arb'] for h in (head, twin)))


@pytest.mark.parametrize(
    'options',
    [
        dict(loss_decode=[ARB, dict(type='DiceLoss')]),
        dict(loss_decode=[ARB, dict(type='ltseg.ExpertDiversityLoss', experts=2, begin=None)]),
        dict(loss_decode=[ARB, dict(type='ltseg.LovaszLoss')]),
        dict(loss_decode={**ARB, 'reduction': 'none'}),
        dict(loss_decode=ARB, sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=20)),
        dict(loss_decode={**ARB}, head_type='EncHead', num_codes=2, use_se_loss=True),
    ],
    ids=[
        'loss of MMSegmentation',
        'loss of several samples',
        'loss that sorts',
        'loss of each pixel',
        'sampler',
        'own loss_by_feat',
    ],
)
def test_steps_aside(options):
    if 'head_type' in options:
        options = {**options, 'in_channels': [8], 'in_index': [0], 'num_convs': None, 'concat_input': None}
    options = {k: v for k, v in {**HEAD, **options}.items() if v is not None}
    torch.manual_seed(0)
    head = MODELS.build({'type': 'ltseg.LongTailSegHead', 'head_type': 'FCNHead', **options})
    features, samples = batch()
    with patch.object(module, 'fused_losses', side_effect=AssertionError):
        losses = head.loss([features], samples, {})
    assert losses['loss_arb'].isfinite().all()


@pytest.mark.parametrize('rows', [0, -1])
def test_a_band_without_rows_is_refused(rows):
    with pytest.raises(ValueError, match='band_rows'):
        head_of(band_rows=rows)


def test_a_schedule_is_a_factor_of_the_fused_loss_too():
    hub = MessageHub.get_current_instance()
    hub.update_info_dict({'iter': 5, 'max_iters': 10})
    try:
        assert_fused_is_plain({'loss_decode': {**ARB, 'schedule': dict(shape='linear')}})
    finally:
        for name in ('iter', 'max_iters'):
            hub.runtime_info.pop(name)


@pytest.mark.parametrize('fused', [True, False])
def test_the_ignored_label_is_that_of_the_head(fused):
    features, samples = batch()
    expected = loss_and_gradient(head_of(loss_decode=ARB, fused=fused), features, samples)
    for sample in samples:
        sample.gt_sem_seg.data = sample.gt_sem_seg.data.where(sample.gt_sem_seg.data != 255, 254)
    found = loss_and_gradient(head_of(loss_decode=ARB, fused=fused, ignore_index=254), features, samples)
    torch.testing.assert_close(found, expected)
