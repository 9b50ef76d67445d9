"""What enters and leaves the last layer of a model while it runs, with the labels: pixels or images as rows."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.errors import InvalidValueError
from ltseg.core.features import nearest_labels
from ltseg.core.layout import at_least_float32
from ltseg.heads.classifiers import CosineClassifier, vectors_of
from ltseg.heads.mixed_labels import labels_of_larger_share, targets_of
from ltseg.heads.predicted_logits import classifier_of

__all__ = ['ClassifierWatch', 'class_vectors_of']


def class_vectors_of(model: nn.Module) -> Tensor:
    """The class vectors (K, D) of a model's last layer.

    Raises:
        ValueError: If the model has no single last layer with one vector for each class.
    """
    try:
        key, classifier = classifier_of(model)
    except ValueError as error:
        raise InvalidValueError(type(model).__name__, 'a model with one last layer', 'none or several') from error
    vectors = vectors_of(classifier)
    if not isinstance(vectors, Tensor) or len(vectors) < 2:
        raise InvalidValueError(
            key, 'a layer with one vector for each of several classes', repr(type(classifier).__name__)
        )
    return vectors


class ClassifierWatch:
    """Notes what a model's last layer sees from when it is made until ``close``.

    Rows are the samples that the layer classifies: the pixels of its maps, with the nearest labels, or images. The
    features are those before dropout.

    Args:
        model: A segmentor of mmseg or a classifier of mmpretrain, without the wrapper of a parallel training.
        gradients: Whether to note the gradient of the logits too.

    Raises:
        ValueError: As :func:`class_vectors_of`.

    Example:
        >>> import torch
        >>> from mmpretrain.models import ImageClassifier
        >>> from mmpretrain.structures import DataSample
        >>> from ltseg.heads.classifier_watch import ClassifierWatch
        >>> model = ImageClassifier(
        ...     data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'),
        ...     backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
        ...     neck=dict(type='mmpretrain.GlobalAveragePooling'),
        ...     head=dict(type='mmpretrain.LinearClsHead', in_channels=8, num_classes=3))
        >>> watch = ClassifierWatch(model)
        >>> _ = model(torch.zeros(2, 3, 8, 8), [DataSample().set_gt_label(label) for label in (0, 2)])
        >>> watch.labels().tolist(), tuple(watch.features().shape), tuple(watch.logits().shape)
        ([0, 2], (2, 8), (2, 3))
        >>> watch.close()
    """

    def __init__(self, model: Any, gradients: bool = False) -> None:
        self.num_classes = len(class_vectors_of(model))
        self._classifier: Any = classifier_of(model)[1]
        self._gradients, self._calls = gradients, 0
        head: Any = model.decode_head if hasattr(model, 'decode_head') else model.head
        self._head: Any = head[-1] if isinstance(head, nn.ModuleList) else head
        self._data: dict[str, Any] = {}
        self._dropped: tuple[Any, Any] = (None, None)
        dropouts = [part for part in self._head.modules() if isinstance(part, nn.Dropout | nn.Dropout2d)]
        self._handles = [
            model.register_forward_pre_hook(self._note_data, with_kwargs=True),
            *(part.register_forward_hook(self._note_dropout) for part in dropouts),
            self._classifier.register_forward_hook(self._note_classified),
        ]

    def close(self) -> None:
        """Stops noting, and forgets."""
        for handle in self._handles:
            handle.remove()
        self.__dict__ = {}

    def _note_data(self, _: nn.Module, arguments: tuple, named: dict[str, Any]) -> None:
        self._data = {**dict(zip(('inputs', 'data_samples'), arguments, strict=False)), **named}
        self._calls = 0

    def _note_dropout(self, _: nn.Module, arguments: tuple, result: Tensor) -> None:
        self._dropped = (arguments[0].detach(), result)

    def _note_classified(self, _: nn.Module, arguments: tuple, result: Tensor) -> None:
        self._calls += 1
        self._inputs = arguments[0].detach()
        before, after = self._dropped
        self._features = before if after is arguments[0] else self._inputs
        self._dropped = (None, None)
        self._logits = result.detach()
        self._gradient: Tensor | None = None
        if self._gradients and result.requires_grad:
            result.register_hook(self._note_gradient)

    def _note_gradient(self, gradient: Tensor) -> None:
        self._gradient = gradient.detach()

    def labels(self) -> Tensor:
        """The label of each row, (N,) int64; K where there is none.

        Raises:
            ValueError: If the model has not run, or its last layer has classified several times.
        """
        if self._calls != 1 or not self._data.get('data_samples'):
            hint = 'Leave this analysis out for this model.'
            expected = 'a model that classifies the features of a labelled batch once'
            raise InvalidValueError(type(self._head).__name__, expected, f'{self._calls} times', hint)
        samples = self._data['data_samples']
        if self._logits.ndim == 2:
            target, unmixed = targets_of(samples)
            labels = labels_of_larger_share(target, unmixed) if target.is_floating_point() else target
            return labels.long().repeat_interleave(len(self._logits) // len(labels))  # views
        ignored = self._head.ignore_index
        maps = [_label_map(sample, self._data['inputs'].shape[-2:], ignored) for sample in samples]
        labels = nearest_labels(torch.stack(maps), self._logits.shape[2:]).flatten().long()
        return labels.masked_fill(labels == ignored, self.num_classes)

    def features(self, chosen: Tensor | None = None) -> Tensor:
        """Features of the rows ``chosen``, or of all, (N, D) float32 or better."""
        return _rows(self._features, chosen)

    def logits(self, chosen: Tensor | None = None) -> Tensor:
        """What leaves the layer, (N, K)."""
        return _rows(self._logits, chosen)

    def gradient_and_input(self) -> tuple[Tensor, Tensor] | None:
        """dL/dz (N, K), and what entered the layer, after dropout, (N, D); None where nothing was differentiated.

        For :class:`CosineClassifier`, z are the cosines.
        """
        if self._gradient is None:
            return None
        scale = self._classifier.scale if isinstance(self._classifier, CosineClassifier) else 1.0
        return _rows(self._gradient, None) * scale, _rows(self._inputs, None)

    @property
    def cosine_weight(self) -> Tensor | None:
        """The class vectors (K, D) of a classifier of cosines, otherwise None."""
        is_cosine = isinstance(self._classifier, CosineClassifier)
        return self._classifier.class_vectors.detach() if is_cosine else None


def _rows(values: Tensor, chosen: Tensor | None) -> Tensor:
    if values.ndim == 4:
        pixels = values.permute(0, 2, 3, 1)
        if chosen is None:
            return at_least_float32(pixels.flatten(0, 2))
        height, width = values.shape[2:]
        place = chosen // (height * width), chosen // width % height, chosen % width
        return at_least_float32(pixels[place])  # no copy of the others
    return at_least_float32(values if chosen is None else values[chosen])


def _label_map(sample: Any, size: torch.Size, ignore_index: int) -> Tensor:
    """The labels (H, W) of a sample as large as the model's inputs, which may be scaled and padded."""
    if 'gt_sem_seg' not in sample:
        where = getattr(sample, 'img_path', 'an image')
        raise InvalidValueError(f'labels of {where}', 'a label map', 'none', 'Choose a split with labels.')
    labels = sample.gt_sem_seg.data.squeeze(0)
    if labels.shape == size:
        return labels
    inside = torch.Size(getattr(sample, 'img_shape', size)[:2])
    labels = nearest_labels(labels[None], inside)[0]
    return F.pad(labels, (0, size[1] - inside[1], 0, size[0] - inside[0]), value=ignore_index)
