"""Tiny classification data sets in the files and folders of the real ones."""

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from ltseg.datasets.cifar import OFFICIAL


def write_cifar_batches(root: Path, num_classes: int = 10, per_class: int = 2) -> Path:
    """The official batches; classes take turns. Image and label of number i depend on i only."""
    folder = root / ('cifar-10-batches-py' if num_classes == 10 else 'cifar-100-python')
    folder.mkdir(parents=True)
    for split, seed in (('train', 0), ('test', 1)):
        labels = np.arange(num_classes * per_class) % num_classes
        data = cifar_pixels(len(labels), seed).transpose(0, 3, 1, 2).reshape(len(labels), -1)
        if num_classes == 100:
            content = {'data': data, 'fine_labels': labels.tolist(), 'coarse_labels': (labels // 5).tolist()}
            (folder / split).write_bytes(pickle.dumps(content))
            continue
        names = [f'data_batch_{number}' for number in range(1, 6)] if split == 'train' else ['test_batch']
        for name, part in zip(names, np.array_split(np.arange(len(labels)), len(names)), strict=True):
            (folder / name).write_bytes(pickle.dumps({'data': data[part], 'labels': labels[part].tolist()}))
    return root


def write_cifar_tree(root: Path, num_classes: int = 10, per_class: int = 2, suffix: str = '.png') -> Path:
    """The same images in class folders."""
    for split, seed in (('train', 0), ('test', 1)):
        for number, pixels in enumerate(cifar_pixels(num_classes * per_class, seed)):
            name = OFFICIAL[num_classes][number % num_classes]
            path = root / split / name / f'{number // num_classes:04d}{suffix}'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return root


def cifar_pixels(number: int, seed: int) -> np.ndarray:
    """Noise, (number, 32, 32, 3) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (number, 32, 32, 3), np.uint8)


def zipped(tree: Path) -> Path:
    """A zip file of a folder's content."""
    path = tree.with_suffix('.zip')
    with zipfile.ZipFile(path, 'w') as archive:
        for file in sorted(tree.rglob('*.*')):
            archive.write(file, file.relative_to(tree))
    return path


def write_image_lists(root: Path, kind: str, num_classes: int, per_class: int = 1) -> Path:
    """Lists (or JSON annotations) of 'imagenet_lt', 'places_lt' or 'inaturalist2018' with small pictures."""
    lists = {
        'imagenet_lt': ('ImageNet_LT_{}.txt', 'train/n{:08d}/n{:08d}_{}.JPEG', 'val/ILSVRC2012_val_{:08d}.JPEG'),
        'places_lt': ('Places_LT_{}.txt', 'data_256/a/scene_{:03d}/{:08d}_{}.jpg', 'val_256/Places365_val_{:08d}.jpg'),
        'inaturalist2018': ('{}2018.json', 'train_val2018/Aves/{:04d}/{}_{}.jpg', 'train_val2018/Insecta/{}.jpg'),
    }
    name, training, other = lists[kind]
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8))
    for split in ('train', 'val', 'test'):
        labels = [number % num_classes for number in range(num_classes * per_class)]
        paths = [
            training.format(label, label, number) if split == 'train' else other.format(number)
            for number, label in enumerate(labels)
        ]
        for path in paths:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            picture.save(root / path, format='JPEG')
        if name.endswith('.json'):
            content = {
                'images': [{'id': 7 + number, 'file_name': path} for number, path in enumerate(paths)],
                'annotations': [{'image_id': 7 + n, 'category_id': label} for n, label in enumerate(labels)][::-1],
            }
            (root / name.format(split)).write_text(json.dumps(content))
        else:
            lines = [f'{path} {label}' for path, label in zip(paths, labels, strict=True)]
            (root / name.format(split)).write_text('\n'.join(lines) + '\n')
    return root
