"""The pre-training of SSP turns images and knows how far; what it learns is what the next stage loads."""

from typing import Any

import pytest
import torch
from hinted import hinted
from torch.nn import functional as F

from ltseg.models import MultiViewClassifier, RotationClassifier
from ltseg.models.rotation_classifier import turned

PARTS: dict[str, Any] = dict(
    backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    head=dict(type='ltseg.LongTailClsHead', in_channels=8, num_classes=3, loss=dict(type='ltseg.CrossEntropyLoss')),
    data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'),
)


def test_turning_back_gives_the_images() -> None:
    images = torch.rand(10, 3, 6, 6)
    result, quarters = turned(images)
    assert torch.bincount(quarters, minlength=4).tolist() == [3, 3, 2, 2]
    for image, found, quarter in zip(images, result, quarters.tolist(), strict=True):
        assert torch.equal(torch.rot90(found, -quarter, (1, 2)), image)
        assert quarter == 0 or not torch.equal(found, image)


@pytest.mark.usefixtures('mmpretrain_registered')
def test_loss_is_the_cross_entropy_of_the_angles_and_trains_the_backbone_alone() -> None:
    torch.manual_seed(0)
    model, images = RotationClassifier(**PARTS).train(), torch.rand(8, 3, 8, 8)
    found = model(images, [], mode='loss')['loss']
    features = model.neck(model.backbone(turned(images)[0]))[-1]
    torch.testing.assert_close(found, F.cross_entropy(model.rotations(features), torch.arange(8) % 4))
    found.backward()
    without = {name for name, value in model.named_parameters() if value.grad is None}
    assert without == {'head.fc.weight', 'head.fc.bias'}


@pytest.mark.usefixtures('mmpretrain_registered')
def test_the_next_stage_loads_all_but_the_angles() -> None:
    state = RotationClassifier(**PARTS).state_dict()
    missing, left = MultiViewClassifier(**PARTS).load_state_dict(state, strict=False)
    assert (missing, left) == ([], ['rotations.weight', 'rotations.bias'])


def test_squares_only() -> None:
    hinted('Crop or resize them to squares.', lambda: turned(torch.rand(4, 3, 6, 8)))
    assert turned(torch.rand(4, 3, 6, 8)[..., :6])[0].shape == (4, 3, 6, 6)
