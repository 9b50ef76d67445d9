"""A picture and its label map, painted together, shape by shape."""

from collections.abc import Sequence

import cv2
import numpy as np

__all__ = ['Canvas', 'ellipse', 'outline', 'rectangle']

Points = Sequence[tuple[float, float]]


def rectangle(left: float, bottom: float, right: float, top: float) -> Points:
    """The corners of an upright rectangle."""
    return [(left, bottom), (left, top), (right, top), (right, bottom)]


def outline(left: float, bottom: float, right: float, top: float) -> Points:
    """A rectangle whose upper corners are cut off by a tenth."""
    across, up = (right - left) / 10, (top - bottom) / 10
    return [
        (left, bottom),
        (left, top - up),
        (left + across, top),
        (right - across, top),
        (right, top - up),
        (right, bottom),
    ]


def ellipse(u: float, v: float, across: float, up: float) -> Points:
    """Twelve corners of an ellipse with its centre and its half axes."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return list(zip(u + across * np.cos(angles), v + up * np.sin(angles), strict=True))


class Canvas:
    """Paints onto a picture and its label map at once.

    Args:
        height, width: Size in pixels.
        random: Source of the noise in the textures.

    Attributes:
        image: Blue, green, red, (height, width, 3) float32, nominally 0..255.
        labels: trainIds, (height, width) uint8; 255 where nothing is painted.
    """

    def __init__(self, height: int, width: int, random: np.random.Generator) -> None:
        self.image = np.full((height, width, 3), 128, np.float32)
        self.labels = np.full((height, width), 255, np.uint8)
        rows, columns = np.mgrid[:height, :width]
        noise = random.normal(0, 1, (height, width)).astype(np.float32)
        coarse = cv2.GaussianBlur(noise, (5, 5), 0) * 4
        courses = (rows % 4 == 0) | ((columns + 3 * (rows // 4 % 2)) % 6 == 0)
        self._patterns = {
            '': 3 * noise,
            'asphalt': 7 * noise,
            'slabs': 4 * noise - 22 * ((rows % 5 == 0) | (columns % 9 == 0)),
            'leaves': 11 * coarse + 8 * noise,
            'grass': 15 * noise + 5 * coarse,
            'bricks': 4 * noise - 32 * courses,
            'bars': 4 * noise - 48 * (columns % 4 < 2),
            'ribs': 3 * noise - 22 * (columns % 5 == 0),
            'windows': 4 * noise - 50 * ((rows % 9 > 3) & (columns % 8 > 3)),
        }

    def fill(self, label: int | None, points: Points, color: np.ndarray, pattern: str = '') -> None:
        """Fills a polygon given in pixels (x, y).

        Args:
            label: trainId; None for a detail that keeps the labels below it.
            points: Corners.
            color: (3,), blue, green, red.
            pattern: Name of the texture that is added to the color.
        """
        corners = np.round(np.asarray(points)).astype(np.int32)
        low, high = np.maximum(corners.min(0), 0), corners.max(0) + 1
        part = np.s_[low[1] : max(high[1], 0), low[0] : max(high[0], 0)]
        mask = np.zeros(self.labels[part].shape, np.uint8)
        if mask.size:
            cv2.fillPoly(mask, [corners - low], 1)
        inside = mask.view(bool)
        if label is not None:
            self.labels[part][inside] = label
        self.image[part][inside] = color + self._patterns[pattern][part][inside][:, None]
