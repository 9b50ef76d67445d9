"""Drawings of the things that stand in a generated street: each draws its shape, its label and its texture.

Classes that Cityscapes' users confuse share their colors here too; what tells them apart is shape and texture: a
rider leans over a vehicle and a person stands on legs, a bus has windows all along and a truck only in its cab, a
train has doors and a band below its windows, a wall has courses and a fence has bars.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ltseg.datasets.minicity.canvas import Canvas, ellipse, outline, rectangle

__all__ = ['DRAWINGS', 'TRAIN_IDS', 'Box', 'jittered']

NAMES = ('road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'light', 'sign', 'vegetation', 'terrain', 'sky') + (
    'person',
    'rider',
    'car',
    'truck',
    'bus',
    'train',
    'motorcycle',
    'bicycle',
)  # in the order of Cityscapes' trainIds
TRAIN_IDS = {name: train_id for train_id, name in enumerate(NAMES)}

GLASS, RUBBER, STEEL = (70, 55, 45), (35, 35, 38), (120, 122, 118)  # blue, green, red
PAINTS = [(40, 40, 170), (165, 90, 40), (200, 200, 205), (60, 60, 62), (60, 150, 190), (90, 120, 60), (140, 135, 130)]
CLOTHES = [(50, 45, 60), (140, 70, 50), (45, 50, 150), (150, 150, 155), (60, 110, 70), (90, 140, 180)]
SIGNS = [(35, 30, 190), (180, 90, 30), (45, 190, 215), (215, 215, 215)]
MASONRY = [(120, 125, 135), (100, 115, 145), (145, 150, 150), (95, 105, 110)]
SKIN = (120, 150, 195)


class Box:
    """The upright rectangle that an object fills, with coordinates of its own: u from -0.5 to 0.5, v from 0 up to 1."""

    def __init__(self, canvas: Canvas, middle: float, base: float, width: float, height: float) -> None:
        self.canvas, self.mirrored = canvas, False
        self.middle, self.base, self.width, self.height = middle, base, width, height

    def fill(
        self, label: str | None, points: Sequence[tuple[float, float]], color: np.ndarray, pattern: str = ''
    ) -> None:
        """Fills a polygon given in (u, v); without a label it is a detail that keeps the label below it."""
        side = -1 if self.mirrored else 1
        pixels = [(self.middle + side * u * self.width, self.base - v * self.height) for u, v in points]
        self.canvas.fill(None if label is None else TRAIN_IDS[label], pixels, color, pattern)


def jittered(random: np.random.Generator, colors: Sequence[Sequence[float]] | Sequence[float]) -> np.ndarray:
    """One of ``colors`` (or the only one), with a brightness and a tint of its own, (3,) float32."""
    table = np.atleast_2d(np.asarray(colors, np.float32))
    return table[random.integers(len(table))] * random.uniform(0.8, 1.2) + random.normal(0, 6, 3).astype(np.float32)


def _wheels(box: Box, label: str, places: Sequence[float], radius: float) -> None:
    for u in places:
        box.fill(label, ellipse(u, radius, radius * box.height / box.width, radius), np.array(RUBBER))


def _car(box: Box, random: np.random.Generator) -> None:
    paint = jittered(random, PAINTS)
    body = [(-0.5, 0.18), (-0.5, 0.5), (-0.32, 0.58), (-0.18, 1), (0.22, 1), (0.36, 0.6), (0.5, 0.5), (0.5, 0.18)]
    box.fill('car', body, paint)
    box.fill(None, [(-0.26, 0.6), (-0.15, 0.92), (0.19, 0.92), (0.29, 0.6)], np.array(GLASS))
    _wheels(box, 'car', (-0.29, 0.29), 0.2)


def _truck(box: Box, random: np.random.Generator) -> None:
    box.fill('truck', rectangle(-0.5, 0.14, 0.2, 1), jittered(random, PAINTS), 'ribs')
    box.fill('truck', outline(0.22, 0.14, 0.5, 0.75), jittered(random, PAINTS))
    box.fill('truck', rectangle(-0.5, 0.12, 0.5, 0.2), np.array(RUBBER))
    box.fill(None, rectangle(0.3, 0.45, 0.47, 0.68), np.array(GLASS))
    _wheels(box, 'truck', (-0.34, -0.14, 0.36), 0.13)


def _bus(box: Box, random: np.random.Generator) -> None:
    box.fill('bus', outline(-0.5, 0.1, 0.5, 1), jittered(random, PAINTS))
    for left in np.linspace(-0.46, 0.34, 6):
        box.fill(None, rectangle(left, 0.5, left + 0.12, 0.86), np.array(GLASS))
    _wheels(box, 'bus', (-0.32, 0.32), 0.13)


def _train(box: Box, random: np.random.Generator) -> None:
    paint = jittered(random, PAINTS)
    nose = [(-0.5, 0.04), (-0.5, 0.96), (0.36, 0.96), (0.5, 0.55), (0.5, 0.04)]
    box.fill('train', nose, paint)
    box.fill(None, rectangle(-0.5, 0.3, 0.48, 0.44), 255 - paint)
    box.fill(None, rectangle(-0.48, 0.58, 0.36, 0.82), np.array(GLASS))
    for left in (-0.36, -0.06, 0.24):
        box.fill(None, rectangle(left, 0.08, left + 0.07, 0.84), paint * 0.6)


def _person(box: Box, random: np.random.Generator) -> None:
    trousers, shirt = jittered(random, CLOTHES), jittered(random, CLOTHES)
    box.fill('person', [(-0.3, 0), (-0.28, 0.5), (0.28, 0.5), (0.3, 0), (0.08, 0), (0, 0.3), (-0.08, 0)], trousers)
    box.fill('person', outline(-0.42, 0.44, 0.42, 0.86), shirt)
    box.fill('person', ellipse(0, 0.92, 0.24, 0.09), np.array(SKIN))


def _cycle(box: Box, random: np.random.Generator, height: float = 1.0) -> None:
    radius = 0.36 * height
    _wheels(box, 'bicycle', (-0.29, 0.29), radius)
    hub = 0.6 * radius
    for u in (-0.29, 0.29):
        box.fill(None, ellipse(u, radius, hub * box.height / box.width, hub), np.array(STEEL))
    paint = jittered(random, PAINTS)
    box.fill('bicycle', [(-0.3, radius), (-0.1, 0.9 * height), (0.24, height), (0.3, radius), (0, 0.3 * height)], paint)


def _motorcycle(box: Box, random: np.random.Generator, height: float = 1.0) -> None:
    _wheels(box, 'motorcycle', (-0.34, 0.34), 0.3 * height)
    paint = jittered(random, PAINTS)
    body = [(-0.5, 0.62), (-0.36, 0.3), (0.3, 0.26), (0.4, 0.7), (0.28, 1), (0.16, 0.78), (-0.1, 0.7)]
    box.fill('motorcycle', [(u, v * height) for u, v in body], paint)
    box.fill(None, [(u, v * height) for u, v in rectangle(-0.2, 0.22, 0.16, 0.45)], np.array(STEEL))


def _rider(box: Box, random: np.random.Generator) -> None:
    vehicle = _cycle if random.random() < 0.75 else _motorcycle
    vehicle(box, random, 0.5)
    box.fill('rider', [(-0.22, 0.42), (-0.16, 0.52), (0.06, 0.46), (0.1, 0.16), (0, 0.16)], jittered(random, CLOTHES))
    back = [(-0.24, 0.44), (-0.12, 0.8), (0.08, 0.84), (0.3, 0.56), (0.26, 0.5), (0.08, 0.6), (0, 0.42)]
    box.fill('rider', back, jittered(random, CLOTHES))
    box.fill('rider', ellipse(0.08, 0.9, 0.12, 0.1), jittered(random, PAINTS))
    box.fill(None, ellipse(0.12, 0.87, 0.06, 0.04), np.array(SKIN))


def _pole(box: Box, random: np.random.Generator, top: float = 1.0, thick: float = 1.0) -> None:
    half = max(0.08 * thick, 0.7 / box.width)  # at least two pixels wide
    box.fill('pole', rectangle(-half, 0, half, top), jittered(random, [STEEL, (70, 72, 70), (150, 150, 150)]))


def _light(box: Box, random: np.random.Generator) -> None:
    _pole(box, random, 0.75)
    box.fill('light', outline(-0.32, 0.66, 0.32, 1), jittered(random, (45, 48, 46)))
    lamp = random.integers(3)
    color = [(60, 230, 90), (40, 200, 250), (50, 50, 250)][lamp]
    box.fill(None, ellipse(0, 0.72 + 0.11 * lamp, 0.24, 0.055), np.array(color))


def _sign(box: Box, random: np.random.Generator) -> None:
    _pole(box, random, 0.8)
    plates = [ellipse(0, 0.84, 0.5, 0.16), rectangle(-0.45, 0.68, 0.45, 1), [(-0.5, 0.68), (0, 1), (0.5, 0.68)]]
    color = jittered(random, SIGNS)
    box.fill('sign', plates[random.integers(3)], color)
    box.fill(None, ellipse(0, 0.82, 0.22, 0.07), 245 - 0.6 * color)


def _tree(box: Box, random: np.random.Generator) -> None:
    box.fill('vegetation', rectangle(-0.06, 0, 0.06, 0.5), jittered(random, (55, 75, 95)))
    green = jittered(random, [(45, 95, 65), (50, 110, 95), (40, 75, 60)])
    for _ in range(5):
        u, v = random.uniform(-0.25, 0.25), random.uniform(0.45, 0.75)
        box.fill('vegetation', ellipse(u, v, random.uniform(0.2, 0.26), 0.24), green, 'leaves')


def _strip(label: str, pattern: str) -> Callable[[Box, np.random.Generator], None]:
    def draw(box: Box, random: np.random.Generator) -> None:
        box.fill(label, rectangle(-0.5, 0, 0.5, 1), jittered(random, MASONRY), pattern)

    return draw


def _lawn(box: Box, random: np.random.Generator) -> None:
    color = jittered(random, [(70, 130, 110), (85, 125, 135), (60, 110, 90)])
    box.fill('terrain', [(-0.5, 0), (-0.36, 1), (0.4, 1), (0.5, 0)], color, 'grass')


DRAWINGS: dict[str, Callable[[Box, np.random.Generator], None]] = {
    'wall': _strip('wall', 'bricks'),
    'fence': _strip('fence', 'bars'),
    'terrain': _lawn,
    'vegetation': _tree,
    'pole': _pole,
    'light': _light,
    'sign': _sign,
    'person': _person,
    'rider': _rider,
    'car': _car,
    'truck': _truck,
    'bus': _bus,
    'train': _train,
    'motorcycle': _motorcycle,
    'bicycle': _cycle,
}
