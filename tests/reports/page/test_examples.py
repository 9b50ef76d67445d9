"""Images are chosen where rare classes fail, and their pictures show what is there."""

import base64
import io
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ltseg.reports.page import pictures
from ltseg.reports.page.examples import find_examples, take_turns

RARE = 3  # the class 'bus'


def decoded(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(',')[2]))).convert('RGB'))


def labels_of(index: int) -> torch.Tensor:
    """Image 2 has many pixels of the rare class, image 1 a few, others none."""
    labels = torch.zeros(20, 30, dtype=torch.int64)
    labels[:, : {1: 1, 2: 9}.get(index, 0)] = RARE
    labels[0] = 255
    return labels


class Images(list):
    """Four images, as segmentation and as classification."""

    metainfo = {'classes': tuple('abcd'), 'palette': [[0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 255]]}

    def __init__(self) -> None:
        pixels = torch.zeros(3, 40, 60, dtype=torch.uint8)
        pixels[0] = 200  # blue, as the channels are reversed
        samples = [SimpleNamespace(gt_sem_seg=SimpleNamespace(data=labels_of(index))) for index in range(4)]
        super().__init__({'inputs': pixels, 'data_samples': sample} for sample in samples)

    def get_data_info(self, index: int) -> dict[str, Any]:
        return {'img_path': f'some/where/{index}.png', 'gt_label': [0, RARE, RARE, 1][index]}


class Model:
    """Predicts the class ``answer`` everywhere."""

    def __init__(self, answer: int, dense: bool = True, ignored: int = 255) -> None:
        self.answer, self.dense, self.ignored = answer, dense, ignored
        self.model = SimpleNamespace(data_preprocessor=SimpleNamespace(channel_conversion=True))
        self._loader = SimpleNamespace(dataset=Images(), collate_fn=lambda samples: samples)

    def loader(self, split: str) -> Any:
        assert split == 'test'
        return self._loader

    def ignored_label(self, split: str) -> int:
        assert split == 'test'
        return self.ignored

    def logits_and_labels(self, batch: list, by: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        labels = batch[0]['data_samples'].gt_sem_seg.data[None] if self.dense else torch.tensor([RARE])
        logits = torch.zeros(1, 4, *labels.shape[1:])
        logits[:, self.answer] = 5
        yield logits, labels


def test_chooses_the_images_in_which_rare_classes_fail(make_study) -> None:
    found = find_examples(make_study(), {'cross entropy': Model(0), 'ARB': Model(1)}, 3)
    assert [example.name for example in found.chosen] == ['2.png', '1.png']
    first = found.chosen[0]
    assert first.sentence == 'Missed of bus: cross entropy 100 % and ARB 100 %.'
    titles = [picture.title for picture in first.pictures]
    assert titles == [
        'image',
        'truth',
        *(f'{m}: {what}' for m in ('cross entropy', 'ARB') for what in ('prediction', 'errors')),
    ]
    assert all(picture.alt for picture in first.pictures)
    photo, truth, predicted, errors = (decoded(picture.data) for picture in first.pictures[:4])
    assert abs(photo[5, 5].astype(int) - (0, 0, 200)).max() < 8
    assert (truth[1:, :9] == (0, 0, 255)).all() and (truth[0] == 0).all()
    assert (predicted == 0).all()
    assert abs(errors[10, 4].astype(int) - pictures.MISSED).max() < 25 and errors[10, 25].max() < 100
    assert dict(first.legend)['bus'] == '#0000ff'


def test_what_is_not_evaluated_is_neither_wrong_nor_shown(make_study) -> None:
    """Of image 2, the rare class fills 9 of 30 columns of 19 rows; ignored are the other columns, or that class."""
    (first, _) = find_examples(make_study(), {'ARB': Model(1, ignored=0)}, 3).chosen
    assert first.pictures[3].alt == 'Errors of ARB: 100 % of the pixels are wrong'
    truth, errors = decoded(first.pictures[1].data), decoded(first.pictures[3].data)
    assert (truth[:, 9:20] == 0).all() and errors[10, 25].max() < 100
    assert 'road' not in dict(first.legend) and 'car' in dict(first.legend)
    assert find_examples(make_study(), {'ARB': Model(1, ignored=RARE)}, 3).chosen == []


def test_models_that_are_right_give_no_example(make_study) -> None:
    assert find_examples(make_study(), {'cross entropy': Model(RARE)}, 3).chosen == []


def test_different_data_are_refused(make_study) -> None:
    other = Model(1)
    other._loader.dataset.pop()
    with pytest.raises(ValueError, match='same test images'):
        find_examples(make_study(), {'cross entropy': Model(0), 'ARB': other}, 1)


def test_images_of_classification(make_study, as_classification) -> None:
    study = as_classification(make_study(seeds=1))
    found = find_examples(study, {'ARB': Model(1, dense=False)}, 5)
    assert found.are_small and [example.name for example in found.chosen] == ['true: bus', 'true: bus']
    assert found.chosen[0].sentence == 'ARB: car (98 %)'


def test_classes_take_turns() -> None:
    samples = {0: {1: 5}, 1: {1: 9}, 2: {1: 7, 4: 1}, 3: {4: 3}, 4: {}}
    assert take_turns(samples, 3) == [1, 3, 2]
    assert len(take_turns(samples, 9)) == 4 and take_turns({}, 2) == []


def test_maps_of_many_classes_keep_their_colours() -> None:
    colours = pictures.palette_of(None, 300)
    classes = np.array([[0, 299], [150, 1000]])
    assert (
        decoded(pictures.map_uri(classes, colours)) == [[colours[0], colours[299]], [colours[150], (0, 0, 0)]]
    ).all()
    few = pictures.palette_of(None, 19)
    assert len(set(few)) == 19
    assert (decoded(pictures.map_uri(np.array([[0, 18, 255]]), few)) == [few[0], few[18], (0, 0, 0)]).all()


def test_large_images_shrink() -> None:
    uri = pictures.photo_uri(np.zeros((1024, 2048, 3), np.uint8))
    assert decoded(uri).shape == (180, 360, 3)
