"""Models for what is done after training."""

from pathlib import Path

import pytest
from mmengine.config import Config

from ltseg.reports.trained_model import build_model

CONFIGS = Path(__file__).parents[2] / 'configs'


@pytest.mark.usefixtures('classification_hosts')
def test_the_model_gets_the_data_preprocessor_beside_it() -> None:
    config = Config.fromfile(CONFIGS / 'classification/resnet32_ce_cifar10lt100.py')
    found = build_model(config).data_preprocessor
    assert found.mean.flatten().tolist() == pytest.approx(config.data_preprocessor.mean)
    assert found.std.flatten().tolist() == pytest.approx(config.data_preprocessor.std)


@pytest.mark.usefixtures('registered_hosts')
def test_a_data_preprocessor_of_the_model_stays() -> None:
    config = Config.fromfile(CONFIGS / 'unet_ce_camvid.py')
    assert build_model(config).data_preprocessor.test_cfg == config.model.data_preprocessor.test_cfg
