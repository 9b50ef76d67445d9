"""More classes than 8 bits hold: MMSegmentation reads labels as 8 bits, folding class 256 into class 0."""

from collections.abc import Iterable

from ltseg.counts.ignored_pixels import MMSEG_IGNORED

__all__ = ['fault_of_many_classes', 'needs_16_bits']

LOADER = 'LoadAnnotations'


def needs_16_bits(num_classes: int, reduce_zero_label: bool = False) -> bool:
    """Whether so many classes and an ignored label are too many for MMSegmentation's 8 bits."""
    return num_classes + reduce_zero_label > MMSEG_IGNORED


def fault_of_many_classes(num_classes: int, transforms: Iterable[str], ignored: int) -> tuple[str, str, str] | None:
    """What was expected, what came, and a hint, where a pipeline cannot load so many classes; else None.

    Args:
        num_classes: More than 8 bits hold.
        transforms: Names of the types of the pipeline.
        ignored: The ignored label.
    """
    if LOADER in transforms:
        hint = f"Use dict(type='ltseg.LoadCheckedAnnotations', num_classes={num_classes}, ignore_index=65535)."
        return f'a loader of 16-bit labels, for {num_classes} classes', f'{LOADER}, which reads 8 bits', hint
    if ignored == MMSEG_IGNORED:
        hint = 'Set ignore_index=65535 in the heads: data sets, metrics and padding that name none follow.'
        return f'an ignored label beside {num_classes} classes', f'{ignored}, which is one of them', hint
    return None
