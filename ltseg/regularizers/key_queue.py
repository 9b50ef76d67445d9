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
        """Takes keys (N, D) and their labels (N,), -1 for those to leave out, into the next step."""
        if self.training and torch.is_grad_enabled():
            self._batch = keys.detach().to(self.keys.dtype), labels

    def step(self) -> None:
        """Puts them into the place of the oldest, but for keys that are not finite; a second call does nothing."""
        if self._batch is None:
            return
        keys, labels = self._batch
        size = len(self.labels)
        taken, order = ((labels >= 0) & keys.isfinite().all(1)).long().sort(stable=True)
        taken, order = taken[-size:] > 0, order[-size:]  # those that are taken are the last ones
        number = taken.sum()
        places = (self.place + number - len(order) + torch.arange(len(order), device=order.device)) % size
        self.keys.index_copy_(0, places, torch.where(taken[:, None], keys[order], self.keys[places]))
        self.labels.index_copy_(0, places, torch.where(taken, labels[order], self.labels[places]))
        self.place.copy_((self.place + number) % size)
        self._batch = None
