"""The trainable block on a frozen backbone."""

import pytest
import torch

from ltseg.models import BottleneckNeck


def test_is_the_shortcut_where_the_block_gives_nothing():
    neck = BottleneckNeck(8)
    torch.nn.init.zeros_(neck.block[-1].weight)
    first, last = torch.randn(2, 4, 6, 6), torch.randn(2, 8, 3, 3)
    (maps,) = neck((first, last))
    assert torch.equal(maps, last.relu())


def test_is_the_block_of_mmpretrain():
    from mmpretrain.models.backbones.resnet import Bottleneck

    torch.manual_seed(0)
    neck, reference = BottleneckNeck(16), Bottleneck(16, 16)
    names = ('conv1', 'bn1', None, 'conv2', 'bn2', None, 'conv3', 'bn3')
    for name, module in zip(names, neck.block, strict=True):
        if name is not None:
            getattr(reference, name).load_state_dict(module.state_dict())
    maps = torch.randn(3, 16, 5, 7)
    assert torch.allclose(neck((maps,))[0], reference(maps))


def test_initialisation_keeps_the_variance_going_backward():
    torch.manual_seed(0)
    neck = BottleneckNeck(256)
    neck.init_weights()
    assert neck.block[3].weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)


def test_needs_channels_in_fours():
    with pytest.raises(ValueError, match=r'BottleneckNeck\.in_channels: expected a multiple of 4, got 6'):
        BottleneckNeck(6)
