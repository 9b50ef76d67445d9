"""OLTR's classifier: its formula, its memory of class means, and who fills, moves and saves that."""

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.structures import PixelData
from small_training import COUNTS, training
from torch import Tensor, nn
from torch.nn import functional as F
from two_processes import in_two_processes

from ltseg.core.class_covariances import ClassCovariances
from ltseg.heads import CosineClassifier, MetaEmbeddingClassifier
from ltseg.registry import MODELS

K, D = 5, 8
SCALE, REACH = 16.0, 10.0
MEANS = torch.randn(K, D, generator=torch.Generator().manual_seed(2))
ALL = torch.ones(K, dtype=torch.bool)
OLTR = dict(
    classifier=dict(type='ltseg.MetaEmbeddingClassifier'),
    regularizers=[dict(type='ltseg.DiscriminativeCentroidsLoss', momentum=0.75)],
)
CLS = dict(type='ltseg.LongTailClsHead', in_channels=D, num_classes=K, loss=dict(type='ltseg.CrossEntropyLoss'), **OLTR)
SEG = dict(type='ltseg.LongTailSegHead', head_type='FCNHead', in_channels=D, channels=D, num_classes=K)
SEG |= dict(num_convs=0, concat_input=False, dropout_ratio=0, loss_decode=dict(type='ltseg.CrossEntropyLoss'), **OLTR)


def made(known: Tensor | None = ALL, **options: Any) -> MetaEmbeddingClassifier:
    torch.manual_seed(0)
    classifier = MetaEmbeddingClassifier(D, K, **{'spatial_dims': 0, **options}).double()
    if known is not None:
        classifier.memory.begin(MEANS, known)
    return classifier


def rows(number: int = 6, seed: int = 1) -> Tensor:
    return torch.randn(number, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def naive(classifier: MetaEmbeddingClassifier, feature: Tensor, means: Tensor, classes: Tensor) -> Tensor:
    """The paper's steps, one after the other, for one feature and the classes in the memory."""
    hallucinated = (classifier.weight[classes] @ feature + classifier.bias[classes]).softmax(0)
    selected = torch.tanh(classifier.selector_weight @ feature + classifier.selector_bias)
    reachability = REACH / (feature - means[classes]).norm(dim=1).min()
    embedding = reachability * (feature + selected * (hallucinated @ means[classes]))
    length = embedding.norm()
    squashed = length / (1 + length) * embedding / length
    return SCALE * squashed @ (classifier.vectors / classifier.vectors.norm(dim=1, keepdim=True)).T


@pytest.mark.parametrize('known', [ALL, torch.tensor([True, False, True, True, False])], ids=['all', 'three classes'])
def test_by_the_formula(known: Tensor) -> None:
    """Classes that are not in the memory have logits, too."""
    classifier, given = made(known), rows()
    expected = torch.stack([naive(classifier, each, MEANS.double(), known.nonzero().flatten()) for each in given])
    torch.testing.assert_close(classifier(given), expected)


def test_gradient() -> None:
    classifier, given = made(), rows(3)
    leaves = [given, *(value.detach() for value in classifier.parameters())]
    names = [name for name, _ in classifier.named_parameters()]

    def value(features: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(classifier, dict(zip(names, parameters, strict=True)), features)

    assert torch.autograd.gradcheck(value, [leaf.clone().requires_grad_() for leaf in leaves])


def test_an_empty_memory_leaves_cosines() -> None:
    classifier, cosines = made(None), CosineClassifier(D, K, SCALE, spatial_dims=0).double()
    cosines.load_state_dict({'weight': classifier.vectors.detach()})
    given = rows().requires_grad_()
    torch.testing.assert_close(classifier(given), cosines(given))
    classifier(given).sum().backward()
    assert given.grad.isfinite().all() and not classifier.weight.grad.any()


def test_a_feature_at_a_center_has_the_cosines_of_what_it_becomes() -> None:
    classifier = made()
    given = MEANS[:1].double().requires_grad_()
    logits = classifier(given)
    nearly = classifier(given + 1e-9)
    torch.testing.assert_close(logits, nearly, rtol=1e-6, atol=1e-6)
    assert torch.autograd.grad(logits.sum(), given)[0].isfinite().all()


def test_the_farther_from_the_memory_the_smaller_are_the_logits() -> None:
    """Reachability alone: nothing is selected, and the centres move away together."""
    sizes = []
    for away in (1.0, 10.0, 100.0):
        classifier = made(None)
        nn.init.zeros_(classifier.selector_weight)
        nn.init.zeros_(classifier.selector_bias)
        classifier.memory.begin(MEANS + away, ALL)
        sizes.append(classifier(rows()).abs())
    assert (sizes[0] > sizes[1]).all() and (sizes[1] > sizes[2]).all() and (sizes[2] > 0).all()


@pytest.mark.parametrize('given', [torch.zeros(2, D), torch.full((2, D), 1e18), torch.full((2, D), 1e-30)])
def test_hostile_features(given: Tensor) -> None:
    for known in (None, ALL):
        classifier, leaf = made(known).float(), given.clone().requires_grad_()
        logits = classifier(leaf)
        logits.sum().backward()
        assert logits.isfinite().all() and leaf.grad.isfinite().all() and logits.abs().max() <= SCALE * 1.001


def test_half_precision_is_computed_in_float32() -> None:
    classifier, given = made().float(), rows().bfloat16()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        logits = classifier(given)
    assert logits.dtype == torch.float32 and torch.equal(logits, classifier(given.float()))
    assert classifier.bfloat16()(given).isfinite().all()


def test_a_second_stage_begins_with_the_classifier_of_the_first_as_hallucinator() -> None:
    for first, spatial_dims in ((nn.Linear(D, K), 0), (nn.Conv2d(D, K, 1), 2)):
        classifier = MetaEmbeddingClassifier(D, K, spatial_dims=spatial_dims)
        missing, unexpected = classifier.load_state_dict(first.state_dict(), strict=False)
        assert not unexpected and {'weight', 'bias'}.isdisjoint(missing)
        assert torch.equal(classifier.weight, first.weight) and torch.equal(classifier.bias, first.bias)


def test_begins_with_the_class_means_of_what_was_measured() -> None:
    classifier, labels = made(None), torch.tensor([0, 0, 1, 3, 3, 3])
    statistics = ClassCovariances.of(rows(), labels, K, diagonal=True)
    classifier.measured(statistics, torch.zeros(K, K))
    assert classifier.memory.seen.tolist() == [True, True, False, True, False]
    torch.testing.assert_close(classifier.memory.vectors, statistics.means)


def head(config: dict) -> Any:
    torch.manual_seed(0)
    return MODELS.build(config).double()


def losses_of(built: Any, features: Tensor, labels: list[int]) -> dict[str, Tensor]:
    from mmpretrain.structures import DataSample

    return built.loss((features,), [DataSample().set_gt_label(label) for label in labels])


@pytest.mark.usefixtures('mmpretrain_registered')
def test_the_loss_fills_and_moves_the_memory_of_its_head() -> None:
    built, labels = head(CLS), [0, 0, 1, 3, 3, 3]
    first, second = rows(seed=3), rows(seed=4)
    before = built.fc(first).detach()
    losses = losses_of(built, first, labels)
    torch.testing.assert_close(losses['loss'], F.cross_entropy(before, torch.tensor(labels)))  # of the memory so far
    sum(losses.values()).backward()  # after the memory has moved
    assert built.fc.memory.seen.tolist() == [True, True, False, True, False]
    means = [torch.stack([x[torch.tensor(labels) == k].mean(0) for k in (0, 1, 3)]) for x in (first, second)]
    torch.testing.assert_close(built.fc.memory.vectors[[0, 1, 3]], means[0])
    losses_of(built, second, labels)
    torch.testing.assert_close(built.fc.memory.vectors[[0, 1, 3]], 0.75 * means[0] + 0.25 * means[1])
    assert not built.fc.memory.vectors[[2, 4]].any()
    state = copy.deepcopy(built.fc.memory.state_dict())
    with torch.no_grad():
        losses_of(built, first, labels)
    losses_of(built.eval(), first, labels)
    assert all(torch.equal(state[name], now) for name, now in built.fc.memory.state_dict().items())


@pytest.mark.usefixtures('mmpretrain_registered', 'no_runner')
def test_a_loss_that_is_off_leaves_the_memory_alone() -> None:
    later = dict(type='ltseg.DiscriminativeCentroidsLoss', schedule=dict(shape='constant', start=10, unit='iter'))
    built = head({**CLS, 'regularizers': [later]})
    assert losses_of(built, rows(), [0] * 6)['loss_centroids'] == 0 and not built.fc.memory.seen.any()
    assert built.regularizers[0].has_state  # compiled code, too, looks at the weight first


@pytest.mark.usefixtures('mmpretrain_registered')
def test_the_memory_is_saved_once_and_copies_have_their_own() -> None:
    built = head(CLS)
    losses_of(built, rows(), [0, 1, 2, 3, 4, 0])
    assert {name for name in built.state_dict() if 'vectors' in name or 'seen' in name} == {
        'fc.vectors', 'fc.memory.vectors', 'fc.memory.seen'}  # fmt: skip
    kept = built.fc.memory.vectors.clone()
    loaded = head(CLS)
    loaded.load_state_dict(built.state_dict())
    for other in (copy.deepcopy(built), pickle.loads(pickle.dumps(built)), loaded):
        again, expected = (losses_of(each, rows(seed=5), [0] * 6) for each in (other, copy.deepcopy(built)))
        torch.testing.assert_close(again, expected)
        assert not torch.equal(other.fc.memory.vectors, kept) and torch.equal(built.fc.memory.vectors, kept)


@pytest.mark.usefixtures('mmseg_registered')
@pytest.mark.parametrize('fused', [True, False])
def test_pixels_fill_the_memory_in_segmentation(fused: bool) -> None:
    """At the resolution of the features, with the nearest labels; ignored ones have no part."""
    from mmseg.structures import SegDataSample

    built, features = head({**SEG, 'fused': fused}), torch.randn(2, D, 3, 4, dtype=torch.float64).requires_grad_()
    labels = torch.randint(K - 1, (2, 1, 6, 8))
    labels[0, 0, :2] = 255
    losses = built.loss([features], [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels], {})
    pixels, nearest = features.detach().permute(0, 2, 3, 1).flatten(0, 2), labels[:, 0, ::2, ::2].flatten()
    for k in nearest[nearest != 255].unique().tolist():
        torch.testing.assert_close(built.conv_seg.memory.vectors[k], pixels[nearest == k].mean(0))
    assert not built.conv_seg.memory.seen[K - 1]
    (losses['loss_ce'] + losses['loss_centroids']).backward()
    assert features.grad.isfinite().all() and built.conv_seg.vectors.grad.any()
    logits = built.conv_seg(features)
    by_rows = made(None)
    by_rows.load_state_dict({k: v.flatten(1) if v.ndim == 4 else v for k, v in built.conv_seg.state_dict().items()})
    torch.testing.assert_close(logits.permute(0, 2, 3, 1).flatten(0, 2), by_rows(pixels))


def test_faults_are_named() -> None:
    for option in ('scale', 'reach'):
        with pytest.raises(ValueError, match=rf'MetaEmbeddingClassifier\.{option}: expected'):
            made(**{option: 0})


def step_of_process(rank: int, folder: str) -> None:
    torch.save(two_steps([slice(0, 2), slice(2, 6)][rank]), f'{folder}/{rank}.pth')


def two_steps(part: slice) -> tuple[dict[str, Tensor], Tensor]:
    """The memory after two batches, and the gradient of the second in the features."""
    from mmpretrain.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    built = head(CLS)
    for seed in (3, 4):
        features = rows(seed=seed)[part].requires_grad_()
        losses = losses_of(built, features, [0, 1, 2, 2, 1, 3][part])
        (gradient,) = torch.autograd.grad(sum(losses.values()), features)
    return built.fc.memory.state_dict(), gradient


@pytest.mark.slow
@pytest.mark.usefixtures('mmpretrain_registered')
def test_two_processes_have_one_memory(tmp_path: Path) -> None:
    in_two_processes(step_of_process, str(tmp_path))
    ranks = [torch.load(tmp_path / f'{rank}.pth') for rank in range(2)]
    memory, gradient = two_steps(slice(None))
    for state, _ in ranks:
        torch.testing.assert_close(state, memory)
    torch.testing.assert_close(torch.cat([each for _, each in ranks]) / 2, gradient)


def model() -> Any:
    from mmpretrain.models import ImageClassifier

    torch.manual_seed(0)
    return ImageClassifier(
        backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
        neck=[
            dict(type='ltseg.ModulatedAttentionNeck', in_channels=8, map_size=2),
            dict(type='mmpretrain.GlobalAveragePooling'),
        ],
        head={**CLS, 'num_classes': len(COUNTS)},
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'),
    )


def trained(folder: Path, epochs: int, **settings: Any) -> Any:
    from mmpretrain.structures import DataSample

    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(len(COUNTS)).repeat_interleave(torch.tensor(COUNTS))
    images = torch.rand(len(labels), 3, 8, 8, generator=generator)
    data = [{'inputs': x, 'data_samples': DataSample().set_gt_label(y)} for x, y in zip(images, labels, strict=True)]
    loader = {
        'dataset': data, 'batch_size': 4, 'num_workers': 0, 'collate_fn': {'type': 'pseudo_collate'},
        'sampler': {'type': 'DefaultSampler', 'shuffle': True}}  # fmt: skip
    hooks = {'type': 'ltseg.MeasureClasses'}, {'type': 'ltseg.ExactResume'}
    runner = training(folder, model(), *hooks, epochs=epochs, train_dataloader=loader, **settings)
    runner.train()
    return runner.model


@pytest.mark.slow
@pytest.mark.usefixtures('mmpretrain_registered')
def test_a_resumed_run_goes_on_with_the_memory_of_its_checkpoint(tmp_path: Path) -> None:
    whole = trained(tmp_path / 'whole', 3).state_dict()
    trained(tmp_path / 'part', 1)
    resumed = trained(tmp_path / 'part', 3, load_from=str(tmp_path / 'part/epoch_1.pth'), resume=True).state_dict()
    assert whole['head.fc.memory.seen'].all() and whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
