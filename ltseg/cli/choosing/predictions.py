"""What a trained head predicts of each validation image at each tau, on the disk too."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from ltseg.core.classified_images import ClassifiedImages
from ltseg.core.confusion import confusion_matrix
from ltseg.core.curve_comparison import CurveCounts
from ltseg.core.files import atomic_write
from ltseg.core.posthoc import log_prior_of, predictions_over_tau
from ltseg.counts.ignored_pixels import MMSEG_IGNORED
from ltseg.metrics.task import CLASSIFICATION
from ltseg.trained.model import TrainedModel

__all__ = ['load_predictions', 'predictions_of', 'save_predictions']

NO_LABEL = -1  # every image has one


def predictions_of(
    model: TrainedModel, taus: tuple[float, ...], ignored: int | None
) -> tuple[CurveCounts | ClassifiedImages, Tensor]:
    """The predictions of a model on the validation images.

    Args:
        model: The model.
        taus: The T strengths of logit adjustment.
        ignored: Label that is not evaluated; None in classification.

    Returns:
        What it predicts of each of the I images, and the confusion matrices of all of them together, (T, K, K).
    """
    names, table = model.table.class_names, model.table
    log_prior = log_prior_of(table.learned.samples, 0.0, names, table.cause_of_empty_classes)
    of_batches = _predicted(model, log_prior, taus)
    if model.task is CLASSIFICATION:
        return _of_images(of_batches, table.counts.samples)
    return _of_pixels(of_batches, len(taus), len(names), MMSEG_IGNORED if ignored is None else ignored)


def _predicted(
    model: TrainedModel, log_prior: Tensor, taus: tuple[float, ...]
) -> Iterator[tuple[Iterator[Tensor], Tensor]]:
    """Predictions at each tau, and labels, of an image of segmentation or of a batch in classification."""
    for batch in model.loader('val'):
        with torch.inference_mode():
            for logits, labels in model.logits_and_labels(batch, 'prior'):
                yield predictions_over_tau(logits, log_prior, taus), labels


def _of_pixels(of_images: Iterable, num_taus: int, size: int, ignored: int) -> tuple[CurveCounts, Tensor]:
    images, matrices = [], torch.zeros(num_taus, size, size, dtype=torch.int64)
    for over_tau, labels in of_images:
        found = torch.stack([confusion_matrix(each, labels, size, ignored).cpu() for each in over_tau])
        matrices += found
        images.append((found.diagonal(dim1=1, dim2=2), found.sum(1), found[0].sum(1)))
    right, predicted, true = (torch.stack(each) for each in zip(*images, strict=True))
    return CurveCounts(right, predicted, true), matrices


def _of_images(of_batches: Iterable, samples: Tensor) -> tuple[ClassifiedImages, Tensor]:
    batches = [(torch.stack(list(over_tau)).cpu(), labels.cpu()) for over_tau, labels in of_batches]
    predicted, true = (torch.cat(each, dim=-1) for each in zip(*batches, strict=True))
    size = len(samples)
    matrices = torch.stack([confusion_matrix(each, true, size, NO_LABEL) for each in predicted])
    return ClassifiedImages(predicted.int(), true, samples), matrices


def save_predictions(path: Path, predictions: CurveCounts | ClassifiedImages) -> None:
    """Writes a file, whole or not at all."""
    with atomic_write(path) as draft, draft.open('wb') as file:
        torch.save(vars(predictions), file)


def load_predictions(path: Path) -> CurveCounts | ClassifiedImages:
    """What :func:`save_predictions` wrote."""
    content = torch.load(path, weights_only=True)
    return CurveCounts(**content) if 'right' in content else ClassifiedImages(**content)
