"""Tiny data sets in the folders of the real ones, and configs cut down to one iteration on them."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

from ltseg.counts.data_set_counts import build_dataset
from ltseg.nested_datasets import dataset_classes
from ltseg.registry import MODELS

# What a config is changed in, wherever the setting occurs: sizes, batch, workers and length, but in the model ...
CUT = {
    'crop_size': (32, 64),  # U-Net needs sides divisible by 16
    'scale': (64, 32),
    'batch_size': 2,
    'num_workers': 0,
    'persistent_workers': False,  # mmengine refuses it without workers
    'max_iters': 1,
    'val_interval': 1,
    'interval': 1,  # of the logger and of checkpoints
}
# ... the size of batches, pretrained weights, and widths.
MODEL_CUT = {'size': (32, 64), 'pretrained': None, 'weights': None, 'init_cfg': None}
WIDTH = 8  # channels of a backbone's first stage; every width of the model shrinks by the same factor
WIDTHS = ('in_channels', 'channels', 'c1_in_channels', 'c1_channels', 'ocr_channels')
SCENES = {'height': 64, 'width': 64, 'train': 2, 'val': 2, 'test': 1}  # where the data set is generated


def cut_down(config: Config, data_root: Path, work_dir: Path) -> None:
    """Makes a config train one iteration, validate and save, on the data in ``data_root``."""
    for name, value in config._cfg_dict.items():
        cut = MODEL_CUT if name == 'model' else CUT
        for part in parts(value):
            part.update({key: cut[key] for key in cut if key in part})
            if 'data_root' in part:
                part['data_root'] = str(data_root)
            if part.get('type') == 'ltseg.ClusterSubclasses':
                part['begin'] = 0
            if 'generate' in part:
                part['generate'].update(SCENES)
    config.work_dir = config.experiment_name = str(work_dir)  # the name keeps runs of one second apart
    narrow(config.model)


def narrow(model: dict) -> None:
    """Divides all widths of a segmentor by what makes its backbone's ``WIDTH`` channels wide; some have theirs."""
    if model['backbone']['type'] == 'MixVisionTransformer':
        model['backbone']['sr_ratios'] = [1] * 4  # its keys are from patches of up to 8 x 8 positions
    if model['backbone']['type'] in ('ltseg.TIMMEncoder', 'MixVisionTransformer'):
        return
    base = model['backbone'].get('base_channels', 64)
    model['backbone']['base_channels'] = WIDTH
    if model['backbone']['type'] != 'UNet':
        model['backbone']['stem_channels'] = WIDTH
    for head in parts([model['decode_head'], model.get('auxiliary_head')]):
        for key in set(WIDTHS) & set(head):
            old = head[key]
            head[key] = [width * WIDTH // base for width in old] if isinstance(old, list) else old * WIDTH // base


def write_experts(config: Config, folder: Path) -> None:
    """Gives a student of LFME, which is cut down already, random experts on parts of the classes to learn from."""
    for hook in parts(config._cfg_dict):
        if hook.get('type') != 'ltseg.LearnFromExperts':
            continue
        with DefaultScope.overwrite_default_scope(config.default_scope):
            names, number = dataset_classes(build_dataset(config.train_dataloader.dataset)), len(hook.experts)
            for place in range(number):
                classes, model = names[place::number], deepcopy(hook.get('model', config.model))
                for part in parts(model):
                    part.update({'num_classes': len(classes)} if 'num_classes' in part else {})
                hook.experts[place], state = str(folder / f'expert_{place}.pth'), MODELS.build(model).state_dict()
                torch.save({'state_dict': state, 'meta': {'dataset_meta': {'classes': classes}}}, hook.experts[place])


def parts(value: Any) -> Iterator[dict]:
    """Every dict in a part of a config."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for entry in value:
            yield from parts(entry)


@contextmanager
def quick_runners() -> Iterator[None]:
    """Leaves out what mmengine does for each runner and takes longer than the run."""
    from mmengine.utils.dl_utils import collect_env

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, 'pretty_text', property(unformatted))
        patch.setattr('mmengine.runner.runner.collect_env', cache(collect_env))  # asks compilers for their versions
        gc.freeze()  # each data set collects garbage, among all modules that are loaded
        yield
        gc.unfreeze()


def unformatted(config: Config, text: Callable[[Config], str] = Config.pretty_text.fget) -> str:
    """The config as Python text without a formatter's line breaks, which five times over are most of a run's time."""
    object.__setattr__(config, '_format_python_code', False)
    return text(config)


def write_cityscapes(root: Path) -> Path:
    """Two images in each of Cityscapes' splits with public labels; every class is in each of them."""
    for split in ('train', 'val'):
        for index in range(2):
            place = f'{split}/ulm/ulm_{index:06d}_000019'
            image, labels = f'leftImg8bit/{place}_leftImg8bit.png', f'gtFine/{place}_gtFine_labelTrainIds.png'
            write_sample(root / image, root / labels, num_classes=19, void=255, size=(40, 80), seed=index)
    return root


def write_camvid(root: Path) -> Path:
    """Two images in each of CamVid's splits; every class is in each of them."""
    for split in ('train', 'val', 'test'):
        for index in range(2):
            image, labels = root / f'images/{split}/{index}.jpg', root / f'labels/{split}/{index}.png'
            write_sample(image, labels, num_classes=11, void=11, size=(36, 48), seed=index)
    return root


# Of MMSegmentation's data sets: classes, the values of the first class and of what is ignored, suffixes of images and
# labels, and their folders for 'train' and 'val'.
LAYOUTS: dict[str, tuple[int, int, int, str, str, tuple[str, str], tuple[str, str]]] = {
    'ADE20KDataset': (
        150, 1, 0, '.jpg', '.png',
        ('images/training', 'annotations/training'), ('images/validation', 'annotations/validation'),
    ),
    'COCOStuffDataset': (
        171, 0, 255, '.jpg', '_labelTrainIds.png',
        ('images/train2017', 'annotations/train2017'), ('images/val2017', 'annotations/val2017'),
    ),
    'LoveDADataset': (7, 1, 0, '.png', '.png', ('img_dir/train', 'ann_dir/train'), ('img_dir/val', 'ann_dir/val')),
    'PotsdamDataset': (6, 1, 0, '.png', '.png', ('img_dir/train', 'ann_dir/train'), ('img_dir/val', 'ann_dir/val')),
    'BDD100KDataset': (
        19, 0, 255, '.jpg', '.png',
        ('images/10k/train', 'labels/sem_seg/masks/train'), ('images/10k/val', 'labels/sem_seg/masks/val'),
    ),
    'MapillaryDataset_v1': (
        65, 0, 65, '.jpg', '.png',
        ('training/images', 'training/v1.2/labels'), ('validation/images', 'validation/v1.2/labels'),
    ),
}  # fmt: skip


def write_layout(root: Path, dataset: str) -> Path:
    """Two images in each split of one of MMSegmentation's data sets; every class is in each of them."""
    classes, first, void, image_suffix, label_suffix, *splits = LAYOUTS[dataset]
    for images, labels in splits:
        for index in range(2):
            paths = root / f'{images}/{index}{image_suffix}', root / f'{labels}/{index}{label_suffix}'
            write_sample(*paths, num_classes=classes, void=void, size=(36, 240), seed=index, first=first)
    return root


def write_sample(
    image: Path, labels: Path, num_classes: int, void: int, size: tuple[int, int], seed: int, first: int = 0
) -> None:
    """An image of noise, and labels in upright stripes below a void line, the first class the widest."""
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    ends = np.ceil(size[1] * (np.arange(1, num_classes + 1) / num_classes) ** 0.5)
    stripes = np.searchsorted(ends, np.arange(size[1]), side='right').astype(np.uint8) + np.uint8(first)
    pixels = np.tile(stripes, (size[0], 1))
    pixels[0] = void
    for path, array in ((image, noise), (labels, pixels)):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
