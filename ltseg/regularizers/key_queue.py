"""Keys of earlier batches, with which contrastive terms compare."""

import torch
from torch import Tensor, nn

__all__ = ['KeyQueue']


class KeyQueue(nn.Module):
    """The last Q keys of earlier batches with their labels, -1 for places that are still empty.

    Args:
        size: Q.
        channels: D.

    Example:
        >>> import torch
        >>> from ltseg.regularizers.key_queue import KeyQueue
        >>> queue = KeyQueue(size=3, channels=1)
        >>> for batch in ([1.0, 2.0], [3.0, 4.0]):
        ...     queue.observe(torch.tensor(batch)[:, None], torch.zeros(2).long())
        ...     queue.step()
        >>> sorted(queue.keys.flatten().tolist())  # the oldest has left
        [2.0, 3.0, 4.0]
    """

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        self.register_buffer('keys', torch.zeros(size, channels))
        self.register_buffer('labels', torch.full((size,), -1))
        self.register_buffer('place', torch.zeros((), dtype=torch.int64))
        self.keys: Tensor
        self.labels: Tensor
        self.place: Tensor
        self._batch: tuple[Tensor, Tensor] | None = None

    def observe(self, keys: Tensor, labels: Tensor) -> None:
        """Takes keys (N, D) and their labels (N,) into the next step."""
        if self.training and torch.is_grad_enabled():
            size = len(self.labels)
            self._batch = keys[-size:].detach().to(self.keys.dtype), labels[-size:]

    def step(self) -> None:
        """Puts them into the place of the oldest, those that are not finite as empty; a second call does nothing."""
        if self._batch is not None:
            keys, labels = self._batch
            finite = keys.isfinite().all(1)
            places = (self.place + torch.arange(len(keys), device=keys.device)) % len(self.labels)
            self.keys.index_copy_(0, places, torch.where(finite[:, None], keys, 0.0))
            self.labels.index_copy_(0, places, torch.where(finite, labels, -1))
            self.place.copy_((self.place + len(keys)) % len(self.labels))
            self._batch = None
