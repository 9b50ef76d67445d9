"""Images where rare classes fail, with the truth and what each method predicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.progress import track

from ltseg.core.errors import InvalidValueError
from ltseg.metrics.task import SEGMENTATION
from ltseg.reports.comparison import Comparison
from ltseg.reports.page.albums import Album, ClassifiedAlbum, Example, SegmentedAlbum
from ltseg.trained.model import TrainedModel

__all__ = ['Candidate', 'Examples', 'find_examples', 'take_turns']

SCANNED = 400  # images whose labels are looked at
TRIED = 4  # images that the models predict, for each one that is shown


@dataclass(frozen=True)
class Examples:
    """The examples of a page.

    Args:
        chosen: The examples.
        note: How they were chosen, and how to read them.
        are_small: Whether they stand beside each other.
    """

    chosen: Sequence[Example]
    note: str
    are_small: bool = False


@dataclass(frozen=True)
class Candidate:
    """An image with samples of rare classes.

    Args:
        index: In the data set.
        samples: Of each rare class.
    """

    index: int
    samples: Mapping[int, int]


def find_examples(study: Comparison, models: Mapping[str, TrainedModel], number: int) -> Examples:
    """Chooses images in which the models fail most on rare classes, and makes their pictures.

    Labels of at most 400 images are read, spread over the data set; four images are predicted for each that is shown.

    Args:
        study: Whose split and rare classes are taken.
        models: By the label of the method.
        number: Of the images.

    Raises:
        ValueError: If the split has no data loader of its own, or the data sets of the models differ.
    """
    split = study.methods[0].setting[2]
    datasets = [model.loader(split).dataset for model in models.values()]
    sizes = [len(dataset) for dataset in datasets]  # type: ignore[arg-type]
    if len(set(sizes)) > 1:
        raise InvalidValueError('images', f'the same {split} images for all methods', f'{sizes} images')
    kind: type[Album] = SegmentedAlbum if study.reference.task is SEGMENTATION else ClassifiedAlbum
    album = kind(study, models, split)
    console = Console(stderr=True)
    places = np.unique(np.linspace(0, sizes[0] - 1, SCANNED).round().astype(int)).tolist()
    scan = track(places, 'labels', console=console, disable=not console.is_terminal)
    rare = set(study.reference.groups.of(study.rarest))
    candidates = [Candidate(place, samples) for place in scan if (samples := album.samples(place, rare))]
    tried = take_turns(candidates, number * TRIED)
    shown = track(tried, 'images', console=console, disable=not console.is_terminal)
    scored = sorted((album.look(each.index) for each in shown), key=lambda pair: -pair[0])
    return Examples([example for score, example in scored[:number] if score > 0], album.note, album.are_small)


def take_turns(candidates: Sequence[Candidate], number: int) -> list[Candidate]:
    """At most ``number`` candidates; each class in turn gives the one that has the most samples of it."""
    queues = [
        [each for _, _, each in sorted((-c.samples[rare], c.index, c) for c in candidates if rare in c.samples)]
        for rare in sorted({rare for each in candidates for rare in each.samples})
    ]
    chosen: dict[int, Candidate] = {}
    while len(chosen) < number and any(queues):
        for queue in queues:
            while queue:
                first = queue.pop(0)
                if first.index not in chosen:
                    chosen[first.index] = first
                    break
    return list(chosen.values())[:number]
