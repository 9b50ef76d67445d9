"""IoU image by image."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from torch import Tensor
from two_processes import in_two_processes

from ltseg.core.confusion import padded_confusion_matrix
from ltseg.core.errors import LtsegError
from ltseg.metrics import ImageIoU
from ltseg.metrics.image_iou import worst_mean

K = 4


def metric(**options: Any) -> ImageIoU:
    made = ImageIoU(**options)
    made.dataset_meta = {'classes': tuple('abcd')}
    return made


def images(number: int = 7, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Labels and predictions; some classes are in few of them."""
    generator = torch.Generator().manual_seed(seed)
    pairs = []
    for index in range(number):
        labels = torch.randint(2 + index % 3, (6, 9), generator=generator)
        guesses = torch.where(torch.rand(6, 9, generator=generator) < 0.6, labels, (labels + 1) % K)
        labels[torch.rand(6, 9, generator=generator) < 0.1] = 255
        pairs.append((labels, guesses))
    return pairs


def evaluated(pairs: Sequence[tuple[Tensor, Tensor]], **options: Any) -> dict[str, float]:
    made = metric(**options)
    for label, guess in pairs:
        made.process(None, [{'pred_sem_seg': {'data': guess[None]}, 'gt_sem_seg': {'data': label[None]}}])
    return made.evaluate(size=len(pairs))


def naive(label: Tensor, guess: Tensor) -> dict[int, float]:
    """IoU of each class that the labels have, pixel by pixel."""
    found = {}
    pixels = [(int(t), int(p)) for t, p in zip(label.flatten(), guess.flatten(), strict=True) if t != 255]
    for k in range(K):
        both = sum(t == p == k for t, p in pixels)
        if any(t == k for t, _ in pixels):
            found[k] = both / sum(k in pair for pair in pixels)
    return found


def test_means_are_those_of_a_loop_over_pixels() -> None:
    pairs = images()
    ious = [naive(*pair) for pair in pairs]
    of_images = sorted(sum(each.values()) / len(each) for each in ious)
    of_classes = [sorted(each[k] for each in ious if k in each) for k in range(K)]
    values = evaluated(pairs, worst=[5, 50])
    assert values['mIoU_I'] == pytest.approx(100 * sum(of_images) / len(of_images))
    assert values['mIoU_I_worst5'] == pytest.approx(100 * of_images[0])
    assert values['mIoU_I_worst50'] == pytest.approx(100 * sum(of_images[:3]) / 3)
    expected = [sum(each[: max(1, len(each) // 2)]) / max(1, len(each) // 2) for each in of_classes]
    assert values['mIoU_C_worst50'] == pytest.approx(100 * sum(expected) / K)
    assert values['mIoU_C'] == pytest.approx(100 * sum(sum(each) / len(each) for each in of_classes) / K)


def test_a_small_region_weighs_as_much_as_a_large_one() -> None:
    small, large = torch.zeros(10, 10, dtype=torch.int64), torch.zeros(10, 10, dtype=torch.int64)
    small[0, 0], large[:5] = 1, 1
    missed = torch.zeros(10, 10, dtype=torch.int64)
    values = evaluated([(small, missed), (large, large)])
    assert values['mIoU_C'] == pytest.approx(100 * (0.5 + (0.99 + 1) / 2) / 2)


def test_predictions_of_classes_that_an_image_has_not_only_lower_the_others() -> None:
    label, guess = torch.zeros(4, 4, dtype=torch.int64), torch.zeros(4, 4, dtype=torch.int64)
    guess[0] = 3
    assert evaluated([(label, guess)])['mIoU_I'] == 75


def test_images_without_a_valid_pixel_are_left_out() -> None:
    pairs, void = images(), torch.full((6, 9), 255)
    values = evaluated([*pairs, (void, torch.zeros_like(void))])
    assert values == pytest.approx(evaluated(pairs))
    nothing = evaluated([(void, torch.zeros_like(void))])
    assert all(math.isnan(value) for value in nothing.values())


@pytest.mark.parametrize('worst', [[0], [-1], [101], [math.nan], ['5']])
def test_percentages_are_checked(worst: list) -> None:
    with pytest.raises(LtsegError, match=r'ImageIoU\.worst'):
        ImageIoU(worst=worst)


def test_a_number_is_no_list_and_shares_are_exact() -> None:
    hinted('E.g. (5,).', lambda: ImageIoU(worst=5))
    assert worst_mean(torch.arange(100.0), 29) == 14.0  # of 29 values


def test_values_that_are_no_class_are_named() -> None:
    label, guess = torch.zeros(2, 2, dtype=torch.int64), torch.full((2, 2), 7)  # a head of more classes than the data
    with pytest.raises(LtsegError, match='4 predictions of other values'):
        of_other_classes(K, guess, label)
    hinted(
        'Check num_classes of the head, and ignore_index and reduce_zero_label of the data set.',
        lambda: of_other_classes(K, guess, label),
    )
    assert of_other_classes(8, guess, label) == 0


def of_other_classes(classes: int, guess: Tensor, label: Tensor) -> float:
    made = ImageIoU()
    made.dataset_meta = {'classes': [str(index) for index in range(classes)]}
    kept = counted_as_on_a_gpu(guess, label, classes)
    made.results.append(kept)
    return made.evaluate(size=1)['mIoU_I']


def counted_as_on_a_gpu(guess: Tensor, label: Tensor, classes: int) -> Tensor:
    matrix = padded_confusion_matrix(guess, label, classes)
    return torch.stack((matrix.diagonal(), matrix.sum(1), matrix.sum(0)))


def shared_work(rank: int, folder: str) -> None:
    pairs = images()
    shares = pairs[rank::2] + (pairs[:1] if rank else [])  # a sampler fills up the shorter share with the first image
    made = metric()
    for label, guess in shares:
        made.process(None, [{'pred_sem_seg': {'data': guess[None]}, 'gt_sem_seg': {'data': label[None]}}])
    torch.save(made.evaluate(size=len(pairs)), Path(folder, f'{rank}.pt'))


def test_two_processes_are_as_one(tmp_path: Path) -> None:
    in_two_processes(shared_work, str(tmp_path))
    for rank in range(2):
        assert torch.load(tmp_path / f'{rank}.pt') == pytest.approx(evaluated(images()))
