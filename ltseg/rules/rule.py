"""What every rule is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.checks import check_choice, check_range
from ltseg.core.errors import InvalidValueError
from ltseg.core.precision import widened
from ltseg.counts.class_counts import ClassCounts, Unit

__all__ = ['Rule']


@dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """One long-tail method: class counts -> adjustment of the softmax, in the widest numbers of the device.

    Args:
        unit: Counts to use, 'samples' (pixels in segmentation) or 'images' that contain the class.
        floor: Counts below it are raised to it. A rule that is undefined at zero counts needs it where a class may be
            absent: always with counts of batches, and with counts of a data set that lacks a class.

    Example:
        >>> from ltseg.core.adjustment import Adjustment
        >>> from ltseg.counts.class_counts import ClassCounts
        >>> from ltseg.rules import Rule
        >>> class Weighting(Rule):
        ...     def adjustment(self, counts, given):
        ...         return Adjustment(weight=counts.max() / counts)
        >>> Weighting(floor=1)(ClassCounts.from_list([8, 2, 0])).weight.tolist()
        [1.0, 4.0, 8.0]
    """

    unit: Unit = 'samples'
    floor: float = 0.0

    #: Whether the rule means something for classes without samples.
    defined_at_zero = False
    #: Whether the adjustment depends on the counts at all.
    uses_counts = True
    #: Whether it depends on what the model got right and missed in earlier batches.
    uses_recall = False

    def __post_init__(self) -> None:
        check_choice(f'{type(self).__name__}.unit', self.unit, ('samples', 'images'))
        check_range(f'{type(self).__name__}.floor', self.floor, 0)

    @abstractmethod
    def adjustment(self, counts: Tensor, given: ClassCounts) -> Adjustment:
        """The adjustment for counts (K,) in this rule's unit, floored, taken from ``given``."""

    def __call__(self, counts: ClassCounts) -> Adjustment:
        """The adjustment that this rule makes of ``counts``, in the widest numbers of their device."""
        return self.adjustment(widened(counts.of(self.unit)).clamp(min=self.floor), counts)

    def check_constant(
        self, counts: ClassCounts, class_names: tuple[str, ...] | None = None, cause_of_zeros: str = ''
    ) -> None:
        """Checks counts that stay the same for a whole training run.

        Args:
            counts: The counts.
            class_names: For the message.
            cause_of_zeros: Why classes have none, where it is known, and what to do then.

        Raises:
            ValueError: If classes have zero counts and no floor is given; it names them. Also for rules that take
                zero counts in a batch: a class that the data set never shows cannot be learned.
        """
        absent = (counts.of(self.unit).clamp(min=self.floor) == 0).nonzero().flatten().tolist()
        if absent:
            names = ', '.join(class_names[k] if class_names else str(k) for k in absent)
            hint = cause_of_zeros or f'Give {type(self).__name__} a floor (floor=1), or remove these classes.'
            raise InvalidValueError(type(self).__name__, 'a count above 0 for each class', f'0 for class {names}', hint)

    def check_varying(self, mode: str) -> None:
        """Checks that this rule can follow counts in which classes may be absent.

        Raises:
            ValueError: If it is undefined at zero and has no floor.
        """
        if not self.defined_at_zero and self.floor == 0:
            hint = f"Give {type(self).__name__} a floor (floor=1), or use counts='dataset'."
            got = f'counts={mode!r}, in which classes may be absent'
            raise InvalidValueError(type(self).__name__, 'counts above 0, because it is undefined at 0', got, hint)
