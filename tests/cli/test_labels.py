"""The labels of runs: from what a config builds, whatever its file is called."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hinted import hinted
from mmengine.config import Config, ConfigDict

from ltseg.cli.labels.data import OWN_DATA, data_label
from ltseg.cli.labels.method import method_label
from ltseg.cli.labels.model import model_label
from ltseg.cli.labels.part import part_label
from ltseg.cli.labels.run_labels import labels_of
from ltseg.cli.run_setup import training_setup
from ltseg.cli.stages import stages_of
from ltseg.core.errors import LtsegError
from ltseg.datasets.exact_sampling import SeededDataset
from ltseg.losses import ARBLoss
from ltseg.registry import DATA_SAMPLERS, DATASETS, MODELS

CONFIGS = Path(__file__).parents[2] / 'configs'
FILES = sorted(path for path in CONFIGS.rglob('*.py') if '_base_' not in path.parts)


def stages_in(path: Path, **changes: Any) -> list[Config]:
    config = Config.fromfile(path)
    config.work_dir = 'work_dir'
    config.merge_from_dict(changes)
    return stages_of(config)


@pytest.fixture(scope='module')
def labelled() -> dict[str, tuple[dict[str, str], dict[str, Any]]]:
    """Labels and setup of each config in the repository."""
    made = {path.stem: stages_in(path) for path in FILES}
    return {name: (labels_of(stages), training_setup(stages[-1], stages[:-1])) for name, stages in made.items()}


def test_no_two_methods_of_one_model_and_data_set_share_a_label(labelled: dict) -> None:
    """Configs with the same labels train the same: what a config adds is looking on only."""
    found = defaultdict(list)
    for name, (labels, setup) in labelled.items():
        found[tuple(labels.values())].append((name, setup))
    assert len(found) > 100
    for labels, same in found.items():
        assert all(setup == same[0][1] for _, setup in same), (labels, [name for name, _ in same])


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('unet_ce_camvid', ('cross entropy', 'U-Net', 'CamVid')),
        ('unet_arb_camvid_long', ('ARB (batch)', 'U-Net', 'CamVid long')),
        ('deeplabv3plus_logit_adjusted_camvid', ('logit adjusted (tau 0.5)', 'DeepLabv3+ R18', 'CamVid')),
        ('deeplabv3plus_class_balanced_cityscapes', ('class-balanced (beta 1-1/N)', 'DeepLabv3+ R50', 'Cityscapes')),
        ('unet_ldam_camvid', ('LDAM, cosine', 'U-Net', 'CamVid')),
        (
            'segformer-lite0_paste_camvid',
            ('cross entropy, rare-class pasting', 'SegFormer EfficientNet-Lite0', 'CamVid'),
        ),
        ('unet_balanced_softmax_lwr_camvid', ('balanced softmax, LWR', 'U-Net', 'CamVid')),
        ('resnet32_arb_dataset_cifar100lt100', ('ARB (dataset), mixup', 'ResNet-32', 'CIFAR-100-LT 100')),
        ('resnet32_ce_monitored_cifar10lt100', ('cross entropy', 'ResNet-32', 'CIFAR-10-LT 100')),
        ('resnet32_remix_drw_cifar10lt100', ('cross entropy, Remix, DRW', 'ResNet-32', 'CIFAR-10-LT 100')),
        ('resnet50_arb_inaturalist2018', ('ARB (dataset), mixup (alpha 0.2)', 'ResNet-50', 'iNaturalist 2018')),
        (
            'segformer-lite0_sqrt_weights_camvid',
            ('re-weighting (sqrt inverse)', 'SegFormer EfficientNet-Lite0', 'CamVid'),
        ),
        (
            'segformer-lite0_rare_sampling_camvid',
            ('cross entropy, rare class sampling', 'SegFormer EfficientNet-Lite0', 'CamVid'),
        ),
        (
            'segformer-lite0_class_crop_camvid',
            ('cross entropy, class crop', 'SegFormer EfficientNet-Lite0', 'CamVid'),
        ),
        ('unet-lite0_ce_camvid', ('cross entropy', 'U-Net EfficientNet-Lite0', 'CamVid')),
    ],
)
def test_labels_of_configs(labelled: dict, name: str, expected: tuple[str, ...]) -> None:
    assert tuple(labelled[name][0].values()) == expected


def test_a_later_stage_adds_what_is_new() -> None:
    label = method_label(stages_in(CONFIGS / 'classification/resnet32_crt_cifar10lt100.py'))
    assert label == 'cross entropy; then re-sampling (class balanced), only head.fc (reinitialize)'


def test_changes_on_the_command_line_are_in_the_labels() -> None:
    loss = {'model.decode_head.loss_decode.type': 'ltseg.ARBLoss'}
    assert labels_of(stages_in(CONFIGS / 'unet_ce_camvid.py', **loss))['method'] == 'ARB (batch)'
    factor = {'train_dataloader.dataset.imbalance_factor': 50}
    path = CONFIGS / 'classification/resnet32_ce_cifar10lt100.py'
    assert labels_of(stages_in(path, **factor))['dataset'] == 'CIFAR-10-LT 50'


def test_a_config_may_say_its_labels() -> None:
    given = {'report': dict(method='mine', dataset='theirs')}
    labels = labels_of(stages_in(CONFIGS / 'unet_ce_camvid.py', **given))
    assert labels == {'method': 'mine', 'model': 'U-Net', 'dataset': 'theirs'}
    for wrong in (dict(methd='mine'), dict(method=3), dict(method='')):
        with pytest.raises(LtsegError, match='report'):
            labels_of(stages_in(CONFIGS / 'unet_ce_camvid.py', report=wrong))
    config = CONFIGS / 'unet_ce_camvid.py'
    hinted("E.g. report=dict(method='my method').", lambda: labels_of(stages_in(config, report={'method': 3})))
    assert labels_of(stages_in(config, report={'method': 'my method'}))['method'] == 'my method'


@pytest.mark.parametrize(
    ('part', 'expected'),
    [
        (dict(type='ltseg.ARBLoss', counts='batch', loss_weight=2.0, loss_name='loss_x'), 'ARB (batch)'),
        (dict(type='ltseg.ARBLoss', counts='tables/mine.json', smoothing=1), 'ARB (mine.json, smoothing 1)'),
        (dict(type='ltseg.FocalLoss', gamma=2.0), 'focal'),
        (dict(type='ltseg.FocalLoss', gamma=1), 'focal (gamma 1)'),
        (dict(type='ltseg.TverskyLoss', exponent=0.75, per='image'), 'Tversky (exponent 0.75, image)'),
        (dict(type='ltseg.LovaszLoss', per='image'), 'Lovász (image)'),
        (dict(type='ltseg.LogitAdjustedLoss', counts='ema'), 'logit adjusted (ema)'),
        (dict(type='ltseg.CrossEntropyLoss', class_weight=[1.0, 2.0]), 'cross entropy (class weight)'),
        (dict(type='CrossEntropyLoss', use_sigmoid=False, avg_non_ignore=True), 'cross entropy'),
        (dict(type='CrossEntropyLoss', use_sigmoid=True), 'cross entropy (use sigmoid)'),
        (dict(type='mmseg.DiceLoss', ignore_index=255), 'Dice'),
        (dict(type='UnheardOfLoss'), 'UnheardOf'),
        (dict(type='ltseg.ARBLoss', counts=[5, 3, 2]), 'ARB (3 numbers)'),
        (dict(type='ltseg.LongTailedDataset', dataset=dict(type='CIFAR10')), 'CIFAR-10-LT'),
        (
            dict(type='ltseg.LongTailLoss', rules=[dict(type='ltseg.PriorBias'), dict(type='ltseg.Margin', scale=2)]),
            'prior bias and margin (scale 2)',
        ),
    ],
)
def test_parts_tell_what_departs_from_their_defaults(part: dict, expected: str) -> None:
    assert part_label(part, 'mmseg') == expected


def test_every_type_that_makes_a_method_or_a_data_set_says_its_name() -> None:
    parts = ('ltseg.losses', 'ltseg.regularizers', 'ltseg.rules', 'ltseg.datasets')
    MODELS.get('ltseg.ARBLoss'), DATASETS.get('ltseg.CamVidDataset'), DATA_SAMPLERS.get('ltseg.BilateralSampler')
    kinds = {kind for entry in (MODELS, DATASETS, DATA_SAMPLERS) for kind in entry.module_dict.values()}
    kinds -= {SeededDataset}  # a wrapper that is never in a config
    named = {kind: vars(kind).get('short_name') for kind in kinds if kind.__module__.startswith(parts)}
    assert len(named) > 35 and all(named.values()), [kind for kind, name in named.items() if not name]
    assert len(set(named.values())) == len(named)


def test_a_class_does_not_go_by_the_name_of_its_base() -> None:
    class MineLoss(ARBLoss):
        pass

    class NamedLoss(ARBLoss):
        short_name = 'named'

    assert part_label(dict(type=MineLoss), 'mmseg') == 'Mine'
    assert part_label(dict(type=NamedLoss), 'mmseg') == 'named'


def config_of(model: dict, **more: Any) -> ConfigDict:
    return ConfigDict(model=model, **more)


def test_losses_are_joined_with_their_weights_where_these_differ() -> None:
    dice = dict(type='DiceLoss', loss_weight=3.0)
    head = dict(type='FCNHead', loss_decode=[dict(type='CrossEntropyLoss'), dice])
    assert method_label([config_of(dict(decode_head=head))]) == 'cross entropy + 3 × Dice'
    assert method_label([config_of(dict(decode_head=[dict(type='FCNHead'), head]))]) == 'cross entropy + 3 × Dice'


@pytest.mark.parametrize(
    ('backbone', 'head', 'expected'),
    [
        (dict(type='ResNet', depth=50), 'FCNHead', 'FCNHead on ResNet-50'),
        (dict(type='ResNetV1c', depth=101), 'PSPHead', 'PSPNet R101'),
        (dict(type='UNet'), 'ASPPHead', 'DeepLabv3 U-Net'),
        (
            dict(type='MixVisionTransformer', embed_dims=32, num_layers=[2, 2, 2, 2]),
            'SegformerHead',
            'SegFormer MiT-B0',
        ),
        (dict(type='SwinTransformer', embed_dims=96, depths=[2, 2, 6, 2]), 'UPerHead', 'UPerNet Swin-T'),
        (
            dict(type='HRNet', extra=dict(stage4=dict(num_channels=(18, 36, 72, 144)))),
            'FCNHead',
            'FCNHead on HRNet-W18',
        ),
        (dict(type='PIDNet'), 'PIDHead', 'PIDNet'),
        (dict(type='mmpretrain.ConvNeXt', arch='tiny'), 'UPerHead', 'UPerNet ConvNeXt-tiny'),
    ],
)
def test_models_are_named_by_head_and_backbone(backbone: dict, head: str, expected: str) -> None:
    for decode_head in (dict(type=head), dict(type='ltseg.LongTailSegHead', head_type=head)):
        model = dict(backbone=backbone, decode_head=decode_head)
        assert model_label(config_of(model)) == expected
        assert model_label(config_of(dict(type='SegTTAModel', module=model))) == expected


@pytest.mark.parametrize(
    ('dataset', 'expected'),
    [
        (dict(type='BaseSegDataset', data_root='/disk/potsdam/'), 'potsdam'),
        (dict(type='BaseSegDataset', data_root='/disk/potsdam/train'), 'potsdam'),
        (dict(type='BaseSegDataset', data_prefix=dict(img_path='roads/images/val')), 'roads'),
        (dict(type='BaseSegDataset'), OWN_DATA),
        (dict(type='BaseSegDataset', data_root='.'), OWN_DATA),
        (dict(type='COCOStuffDataset'), 'COCO-Stuff'),
        (dict(type='CityscapesDataset', data_root='x'), 'Cityscapes'),
        (dict(type='ADE20KDataset', data_root='x'), 'ADE20K'),
        (dict(type='RepeatDataset', times=3, dataset=dict(type='ltseg.CamVidDataset')), 'CamVid'),
        (
            dict(type='ConcatDataset', datasets=[dict(type='ltseg.CamVidDataset'), dict(type='CityscapesDataset')]),
            'CamVid + Cityscapes',
        ),
        (
            dict(type='ltseg.LongTailedDataset', imbalance_factor=10, profile='pareto', dataset=dict(type='CIFAR100')),
            'CIFAR-100-LT 10 (pareto)',
        ),
        (dict(type='ltseg.LongTailedDataset', imbalance_factor=1, dataset=dict(type='CIFAR100')), 'CIFAR-100'),
        (
            dict(type='ltseg.LongTailedDataset', imbalance_factor=1, largest=50, dataset=dict(type='CIFAR100')),
            'CIFAR-100-LT 1 (largest 50)',
        ),
    ],
)
def test_data_sets_are_named_through_wrappers(dataset: dict, expected: str) -> None:
    assert data_label(ConfigDict(train_dataloader=dict(dataset=dataset))) == expected
    assert data_label(ConfigDict(test_dataloader=dict(dataset=dataset))) == expected
    assert data_label(ConfigDict()) == OWN_DATA
