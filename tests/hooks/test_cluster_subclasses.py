"""ClusterSubclasses divides by all training data when it is time to, leaves no other trace, and survives a resume."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from plain_training import write_plain_training
from small_training import COUNTS, training
from tiny_runs import quick_runners
from tiny_training import forget_runs
from torch import Tensor, nn
from torch.utils.data import DataLoader
from two_processes import in_two_processes

from ltseg.core.geometry import directions
from ltseg.hooks import ClusterSubclasses
from ltseg.regularizers import RegularizerGroup, SubclassBalancedContrastiveLoss

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'mmpretrain_registered')

K = len(COUNTS)
SBCL = dict(type='ltseg.SubclassBalancedContrastiveLoss', least_size=2, out_channels=4)
CLUSTER = dict(type='ltseg.ClusterSubclasses', begin=0)
LABELS = torch.arange(K).repeat_interleave(torch.tensor([9, 4, 2]))
IMAGES = torch.rand(len(LABELS), 3, 8, 8, generator=torch.Generator().manual_seed(2))
NUMBERS = 2 * torch.arange(len(LABELS)) + 1


class Noisy(list):
    """Images to which each access adds noise, as augmentation does; with their numbers, unless they have ``none``."""

    def __init__(self, noise: float = 0.0, numbers: Any = NUMBERS) -> None:
        self.noise, self.numbers, self.labels = noise, numbers, LABELS
        super().__init__(range(len(LABELS)))

    def __getitem__(self, index: Any) -> dict[str, Any]:
        from mmpretrain.structures import DataSample

        known = {} if self.numbers is None else {'sample_idx': int(self.numbers[index])}
        image = IMAGES[index] + self.noise * torch.randn(3, 8, 8)
        return {'inputs': image, 'data_samples': DataSample(metainfo=known).set_gt_label(int(self.labels[index]))}


def classifier(*terms: dict) -> Any:
    from mmpretrain.models import ImageClassifier

    torch.manual_seed(0)
    return ImageClassifier(
        backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
        neck=dict(type='mmpretrain.GlobalAveragePooling'),
        head=dict(
            type='ltseg.LongTailClsHead', in_channels=8, num_classes=K, loss=dict(type='ltseg.CrossEntropyLoss'),
            regularizers=terms),
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'),
    )  # fmt: skip


def run(folder: Path, model: Any, *hooks: dict, data: Any = None, **settings: Any) -> Runner:
    loader = {
        'dataset': Noisy() if data is None else data, 'batch_size': 4, 'num_workers': 0,
        'collate_fn': {'type': 'pseudo_collate'}, 'sampler': {'type': 'DefaultSampler', 'shuffle': True}}  # fmt: skip
    return training(folder, model, *hooks, train_dataloader=loader, **settings)


def term_of(model: Any) -> SubclassBalancedContrastiveLoss:
    return model.head.regularizers.terms[0]


class Noted(ClusterSubclasses):
    """Notes when it divides, by what, and with which weights."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.times: list[int] = []

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        divide = self._term.subclasses.divide

        def noted(*parts: Any, **named: Any) -> None:
            self.times.append(runner.epoch if self.by_epoch else runner.iter)
            self.parts, self.weights = parts, deepcopy(runner.model.state_dict())
            divide(*parts, **named)

        self._term.subclasses.divide = noted  # type: ignore[method-assign]
        try:
            super().before_train_iter(runner, batch_idx, data_batch)
        finally:
            del self._term.subclasses.divide


def test_divides_by_all_images_as_they_are_in_evaluation(tmp_path: Path) -> None:
    model, hook = classifier(SBCL), Noted(begin=0)
    run(tmp_path, model, hook, epochs=1).train()
    rows, labels, numbers = hook.parts
    assert torch.equal(labels, LABELS) and torch.equal(numbers, NUMBERS) and model.training
    fresh = classifier(SBCL).eval()
    fresh.load_state_dict(hook.weights)
    with torch.no_grad():
        features = fresh.extract_feat(IMAGES)[0]
        torch.testing.assert_close(rows, directions(term_of(fresh).projection(features)))
    term_of(fresh).subclasses.divide(rows, labels, numbers)
    assert torch.equal(term_of(fresh).subclasses.of_images(NUMBERS), term_of(model).subclasses.of_images(NUMBERS))
    assert [term_of(model).subclasses.of_images(NUMBERS)[k == LABELS].unique().numel() for k in range(K)] == [4, 2, 1]


@pytest.mark.parametrize(
    ('options', 'length', 'times'),
    [
        (dict(begin=1, interval=2), dict(epochs=5), [1, 3]),
        (dict(begin=2, interval=10), dict(epochs=3), [2]),
        (dict(begin=2, interval=3, by_epoch=False), dict(iterations=7), [2, 5]),
    ],
)
def test_divides_when_it_is_time_to(tmp_path: Path, options: dict, length: dict, times: list[int]) -> None:
    hook = Noted(**options)
    run(tmp_path, classifier(SBCL), hook, **length).train()
    assert hook.times == times


class Vectors(nn.Module):
    """A classifier whose features are the first pixels of an image, or of the view of it that passes."""

    def __init__(self, views: Any = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head, self.views = nn.Module(), 1 if views is None else 3
        self.head.fc, self.head.num_classes = nn.Linear(4, K), K
        self.head.regularizers = RegularizerGroup([dict(SBCL, hidden_channels=None, views=views)], K, 4)

    def data_preprocessor(self, batch: dict, training: bool) -> dict:
        images = torch.stack(batch['inputs'])
        given = images if self.views == 1 else torch.stack([images, images.flip(3), images * 0], 1)
        return {**batch, 'inputs': given}

    def forward(self, inputs: Tensor, data_samples: list, mode: str) -> Tensor:
        return self.head.fc(inputs[:, 0, 0, :4])


def divided(data: Any = None, views: Any = None) -> Any:
    """A hook that has divided the classes of such a classifier."""
    loader = DataLoader(Noisy() if data is None else data, batch_size=4, collate_fn=pseudo_collate)
    place: Any = SimpleNamespace(dataloader=loader)
    runner: Any = SimpleNamespace(model=Vectors(views), iter=0, max_iters=1, seed=0, train_loop=place)
    hook = Noted(begin=0, by_epoch=False)
    hook.before_train(runner)
    hook.before_train_iter(runner, 0)
    return hook


@pytest.mark.parametrize(('views', 'passing'), [(None, IMAGES), ((0, 2), IMAGES), ((1, 2), IMAGES.flip(3))])
def test_the_first_view_that_is_compared_is_clustered(views: Any, passing: Tensor) -> None:
    rows, labels, _ = divided(views=views).parts
    torch.testing.assert_close(rows, directions(passing[:, 0, 0, :4]))
    assert torch.equal(labels, LABELS)


def in_a_process(rank: int, folder: str) -> None:
    hook = divided()
    assert not torch.equal(hook.parts[2], NUMBERS)  # those of the other process come behind
    torch.save(hook._term.state_dict(), f'{folder}/{rank}.pth')


def test_two_processes_divide_as_one(tmp_path: Path) -> None:
    in_two_processes(in_a_process, str(tmp_path))
    expected = divided()._term.state_dict()
    for rank in range(2):
        torch.testing.assert_close(torch.load(tmp_path / f'{rank}.pth'), expected)


def test_every_image_needs_a_label_of_a_class() -> None:
    data = Noisy()
    data.labels = LABELS.where(LABELS > 0, K)
    hinted('Set num_classes of the head to that of the data set.', lambda: divided(data))
    data.labels = LABELS
    divided(data)


def weights(model: Any) -> dict[str, Tensor]:
    return {name: value for name, value in model.state_dict().items() if 'regularizers' not in name}


def test_a_pass_leaves_no_other_trace(tmp_path: Path) -> None:
    """Statistics of normalisations stay, and training draws what it draws without the hook."""
    models = []
    for place, hooks in enumerate(([], [CLUSTER | dict(interval=1)])):
        model = classifier(SBCL | dict(loss_weight=0.0))
        run(tmp_path / str(place), model, *hooks, dict(type='ltseg.ExactResume'), data=Noisy(0.3), epochs=2).train()
        models.append(model)
    assert term_of(models[1]).subclasses.are_there
    torch.testing.assert_close(*map(weights, models), rtol=0, atol=0)


def test_a_pass_leaves_frozen_statistics_frozen(tmp_path: Path) -> None:
    model = classifier(SBCL)
    hooks = dict(type='ltseg.TrainOnly', parameters=['head']), CLUSTER | dict(interval=1)
    run(tmp_path, model, *hooks, epochs=2).train()
    assert model.backbone.bn1.num_batches_tracked == 0 and not model.backbone.bn1.running_mean.any()


def test_a_resumed_training_goes_on_with_the_subclasses_of_the_checkpoint(tmp_path: Path) -> None:
    """Divided in epochs 1 and 4: epoch 3 needs what was saved, and epoch 4 what is found anew."""
    hooks = dict(CLUSTER, begin=1, interval=3), dict(type='ltseg.ExactResume')
    whole, first, second = classifier(SBCL), classifier(SBCL), classifier(SBCL)
    run(tmp_path / 'whole', whole, *hooks, data=Noisy(0.3), epochs=5).train()
    run(tmp_path / 'parts', first, *hooks, data=Noisy(0.3), epochs=3).train()
    assert term_of(first).subclasses.are_there
    run(tmp_path / 'parts', second, *hooks, data=Noisy(0.3), epochs=5, resume=True).train()
    assert not torch.equal(term_of(first).subclasses._state, term_of(second).subclasses._state)
    torch.testing.assert_close(second.state_dict(), whole.state_dict(), rtol=0, atol=0)


@pytest.fixture
def quick() -> Iterator[None]:
    with quick_runners():
        yield


@pytest.mark.usefixtures('quick')
def test_divides_by_a_sample_of_pixels(tmp_path: Path) -> None:
    forget_runs()
    head = dict(type='ltseg.LongTailSegHead', head_type='FCNHead', regularizers=[dict(SBCL, least_size=5)])
    path = write_plain_training(tmp_path, **{f'model.decode_head.{name}': value for name, value in head.items()})
    config = Config.fromfile(path)
    config.custom_hooks.append(dict(type='ltseg.ClusterSubclasses', begin=0, interval=1, by_epoch=False, pixels=60))
    runner = Runner.from_cfg(config)
    runner.train()
    (term,) = runner.model.decode_head.regularizers.terms
    owners, centers = term.subclasses._state[0].long(), term.subclasses._state[1:]
    assert owners.bincount().tolist() == [1] * K  # of about as many pixels each
    torch.testing.assert_close(centers.norm(dim=0), torch.ones_like(centers[0]))


def test_follows_hints(tmp_path: Path) -> None:
    hinted(
        "Give one head regularizers=[dict(type='ltseg.SubclassBalancedContrastiveLoss')].",
        lambda: run(tmp_path / '0', classifier(), CLUSTER, epochs=1).train(),
    )
    run(tmp_path / '1', classifier(SBCL), CLUSTER, epochs=1).train()
    hinted(
        "Keep 'sample_idx' in meta_keys of PackInputs, which has it by default.",
        lambda: run(tmp_path / '2', classifier(SBCL), CLUSTER, data=Noisy(numbers=None), epochs=1).train(),
    )
    hinted(
        'Set by_epoch=False.',
        lambda: run(tmp_path / '3', classifier(SBCL), dict(CLUSTER), iterations=2).train(),
    )
    run(tmp_path / '4', classifier(SBCL), dict(CLUSTER, by_epoch=False), iterations=2).train()
    hinted(
        'Set an earlier begin.',
        lambda: run(tmp_path / '5', classifier(SBCL), dict(CLUSTER, begin=2), epochs=2).train(),
    )
    run(tmp_path / '6', classifier(SBCL), dict(CLUSTER, begin=1), epochs=2).train()
    for option in ({'begin': -1}, {'interval': 0}, {'pixels': 0}):
        with pytest.raises(ValueError, match='ClusterSubclasses'):
            ClusterSubclasses(**option)
