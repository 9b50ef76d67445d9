"""A config of a segmentor with a small random encoder, on tiny pictures."""

from pathlib import Path
from typing import Any

from mmengine.config import Config
from tiny_runs import cut_down, write_camvid, write_sample
from tiny_training import ROOT

CONFIG = ROOT / 'configs/segformer-lite0_ce_camvid.py'


def small_config(folder: Path, **settings: Any) -> Config:
    """The config in a file of its own, with five training images and two of validation."""
    data = write_camvid(folder / 'camvid')
    for index in range(2, 5):
        image, labels = data / f'images/train/{index}.jpg', data / f'labels/train/{index}.png'
        write_sample(image, labels, num_classes=11, void=11, size=(36, 48), seed=index)
    config = Config.fromfile(CONFIG)
    cut_down(config, data, folder / 'work_dirs' / 'run')
    config.model.backbone = dict(
        type='ResNet', depth=18, base_channels=8, stem_channels=8, num_stages=4, out_indices=(1, 2, 3),
        norm_cfg=dict(type='BN'), style='pytorch', deep_stem=False,
    )  # fmt: skip
    config.model.decode_head.update(in_channels=[16, 32, 64], channels=8)
    config.merge_from_dict(settings)
    path = folder / CONFIG.name
    config.dump(path)
    return Config.fromfile(path)
