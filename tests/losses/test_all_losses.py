"""Properties that every loss on logits has."""

import copy

import pytest
import torch
from hinted import hinted
from losses_under_test import (
    CERTAIN,
    COUNTS,
    LOSSES,
    OF_COSINES,
    REGION_LOSSES,
    UNFUSED_LOSSES,
    K,
    batch,
    name_of,
    without_chance,
)
from mmengine.structures import PixelData
from torch.nn import functional as F

from ltseg.core.sample_losses import DifferentiatedLosses
from ltseg.losses import (
    DotRegressionLoss,
    ExpertDiversityLoss,
    ISDALoss,
    LFMELoss,
    LogitsLoss,
    MaskClassificationLoss,
    RISDALoss,
)
from ltseg.registry import MODELS

ALL = [*LOSSES, *REGION_LOSSES, *UNFUSED_LOSSES]
every_loss = pytest.mark.parametrize('config', ALL, ids=name_of)
every_loss_of_samples = pytest.mark.parametrize('config', LOSSES, ids=name_of)
WITHOUT_FACTOR = [c for c in ALL if 'keep_mean' not in c]  # of the batch, without gradient; it has its own file


def build(config, **more):
    return MODELS.build({**config, **more})


def value_and_gradient(loss, logits, labels, **arguments):
    torch.manual_seed(7)  # some losses draw random numbers
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, labels, ignore_index=255, **arguments)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    return value.detach(), gradient


def test_every_registered_loss_is_listed():
    MODELS.get('ARBLoss')
    registered = {c for c in MODELS.module_dict.values() if isinstance(c, type) and issubclass(c, LogitsLoss)}
    listed = {MODELS.get(config['type'].removeprefix('ltseg.')) for config in ALL}
    own_files = {DotRegressionLoss, ExpertDiversityLoss, ISDALoss, LFMELoss, MaskClassificationLoss, RISDALoss}
    assert registered == listed | own_files


@pytest.mark.parametrize('config', WITHOUT_FACTOR, ids=name_of)
def test_gradient_is_that_of_the_value(config):
    logits, labels = batch(2, 3, 2)
    if config['type'] == 'ltseg.SeesawLoss':
        config = {**config, 'q': 0.0}  # the compensation has no gradient by definition

    def value(z):
        torch.manual_seed(7)
        return build(config)(z, labels, ignore_index=255)

    assert torch.autograd.gradcheck(value, logits.requires_grad_())


@every_loss_of_samples
def test_the_gradient_that_the_fused_path_takes_is_that_of_autograd(config):
    logits, labels = batch(2, 3, 4)
    losses = build(config).prepare(logits, labels, 255)
    assert isinstance(losses, DifferentiatedLosses)
    torch.manual_seed(7)  # some losses draw random numbers
    found = losses.value_and_gradient(logits, labels)
    torch.manual_seed(7)
    leaf = logits.clone().requires_grad_()
    value, class_weights = losses(leaf, labels)
    expected = value.detach(), class_weights, torch.autograd.grad(value.sum(), leaf)[0]
    torch.testing.assert_close(found, expected)


@every_loss
def test_ignored_samples_do_not_exist(config):
    logits, labels = batch(30)
    kept = labels != 255
    config = without_chance(config)
    value, gradient = value_and_gradient(build(config), logits, labels)
    expected, expected_gradient = value_and_gradient(build(config), logits[kept], labels[kept])
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient[kept], expected_gradient)
    assert (gradient[~kept] == 0).all()


@every_loss
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
def test_all_ignored_is_zero_with_a_finite_gradient(config, dtype):
    logits, labels = batch(2, 4, 4, dtype=dtype)
    scale = 1 if config['type'] in OF_COSINES else 100
    value, gradient = value_and_gradient(build(config), logits * scale, torch.full_like(labels, 255))
    assert value == 0 and (gradient == 0).all()


@every_loss
@pytest.mark.parametrize('size', [(0,), (0, 2, 2)], ids=['rows', 'maps'])
def test_an_empty_batch_is_zero_with_a_graph(config, size):
    logits, labels = batch(*size, ignored=False)
    value, gradient = value_and_gradient(build(config), logits, labels)
    assert value == 0 and gradient.shape == logits.shape


@every_loss
@pytest.mark.parametrize('wrong', [K, -1])
def test_a_label_that_is_no_class_is_named(config, wrong):
    logits, labels = batch(2, 3, 2)
    labels[1, 2, 1] = wrong
    with pytest.raises(ValueError, match=rf'classes 0\.\.4 or the ignored label 255, got {wrong}\. Check num_classes'):
        build(config)(logits, labels, ignore_index=255)


@every_loss
def test_a_loss_may_know_the_ignored_label_itself(config):
    logits, labels = batch(30)
    config = without_chance(config)
    expected = build(config)(logits, labels, ignore_index=255)
    torch.testing.assert_close(build(config, ignore_index=255)(logits, labels), expected)
    torch.testing.assert_close(build(config, ignore_index=7)(logits, labels, ignore_index=255), expected)


@pytest.mark.parametrize('config', [c for c in ALL if c.get('per') != 'image'], ids=name_of)
def test_maps_are_rows(config):
    config = without_chance(config)
    logits, labels = batch(3, 4, 5)
    of_map, _ = value_and_gradient(build(config), logits, labels)
    of_rows, _ = value_and_gradient(build(config), logits.movedim(1, -1).reshape(-1, K), labels.flatten())
    torch.testing.assert_close(of_map, of_rows)


@every_loss
def test_float32_is_close_to_float64_and_half_precision_is_computed_in_float32(config):
    logits, labels = batch(2, 8, 8, dtype=torch.float16)
    in_half, gradient = value_and_gradient(build(config), logits, labels)
    in_single, _ = value_and_gradient(build(config), logits.float(), labels)
    assert in_half == in_single and in_half.dtype == torch.float32 and gradient.dtype == torch.float16
    if config['type'] not in CERTAIN:  # random numbers are drawn in the precision of the logits
        in_double, _ = value_and_gradient(build(config), logits.double(), labels)
        torch.testing.assert_close(in_single.double(), in_double, rtol=1e-5, atol=1e-6)


@every_loss
def test_autocast_changes_nothing(config):
    logits, labels = batch(2, 4, 4, dtype=torch.float32)
    expected, _ = value_and_gradient(build(config), logits, labels)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value, _ = value_and_gradient(build(config), logits, labels)
    assert value == expected


@every_loss_of_samples
def test_reductions_agree(config):
    logits, labels = batch(2, 4, 4)
    options = {'average': 'count', 'loss_weight': 0.5}
    none, _ = value_and_gradient(build(config, **options), logits, labels, reduction_override='none')
    total, _ = value_and_gradient(build(config, **options), logits, labels, reduction_override='sum')
    mean, _ = value_and_gradient(build(config, **options), logits, labels)
    by_factor, _ = value_and_gradient(build(config, **options), logits, labels, avg_factor=10)
    assert none.shape == labels.shape and (none[labels == 255] == 0).all()
    if config.get('counts', 'batch') not in ('ema', 'batch') and config['type'] != 'ltseg.SeesawLoss':
        torch.testing.assert_close(none.sum(), total)
    torch.testing.assert_close(total / (labels != 255).sum(), mean)
    torch.testing.assert_close(total / 10, by_factor)


@pytest.mark.parametrize('config', [c for c in LOSSES if c in WITHOUT_FACTOR], ids=name_of)
def test_sample_weights_scale_the_losses(config):
    logits, labels = batch(2, 4, 4)
    chosen = (torch.rand(2, 4, 4) < 0.5).double()
    options = {'average': 'count'}
    none, _ = value_and_gradient(build(config, **options), logits, labels, reduction_override='none')
    value, _ = value_and_gradient(build(config, **options), logits, labels, weight=chosen)
    torch.testing.assert_close(value, (none * chosen).sum() / (labels != 255).sum())


@every_loss
def test_an_absent_class(config):
    logits, labels = batch(2, 4, 4)
    value, gradient = value_and_gradient(build(config), logits, labels.where(labels != 3, 1))
    assert value.isfinite() and gradient.isfinite().all()


def biased_by_the_batch(config):
    return config['type'] == 'ltseg.ARBLoss' or ('rules' in config and config['counts'] == 'batch')


def has_a_loss_of_one_class(config):
    # Without pairs there is no ranking, and a bound of divergences has any sign.
    return not biased_by_the_batch(config) and config['type'] not in ('ltseg.PairwiseRankingLoss', 'ltseg.LADERLoss')


@pytest.mark.parametrize('config', list(filter(has_a_loss_of_one_class, ALL)), ids=name_of)
def test_a_class_alone(config):
    logits, labels = batch(2, 4, 4)
    value, gradient = value_and_gradient(build(config), logits, labels.where(labels == 255, 2))
    assert value.isfinite() and value > 0 and gradient.isfinite().all()


@every_loss
def test_survives_deepcopy_and_state_dict(config):
    logits, labels = batch(2, 4, 4)
    loss = build(config)
    value_and_gradient(loss, logits, labels)
    other = build(config)
    other.load_state_dict(loss.state_dict())
    expected, _ = value_and_gradient(copy.deepcopy(loss).eval(), logits, labels)
    value, _ = value_and_gradient(other.eval(), logits, labels)
    assert value == expected


@pytest.mark.parametrize('config', [c for c in ALL if c['type'] not in CERTAIN], ids=name_of)
def test_equal_logits_and_labels_of_any_integer_type(config):
    logits, labels = batch(2, 4, 4)
    expected, _ = value_and_gradient(build(config), logits, labels)
    value, _ = value_and_gradient(build(config), logits, labels.to(torch.uint8))
    assert value == expected


@every_loss
def test_bad_shapes_are_named(config):
    loss = build(config)
    with pytest.raises(ValueError, match=r'class indices of shape \(2, 4, 4\), got \(2, 4, 5\)'):
        loss(torch.zeros(2, K, 4, 4), torch.zeros(2, 4, 5, dtype=torch.int64))
    with pytest.raises(ValueError, match='at least 2 classes'):
        loss(torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4, dtype=torch.int64))


@every_loss
def test_unknown_arguments_and_options_are_errors(config):
    with pytest.raises(TypeError):
        build(config, use_sigmoid=True)
    with pytest.raises(TypeError):
        build(config)(*batch(2, 4, 4), class_weight=None)
    with pytest.raises(ValueError, match='expected'):
        build(config, reduction='average')


@pytest.mark.parametrize('config', [LOSSES[1], {**LOSSES[1], 'class_weight': [1.0] * K}], ids=name_of)
def test_labels_of_the_size_of_the_logits_work(config):
    loss, logits = build(config), torch.randn(2, K, 4, 4)
    labels = torch.randint(0, K, (2, 8, 8))
    hinted('Upsample the logits to the labels, or resize the labels.', lambda: loss(logits, labels))
    assert loss(F.interpolate(logits, (8, 8)), labels).isfinite() and loss(logits, labels[:, ::2, ::2]).isfinite()


def test_two_classes_have_two_channels(mmseg_registered):
    from mmseg.structures import SegDataSample

    def value(out_channels, fused, **more):
        loss = dict(type='ltseg.CrossEntropyLoss')
        head = MODELS.build(
            dict(type='ltseg.LongTailSegHead', head_type='FCNHead', in_channels=8, channels=4, num_classes=2,
                 out_channels=out_channels, loss_decode=loss, fused=fused, **more)
        )  # fmt: skip
        sample = SegDataSample(gt_sem_seg=PixelData(data=torch.ones(1, 8, 8, dtype=torch.int64)))
        return head.loss([torch.randn(2, 8, 4, 4)], [sample, sample], {})['loss_ce']

    hinted('For two classes, set out_channels=2 in the head.', lambda: value(1, True, threshold=0.3))
    hinted('For two classes, set out_channels=2 in the head.', lambda: value(1, False, threshold=0.3))
    assert value(2, True).isfinite() and value(2, False).isfinite()


def test_hard_labels_train_where_mixed_ones_cannot():
    logits, mixed, labels = torch.randn(2, K), torch.full((2, K), 1 / K), torch.tensor([0, 1])
    seesaw, equalization = (
        build(dict(type='ltseg.SeesawLoss')),
        build(dict(type='ltseg.EqualizationLoss', counts=COUNTS)),
    )
    hinted('Train without mixed labels.', lambda: seesaw(logits, mixed))
    hinted('Train without mixed labels.', lambda: equalization(logits, mixed))
    assert seesaw(logits, labels).isfinite() and equalization(logits, labels).isfinite()
