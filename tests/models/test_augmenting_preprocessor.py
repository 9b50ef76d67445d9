"""The augmenting preprocessor is MMPretrain's where nothing is augmented, and keeps views and labels together."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.dataset import default_collate, pseudo_collate
from mmpretrain.models import ClsDataPreprocessor
from mmpretrain.structures import DataSample
from torch import Tensor

from ltseg.registry import MODELS

NORM = {'mean': [120.0, 110.0, 100.0], 'std': [50.0, 60.0, 70.0]}
FLIP = {'type': 'ltseg.BatchRandomFlip', 'prob': 1.0}
CROP = {'type': 'ltseg.BatchRandomCrop'}


def build(**settings: Any) -> Any:
    return MODELS.build({'type': 'ltseg.AugmentingClsPreprocessor', 'num_classes': 10, **settings})


def images(number: int = 4, **size: int) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (number, 3, size.get('height', 8), 8), generator=random, dtype=torch.uint8)


def batch(inputs: Any, number: int = 4) -> dict[str, Any]:
    return {'inputs': inputs, 'data_samples': [DataSample().set_gt_label(label) for label in range(number)]}


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('settings', [{}, NORM, NORM | {'to_rgb': True, 'pad_size_divisor': 5, 'pad_value': 7}])
@pytest.mark.parametrize('form', [list, lambda x: x], ids=['list', 'tensor'])
def test_without_augmentation_it_is_that_of_mmpretrain(settings: dict, training: bool, form: Callable) -> None:
    ours = build(**settings)(batch(form(images())), training)
    theirs = ClsDataPreprocessor(num_classes=10, **settings)(batch(form(images())), training)
    torch.testing.assert_close(ours['inputs'], theirs['inputs'], atol=0, rtol=0)
    assert [s.gt_label.item() for s in ours['data_samples']] == [0, 1, 2, 3]


def test_it_is_an_mmpretrain_preprocessor_that_copies_and_saves_nothing() -> None:
    preprocessor = build(**NORM, augmentations=[CROP])
    assert isinstance(preprocessor, ClsDataPreprocessor)
    assert preprocessor.state_dict() == {}  # checkpoints of MMPretrain fit
    for copied in (copy.deepcopy(preprocessor), pickle.loads(pickle.dumps(preprocessor))):
        torch.manual_seed(0)
        expected = preprocessor(batch(images()), True)['inputs']
        torch.manual_seed(0)
        assert torch.equal(copied(batch(images()), True)['inputs'], expected)


def test_augments_in_training_only_and_before_normalisation() -> None:
    preprocessor = build(**NORM, to_rgb=True, augmentations=[FLIP, {'type': 'ltseg.BatchCutout', 'size': 40}])
    result = preprocessor(batch(images()), training=True)['inputs']
    black = -torch.tensor(NORM['mean']) / torch.tensor(NORM['std'])
    torch.testing.assert_close(result, black.view(1, 3, 1, 1).expand(4, 3, 8, 8))
    plain = ClsDataPreprocessor(to_rgb=True, **NORM)
    assert torch.equal(preprocessor(batch(images()))['inputs'], plain(batch(images()))['inputs'])


def test_views_have_their_own_augmentation() -> None:
    preprocessor = build(**NORM, views=[[], [FLIP], [CROP, FLIP]])
    result = preprocessor(batch(list(images())), training=True)['inputs']
    plain = ClsDataPreprocessor(**NORM)(batch(images()))['inputs']
    assert result.shape == (4, 3, 3, 8, 8)
    assert torch.equal(result[:, 0], plain) and torch.equal(result[:, 1], plain.flip(-1))
    assert not torch.equal(result[:, 2], plain.flip(-1))
    assert torch.equal(preprocessor(batch(list(images())))['inputs'], plain)


@pytest.mark.parametrize('collate', [pseudo_collate, default_collate])
def test_views_of_a_pipeline_of_mmpretrain_come_through(collate: Callable) -> None:
    from mmcv.transforms import Compose
    from mmpretrain.registry import TRANSFORMS

    flips = [{'type': 'mmpretrain.RandomFlip', 'prob': prob, 'direction': 'horizontal'} for prob in (0.0, 1.0)]
    views = {'type': 'mmpretrain.MultiView', 'num_views': [1, 1], 'transforms': [[flips[0]], [flips[1]]]}
    pipeline = Compose([TRANSFORMS.build(views), TRANSFORMS.build({'type': 'mmpretrain.PackInputs'})])
    arrays = [{'img': image.permute(1, 2, 0).numpy(), 'gt_label': n} for n, image in enumerate(images())]
    result = build(**NORM)(collate([pipeline(array) for array in arrays]), training=True)
    plain = ClsDataPreprocessor(**NORM)(batch(images()))['inputs']
    torch.testing.assert_close(result['inputs'], torch.stack([plain, plain.flip(-1)], 1))
    assert [sample.gt_label.item() for sample in result['data_samples']] == [0, 1, 2, 3]


def test_given_views_are_augmented_each_by_its_own_or_all_alike() -> None:
    given = torch.stack([images(), images().flip(2)], 1)
    own = build(views=[[], [FLIP]])(batch(given), training=True)['inputs']
    assert torch.equal(own[:, 0], given[:, 0].float()) and torch.equal(own[:, 1], given[:, 1].flip(-1).float())
    alike = build(augmentations=[FLIP])(batch(given), training=True)['inputs']
    assert torch.equal(alike, given.flip(-1).float())


@pytest.mark.parametrize('mixing', ['Mixup', 'CutMix'])
def test_mixing_shares_partners_and_labels_over_views(mixing: str) -> None:
    """Images hold their label everywhere, so that a mixed image's mean is the mean of its labels."""
    augments = {'augments': [{'type': mixing, 'alpha': 1.0}]}
    flat = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 3, 8, 8)
    preprocessor = build(views=[[], [FLIP]], batch_augments=augments)
    torch.manual_seed(0)
    mixed = 0
    for _ in range(5):
        result = preprocessor(batch(flat, 8), training=True)
        scores = torch.stack([sample.gt_score for sample in result['data_samples']])
        expected = scores @ torch.arange(10.0)
        assert result['inputs'].shape == (8, 2, 3, 8, 8)
        for view in range(2):
            torch.testing.assert_close(result['inputs'][:, view].mean((1, 2, 3)), expected, atol=1e-4, rtol=0)
        mixed += int(((scores > 0).sum(1) == 2).sum())
    assert mixed > 5
    assert 'gt_score' in preprocessor(batch(flat, 8))['data_samples'][0]  # one-hot in evaluation, as MMPretrain's


def test_resuming_from_a_seed_repeats_the_batch() -> None:
    preprocessor = build(**NORM, augmentations=[CROP, {'type': 'ltseg.BatchAutoAugment'}])
    results = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        results.append(preprocessor(batch(images()), training=True)['inputs'])
    assert torch.equal(results[0], results[1]) and not torch.equal(results[0], results[2])


@pytest.mark.parametrize(
    ('settings', 'inputs', 'message'),
    [
        ({'augmentations': [FLIP], 'views': [[FLIP]]}, None, 'augmentations or views'),
        ({'mean': [1.0]}, None, 'mean and std'),
        ({'views': [[], []]}, images().unsqueeze(1).expand(4, 3, 3, 8, 8), '2 as in views, got 3'),
        ({}, [images()[0], images(height=9)[0]], 'images of one size'),
        ({}, torch.zeros(3, 8), 'images of one size'),
    ],
)
def test_what_does_not_fit_is_refused(settings: dict, inputs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**settings)(batch(inputs), training=True)


def test_what_the_hints_say_works() -> None:
    hinted('Put the transforms of each view into views.', lambda: build(augmentations=[FLIP], views=[[FLIP]]))
    assert build(views=[[FLIP], []])(batch(images()), True)['inputs'].shape == (4, 2, 3, 8, 8)
    sizes = [images()[0], images(height=9)[0]]
    hinted('Resize or crop in the pipeline.', lambda: build()(batch(sizes, 2), True))
    cropped = [image[:, :8] for image in sizes]
    assert build()(batch(cropped, 2), True)['inputs'].shape == (2, 3, 8, 8)
