"""Augmentation of a batch draws for each image alone, stays an image, and is repeatable."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from ltseg.datasets import (
    BatchAutoAugment,
    BatchColorJitter,
    BatchRandAugment,
    BatchRandomCrop,
    BatchRandomResizedCrop,
)
from ltseg.datasets.batch_policies import CIFAR_POLICY, ENHANCEMENTS, NAMES, OPERATIONS, SIGNED
from ltseg.datasets.image_operations import rotate
from ltseg.registry import TRANSFORMS

ALL = (
    'BatchRandomCrop',
    'BatchRandomFlip',
    'BatchRandomResizedCrop',
    'BatchCutout',
    'BatchColorJitter',
    'BatchRandomGrayscale',
    'BatchAutoAugment',
    'BatchRandAugment',
    'BatchSimAugment',
)
PLACES_ONLY = ALL[:2] + ALL[3:4]
every_transform = pytest.mark.parametrize('name', ALL)


def noise(number: int = 64) -> Tensor:
    return torch.randint(1, 256, (number, 3, 16, 16), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def applied(name: str, images: Tensor, seed: int = 0) -> Tensor:
    transform = TRANSFORMS.build({'type': f'ltseg.{name}'})
    torch.manual_seed(seed)
    return transform(images)


@every_transform
def test_results_are_images_of_the_same_size_and_inputs_stay(name: str) -> None:
    images = noise()
    result = applied(name, images)
    assert result.shape == images.shape and torch.equal(images, noise())
    assert result.dtype == (torch.uint8 if name in PLACES_ONLY else torch.float32)
    assert result.min() >= -1e-3 and result.max() <= 255 + 1e-3
    assert not torch.equal(result.float(), images.float())


@every_transform
def test_parameters_are_drawn_for_each_image(name: str) -> None:
    alike = noise(1).expand(64, -1, -1, -1)
    different = {image.numpy().tobytes() for image in applied(name, alike)}
    assert len(different) >= (2 if name in ('BatchRandomFlip', 'BatchRandomGrayscale') else 20)


@every_transform
def test_the_seed_of_torch_decides(name: str) -> None:
    images = noise()
    assert torch.equal(applied(name, images), applied(name, images))
    assert not torch.equal(applied(name, images), applied(name, images, seed=1))


@every_transform
def test_bytes_floats_and_a_single_image_serve(name: str) -> None:
    torch.testing.assert_close(applied(name, noise()).float(), applied(name, noise().float()).float())
    assert applied(name, noise(1)).shape == (1, 3, 16, 16)


def test_crops_are_places_in_the_padded_image_all_of_them_drawn() -> None:
    images = noise(400)
    padded = F.pad(images, [4] * 4)
    found = set()
    for image, result in zip(padded, applied('BatchRandomCrop', images), strict=True):
        places = [(y, x) for y in range(9) for x in range(9) if torch.equal(image[:, y : y + 16, x : x + 16], result)]
        assert len(places) == 1
        found.add(places[0])
    assert len(found) > 75  # of 81


def test_flips_mirror_about_half_of_the_images() -> None:
    images = noise(400)
    result = applied('BatchRandomFlip', images)
    kept = (result == images).flatten(1).all(1)
    mirrored = (result == images.flip(-1)).flatten(1).all(1)
    assert (kept ^ mirrored).all() and 150 < mirrored.sum() < 250


def test_cutout_blanks_one_square_that_the_border_may_cut() -> None:
    transform = TRANSFORMS.build({'type': 'ltseg.BatchCutout', 'size': 6, 'value': [1, 2, 3]})
    images = torch.full((200, 3, 16, 16), 99.0)
    result = transform(images)
    hole = result[:, 0] == 1
    assert torch.equal(result[:, 1] == 2, hole) and torch.equal(result[:, 2] == 3, hole)
    heights, widths = hole.any(2).sum(1), hole.any(1).sum(1)
    assert torch.equal(hole.sum((1, 2)), heights * widths)  # a full rectangle
    assert heights.max() == widths.max() == 6 and heights.min() >= 3 and (heights == 6).sum() > 100


def test_resized_crops_of_the_whole_area_are_the_image() -> None:
    images = noise()
    whole = BatchRandomResizedCrop(scale=(1, 1), ratio=(1, 1))(images)
    torch.testing.assert_close(whole, images.float(), atol=1e-2, rtol=0)
    ramp = torch.arange(16.0).expand(500, 3, 16, 16)
    crops = BatchRandomResizedCrop(scale=(0.25, 0.25), ratio=(1, 1))(ramp)
    spans = crops[:, 0, 8, -1] - crops[:, 0, 8, 0]
    assert (spans > 6.5).all() and (spans < 8.5).all()  # 8 of 16 columns each
    assert crops[:, 0, 8].mean(1).unique().numel() > 5


@pytest.mark.parametrize('settings', [{'scale': (0, 1)}, {'scale': (0.5, 1.5)}, {'ratio': (2, 1)}])
def test_ranges_without_sense_are_refused(settings: dict) -> None:
    with pytest.raises(ValueError, match='BatchRandomResizedCrop'):
        BatchRandomResizedCrop(**settings)


def test_grey_images_have_equal_channels_and_are_a_fifth() -> None:
    result = applied('BatchRandomGrayscale', noise(1000))
    grey = (result[:, 0] == result[:, 1]).flatten(1).all(1)
    assert 150 < grey.sum() < 250


def test_color_jitter_changes_the_share_it_says_and_nothing_at_strength_0() -> None:
    images = noise(500).float()
    changed = (BatchColorJitter(prob=0.8)(images) != images).flatten(1).any(1)
    assert 370 < changed.sum() < 430
    torch.testing.assert_close(BatchColorJitter(0, 0, 0, 0)(images), images, atol=1e-2, rtol=0)


def test_the_policy_is_torchvisions() -> None:
    theirs = AutoAugment(AutoAugmentPolicy.CIFAR10).policies
    ours = [tuple((name, share, ninths or None) for name, share, ninths in pair) for pair in CIFAR_POLICY]
    plain = [tuple((name, share, ninths or None) for name, share, ninths in pair) for pair in theirs]
    assert ours == plain


def test_strengths_are_torchvisions() -> None:
    space = AutoAugment()._augmentation_space(10, (32, 32))
    for name, (bins, signed) in space.items():
        _, least, most = OPERATIONS[name]
        size = 32 if name.startswith('Translate') else 1
        assert signed == (name in SIGNED)
        if bins.ndim:
            ours = least + (most - least) * torch.arange(10) / 9 * size
            tolerance = {'Posterize': 0.5, 'Solarize': 1}.get(name, 1e-3)  # theirs are whole, and start at 255
            torch.testing.assert_close(ours, bins.float(), atol=tolerance, rtol=0)
    assert set(space) <= set(NAMES) and set(ENHANCEMENTS) < set(SIGNED)


def test_rand_augment_takes_all_operations_alike_and_none_at_strength_0() -> None:
    images = noise(700)
    taken, strengths = zip(*BatchRandAugment(num_ops=3).choices(len(images)), strict=True)
    times = torch.bincount(torch.cat(taken), minlength=len(NAMES))
    assert len(taken) == 3 and times[NAMES.index('Invert')] == 0
    assert (times[:14] > 100).all() and (times[:14] < 200).all()
    assert torch.cat(strengths).min() >= 0 and torch.cat(strengths).max() <= 1
    weak = BatchRandAugment(num_ops=1, magnitude=0, magnitude_std=0)
    torch.manual_seed(0)
    ((chosen, _),) = weak.choices(len(images))
    torch.manual_seed(0)
    same = (weak(images) - images.float()).abs().flatten(1).amax(1) < 1e-2
    assert set(chosen[~same].tolist()) <= {NAMES.index('AutoContrast'), NAMES.index('Equalize')}


def wide_noise(number: int) -> Tensor:
    return torch.randint(1, 256, (number, 3, 12, 20), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def test_crops_of_wide_images_are_as_far_away_as_asked_for() -> None:
    images, found = wide_noise(200), set()
    torch.manual_seed(0)
    for image, result in zip(F.pad(images, [2] * 4), BatchRandomCrop(padding=2)(images), strict=True):
        places = [(y, x) for y in range(5) for x in range(5) if torch.equal(image[:, y : y + 12, x : x + 20], result)]
        assert len(places) == 1
        found.add(places[0])
    assert len(found) == 25


def test_cutout_reaches_each_pixel_of_wide_images() -> None:
    torch.manual_seed(0)
    hole = TRANSFORMS.build({'type': 'ltseg.BatchCutout', 'size': 3})(wide_noise(400)) == 0
    assert hole[:, 0].any(0).all() and hole.all(1).flatten(1).sum(1).max() == 9


def ramps(number: int, height: int, width: int) -> Tensor:
    """Images whose first channel is the column and whose second is the row."""
    rows, columns = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing='ij')
    return torch.stack([columns, rows, rows]).expand(number, 3, height, width)


def enlargement(crops: Tensor) -> tuple[Tensor, Tensor]:
    """Columns and rows of the image for one column and one row of each result."""
    return crops[:, 0].diff(dim=2).amax((1, 2)), crops[:, 1].diff(dim=1).amax((1, 2))


def test_the_ratio_of_a_resized_crop_is_its_width_over_its_height() -> None:
    wide, high = enlargement(BatchRandomResizedCrop(scale=(0.5, 0.5), ratio=(2.5, 2.5))(ramps(8, 12, 20)))
    torch.testing.assert_close(wide, torch.full((8,), 17 / 20), atol=1e-3, rtol=0)
    torch.testing.assert_close(high, torch.full((8,), 7 / 12), atol=1e-3, rtol=0)


def test_resized_crops_are_as_often_wide_as_high() -> None:
    torch.manual_seed(0)
    wide, high = enlargement(BatchRandomResizedCrop(scale=(0.1, 0.1), ratio=(1 / 4, 4))(ramps(1000, 32, 32)))
    assert 0.4 < (wide > high).float().mean() < 0.55  # those that are rounded to squares are neither


def test_resized_crops_lie_within_the_image_and_at_each_place() -> None:
    torch.manual_seed(0)
    images = ramps(600, 16, 16)
    for part in enlargement(BatchRandomResizedCrop(scale=(0.5, 1), ratio=(1, 4))(images)):
        assert part.max() <= 1 + 1e-3
    crops = BatchRandomResizedCrop(scale=(0.25, 0.25), ratio=(1, 1))(images)
    for middle in (crops[:, 0].mean((1, 2)), crops[:, 1].mean((1, 2))):
        assert middle.round(decimals=1).unique().numel() == 9
    assert torch.equal(BatchRandomResizedCrop(scale=(1, 1), ratio=(4, 4))(images).round(), images)  # none fits


def test_auto_augment_takes_both_operations_of_a_policy_as_often_and_as_strongly_as_it_says() -> None:
    torch.manual_seed(0)
    taken = list(BatchAutoAugment().choices(20000))
    assert len(taken) == 2
    for place, (chosen, strength) in enumerate(taken):
        operations = [pair[place] for pair in CIFAR_POLICY]
        for index, name in enumerate(NAMES[1:], 1):
            own = [(share, ninths / 9) for other, share, ninths in operations if other == name]
            times = (chosen == index).sum().item() / len(chosen)
            assert times == pytest.approx(sum(share for share, _ in own) / 25, abs=0.01)
            strengths = {round(value, 4) for value in strength[chosen == index].tolist()}
            assert strengths == {round(ninths, 4) for share, ninths in own if share}


def test_signed_operations_go_both_ways() -> None:
    class Rotations(BatchRandAugment):
        def choices(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
            yield torch.full((number,), NAMES.index('Rotate')), torch.ones(number)

    images = noise(40).float()
    torch.manual_seed(0)
    result = Rotations()(images)
    ways = [(result == rotate(images, amount.expand(40))).flatten(1).all(1) for amount in torch.tensor([30.0, -30.0])]
    assert (ways[0] ^ ways[1]).all() and 10 < ways[0].sum() < 30
