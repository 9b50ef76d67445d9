"""What a new user has: three classes, images of 32x32, a plain BaseSegDataset with MMSegmentation's own loaders."""

from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from PIL import Image

IMAGES = {'train': 5, 'val': 3}
CONFIG = """
default_scope = 'mmseg'
pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
plain = dict(
    type='BaseSegDataset', data_root='{data}', img_suffix='.png', metainfo=dict(classes=('a', 'b', 'c')),
    pipeline=pipeline)
train_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(plain, data_prefix=dict(img_path='images/train', seg_map_path='labels/train')))
val_dataloader = dict(
    batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(plain, data_prefix=dict(img_path='images/val', seg_map_path='labels/val')))
test_dataloader = val_dataloader
val_evaluator = dict(type='ltseg.LongTailIoU')
test_evaluator = val_evaluator
norm = dict(type='BN')
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', size=(32, 32), pad_val=0, seg_pad_val=255),
    backbone=dict(
        type='ResNetV1c', depth=18, base_channels=4, stem_channels=4, num_stages=1, strides=(1, ), dilations=(1, ),
        out_indices=(0, ), norm_cfg=norm),
    decode_head=dict(
        type='FCNHead', in_channels=4, in_index=0, channels=4, num_convs=1, num_classes=3, norm_cfg=norm,
        loss_decode=dict(type='ltseg.BalancedSoftmaxLoss')),
    train_cfg=dict(), test_cfg=dict(mode='whole'))
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9))
train_cfg = dict(type='IterBasedTrainLoop', max_iters=2, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2))
custom_hooks = [dict(type='ltseg.CountClasses'), dict(type='ltseg.ExactResume')]
randomness = dict(seed=1)
work_dir = '{work_dir}'
"""


def write_plain_training(folder: Path, **settings: Any) -> Path:
    """Writes data and a config for two iterations; ``settings`` change it as --cfg-options does."""
    generator = np.random.default_rng(0)
    for split, number in IMAGES.items():
        for index in range(number):
            save(folder / f'data/images/{split}/{index:04d}.png', generator.integers(0, 256, (32, 32, 3), np.uint8))
            save(folder / f'data/labels/{split}/{index:04d}.png', generator.integers(0, 3, (32, 32), np.uint8))
    path = folder / 'plain_balanced_softmax.py'
    path.write_text(CONFIG.format(data=folder / 'data', work_dir=folder / 'work_dirs/plain'))
    if settings:
        config = Config.fromfile(path)
        config.merge_from_dict(settings)
        config.dump(path)
    return path


def save(path: Path, pixels: np.ndarray) -> None:
    """Writes an image file, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
