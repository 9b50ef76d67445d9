"""Single images of a split: what is in them, what each model predicts there, and their pictures."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ltseg.reports.comparison import Comparison
from ltseg.reports.page import pictures
from ltseg.reports.page.phrases import listed
from ltseg.reports.page.pictures import Picture
from ltseg.trained.model import TrainedModel

__all__ = ['Album', 'ClassifiedAlbum', 'Example', 'SegmentedAlbum']


@dataclass(frozen=True)
class Example:
    """An image with its pictures.

    Args:
        name: Of the image.
        sentence: What fails in it.
        pictures: Image, truth, and prediction and errors of each method.
        legend: Class names and their colours.
    """

    name: str
    sentence: str
    pictures: Sequence[Picture]
    legend: Sequence[tuple[str, str]] = ()


class Album(ABC):
    """Looks at single images of a task."""

    are_small = False

    def __init__(self, study: Comparison, models: Mapping[str, TrainedModel], split: str) -> None:
        self.study, self.models, self.split = study, models, split
        self.names = study.reference.class_names
        self.rare = sorted(study.reference.groups.of(study.rarest))
        self.first = next(iter(models.values()))
        self.dataset: Any = self.first.loader(split).dataset
        self.colours = pictures.palette_of(self.dataset, len(self.names))

    def predictions(self, index: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Label of the method, scores (K, *) and classes (*) of the image by each model; K for what is ignored."""
        for label, model in self.models.items():
            loader: Any = model.loader(self.split)
            with torch.inference_mode():
                logits, labels = next(model.logits_and_labels(loader.collate_fn([loader.dataset[index]]), 'prior'))
            yield label, logits[0].cpu().numpy(), self.classes_of(labels[0]).cpu().numpy()

    def classes_of(self, labels: Tensor) -> Tensor:
        """Labels with what is not evaluated as K, which is no class."""
        return labels.masked_fill(labels == self.first.ignored_label(self.split), len(self.names))

    def photo(self, index: int) -> np.ndarray:
        """The image as the models get it, (H, W, 3) uint8 RGB."""
        return pictures.photo_of(self.dataset[index]['inputs'], self.first.model.data_preprocessor)

    @property
    @abstractmethod
    def note(self) -> str:
        """How the images were chosen, and how to read them."""

    @abstractmethod
    def samples(self, index: int) -> dict[int, int]:
        """Samples of each rare class in an image."""

    @abstractmethod
    def look(self, index: int) -> tuple[float, Example]:
        """How badly rare classes fail in an image, and its pictures."""


class SegmentedAlbum(Album):
    @property
    def note(self) -> str:
        rarest = self.study.rarest
        return (
            f'Chosen among images with many pixels of {rarest} classes for the share of them that the methods miss. '
            f'Errors: orange, a {rarest} class that was missed; blue, a {rarest} class where it is not; pale, others.'
        )

    def samples(self, index: int) -> dict[int, int]:
        labels = self.dataset[index]['data_samples'].gt_sem_seg.data
        found, counts = self.classes_of(labels).unique(return_counts=True)
        return {c: n for c, n in zip(found.tolist(), counts.tolist(), strict=True) if c in self.rare}

    def look(self, index: int) -> tuple[float, Example]:
        photo, shown, missed = self.photo(index), set[int](), list[tuple[float, float]]()
        made = [Picture(pictures.photo_uri(photo), 'image', 'The image')]
        for label, logits, truth in self.predictions(index):
            predicted, is_rare = logits.argmax(0), np.isin(truth, self.rare)
            there = [self.names[c] for c in self.rare if (truth == c).any()]
            if not missed:
                made.append(Picture(pictures.map_uri(truth, self.colours), 'truth', f'True classes, {listed(there)}'))
            # A handful of pixels shows nothing.
            missed.append((float((predicted != truth)[is_rare].mean()), min(1.0, float(is_rare.mean()) * 200)))
            shown |= set(np.unique(truth).tolist()) | set(np.unique(predicted).tolist())
            made += self._pictures(label, photo, predicted, truth)
        legend = [(self.names[c], f'#{bytes(self.colours[c]).hex()}') for c in self.study.order if c in shown]
        shares = [f'{label} {100 * share:.0f} %' for label, (share, _) in zip(self.models, missed, strict=True)]
        score = float(np.mean([share * weight for share, weight in missed]))
        name = pictures.name_of(self.dataset, index)
        return score, Example(name, f'Missed of {listed(there)}: {listed(shares)}.', made, legend)

    def _pictures(self, label: str, photo: np.ndarray, predicted: np.ndarray, truth: np.ndarray) -> list[Picture]:
        valid = truth < len(self.names)
        wrong = valid & (predicted != truth)
        errors = pictures.errors_uri(photo, wrong, np.isin(truth, self.rare), np.isin(predicted, self.rare))
        share = f'{100 * wrong.sum() / max(valid.sum(), 1):.0f} % of the pixels are wrong'
        return [
            Picture(pictures.map_uri(predicted, self.colours), f'{label}: prediction', f'Prediction by {label}'),
            Picture(errors, f'{label}: errors', f'Errors of {label}: {share}'),
        ]


class ClassifiedAlbum(Album):
    are_small = True

    @property
    def note(self) -> str:
        return f'Images of {self.study.rarest} classes that the methods take for another class with confidence.'

    def samples(self, index: int) -> dict[int, int]:
        label = int(np.atleast_1d(self.dataset.get_data_info(index)['gt_label'])[0])
        return {label: 1} if label in self.rare else {}

    def look(self, index: int) -> tuple[float, Example]:
        says, score, truth = [], 0.0, 0
        for label, logits, labels in self.predictions(index):
            truth, best = int(labels), int(logits.argmax())
            chances = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
            score += float(chances[best]) * (best != truth) / len(self.models)
            says.append(f'{label}: {self.names[best]} ({100 * chances[best]:.0f} %)')
        image = Picture(pictures.photo_uri(self.photo(index)), f'image {index}', f'An image of {self.names[truth]}')
        return score, Example(f'true: {self.names[truth]}', '; '.join(says), [image])
