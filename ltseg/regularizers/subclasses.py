"""Which subclass of its class a sample is of."""

import torch
from torch import Tensor, distributed, nn

from ltseg.core.errors import InvalidValueError, NotFiniteError
from ltseg.core.geometry import class_sums, directions
from ltseg.core.reduction import all_reduced_sum, world_size
from ltseg.core.subclasses import balanced_clusters, spread_temperatures, subclass_numbers
from ltseg.counts.running_state import RunningState

__all__ = ['Subclasses']


class Subclasses(RunningState, nn.Module):
    """Classes that :meth:`divide` divides by features: of images, whose subclass is kept by their number in the data
    set, or of pixels, which have no number, and are of the subclass of their class with the nearest centre.

    Args:
        num_classes: K.
        least_size: Least images, or clustered pixels, of a subclass.
        temperature: Of classes that are not divided.
        smoothing: As for :func:`ltseg.core.subclasses.spread_temperatures`.

    Example:
        >>> import torch
        >>> from ltseg.regularizers.subclasses import Subclasses
        >>> subclasses = Subclasses(num_classes=2, least_size=2, temperature=1.0)
        >>> rows = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [-1.0, 0.0], [-1.0, 0.0]])
        >>> labels, numbers = torch.tensor([0, 0, 0, 0, 1, 1]), torch.arange(6)
        >>> subclasses.divide(rows, labels, numbers)  # four images of class 0 into two clusters of two
        >>> found = subclasses.of_images(numbers)
        >>> (found[0] == found[1]).item(), (found[0] == found[2]).item(), found[4:].tolist()
        (True, False, [0, 0])
        >>> [round(value, 2) for value in subclasses.temperatures.tolist()]  # class 1 is not divided
        [7.39, 1.0]
    """

    what = 'subclasses'

    def __init__(self, num_classes: int, least_size: int, temperature: float, smoothing: float = 10.0) -> None:
        super().__init__()
        self.least_size, self.temperature, self.smoothing = least_size, temperature, smoothing
        # Of images, (1, M): the subclass within its class of each number, -1 for numbers of no image.
        # Of pixels, (1 + D, S): the class of each subclass, and its centre.
        self._state = torch.zeros(1, 0)  # float32, in which they are used
        self.register_buffer('temperatures', torch.full((num_classes,), float(temperature)))
        self.temperatures: Tensor

    @property
    def are_there(self) -> bool:
        """Whether the classes have been divided yet."""
        return self._state.numel() > 0

    @property
    def are_of_pixels(self) -> bool:
        """Whether they have been divided by pixels."""
        return len(self._state) > 1

    @property
    def number(self) -> int:
        """S of all classes for pixels, otherwise the most of a class."""
        return self._state.shape[1] if self.are_of_pixels else int(self._state.max()) + 1

    @torch.no_grad()
    def divide(self, rows: Tensor, labels: Tensor, numbers: Tensor | None = None, counts: Tensor | None = None) -> None:
        """Divides the classes anew; several processes share the work, and every process must come here.

        Args:
            rows: Features of norm 1, (N, D), the same in each process: of all images of the training data, or of a
                sample of their pixels.
            labels: (N,) int64 in [0, K).
            numbers: Of images, (N,) int64, the number of each in the data set, at least 0.
            counts: n of all pixels, (K,) int64; None is that of the rows.

        Raises:
            FloatingPointError: If a row is not finite.
            ValueError: If two images have the same number.
        """
        if numbers is not None:  # in the order of the data set, however many processes have passed over it
            numbers, order = numbers.sort()
            _check_numbers(numbers)
            rows, labels = rows[order], labels[order]
        if not rows.isfinite().all():
            hint = 'Add ltseg.StopOnNaN to custom_hooks, which says since when the model diverges.'
            raise NotFiniteError('ltseg.ClusterSubclasses', 'finite features', 'others', hint)
        sampled = labels.bincount(minlength=len(self.temperatures))
        parts = subclass_numbers(sampled if counts is None else counts, self.least_size)
        parts = parts.minimum(sampled // self.least_size).clamp(min=1)
        clusters = all_reduced_sum(_share_of_clusters(rows.cpu(), labels.cpu(), parts.cpu()).to(rows.device))
        self.keep(_by_centers(rows, labels, clusters, parts) if numbers is None else _by_numbers(numbers, clusters))
        spread = spread_temperatures(rows, labels, len(parts), self.temperature, self.smoothing)
        self.temperatures.copy_(spread.where(parts > 1, self.temperature))

    def of_images(self, numbers: Tensor | None) -> Tensor:
        """The subclass of images within their classes, (N,) int64, from their ``numbers`` (N,) on the CPU.

        Raises:
            ValueError: If there are no numbers, or no subclass is known of one.
        """
        if numbers is None:
            hint = "Leave out mixup and its like, and keep 'sample_idx' in meta_keys of PackInputs."
            raise InvalidValueError('subclasses', 'images with their numbers in the data set', 'none', hint)
        known = self._state[0]
        found = known[numbers.clamp(0, len(known) - 1)].where(numbers < len(known), -1).long()
        if (found < 0).any():
            hint = 'Go on with the training data that were divided, or start anew.'
            got = f'number {int(numbers[found < 0][0])}'
            raise InvalidValueError('subclasses', 'images that ltseg.ClusterSubclasses has seen', got, hint)
        return found

    def of_pixels(self, rows: Tensor, labels: Tensor) -> Tensor:
        """The subclass among all of pixels (N, D) with ``labels`` (N,), (N,) int64; -1 for the label -1."""
        if self._state.device != labels.device:  # after a resume
            self.keep(self._state.to(labels.device))
        owners, centers = self._state[0].to(labels), self._state[1:].to(rows)
        scores = (rows.detach() @ centers).masked_fill(labels[:, None] != owners, -torch.inf)
        return torch.where(labels < 0, -1, scores.argmax(1))


def _by_numbers(numbers: Tensor, clusters: Tensor) -> Tensor:
    """The state for images."""
    state = torch.full((1, int(numbers[-1]) + 1), -1.0)
    state[0, numbers.cpu()] = clusters.cpu().to(state)
    return state


def _by_centers(rows: Tensor, labels: Tensor, clusters: Tensor, parts: Tensor) -> Tensor:
    """The state for pixels."""
    firsts, owners = parts.cumsum(0) - parts, torch.arange(len(parts), device=parts.device).repeat_interleave(parts)
    centers = directions(class_sums(rows, firsts[labels] + clusters, len(owners))[0])
    return torch.cat([owners[None], centers.T]).float()


def _share_of_clusters(rows: Tensor, labels: Tensor, parts: Tensor) -> Tensor:
    """The cluster within its class of each row, (N,) int64, for the classes of this process's share, and else 0."""
    clusters = torch.zeros_like(labels)
    by_class = labels.argsort(stable=True).split(labels.bincount(minlength=len(parts)).tolist())
    rank = distributed.get_rank() if world_size() > 1 else 0
    for k in range(rank, len(parts), world_size()):
        if parts[k] > 1:
            generator = torch.Generator().manual_seed(k)
            clusters[by_class[k]] = balanced_clusters(rows[by_class[k]], int(parts[k]), generator)
    return clusters


def _check_numbers(numbers: Tensor) -> None:
    repeated = numbers[1:][numbers[1:] == numbers[:-1]]
    if len(repeated):
        hint = 'Train on one data set, without ConcatDataset or RepeatDataset around it.'
        got = f'{int(repeated[0])} several times'
        raise InvalidValueError('ltseg.ClusterSubclasses', 'a number (sample_idx) of its own for each image', got, hint)
