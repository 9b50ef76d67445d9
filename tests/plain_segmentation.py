"""A tiny run on a plain BaseSegDataset with MMSegmentation's own loaders, as a new user has it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from PIL import Image

SIZE = 32
NAMES = ('road', 'car', 'rider')


def stripes(shares: Sequence[float], values: Sequence[int], kind: type = np.uint8) -> np.ndarray:
    """Labels (32, 32) with the values in upright stripes, so wide as their shares."""
    ends = (np.cumsum(shares) * SIZE * SIZE).round().astype(int)
    return np.array(values, kind)[np.searchsorted(ends, np.arange(SIZE * SIZE), side='right')].reshape(SIZE, SIZE).T


def write_images(folder: Path, labels: np.ndarray, splits: Sequence[str] = ('train', 'val', 'test')) -> Path:
    """Two images of noise in each split, with the same labels."""
    for split in splits:
        for index in range(2):
            noise = np.random.default_rng(index).integers(0, 256, (*labels.shape, 3), np.uint8)
            for kind, array, suffix in (('img', noise, 'jpg'), ('ann', labels, 'png')):
                (folder / kind / split).mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(folder / kind / split / f'{index}.{suffix}')
    return folder


def write_plain_config(folder: Path, names: Any = NAMES, num_classes: int = 3, **changes: Any) -> Path:
    """A config of two iterations on ``folder/data``; ``changes`` are as with --cfg-options, dots as two underscores."""
    loaders = {f'{split}_dataloader': _loader(folder / 'data', split, names) for split in ('train', 'val', 'test')}
    config = Config(
        {
            'default_scope': 'mmseg',
            'model': _model(num_classes),
            'work_dir': str(folder / 'work_dirs' / 'run'),
            **loaders,
            **{f'{split}_evaluator': {'type': 'ltseg.LongTailIoU'} for split in ('val', 'test')},
            'train_cfg': {'type': 'IterBasedTrainLoop', 'max_iters': 2, 'val_interval': 2},
            'val_cfg': {'type': 'ValLoop'},
            'test_cfg': {'type': 'TestLoop'},
            'optim_wrapper': {'type': 'OptimWrapper', 'optimizer': {'type': 'SGD', 'lr': 0.01}},
            'default_hooks': {'checkpoint': {'type': 'CheckpointHook', 'by_epoch': False, 'interval': 2}},
            'custom_hooks': [{'type': 'ltseg.CountClasses'}],
            'randomness': {'seed': 0},
        }
    )
    config.merge_from_dict({key.replace('__', '.'): value for key, value in changes.items()})
    path = folder / 'unet_ce_plain.py'
    config.dump(path)
    return path


def _loader(data: Path, split: str, names: Any) -> dict[str, Any]:
    pipeline = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}, {'type': 'PackSegInputs'}]
    training = split == 'train'
    return {
        'batch_size': 2 if training else 1,
        'num_workers': 0,
        'sampler': {'type': 'InfiniteSampler' if training else 'DefaultSampler', 'shuffle': training},
        'dataset': {
            'type': 'BaseSegDataset',
            'data_root': str(data),
            'data_prefix': {'img_path': f'img/{split}', 'seg_map_path': f'ann/{split}'},
            'metainfo': {'classes': names},
            'pipeline': pipeline,
        },
    }


def _model(num_classes: int) -> dict[str, Any]:
    stages = {'strides': (1, 1), 'enc_num_convs': (1, 1), 'dec_num_convs': (1,), 'enc_dilations': (1, 1)}
    return {
        'type': 'EncoderDecoder',
        'data_preprocessor': {'type': 'SegDataPreProcessor', 'mean': [127.0] * 3, 'std': [64.0] * 3, 'size': (32, 32)},
        'backbone': {
            'type': 'UNet',
            'base_channels': 4,
            'num_stages': 2,
            'downsamples': (True,),
            'dec_dilations': (1,),
            **stages,
        },
        'decode_head': {
            'type': 'FCNHead',
            'in_channels': 8,
            'in_index': 0,
            'channels': 8,
            'num_convs': 0,
            'concat_input': False,
            'num_classes': num_classes,
            'loss_decode': {'type': 'ltseg.CrossEntropyLoss'},
        },
        'test_cfg': {'mode': 'whole'},
    }
