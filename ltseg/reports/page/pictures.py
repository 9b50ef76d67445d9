"""Images, label maps and error maps as parts of a page."""

import base64
import colorsys
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

__all__ = ['Picture', 'errors_uri', 'map_uri', 'name_of', 'palette_of', 'photo_of', 'photo_uri']

WIDEST = 360  # pixels; the page stays small, and a phone shows no more
MISSED, FALSE, OTHER = (230, 97, 0), (26, 133, 255), (215, 215, 220)  # orange and blue differ for the colour-blind too

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Picture:
    """One picture of an example.

    Args:
        data: As a data URI.
        title: What it is.
        alt: What is to be seen.
    """

    data: str
    title: str
    alt: str


def palette_of(dataset: Any, size: int) -> list[Color]:
    """The colours of the data set, or ones that differ from their neighbours."""
    palette = (getattr(dataset, 'metainfo', None) or {}).get('palette') or ()
    if len(palette) >= size:
        return [(int(red), int(green), int(blue)) for red, green, blue in palette[:size]]
    made = (
        colorsys.hsv_to_rgb(index * 0.618 % 1, 0.75 - 0.3 * (index % 2), 0.9 - 0.3 * (index % 3 == 1))
        for index in range(size)
    )
    return [(round(255 * red), round(255 * green), round(255 * blue)) for red, green, blue in made]


def name_of(dataset: Any, index: int) -> str:
    """Name of the file of an image, or its number."""
    path = dataset.get_data_info(index).get('img_path')
    return Path(path).name if path else f'image {index}'


def photo_of(inputs: Any, preprocessor: Any) -> np.ndarray:
    """What a pipeline packed as (3, H, W), as (H, W, 3) uint8 in RGB."""
    photo = inputs.cpu().numpy().transpose(1, 2, 0)
    photo = np.repeat(photo, 3, 2) if photo.shape[2] == 1 else photo[..., :3]
    swaps = getattr(preprocessor, 'channel_conversion', False) or getattr(preprocessor, 'to_rgb', False)
    return np.ascontiguousarray(photo[..., ::-1] if swaps else photo).clip(0, 255).astype(np.uint8)


def photo_uri(photo: np.ndarray) -> str:
    """An image as JPEG."""
    return _uri(_smaller(Image.fromarray(photo), Image.Resampling.LANCZOS), 'jpeg', quality=82)


def map_uri(classes: np.ndarray, colors: Sequence[Color]) -> str:
    """A label map as PNG; what is no class is black."""
    if len(colors) > 255:  # more than a palette holds
        table = np.array([*colors, (0, 0, 0)], dtype=np.uint8)
        picture = Image.fromarray(table[np.minimum(classes, len(colors))])
    else:
        picture = Image.fromarray(np.where(classes < len(colors), classes, 255).astype(np.uint8)).convert('P')
        flat = [part for color in colors for part in color]
        picture.putpalette(flat + [0] * (768 - len(flat)))
    return _uri(_smaller(picture, Image.Resampling.NEAREST), 'png', optimize=True)


def errors_uri(photo: np.ndarray, wrong: np.ndarray, truly_rare: np.ndarray, called_rare: np.ndarray) -> str:
    """The image in dark grey with the errors on it; the masks are (H, W), of another size than the image maybe."""
    height, width = wrong.shape
    grey = np.asarray(Image.fromarray(photo).convert('L').resize((width, height)), dtype=float) * 0.45
    picture = np.repeat(grey[..., None], 3, 2).astype(np.uint8)
    picture[wrong] = OTHER
    picture[wrong & called_rare] = FALSE
    picture[wrong & truly_rare] = MISSED
    return _uri(_smaller(Image.fromarray(picture), Image.Resampling.BOX), 'jpeg', quality=80)


def _smaller(picture: Image.Image, filtered: Image.Resampling) -> Image.Image:
    if picture.width <= WIDEST:
        return picture
    return picture.resize((WIDEST, max(1, round(picture.height * WIDEST / picture.width))), filtered)


def _uri(picture: Image.Image, form: str, **options: Any) -> str:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return f'data:image/{form};base64,{base64.b64encode(stream.getvalue()).decode()}'
