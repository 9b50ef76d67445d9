"""Memory-based jitter."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ltseg.core.checks import check_integer, check_range
from ltseg.core.collectives import gathered_rows
from ltseg.core.features import FeatureBatch
from ltseg.core.precision import widened
from ltseg.counts.sources import CountsOption, build_counts
from ltseg.registry import MODELS
from ltseg.regularizers.key_queue import KeyQueue
from ltseg.regularizers.regularizer import Regularizer, not_built

__all__ = ['MemoryJitter']


@MODELS.register_module()
class MemoryJitter(Regularizer):
    """Cross entropy of the classifier on features of earlier iterations, most of them of rare classes::

        L = 1/|M| sum_{(f, y) in M} -log softmax(W f + b)_y,    p_k = (min_j n_j / n_k)^exponent

    The memory M holds the last features, into which those of each batch come with the probability p_k of their class.
    With an exponent of 1 all classes come in equally often. As the network moves on between iterations, the memory has
    several features of the same image, the jitter, which make up for images that rare classes lack. They have no
    gradient: the term moves the classifier alone.

    Args:
        size: Features in the memory.
        exponent: Of p_k, at least 0; 0 takes in all features.
        counts: n, spelled as in the losses.
        momentum: Of ``counts='ema'``.
        **options: As for :class:`ltseg.regularizers.regularizer.Regularizer`.

    Raises:
        ValueError: If the head's classifier has no class vectors.

    Source:
        Liu et al., Memory-based Jitter: Improving Visual Recognition on Long-tailed Data with Diversity in Memory, AAAI
        2022, its part for classification: a memory of features with a sampling probability of each class, from which
        the classifier learns beside the batch. We know of no code. The form of p_k, the size, and the mean over the
        memory as a term of its own are ours, and so is the dense form, at the resolution of the features.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import RegularizerGroup
        >>> terms = RegularizerGroup([dict(type='ltseg.MemoryJitter', size=8, counts=[1, 1])], 2, 2)
        >>> vectors = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
        >>> batches = [FeatureBatch(x * torch.eye(2)[:1, None], torch.tensor([1]), 2, vectors) for x in (1.0, 5.0)]
        >>> [round(terms(batch)['loss_memory_jitter'].item(), 4) for batch in batches]  # 0, then log(1 + e^-2)
        [0.0, 0.1269]
    """

    short_name = 'MBJ'

    def __init__(
        self,
        size: int = 1024,
        exponent: float = 1.0,
        counts: CountsOption = 'dataset',
        *,
        momentum: float = 0.99,
        **options: Any,
    ) -> None:
        super().__init__(**{'loss_name': 'loss_memory_jitter', **options})
        check_integer('MemoryJitter.size', size, 1)
        check_range('MemoryJitter.exponent', exponent, 0)
        self.size, self.exponent = size, exponent
        self.counts = build_counts(counts, self.sync, momentum)
        self.queue: KeyQueue | None = None

    def build(self, num_classes: int, feature_dim: int) -> None:
        self.queue = KeyQueue(self.size, feature_dim)

    def value(self, batch: FeatureBatch) -> Tensor:
        if self.queue is None:
            raise not_built(self)
        vectors = batch.class_vectors
        # A copy: the step comes before the backward pass.
        logits = F.linear(self.queue.keys.to(vectors.dtype, copy=True), vectors, batch.bias)
        labels = self.queue.labels.clone()
        losses = F.cross_entropy(logits, labels, ignore_index=-1, reduction='sum')
        self._remember(self.queue, batch)
        # 0 with a graph in the features, for whose gradients DistributedDataParallel waits.
        return losses / (labels >= 0).sum().clamp(min=1) + batch.features.flatten()[:0].sum()

    def _remember(self, queue: KeyQueue, batch: FeatureBatch) -> None:
        """Chooses the features of this batch that come into the memory with the next step."""
        rows, labels = batch.rows
        counts = widened(self.counts(batch.labels, batch.num_classes, ignore_index=-1).samples)
        least = counts.where(counts > 0, torch.inf).amin()
        chances = (least / counts.clamp(min=1)) ** self.exponent
        taken = (labels >= 0) & (torch.rand(len(labels), device=labels.device) < chances[labels.clamp(min=0)])
        order = torch.arange(len(labels), device=labels.device)
        if len(labels) > self.size:  # pixels: some of those that are taken
            order = torch.randperm(len(labels), device=labels.device)
            order = order[taken[order].long().argsort(descending=True, stable=True)[: self.size]]
        chosen = rows.detach()[order], labels.where(taken, -1)[order]
        queue.observe(*(gathered_rows(each) if self.sync else each for each in chosen))

    def step(self) -> None:
        if self.queue is not None:
            self.queue.step()
