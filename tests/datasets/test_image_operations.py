"""Each operation on a batch gives what Pillow or torchvision gives for each image alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor
from torchvision.transforms import functional as torchvision

from ltseg.datasets import image_operations as op

GREY = (128, 128, 128)


def photographs(number: int = 6) -> Tensor:
    """Smooth pictures with some noise, (number, 3, 24, 20), whole numbers 0..255."""
    random = torch.Generator().manual_seed(0)
    coarse = torch.rand(number, 3, 6, 5, generator=random) * 180 + 30
    smooth = torch.nn.functional.interpolate(coarse, (24, 20), mode='bilinear')
    return (smooth + 8 * torch.randn(smooth.shape, generator=random)).clamp(0, 255).round()


def picture(image: Tensor) -> Image.Image:
    return Image.fromarray(image.byte().permute(1, 2, 0).numpy())


def pixels(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float()


def moved(matrix: Callable[[float], tuple]) -> Callable[[Image.Image, float], Image.Image]:
    """Pillow's affine transform, with the origin in the middle of the image."""

    def transform(image: Image.Image, amount: float) -> Image.Image:
        a, b, x, c, d, y = matrix(amount)
        across, up = image.width / 2, image.height / 2
        x, y = x + across - a * across - b * up, y + up - c * across - d * up
        return image.transform(image.size, Image.Transform.AFFINE, (a, b, x, c, d, y), fillcolor=GREY)

    return transform


# Operation, Pillow's, amounts for six images, and how far a value may be off for Pillow's rounding.
CASES: dict[str, tuple[Callable, Callable, list[float], float]] = {
    'shear_x': (op.shear_x, moved(lambda s: (1, s, 0, 0, 1, 0)), [0, 0.29, -0.31, 0.11, -0.17, 0.23], 0),
    'shear_y': (op.shear_y, moved(lambda s: (1, 0, 0, s, 1, 0)), [0, 0.29, -0.31, 0.11, -0.17, 0.23], 0),
    'translate_x': (op.translate_x, moved(lambda s: (1, 0, s, 0, 1, 0)), [0, 5, -5, 8.2, -2.3, 1], 0),
    'translate_y': (op.translate_y, moved(lambda s: (1, 0, 0, 0, 1, s)), [0, 5, -5, 8.2, -2.3, 1], 0),
    'rotate': (op.rotate, lambda i, a: i.rotate(a, fillcolor=GREY), [0, 30, -30, 12, 7, -19], 0),
    'saturation': (op.saturation, lambda i, a: ImageEnhance.Color(i).enhance(a), [0, 1, 0.1, 1.9, 0.6, 1.3], 2),
    'contrast': (op.contrast, lambda i, a: ImageEnhance.Contrast(i).enhance(a), [0, 1, 0.1, 1.9, 0.6, 1.3], 2),
    'brightness': (op.brightness, lambda i, a: ImageEnhance.Brightness(i).enhance(a), [0, 1, 0.1, 1.9, 0.6, 1.3], 1),
    'sharpness': (op.sharpness, lambda i, a: ImageEnhance.Sharpness(i).enhance(a), [0, 1, 0.1, 1.9, 0.6, 1.3], 2),
    'invert': (op.invert, lambda i, a: ImageOps.invert(i), [0] * 6, 0),
    'solarize': (op.solarize, lambda i, a: ImageOps.solarize(i, int(a)), [0, 256, 128, 100, 90, 200], 0),
    'posterize': (op.posterize, lambda i, a: ImageOps.posterize(i, int(a)), [8, 7, 6, 5, 4, 1], 0),
    'autocontrast': (op.autocontrast, lambda i, a: ImageOps.autocontrast(i), [0] * 6, 1),
    'equalize': (op.equalize, lambda i, a: ImageOps.equalize(i), [0] * 6, 0),
}


@pytest.mark.parametrize('name', CASES)
def test_a_batch_gives_what_pillow_gives_for_each_image(name: str) -> None:
    operation, reference, amounts, tolerance = CASES[name]
    images = photographs()
    before = images.clone()
    result = operation(images, torch.tensor(amounts, dtype=torch.float32))
    assert torch.equal(images, before)
    expected = torch.stack([pixels(reference(picture(i), a)) for i, a in zip(images, amounts, strict=True)])
    wrong = (result - expected).abs() > tolerance + 1e-3
    assert wrong.float().mean() < 0.005  # a place half-way between two pixels may fall to either
    assert result.min() >= -1e-3 and result.max() <= 255 + 1e-3


@pytest.mark.parametrize('name', ['saturation', 'contrast', 'brightness', 'sharpness'])
def test_enhancements_of_one_change_nothing(name: str) -> None:
    images = photographs()
    torch.testing.assert_close(CASES[name][0](images, torch.ones(6)), images)


def test_hue_turns_as_torchvision_does_and_comes_round() -> None:
    images = photographs()
    turns = torch.tensor([0.0, 0.1, -0.1, 0.5, -0.37, 0.2])
    pairs = zip(images, turns.tolist(), strict=True)
    expected = torch.stack([torchvision.adjust_hue(image / 255, turn) * 255 for image, turn in pairs])
    torch.testing.assert_close(op.hue(images, turns), expected, atol=0.05, rtol=0)
    torch.testing.assert_close(op.hue(images, torch.ones(6)), images, atol=1e-2, rtol=0)
    flat = torch.full((1, 3, 4, 4), 77.0)
    assert torch.equal(op.hue(flat, torch.tensor([0.3])), flat)


def test_a_crop_is_enlarged_as_torchvision_does() -> None:
    images = photographs(3)
    parts = [(0, 0, 24, 20), (3, 5, 12, 10), (10, 2, 7, 9)]
    places: Any = [torch.tensor(values, dtype=torch.float32) for values in zip(*parts, strict=True)]
    result = op.crop_and_resize(images, *places)
    torch.testing.assert_close(result[0], images[0], atol=1e-3, rtol=0)
    for image, part, found in zip(images, parts, result, strict=True):
        expected = torchvision.resized_crop(image, *part, size=[24, 20], antialias=False)
        torch.testing.assert_close(found[:, 3:-3, 3:-3], expected[:, 3:-3, 3:-3], atol=1e-2, rtol=0)


def test_flat_images_survive_every_operation() -> None:
    flat = torch.stack([torch.zeros(3, 8, 8), torch.full((3, 8, 8), 255.0), torch.full((3, 8, 8), 90.0)])
    for operation, _, amounts, _ in CASES.values():
        assert operation(flat, torch.tensor(amounts[1:4], dtype=torch.float32)).isfinite().all()
    assert torch.equal(op.equalize(flat, torch.zeros(3)), flat)
    assert torch.equal(op.autocontrast(flat, torch.zeros(3)), flat)
