"""Cityscapes' official labels, polygons or labelIds, as the 19 trainIds that segmentors learn."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ltseg.core.errors import InvalidValueError
from ltseg.core.files import atomic_write
from ltseg.core.json_files import parse_json
from ltseg.datasets.checked_loading import read_labels

__all__ = ['official_files', 'train_ids_of', 'write_train_ids']

VOID = 255
LICENSE_PLATE = 'license plate'  # has no id: what lies below it, the car, stays
NAMES = (
    ('unlabeled', 'ego vehicle', 'rectification border', 'out of roi', 'static', 'dynamic', 'ground', 'road')
    + ('sidewalk', 'parking', 'rail track', 'building', 'wall', 'fence', 'guard rail', 'bridge', 'tunnel', 'pole')
    + ('polegroup', 'traffic light', 'traffic sign', 'vegetation', 'terrain', 'sky', 'person', 'rider', 'car')
    + ('truck', 'bus', 'caravan', 'trailer', 'train', 'motorcycle', 'bicycle')
)  # in the order of the official ids, 0..33
LEARNED_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)  # in the order of trainIds
TRAIN_IDS = {label_id: train_id for train_id, label_id in enumerate(LEARNED_IDS)}
POLYGONS, LABEL_IDS, RESULT = '_gtFine_polygons.json', '_gtFine_labelIds.png', '_gtFine_labelTrainIds.png'


def official_files(root: Path) -> Iterator[tuple[Path, Path]]:
    """An official file of each image, labelIds where there are some (they are faster), and the file to make of it."""
    images = sorted(
        {str(path)[: -len(end)] for end in (POLYGONS, LABEL_IDS) for path in root.glob(f'gtFine/*/*/*{end}')}
    )
    for image in images:
        source = Path(image + LABEL_IDS)
        yield source if source.is_file() else Path(image + POLYGONS), Path(image + RESULT)


def train_ids_of(source: Path) -> np.ndarray:
    """The trainIds of an official file, (H, W) uint8 with 255 for void.

    Raises:
        ValueError: If the file cannot be read or holds an unknown label; names file and label.
    """
    return _from_polygons(source) if source.suffix == '.json' else _from_ids(source)


def write_train_ids(source: Path, result: Path) -> None:
    """Writes the label image of an official file, whole or not at all.

    Raises:
        ValueError: If the official file cannot be read.
        OSError: If the label image cannot be written.
    """
    with atomic_write(result) as draft:
        Image.fromarray(train_ids_of(source)).save(draft, format='PNG')


def _from_ids(source: Path) -> np.ndarray:
    table = np.full(256, VOID, np.uint8)
    table[list(TRAIN_IDS)] = list(TRAIN_IDS.values())
    ids = read_labels(str(source))
    if ids.max() >= len(NAMES):
        raise InvalidValueError(f'label file {source}', f'ids 0..{len(NAMES) - 1}', repr(int(ids.max())))
    return table[ids]


def _from_polygons(source: Path) -> np.ndarray:
    try:
        annotation = parse_json(source.read_text())
        image = Image.new('L', (annotation['imgWidth'], annotation['imgHeight']), VOID)
        drawer = ImageDraw.Draw(image)
        for shape in annotation['objects']:  # later shapes hide earlier ones
            if not shape.get('deleted') and shape['label'] != LICENSE_PLATE:
                train_id = TRAIN_IDS.get(_id_of(shape['label']), VOID)
                drawer.polygon([tuple(point) for point in shape['polygon']], fill=train_id)
    except (ValueError, KeyError, TypeError) as error:
        reason = f'{type(error).__name__}: {error}'
        hint = 'Unpack it again from gtFine_trainvaltest.zip.'
        raise InvalidValueError(f'polygon file {source}', "Cityscapes' polygons", reason, hint) from error
    return np.asarray(image)


def _id_of(label: str) -> int:
    """The id of a label; a group of objects (e.g. 'cargroup') has that of one."""
    for name in (label, label.removesuffix('group')):
        if name in NAMES:
            return NAMES.index(name)
    raise InvalidValueError(f'no such label as {label!r}')
