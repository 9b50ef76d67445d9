"""The two rates of a curve over post-hoc adjustment, in words."""

from dataclasses import dataclass

__all__ = ['IMAGE_AXES', 'PIXEL_AXES', 'Axes']


@dataclass(frozen=True)
class Axes:
    """What a method is judged by, and what is held equal.

    Args:
        quality: The first rate, which post-hoc adjustment is chosen by.
        fairness: The second, at which curves are compared.
        short: Both in tables and figures.
        note: A line under the table, where the short names do not say enough.
    """

    quality: str
    fairness: str
    short: tuple[str, str]
    note: str = ''


PIXEL_AXES = Axes('mIoU', 'mean accuracy', ('mIoU', 'mAcc'))
IMAGE_AXES = Axes(
    'mean class accuracy',
    'frequency-weighted accuracy',
    ('class acc', 'weighted acc'),
    'class acc: mean class accuracy; weighted acc: accuracies of the classes, weighted by their training images.',
)
