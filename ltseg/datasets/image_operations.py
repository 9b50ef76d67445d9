"""Operations on batches of images with an amount for each image; pure torch, no random numbers.

Images are (N, 3, H, W) float, red, green, blue, 0..255; amounts are (N,). They follow Pillow's operations of the same
names, but for rounding: only those that work on the 256 values of a pixel round to them.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    'affine',
    'autocontrast',
    'brightness',
    'contrast',
    'crop_and_resize',
    'equalize',
    'grey',
    'hue',
    'identity',
    'invert',
    'posterize',
    'rotate',
    'saturation',
    'sharpness',
    'shear_x',
    'shear_y',
    'solarize',
    'translate_x',
    'translate_y',
]

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601
FILL = 128.0  # what comes in from outside the image, as in the papers' CIFAR policies


def affine(images: Tensor, matrix: Tensor) -> Tensor:
    """Moves pixels, to the nearest place: the result at (x, y) shows the image at ``matrix @ (x, y, 1)``.

    Args:
        images: (N, 3, H, W).
        matrix: (N, 2, 3), in pixels from the middle of the image.
    """
    height, width = images.shape[2:]
    (a, b, x), (c, d, y) = (row.unbind(1) for row in matrix.unbind(1))
    scaled = _matrix(a, b * (height / width), x / (width / 2), c * (width / height), d, y / (height / 2))
    grid = F.affine_grid(scaled.to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images - FILL, grid, mode='nearest', align_corners=False) + FILL


def _matrix(a: Tensor, b: Tensor, x: Tensor, c: Tensor, d: Tensor, y: Tensor) -> Tensor:
    return torch.stack([torch.stack([a, b, x], 1), torch.stack([c, d, y], 1)], 1)


def shear_x(images: Tensor, amount: Tensor) -> Tensor:
    """Shifts each row by ``amount`` times its distance from the middle row."""
    one, zero = torch.ones_like(amount), torch.zeros_like(amount)
    return affine(images, _matrix(one, amount, zero, zero, one, zero))


def shear_y(images: Tensor, amount: Tensor) -> Tensor:
    """Shifts each column by ``amount`` times its distance from the middle column."""
    one, zero = torch.ones_like(amount), torch.zeros_like(amount)
    return affine(images, _matrix(one, zero, zero, amount, one, zero))


def translate_x(images: Tensor, amount: Tensor) -> Tensor:
    """Shows what lies ``amount`` pixels to the right."""
    one, zero = torch.ones_like(amount), torch.zeros_like(amount)
    return affine(images, _matrix(one, zero, amount, zero, one, zero))


def translate_y(images: Tensor, amount: Tensor) -> Tensor:
    """Shows what lies ``amount`` pixels below."""
    one, zero = torch.ones_like(amount), torch.zeros_like(amount)
    return affine(images, _matrix(one, zero, zero, zero, one, amount))


def rotate(images: Tensor, amount: Tensor) -> Tensor:
    """Rotates around the middle by ``amount`` degrees against the clock."""
    angle, zero = torch.deg2rad(amount), torch.zeros_like(amount)
    cosine, sine = angle.cos(), angle.sin()
    return affine(images, _matrix(cosine, -sine, zero, sine, cosine, zero))


def crop_and_resize(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Enlarges a part of each image, given in pixels, to the size of the image, bilinear."""
    full_height, full_width = images.shape[2:]
    zero = torch.zeros_like(top)
    x = (2 * left + width) / full_width - 1
    y = (2 * top + height) / full_height - 1
    matrix = _matrix(width / full_width, zero, x, zero, height / full_height, y)
    grid = F.affine_grid(matrix.to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode='bilinear', padding_mode='border', align_corners=False)


def _blend(base: Tensor, images: Tensor, amount: Tensor) -> Tensor:
    """``base`` where the amount is 0, ``images`` where it is 1, and further away above."""
    return (base + amount.to(images)[:, None, None, None] * (images - base)).clamp(0, 255)


def grey(images: Tensor) -> Tensor:
    """The brightness of each pixel, (N, 1, H, W)."""
    red, green, blue = images.split(1, 1)  # numbers, not a tensor, which would have to be copied to a GPU
    return red * LUMA[0] + green * LUMA[1] + blue * LUMA[2]


def saturation(images: Tensor, amount: Tensor) -> Tensor:
    """From grey (0) over the image (1) to stronger colours; 'Color' in the policies."""
    return _blend(grey(images).expand_as(images), images, amount)


def contrast(images: Tensor, amount: Tensor) -> Tensor:
    """From the mean brightness (0) over the image (1) to more contrast."""
    return _blend(grey(images).mean((2, 3), keepdim=True).expand_as(images), images, amount)


def brightness(images: Tensor, amount: Tensor) -> Tensor:
    """From black (0) over the image (1) to brighter."""
    return _blend(torch.zeros_like(images), images, amount)


def sharpness(images: Tensor, amount: Tensor) -> Tensor:
    """From smoothed (0) over the image (1) to sharper; the border stays."""
    smooth = images.clone()
    sums = F.avg_pool2d(images, 3, 1, divisor_override=1)  # exact, where a convolution on a GPU is not
    smooth[:, :, 1:-1, 1:-1] = (sums + 4 * images[:, :, 1:-1, 1:-1]) / 13
    return _blend(smooth, images, amount)


def hue(images: Tensor, amount: Tensor) -> Tensor:
    """Turns hues by ``amount`` of the whole circle; value and saturation (of HSV) stay."""
    high, low = images.amax(1), images.amin(1)  # (N, H, W)
    spread = high - low
    safe = torch.where(spread > 0, spread, 1)
    red, green, blue = images.unbind(1)
    sixths = torch.where(
        high == red,
        (green - blue) / safe,
        torch.where(high == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    sixths = sixths + 6 * amount.to(images)[:, None, None]
    # A channel is ``high`` within one sixth of its own hue and ``low`` beyond two sixths.
    place = torch.stack([sixths + 5, sixths + 3, sixths + 1], 1) % 6
    return high.unsqueeze(1) - spread.unsqueeze(1) * torch.minimum(place, 4 - place).clamp(0, 1)


def identity(images: Tensor, amount: Tensor) -> Tensor:
    """The image itself."""
    return images


def invert(images: Tensor, amount: Tensor) -> Tensor:
    """The negative; the amount does nothing."""
    return 255 - images


def solarize(images: Tensor, amount: Tensor) -> Tensor:
    """Inverts values of at least ``amount``."""
    return torch.where(images >= amount.to(images)[:, None, None, None], 255 - images, images)


def posterize(images: Tensor, amount: Tensor) -> Tensor:
    """Keeps the ``amount`` highest of the 8 bits of each value."""
    step = 2 ** (8 - amount.round().to(images))[:, None, None, None]
    return (images.round() / step).floor() * step


def autocontrast(images: Tensor, amount: Tensor) -> Tensor:
    """Stretches each channel to 0..255; the amount does nothing."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    stretched = (images - low) * (255 / torch.where(high > low, high - low, 1))
    return torch.where(high > low, stretched, images)


def equalize(images: Tensor, amount: Tensor) -> Tensor:
    """Spreads the values of each channel evenly over 0..255; the amount does nothing."""
    values = images.round().clamp(0, 255).long().flatten(2)  # (N, 3, H * W)
    ones = torch.ones_like(values)
    histogram = values.new_zeros(*values.shape[:2], 256).scatter_add_(2, values, ones)
    last = histogram.gather(2, values.amax(2, keepdim=True))
    step = (values.shape[2] - last) // 255  # (N, 3, 1)
    before = histogram.cumsum(2) - histogram
    table = ((before + step // 2) // step.clamp(min=1)).clamp(0, 255)
    table = torch.where(step > 0, table, torch.arange(256, device=table.device))
    return table.gather(2, values).view_as(images).to(images.dtype)
