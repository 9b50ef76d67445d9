"""Where everything stands in a generated street, seen along the street in perspective."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from ltseg.datasets.minicity.canvas import Canvas, ellipse, rectangle
from ltseg.datasets.minicity.objects import DRAWINGS, TRAIN_IDS, Box, jittered

__all__ = ['KINDS', 'VOID', 'Kind', 'Street']

VOID = 255


@dataclass(frozen=True)
class Kind:
    """How often an object occurs and where it stands.

    Args:
        rates: Objects in a picture on average, without and with the skew.
        height: Height of one that stands at the lower edge of the picture, in heights of the picture.
        aspect: Width over height.
        place: Where it stands: 'road', 'side' (pavement) or 'edge' (where pavement and buildings meet).
    """

    rates: tuple[float, float]
    height: float
    aspect: float
    place: str


# Calibrated once on the share of the pixels that each class gets, never on what a model makes of them.
KINDS = {
    'terrain': Kind((8.0, 1.1), 0.2, 5.0, 'side'),
    'wall': Kind((1.1, 0.28), 0.4, 3.0, 'edge'),
    'fence': Kind((1.1, 0.39), 0.35, 3.5, 'edge'),
    'vegetation': Kind((0.82, 4.3), 1.4, 0.7, 'edge'),
    'pole': Kind((1.8, 2.5), 1.1, 0.16, 'side'),
    'light': Kind((8.1, 0.79), 1.1, 0.18, 'side'),
    'sign': Kind((4.4, 1.6), 0.9, 0.35, 'side'),
    'person': Kind((7.1, 3.8), 0.5, 0.38, 'side'),
    'rider': Kind((6.0, 0.4), 0.55, 0.8, 'road'),
    'car': Kind((2.2, 6.9), 0.34, 2.0, 'road'),
    'truck': Kind((1.0, 0.14), 0.46, 1.8, 'road'),
    'bus': Kind((0.84, 0.13), 0.45, 2.0, 'road'),
    'train': Kind((0.71, 0.11), 0.45, 2.5, 'road'),
    'motorcycle': Kind((3.6, 0.11), 0.3, 1.45, 'road'),
    'bicycle': Kind((2.5, 0.31), 0.32, 1.5, 'side'),
}
STONES = ((110, 125, 150), (130, 135, 140), (95, 110, 160), (150, 165, 175))
FLAT = ('terrain',)  # drawn before all that stands


class Street:
    """One street. Depth runs from 0 at the horizon to 1 at the lower edge; sizes are proportional to it.

    Args:
        height, width: Size of the picture in pixels.
        skew: 1 for Cityscapes' shares of the pixels, 0 for about equal ones.
        random: Where all chance comes from.
    """

    def __init__(self, height: int, width: int, skew: float, random: np.random.Generator) -> None:
        self.height, self.width, self.skew, self.random = height, width, skew, random
        self.canvas = Canvas(height, width, random)
        self.horizon = self._between(0.17, 0.37) * height * random.uniform(0.9, 1.1)
        self.vanishing = width * random.uniform(0.35, 0.65)
        self.frontage = width * random.uniform(1.15, 1.4)  # from the middle of the street to the buildings, at depth 1
        self.kerb = self.frontage * self._between(0.4, 0.71) * random.uniform(0.95, 1.05)
        self._taken = np.zeros((height, width), bool)

    def _between(self, without: float, with_skew: float) -> float:
        return without + self.skew * (with_skew - without)

    def _ground(self, depth: float) -> float:
        return self.horizon + depth * (self.height - self.horizon)

    def _color(self, *colors: tuple[int, int, int]) -> np.ndarray:
        return jittered(self.random, colors)

    def draw_background(self) -> None:
        """Sky, pavement and road, and the buildings on both sides."""
        bottom, width = self.height + 1, self.width
        sky = self._color((235, 205, 175), (225, 220, 215), (240, 190, 140))
        self.canvas.fill(TRAIN_IDS['sky'], rectangle(0, 0, width, bottom), sky)
        self._draw_skyline()
        corners = rectangle(0, self.horizon, width, bottom)
        self.canvas.fill(TRAIN_IDS['sidewalk'], corners, self._color((125, 122, 128)), 'slabs')
        middle = self.vanishing
        corners = [(middle, self.horizon), (middle - self.kerb, bottom), (middle + self.kerb, bottom)]
        self.canvas.fill(TRAIN_IDS['road'], corners, self._color((92, 90, 90), (105, 104, 102)), 'asphalt')
        for depth in (0.15, 0.25, 0.4, 0.6, 0.9):
            half, near = 0.01 * width * depth, self._ground(1.15 * depth)
            dash = [(middle - half, self._ground(depth)), (middle + half, self._ground(depth))]
            self.canvas.fill(None, [*dash, (middle + half, near), (middle - half, near)], np.array((190, 190, 190)))
        for side in (-1, 1):
            self._draw_buildings(side)

    def _draw_skyline(self) -> None:
        left = 0.0
        while left < self.width:
            right = left + self.random.uniform(0.1, 0.4) * self.width
            top = self.horizon - self.random.uniform(0, self._between(0.15, 0.5)) * self.height
            corners = [(left, self.horizon), (left, top), (right, top), (right, self.horizon)]
            if self.random.random() < 0.5:
                self.canvas.fill(TRAIN_IDS['building'], corners, self._color(*STONES), 'windows')
            else:
                self.canvas.fill(TRAIN_IDS['vegetation'], corners, self._color((70, 105, 80)), 'leaves')
            left = right

    def _draw_buildings(self, side: int) -> None:
        near = 0.04
        while near < 1:
            far, near = near, near * self.random.uniform(1.5, 2.2)
            if self.random.random() > self._between(0.5, 0.85):
                continue
            storeys = self.random.uniform(0.5, 1) * self._between(0.8, 3.5) * self.height
            corners = []
            for depth, up in ((far, 0), (far, storeys), (near, storeys), (near, 0)):
                corners.append((self.vanishing + side * self.frontage * depth, self._ground(depth) - up * depth))
            self.canvas.fill(TRAIN_IDS['building'], corners, self._color(*STONES), 'windows')

    def draw_objects(self, numbers: Mapping[str, int]) -> None:
        """Draws so many objects of each kind, from far to near."""
        placed = [(*self._place(KINDS[kind]), kind) for kind, number in numbers.items() for _ in range(number)]
        for _, box, kind in sorted(placed, key=lambda item: (item[2] not in FLAT, item[0])):
            box.mirrored = bool(self.random.integers(2))
            DRAWINGS[kind](box, self.random)

    def _place(self, kind: Kind) -> tuple[float, Box]:
        """The depth of an object and the box that it fills, at the emptiest of a few places."""
        places = []
        for _ in range(6):
            depth = self.random.uniform(self._between(0.4, 0.12), self._between(0.9, 0.6))
            tall = kind.height * self.height * depth * self.random.uniform(0.85, 1.15)
            wide = tall * kind.aspect * self.random.uniform(0.9, 1.1)
            offsets = {'road': (0, self.kerb), 'side': (self.kerb, self.frontage), 'edge': (self.frontage,) * 2}
            offset = self.random.uniform(*offsets[kind.place]) * depth * self.random.choice((-1, 1))
            middle = float(np.clip(self.vanishing + offset, 0.3 * wide, self.width - 0.3 * wide))
            base = self._ground(depth)
            rows, columns = (base - tall, base), (middle - wide / 2, middle + wide / 2)
            window = tuple(slice(max(int(start), 0), max(int(end), 0)) for start, end in (rows, columns))
            crowd = self._taken[window].mean() if self._taken[window].size else 1.0
            places.append((crowd, depth, Box(self.canvas, middle, base, wide, tall), window))
        _, depth, box, window = min(places, key=lambda place: place[0])
        self._taken[window] = True
        return depth, box

    def draw_void(self) -> None:
        """What Cityscapes does not label: the bonnet of the camera's own car, and here and there something unknown."""
        middle = self.width / 2
        bonnet = ellipse(middle, self.height + 2, 0.6 * self.width, 0.07 * self.height)
        self.canvas.fill(VOID, bonnet, self._color((55, 55, 58)))
        for _ in range(self.random.poisson(0.7)):
            x, y = self.random.uniform(0, self.width), self.random.uniform(self.horizon, self.height)
            size = self.random.uniform(2, 8)
            self.canvas.fill(VOID, ellipse(x, y, size, size * 0.7), self._color((90, 100, 110), (60, 60, 60)))

    def photograph(self) -> np.ndarray:
        """The picture under this street's light, with the camera's blur and noise, (height, width, 3) uint8."""
        image = cv2.GaussianBlur(self.canvas.image, (3, 3), 0.6)
        light = self.random.uniform(0.75, 1.2) * (1 + self.random.uniform(-0.15, 0.15) * np.linspace(-1, 1, self.width))
        image = image * light[None, :, None].astype(np.float32)
        image += self.random.normal(0, 5, image.shape).astype(np.float32)
        return np.clip(image, 0, 255).astype(np.uint8)
