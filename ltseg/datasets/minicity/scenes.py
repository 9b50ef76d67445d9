"""A generator of small street scenes in Cityscapes' folders: real training runs without a download."""

import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from ltseg.core.checks import check_range
from ltseg.core.errors import ExistingFileError, FileWriteError, InvalidValueError
from ltseg.core.json_files import parse_json
from ltseg.datasets.minicity.layout import KINDS, Street

__all__ = ['SETTINGS_FILE', 'StreetScenes']

SETTINGS_FILE = 'street_scenes.json'
SPLITS = ('train', 'val', 'test')
CITIES = ('alderley', 'brackwater', 'cotswick')
VERSION = 1  # of the drawings: other drawings are another data set
# Square roots of primes: multiples of them fall evenly into [0, 1) and keep no step with one another.
STEPS = np.sqrt([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47])


@dataclass(frozen=True)
class StreetScenes:
    """A data set of generated street scenes with Cityscapes' 19 classes.

    Picture i of a split depends on ``seed``, ``skew``, the size and i, and not on how many pictures are made. A class
    that occurs in a share r of the pictures occurs in r times n of any n pictures, up to rounding.

    Args:
        seed: Another seed gives other pictures of the same kind.
        skew: 1 gives classes about Cityscapes' shares of the pixels, 0 about equal ones.
        height, width: Size of a picture in pixels.
        train, val, test: Pictures in each split.

    Raises:
        ValueError: If a setting is out of range.
    """

    seed: int = 0
    skew: float = 1.0
    height: int = 128
    width: int = 256
    train: int = 120
    val: int = 40
    test: int = 40

    def __post_init__(self) -> None:
        check_range('StreetScenes.skew', self.skew, 0, 1)
        ranges = {'seed': (0, 2**32 - 1), 'height': (64, 1024), 'width': (64, 2048)}
        ranges |= dict.fromkeys(SPLITS, (0, 100_000))
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high:
                raise InvalidValueError(f'StreetScenes.{name}', f'a whole number in [{low}, {high}]', repr(value))

    def scene(self, split: str, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Picture ``index`` of a split.

        Returns:
            Blue, green, red, (height, width, 3) uint8, and trainIds, (height, width) uint8 with 255 for void.
        """
        random = np.random.default_rng([self.seed, SPLITS.index(split), index])
        street = Street(self.height, self.width, self.skew, random)
        street.draw_background()
        street.draw_objects(self._occurrences(split, index, random))
        street.draw_void()
        return street.photograph(), street.canvas.labels

    def write(self, folder: str | Path) -> bool:
        """Writes all splits; several processes may do so at once.

        Args:
            folder: Gets ``leftImg8bit/`` and ``gtFine/`` as Cityscapes has them, and the settings as JSON.

        Returns:
            Whether anything was written: False where the folder already holds these pictures.

        Raises:
            FileExistsError: If the folder holds anything else.
        """
        folder = Path(folder)
        if self._is_written(folder):
            return False
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f'.{folder.name}-', dir=folder.parent))
        try:
            self._write_into(draft)
            draft.chmod(0o755)
            os.rename(draft, folder)  # onto an empty folder too; fails where another process was faster
        except OSError:
            if not self._is_written(folder):
                raise
            return False
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return True

    def _is_written(self, folder: Path) -> bool:
        if not folder.is_dir() or not any(folder.iterdir()):
            return False
        where, hint = f'folder {str(folder)!r}', 'Name another folder, or delete this one if you do not need it.'
        settings = folder / SETTINGS_FILE
        if not settings.is_file():
            raise ExistingFileError(where, f'generated street scenes ({SETTINGS_FILE})', 'other files', hint)
        try:
            found = dict(parse_json(settings.read_text()))
        except (TypeError, ValueError) as error:
            raise ExistingFileError(str(settings), 'the settings of street scenes', str(error), hint) from error
        wanted = asdict(self) | {'version': VERSION}
        other = {name: found.get(name) for name in wanted if found.get(name) != wanted[name]}
        if other:
            expected = 'street scenes made with ' + ', '.join(f'{name}={wanted[name]}' for name in other)
            raise ExistingFileError(where, expected, repr(other), hint)
        return True

    def _write_into(self, folder: Path) -> None:
        for split in SPLITS:
            for index in range(getattr(self, split)):
                city = CITIES[index % len(CITIES)]
                image, labels = self.scene(split, index)
                name = f'{city}_{index:06d}_000019'
                _write_png(folder / 'leftImg8bit' / split / city / f'{name}_leftImg8bit.png', image)
                _write_png(folder / 'gtFine' / split / city / f'{name}_gtFine_labelTrainIds.png', labels)
        (folder / SETTINGS_FILE).write_text(json.dumps(asdict(self) | {'version': VERSION}, indent=2) + '\n')

    def _occurrences(self, split: str, index: int, random: np.random.Generator) -> dict[str, int]:
        starts = np.random.default_rng([self.seed, SPLITS.index(split)]).random(len(STEPS))
        numbers = {}
        for kind, position in zip(KINDS, (starts + index * STEPS) % 1, strict=True):
            even, skewed = KINDS[kind].rates
            rate = even ** (1 - self.skew) * skewed**self.skew
            numbers[kind] = int(random.poisson(rate)) if rate >= 1 else int(position < rate)
        return numbers


def _write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1]):
        raise FileWriteError('StreetScenes.write', f'to be able to write {str(path)!r}', 'a failure of opencv')
