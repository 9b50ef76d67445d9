"""One pass of a trained model over images: statistics of the features that enter its classifier."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from ltseg.core.class_sample import ClassSample
from ltseg.core.class_statistics import ClassStatistics
from ltseg.core.collapse_summary import CollapseSummary, collapse_summary
from ltseg.core.errors import InvalidValueError
from ltseg.core.evaluation_mode import in_evaluation
from ltseg.heads.classifier_watch import ClassifierWatch, class_vectors_of

__all__ = ['Measurement', 'labelled_features', 'measure', 'sample_size']

ROWS = 2**14  # in float64 at a time
SEVERAL_VIEWS = 5  # axes of inputs (N, V, C, H, W)
SAMPLE_NUMBERS = 2**25  # numbers of all samples together, 128 MiB


def sample_size(num_classes: int, dimensions: int) -> int:
    """Samples of each class to keep, so that memory is bounded."""
    return max(SAMPLE_NUMBERS // (num_classes * dimensions), 1)


@dataclass(frozen=True, eq=False)
class Measurement:
    """Features of one checkpoint.

    Args:
        statistics: Of all features.
        sample: Of each class.
        classifier: The class vectors, (K, D).

    Example:
        >>> import torch
        >>> from ltseg.core.class_sample import ClassSample
        >>> from ltseg.core.class_statistics import ClassStatistics
        >>> from ltseg.trained.measuring import Measurement
        >>> rows, labels = torch.eye(2).repeat(3, 1), torch.arange(2).repeat(3)
        >>> sample = ClassSample.of(rows, labels, predictions=labels, per_class=2)
        >>> measured = Measurement(ClassStatistics.of(rows, labels, 2), sample, classifier=torch.eye(2))
        >>> measured.is_exact, measured.summary().figures['nc1']  # 2 of 3 samples of a class
        (False, 0.0)
    """

    statistics: ClassStatistics
    sample: ClassSample
    classifier: Tensor

    def summary(self, literal: bool = False) -> CollapseSummary:
        """All figures, see :func:`ltseg.core.collapse_summary.collapse_summary`."""
        return collapse_summary(self.statistics, self.sample, self.classifier, literal)

    @property
    def is_exact(self) -> bool:
        """Whether the sample is all features."""
        return len(self.sample.labels) == int(self.statistics.counts.sum())


def measure(model: Any, loader: Iterable, title: str = '', per_class: int | None = None, seed: int = 0) -> Measurement:
    """Passes over the images of ``loader`` once, without augmentation and dropout, each image as a whole.

    Args:
        model: A segmentor of mmseg or a classifier of mmpretrain; its mode is put back.
        loader: Batches for the model's data preprocessor, this process's share. Every process must come here.
        title: Of the progress bar.
        per_class: Samples of each class to keep; by default what :func:`sample_size` says.
        seed: Of the choice of samples.

    Raises:
        ValueError: If the model has no single classifier with class vectors, a label is no class, or no image has
            labels.
    """
    vectors = class_vectors_of(model).detach()
    number, dimensions = vectors.shape
    per_class = per_class or sample_size(number, dimensions)
    generator = torch.Generator(vectors.device).manual_seed(seed)
    nothing = vectors.new_zeros(0, dimensions), torch.zeros(0, dtype=torch.int64, device=vectors.device)
    statistics = ClassStatistics.of(*nothing, number)
    sample = ClassSample.of(*nothing, nothing[1], per_class, generator)
    with torch.no_grad():
        for rows, labels, logits in labelled_features(model, loader, title):
            statistics = statistics + ClassStatistics.of(rows, labels, number)
            sample = sample + ClassSample.of(rows, labels, logits.argmax(1), per_class, generator)
        measured = Measurement(statistics.all_reduced(), sample.gathered(), vectors)
    if not measured.statistics.counts.any():
        hint = 'Check the labels of the split, ignore_index and reduce_zero_label.'
        raise InvalidValueError('analysis', 'images with labels of some class', 'none', hint)
    return measured


@torch.no_grad()
def labelled_features(
    model: Any, loader: Iterable, title: str = '', view: int = 0, cropped: bool = False
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """One pass of a model in evaluation mode over the images of ``loader``; its mode is put back.

    Args:
        model, loader, title: As of :func:`measure`.
        view: Which of several views of an image passes, or the last where there are fewer.
        cropped: Whether a segmentor's images are from the pipeline of training, and padded to one size.

    Yields:
        Features (n, D), labels (n,) and logits (n, K) of labelled pixels or images, a bounded number at a time.

    Raises:
        ValueError: As :func:`measure`.
    """
    console = Console(stderr=True)
    with closing(ClassifierWatch(model)) as watch, in_evaluation(model):
        for batch in track(loader, title, console=console, disable=not console.is_terminal):
            data = model.data_preprocessor(batch, cropped and hasattr(model, 'decode_head'))
            if getattr(data['inputs'], 'ndim', 0) == SEVERAL_VIEWS:
                data['inputs'] = data['inputs'][:, min(view, data['inputs'].shape[1] - 1)]
            model(**data, mode='tensor')
            yield from _parts(watch)


def _parts(watch: ClassifierWatch) -> Iterable[tuple[Tensor, Tensor, Tensor]]:
    """Features (n, D), labels (n,) and logits (n, K) of the labelled rows, a bounded number at a time."""
    labels = watch.labels()
    outside = labels[(labels < 0) | (labels > watch.num_classes)]
    if len(outside):
        hint = 'Check num_classes of the head, and ignore_index and reduce_zero_label of the data set.'
        raise InvalidValueError('labels', f'classes 0..{watch.num_classes - 1}', repr(int(outside[0])), hint)
    for chosen in (labels < watch.num_classes).nonzero().squeeze(1).split(ROWS):
        yield watch.features(chosen), labels[chosen], watch.logits(chosen)
