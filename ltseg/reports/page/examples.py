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

__all__ = ['Examples', 'find_examples', 'take_turns']

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
    sizes = [len(model.loader(split).dataset) for model in models.values()]  # type: ignore[arg-type]
    if len(set(sizes)) > 1:
        raise InvalidValueError('images', f'the same {split} images for all methods', f'{sizes} images')
    kind: type[Album] = SegmentedAlbum if study.reference.task is SEGMENTATION else ClassifiedAlbum
    album = kind(study, models, split)
    console = Console(stderr=True)
    places = np.unique(np.linspace(0, sizes[0] - 1, SCANNED).round().astype(int)).tolist()
    scan = track(places, 'labels', console=console, disable=not console.is_terminal)
    tried = take_turns({place: album.samples(place) for place in scan}, number * TRIED)
    shown = track(tried, 'images', console=console, disable=not console.is_terminal)
    scored = sorted(map(album.look, shown), key=lambda pair: -pair[0])
    return Examples([example for score, example in scored[:number] if score > 0], album.note, album.are_small)


def take_turns(samples: Mapping[int, Mapping[int, int]], number: int) -> list[int]:
    """At most ``number`` images; each class in turn gives the one that has the most samples of it.

    Args:
        samples: Of each rare class that is in an image, by the image.
        number: Of the images.
    """
    queues = [
        [image for _, image in sorted((-found[rare], image) for image, found in samples.items() if rare in found)]
        for rare in sorted({rare for found in samples.values() for rare in found})
    ]
    chosen: dict[int, None] = {}
    while len(chosen) < number and any(queues):
        for queue in queues:
            while queue and queue[0] in chosen:
                queue.pop(0)
            if queue:
                chosen[queue.pop(0)] = None
    return list(chosen)[:number]
