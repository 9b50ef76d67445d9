"""What a paper printed for one run."""

from dataclasses import dataclass

__all__ = ['PublishedRun']


@dataclass(frozen=True)
class PublishedRun:
    """What a paper printed for one run, in percent.

    Args:
        paper: Short name.
        method: As the paper calls it.
        model: As the paper calls it.
        dataset: What it was evaluated on.
        rates: 'IoU' and 'Acc' of each class; empty where the paper has no rows of classes.
        means: Their means as printed; without rows by the keys of the metrics.
        num_classes: Of the data set.
    """

    paper: str
    method: str
    model: str
    dataset: str
    rates: dict[str, dict[str, float]]
    means: dict[str, float]
    num_classes: int
