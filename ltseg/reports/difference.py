"""A metric of one method against another: the difference over their seeds, and whether it is clear."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

__all__ = ['CLEAR', 'SINGLE', 'WITHIN', 'Difference']

CLEAR, WITHIN, SINGLE = 'clear', 'within', 'single'
WIDEST = 2.0  # times the widest spread of the seeds that a clear difference is larger than


@dataclass(frozen=True)
class Difference:
    """A metric of a method minus that of its baseline, in percentage points.

    Args:
        value: Difference of the means over the seeds; nan where either has none.
        low: The smallest difference between any two seeds.
        high: The largest.
        verdict: ``CLEAR``, ``WITHIN`` the spread of the seeds, or ``SINGLE`` where a method has one seed.

    Example:
        >>> from ltseg.reports.difference import Difference
        >>> Difference.between([54.0, 54.5, 55.0], [50.0, 50.5, 51.0])
        Difference(value=4.0, low=3.0, high=5.0, verdict='clear')
        >>> Difference.between([50.0, 54.0], [49.0, 53.0]).verdict  # 1.0, where seeds of one method differ by 4.0
        'within'
    """

    value: float
    low: float
    high: float
    verdict: str

    @property
    def known(self) -> bool:
        """Whether both methods have the metric."""
        return not math.isnan(self.value)

    @classmethod
    def between(cls, ours: Sequence[float], theirs: Sequence[float]) -> 'Difference':
        """From the values of the seeds of two methods.

        A difference is clear if all seeds of one method are above all of the other, and the means are further apart
        than twice the widest spread, from lowest to highest, within a method. Of differences that are pure chance
        (normal, same variance) this calls 7 in 100 clear with two seeds each, 5 in 1000 with three.
        """
        ours, theirs = ([value for value in values if not math.isnan(value)] for values in (ours, theirs))
        if not ours or not theirs:
            return cls(math.nan, math.nan, math.nan, SINGLE)
        value = fmean(ours) - fmean(theirs)
        low, high = min(ours) - max(theirs), max(ours) - min(theirs)
        if min(len(ours), len(theirs)) < 2:
            return cls(value, low, high, SINGLE)
        spread = max(max(values) - min(values) for values in (ours, theirs))
        clear = low * high > 0 and abs(value) > WIDEST * spread
        return cls(value, low, high, CLEAR if clear else WITHIN)
