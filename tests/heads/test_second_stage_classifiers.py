"""Classifiers of second stages: the first stage's at first, its keys, and what they learn."""

import pytest
import torch
from torch import nn

from ltseg.heads import DisAlignClassifier, LearnableScaleClassifier
from ltseg.registry import MODELS

KINDS = [
    (LearnableScaleClassifier, {}),
    (DisAlignClassifier, {}),
    (DisAlignClassifier, {'normalized_confidence': True}),
]
every_kind = pytest.mark.parametrize(('kind', 'options'), KINDS)


def features_of(spatial_dims: int) -> torch.Tensor:
    return torch.randn(6, 8, *[3] * spatial_dims, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def plain(spatial_dims: int) -> nn.Module:
    return (nn.Conv2d(8, 5, 1) if spatial_dims else nn.Linear(8, 5)).double()


@every_kind
@pytest.mark.parametrize('spatial_dims', [0, 2])
def test_is_the_first_stage_at_first(kind, options, spatial_dims):
    """Whose weights load under their own names."""
    first, features = plain(spatial_dims), features_of(spatial_dims)
    second = kind(8, 5, spatial_dims, **options).double()
    missing = second.load_state_dict(first.state_dict(), strict=False)
    assert not missing.unexpected_keys and not {'weight', 'bias'} & {*missing.missing_keys}
    torch.testing.assert_close(second(features), first(features))
    assert torch.equal(second.class_vectors, first.weight.flatten(1))


@pytest.mark.parametrize('spatial_dims', [0, 2])
def test_scale_is_of_weight_and_bias(spatial_dims):
    first, features = plain(spatial_dims), features_of(spatial_dims)
    second = LearnableScaleClassifier(8, 5, spatial_dims).double()
    second.load_state_dict(first.state_dict(), strict=False)
    scale = torch.rand(5).double()
    second.scale.data = scale
    with torch.no_grad():
        first.weight.mul_(scale.view(-1, *[1] * (first.weight.ndim - 1)))
        first.bias.mul_(scale)
    torch.testing.assert_close(second(features), first(features))


@pytest.mark.parametrize('spatial_dims', [0, 2])
def test_calibration_by_hand(spatial_dims):
    """One confidence for each sample or pixel, that draws towards alpha z + beta."""
    second, features = DisAlignClassifier(8, 5, spatial_dims).double(), features_of(spatial_dims)
    torch.manual_seed(1)
    for parameter in second.parameters():
        nn.init.normal_(parameter)
    rows = features.movedim(1, -1).reshape(-1, 8)
    logits = rows @ second.weight.flatten(1).T + second.bias
    share = 1 / (1 + torch.exp(-(rows @ second.confidence.weight.flatten() + second.confidence.bias)))
    share = share.unsqueeze(1)
    expected = (1 - share) * logits + share * (second.logit_scale * logits + second.logit_bias)
    torch.testing.assert_close(second(features).movedim(1, -1).reshape(-1, 5), expected)


def test_normalized_confidence_is_at_least_a_half():
    """As in the released code: with alpha = 0 and beta = 0 no more than half of a logit is left."""
    second, features = DisAlignClassifier(8, 5, normalized_confidence=True).double(), features_of(2)
    nn.init.zeros_(second.logit_scale)
    kept = second(features) / nn.functional.conv2d(features, second.weight, second.bias)
    assert kept.max() <= 0.5 + 1e-12 and kept.min() > 0


@every_kind
def test_gradients_are_exact(kind, options):
    second = kind(8, 5, 0, **options).double()
    for parameter in second.parameters():
        nn.init.normal_(parameter)
    assert torch.autograd.gradcheck(second, features_of(0).requires_grad_())
    second(features_of(0)).square().sum().backward()
    assert all(
        parameter.grad.abs().sum() > 0 for name, parameter in second.named_parameters() if 'confidence' not in name
    )


@every_kind
@pytest.mark.usefixtures('mmpretrain_registered')
def test_takes_the_place_of_a_heads_layer(kind, options):
    """MMSegmentation's initialisation leaves it the first stage at first."""
    classifier = dict(type=f'ltseg.{kind.__name__}', **options)
    head = dict(type='ltseg.LongTailClsHead', num_classes=5, in_channels=8)
    first, second = MODELS.build(head), MODELS.build({**head, 'classifier': classifier})
    first.init_weights()
    second.init_weights()
    second.load_state_dict(first.state_dict(), strict=False)
    features = features_of(0).float()
    torch.testing.assert_close(second((features,)), first((features,)))


@every_kind
@pytest.mark.usefixtures('mmseg_registered')
def test_takes_the_place_of_a_dense_heads_layer(kind, options):
    from mmengine.registry import MODELS as ROOT

    head = dict(type='ltseg.LongTailSegHead', head_type='FCNHead', in_channels=8, channels=8, num_classes=5)
    head |= dict(num_convs=0, concat_input=False, loss_decode=dict(type='ltseg.CrossEntropyLoss'))
    classifier = dict(type=f'ltseg.{kind.__name__}', **options)
    first, second = ROOT.build(head).eval(), ROOT.build({**head, 'classifier': classifier}).eval()
    first.init_weights()
    second.init_weights()
    second.load_state_dict(first.state_dict(), strict=False)
    features = features_of(2).float()
    torch.testing.assert_close(second([features]), first([features]))
