"""Indices of chosen images as a file."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ltseg.core.errors import InvalidValueError
from ltseg.core.files import atomic_write
from ltseg.core.json_files import parse_json

__all__ = ['ChosenIndices', 'fingerprint']

FORMAT = 'ltseg chosen indices 1'
REMEDY = 'Delete the file to choose anew, or name another one.'


def fingerprint(labels: np.ndarray) -> dict[str, Any]:
    """What tells data sets and their orders apart: the number of images and a hash of their labels."""
    return {'images': len(labels), 'labels': hashlib.sha256(labels.astype('<i8').tobytes()).hexdigest()}


@dataclass(frozen=True, eq=False)
class ChosenIndices:
    """Indices into a data set, and the settings that they were chosen with.

    Args:
        indices: Chosen images, (N,) int64.
        settings: Plain JSON values.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from ltseg.datasets.chosen_indices import ChosenIndices, fingerprint
        >>> settings = {'seed': 0, 'data': fingerprint(np.array([0, 0, 1]))}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ChosenIndices(np.array([2, 0]), settings).save(f'{folder}/chosen.json')
        ...     ChosenIndices.load(f'{folder}/chosen.json', expected=settings).indices.tolist()
        [2, 0]
    """

    indices: np.ndarray
    settings: dict[str, Any]

    def save(self, path: str | os.PathLike) -> None:
        """Writes a JSON file."""
        content = {'format': FORMAT, 'settings': self.settings, 'indices': self.indices.tolist()}
        with atomic_write(path) as draft:
            draft.write_text(json.dumps(content), encoding='utf-8')

    @classmethod
    def load(cls, path: str | os.PathLike, expected: dict[str, Any]) -> 'ChosenIndices':
        """Reads a file that ``save`` wrote.

        Args:
            path: The file.
            expected: Settings that it must have been made with.

        Raises:
            ValueError: If the file is not such a file, has other settings, or indices that cannot be right.
        """
        where = f'indices file {str(path)!r}'
        try:
            content = parse_json(Path(path).read_text(encoding='utf-8'))
            if content['format'] != FORMAT:
                raise InvalidValueError(f'format {content["format"]!r}')
            settings, indices = dict(content['settings']), np.asarray(content['indices'], np.int64)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise InvalidValueError(where, f'a file of the format {FORMAT!r}', str(error), REMEDY) from error
        for name, value in expected.items():
            if settings.get(name) != value:
                raise InvalidValueError(where, f'indices made with {name}={value!r}', repr(settings.get(name)), REMEDY)
        images = settings['data']['images']
        if indices.ndim != 1 or not len(indices) or indices.min() < 0 or indices.max() >= images:
            raise InvalidValueError(where, f'indices of {images} images', repr(indices.tolist()[:5]), REMEDY)
        return cls(indices, settings)
