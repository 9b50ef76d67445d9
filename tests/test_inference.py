"""Predictions for images without labels, by MMSegmentation's and MMPretrain's own functions."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

CONFIGS = Path(__file__).parents[1] / 'configs'


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / 'image.png'
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)).save(path)
    return path


def test_a_segmentor_takes_a_file_and_an_array(image: Path, mmseg_registered: None) -> None:
    from mmseg.apis import inference_model, init_model

    config = Config.fromfile(CONFIGS / 'unet_arb_minicity.py')
    model = init_model(config, device='cpu')
    found = [inference_model(model, given) for given in (str(image), np.array(Image.open(image))[..., ::-1].copy())]
    assert found[0].pred_sem_seg.data.shape == (1, 64, 96)
    assert torch.equal(*(sample.pred_sem_seg.data for sample in found))
    assert 'gt_sem_seg' not in found[0]


@pytest.mark.usefixtures('mmpretrain_registered')
def test_a_classifier_takes_a_file_and_an_array(image: Path) -> None:
    from mmpretrain.apis import ImageClassificationInferencer

    config = Config.fromfile(CONFIGS / 'classification/resnet50_ce_imagenetlt.py')
    config.model.backbone.depth = 18
    config.model.head.in_channels = 512
    predict = ImageClassificationInferencer(config, pretrained=False, device='cpu')
    from_file, from_array = predict([str(image), np.array(Image.open(image))[..., ::-1].copy()])
    assert from_file['pred_label'] == from_array['pred_label']
    assert len(from_file['pred_scores']) == 1000
