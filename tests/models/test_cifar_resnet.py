"""The residual networks for small images."""

import pytest
import torch

from ltseg.models import CIFARResNet

# With the 10-class linear layer of 64 * 10 + 10 parameters, as in the table of the paper: 0.27, 0.46, 0.66, 0.85 M.
PARAMETERS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018}


@pytest.mark.parametrize('depth', PARAMETERS)
def test_number_of_parameters(depth):
    model = CIFARResNet(depth)
    assert sum(p.numel() for p in model.parameters()) + 650 == PARAMETERS[depth]
    layers = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(layers) + 1 == depth and all(layer.bias is None for layer in layers)


@pytest.mark.parametrize('width', [16, 32])
def test_shape_of_the_features(width):
    model = CIFARResNet(20, width)
    (maps,) = model(torch.zeros(2, 3, 32, 32))
    assert maps.shape == (2, 4 * width, 8, 8) and model.feat_dim == 4 * width


def test_shortcuts_take_every_second_pixel_and_add_empty_channels():
    model = CIFARResNet(20)
    block = model.layer2[0]
    torch.nn.init.zeros_(block.bn2.weight)  # leaves the shortcut
    maps = torch.rand(2, 16, 8, 8)
    shortcut = block(maps)
    assert torch.equal(shortcut[:, 8:24], maps[:, :, ::2, ::2])
    assert not shortcut[:, :8].any() and not shortcut[:, 24:].any()


def test_initialisation_keeps_the_variance_going_forward():
    torch.manual_seed(0)
    model = CIFARResNet(32)
    model.init_weights()
    weight = model.layer3[1].conv1.weight
    assert weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)
    assert weight.mean().abs() < 1e-3


def test_weights_have_the_common_names():
    names = CIFARResNet(20).state_dict()
    assert {'conv1.weight', 'bn1.running_mean', 'layer1.0.conv1.weight', 'layer3.2.bn2.bias'} <= names.keys()


def test_other_depths_are_refused():
    with pytest.raises(ValueError, match=r'CIFARResNet.depth: expected one of 20, 32, 44, 56, got 18'):
        CIFARResNet(18)
    with pytest.raises(ValueError, match=r'base_channels: expected a whole number of at least 1, got 2\.5'):
        CIFARResNet(20, base_channels=2.5)
