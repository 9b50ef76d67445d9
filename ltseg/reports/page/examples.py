"""Images where rare classes fail, with the truth and what each method predicts."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ['Example', 'Picture']


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


@dataclass(frozen=True)
class Example:
    """An image with its pictures.

    Args:
        name: Of the image.
        sentence: What fails in it.
        pictures: Image, truth, and prediction and errors of each method.
    """

    name: str
    sentence: str
    pictures: Sequence[Picture]
