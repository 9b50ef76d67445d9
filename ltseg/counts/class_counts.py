"""Class counts as a value."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor

from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError
from ltseg.core.precision import widest_dtype
from ltseg.core.shares import shares_of
from ltseg.core.torch_versions import is_compiling

__all__ = ['ClassCounts', 'Unit']

Unit = Literal['samples', 'images']


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """How often each of K classes occurs.

    A sample is a valid (not ignored) pixel in segmentation and an image in classification.

    Args:
        samples: Samples of each class, (K,) int64 or float64. float32, which stops counting at 2^24 pixels, is for
            devices that lack float64 only.
        images: Images that contain each class, (K,).
        samples_of_images: All valid samples of the images that contain each class, (K,); median frequency needs it.
        right: Samples of each class, (K,), that the model got right in earlier batches.
        missed: Those that it did not.

    Raises:
        ValueError: If a count is of another type or length, negative or not finite (checked on the CPU only, so that
            no accelerator has to wait).

    Example:
        >>> from ltseg.counts.class_counts import ClassCounts
        >>> counts = ClassCounts.from_list([75, 25])
        >>> counts.num_classes, counts.prior.tolist()
        (2, [0.75, 0.25])
    """

    samples: Tensor
    images: Tensor | None = None
    samples_of_images: Tensor | None = None
    right: Tensor | None = None
    missed: Tensor | None = None

    def __post_init__(self) -> None:
        for name, value in self._parts().items():
            if value is None:
                continue
            kinds = (torch.int64, widest_dtype(value.device))
            if value.ndim != 1 or value.shape != self.samples.shape or value.dtype not in kinds:
                got, expected = f'{tuple(value.shape)} {value.dtype}', f'({self.samples.numel()},) int64 or {kinds[1]}'
                raise InvalidValueError(f'ClassCounts.{name}', expected.replace('torch.', ''), got)
            may_look = (
                value.device.type == 'cpu' and not is_compiling()
            )  # else a device waits, a compiled function breaks
            if may_look and not bool(((value >= 0) & (value < float('inf'))).all()):
                raise InvalidValueError(f'ClassCounts.{name}', 'finite counts of at least 0', repr(value.tolist()))

    @classmethod
    def from_list(cls, samples: Sequence[float]) -> 'ClassCounts':
        """Counts from plain numbers, in the order of the classes."""
        if isinstance(samples, str) or not all(isinstance(n, int | float) for n in samples):
            raise InvalidValueError('ClassCounts', 'a list of numbers, one for each class', repr(samples))
        return cls(torch.tensor(list(samples), dtype=torch.float64))

    @property
    def num_classes(self) -> int:
        """K."""
        return self.samples.numel()

    @property
    def prior(self) -> Tensor:
        """Share of the samples that each class has, (K,), summing to 1; all 0 where there are no samples."""
        return shares_of(self.samples)

    def of(self, unit: Unit) -> Tensor:
        """The counts in ``unit``, (K,).

        Raises:
            ValueError: If these counts do not hold that unit.
        """
        check_choice('ClassCounts.of', unit, ('samples', 'images'))
        if unit == 'samples':
            return self.samples
        if self.images is None:
            hint = "Use unit='samples', or a table made by ltseg count, which counts images too."
            raise InvalidValueError('ClassCounts.of', 'counts that hold images', 'counts of samples only', hint)
        return self.images

    def counted_in(self, unit: Unit) -> 'ClassCounts':
        """Counts whose samples are what these have in ``unit``; those that hold samples only stay as they are."""
        return self if unit == 'samples' or self.images is None else ClassCounts(self.images, self.images)

    def to(self, device: torch.device | str) -> 'ClassCounts':
        """The same counts on ``device``."""
        floating = widest_dtype(torch.device(device))

        def moved(part: Tensor | None) -> Any:
            return None if part is None else part.to(device, floating if part.is_floating_point() else part.dtype)

        return ClassCounts(**{name: moved(part) for name, part in self._parts().items()})

    def _parts(self) -> dict[str, Tensor | None]:
        return {field.name: getattr(self, field.name) for field in fields(self)}
