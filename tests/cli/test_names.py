"""Names of classification configs; tests/cli/test_recording.py has those of segmentation."""

from pathlib import Path

import pytest

from ltseg.cli.names import names_of

FOLDER = 'configs/classification/'


@pytest.mark.parametrize(
    ('config', 'expected'),
    [
        ('resnet32_arb_cifar10lt100.py', ('ResNet-32', 'ARB (batch)', 'CIFAR-10-LT 100')),
        ('resnet32_ldam_drw_cifar100lt100.py', ('ResNet-32', 'LDAM-DRW', 'CIFAR-100-LT 100')),
        ('resnext50_logit_adjusted_imagenetlt.py', ('ResNeXt-50', 'logit adjusted', 'ImageNet-LT')),
        ('resnet50_arb_inaturalist2018.py', ('ResNet-50', 'ARB (dataset)', 'iNaturalist 2018')),
        ('resnet50_arb_imagenetlt.py', ('ResNet-50', 'ARB (dataset)', 'ImageNet-LT')),
        ('resnet50_my_loss_inaturalist2018_short.py', ('ResNet-50', 'my_loss', 'iNaturalist 2018 short')),
    ],
)
def test_names_come_from_the_file(config: str, expected: tuple[str, ...]) -> None:
    names = names_of(FOLDER + config)
    assert (names['model'], names['method'], names['dataset']) == expected
    assert names['name'] == Path(config).stem


def test_another_imbalance_factor_is_another_data_set() -> None:
    settings = {'train_dataloader.dataset.imbalance_factor': 50, 'optimizer.lr': 0.1}
    assert names_of(f'{FOLDER}resnet32_ce_cifar10lt100.py', settings)['dataset'] == 'CIFAR-10-LT 50'
    assert names_of('configs/unet_ce_camvid.py', settings)['dataset'] == 'CamVid'
