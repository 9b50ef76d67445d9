"""ISDA and RISDA: their closed form, what it bounds, and the statistics behind it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from mmengine.structures import PixelData
from small_training import forget_runners
from torch import Tensor
from torch.nn import functional as F
from two_processes import in_two_processes

from ltseg.core.class_covariances import ClassCovariances
from ltseg.core.features import FeatureBatch
from ltseg.losses import CrossEntropyLoss, ISDALoss, RISDALoss
from ltseg.registry import MODELS

K, D, N = 4, 3, 24
ALWAYS = (1.0, 1.0)


def samples() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features (N, D), labels (N,), class vectors (K, D) and biases (K,)."""
    torch.manual_seed(0)
    labels = torch.arange(N) % K
    features = torch.randn(N, D, dtype=torch.float64) * (labels[:, None] + 1) + labels[:, None]
    return features, labels, torch.randn(K, D, dtype=torch.float64), torch.randn(K, dtype=torch.float64)


def built(kind: type = ISDALoss, **options: Any) -> Any:
    return kind(**{'ramp': ALWAYS, **options}).build(K, D).double()


def value_of(loss: Any, features: Tensor, labels: Tensor, vectors: Tensor, biases: Tensor, **options: Any) -> Tensor:
    valid = labels != 255
    with loss.observing(FeatureBatch(features[:, None], labels, K, vectors, valid)):
        return loss(features @ vectors.T + biases, labels, ignore_index=255, **options)


@pytest.mark.parametrize('covariance', ['full', 'diagonal'])
def test_by_the_formula(covariance: str) -> None:
    features, labels, vectors, biases = samples()
    found = value_of(built(strength=0.7, covariance=covariance), features, labels, vectors, biases)
    losses = []
    for h, y in zip(features, labels, strict=True):
        matrix = torch.cov(features[labels == y].T, correction=0)
        matrix = torch.diag(matrix.diagonal()) if covariance == 'diagonal' else matrix
        gaps = vectors - vectors[y]
        shifted = vectors @ h + biases + 0.7 / 2 * torch.stack([gap @ matrix @ gap for gap in gaps])
        losses.append(F.cross_entropy(shifted[None], y[None]))
    torch.testing.assert_close(found, torch.stack(losses).mean())


def test_a_bound_of_the_mean_over_augmented_features() -> None:
    features, labels, vectors, biases = samples()
    roots = torch.stack([torch.linalg.cholesky(torch.cov(features[labels == k].T, correction=0)) for k in range(K)])
    for strength in (1.0, 0.01):
        bound = value_of(built(strength=strength), features, labels, vectors, biases)
        noise = (strength**0.5 * roots[labels] @ torch.randn(2000, N, D, 1, dtype=torch.float64)).squeeze(-1)
        logits = (features + noise) @ vectors.T + biases
        mean = F.cross_entropy(logits.flatten(0, 1), labels.repeat(2000))
        assert F.cross_entropy(features @ vectors.T + biases, labels) < mean < bound


def test_cross_entropy_without_strength_at_the_start_and_out_of_training() -> None:
    forget_runners()
    features, labels, vectors, biases = samples()
    expected = CrossEntropyLoss()(features @ vectors.T + biases, labels)
    for loss in (built(strength=0.0), built(ramp=(0.0, 1.0)), built().eval()):
        torch.testing.assert_close(value_of(loss, features, labels, vectors, biases), expected)


def test_gradient_in_features_and_class_vectors() -> None:
    features, labels, vectors, biases = samples()
    loss = built(RISDALoss)
    loss.measured(ClassCovariances.of(features, labels, K), torch.ones(K, K))
    leaves = [each.requires_grad_() for each in (features, vectors, biases)]
    assert torch.autograd.gradcheck(lambda h, w, b: value_of(loss, h, labels, w, b), leaves)


def test_rules_apply_to_the_shifted_logits() -> None:
    """As MetaSAug has them with LDAM: the margin after the shift, and class weights."""
    features, labels, vectors, biases = samples()
    rules = [dict(type='ltseg.Margin', max_margin=0.5), dict(type='ltseg.Weighting', scheme='inverse')]
    loss = built(rules=rules, counts=[40, 30, 20, 10])
    found = value_of(loss, features, labels, vectors, biases)
    with loss.observing(FeatureBatch(features[:0, None], labels[:0], K, vectors)):
        shifted = features @ vectors.T + biases + loss.shift()[labels]
    rest = MODELS.build(dict(type='ltseg.LongTailLoss', rules=rules, counts=[40, 30, 20, 10]))
    torch.testing.assert_close(found, rest(shifted, labels))


def test_statistics_are_those_of_all_batches_without_ignored_samples() -> None:
    features, labels, vectors, biases = samples()
    loss = built()
    for part in (slice(5), slice(5, 12), slice(12, None)):
        marked = labels[part].clone()
        marked[0] = 255
        value_of(loss, features[part].clone().index_fill(0, torch.tensor([0]), torch.nan), marked, vectors, biases)
    kept = torch.tensor([index for index in range(N) if index not in (0, 5, 12)])
    expected = ClassCovariances.of(features[kept], labels[kept], K)
    torch.testing.assert_close(loss.covariances, expected.covariances)
    assert torch.equal(loss.seen, expected.counts)
    value_of(loss.eval(), features, labels, vectors, biases)  # not of evaluation
    with torch.no_grad():
        value_of(loss.train(), features, labels, vectors, biases)
    assert torch.equal(loss.seen, expected.counts)
    again = built()
    again.load_state_dict(loss.state_dict())
    assert torch.equal(again.covariances, loss.covariances)


def in_process(rank: int, folder: Path) -> None:
    features, labels, vectors, biases = samples()
    part = slice(7) if rank == 0 else slice(7, None)
    vectors.requires_grad_()
    value = value_of(built(), features[part], labels[part], vectors, biases)
    torch.save((value.detach(), torch.autograd.grad(value, vectors)[0]), folder / f'{rank}.pth')


def test_two_processes_have_the_value_and_gradient_of_one(tmp_path: Path) -> None:
    in_two_processes(in_process, tmp_path)
    features, labels, vectors, biases = samples()
    value = value_of(built(), features, labels, vectors.requires_grad_(), biases)
    found = [torch.load(tmp_path / f'{rank}.pth', weights_only=True) for rank in range(2)]
    torch.testing.assert_close((found[0][0] + found[1][0]) / 2, value.detach())
    torch.testing.assert_close((found[0][1] + found[1][1]) / 2, torch.autograd.grad(value, vectors)[0])


def test_risda_is_isda_where_no_class_is_taken_for_another() -> None:
    features, labels, vectors, biases = samples()
    statistics = ClassCovariances.of(features, labels, K)
    loss = built(RISDALoss, strength=0.6, frequent=0.0)
    loss.measured(statistics, torch.eye(K) * 6)
    expected = value_of(built(strength=0.6), features, labels, vectors, biases)
    torch.testing.assert_close(value_of(loss, features, labels, vectors, biases), expected)


def test_rare_classes_borrow_and_all_drift() -> None:
    features, labels, vectors, biases = samples()
    kept = (labels > 0) | (torch.arange(N) < 5)  # class 0 is the rarest
    features, labels = features[kept], labels[kept]
    statistics = ClassCovariances.of(features, labels, K)
    confusion = torch.tensor([[1, 3, 0, 0], [0, 6, 0, 0], [0, 0, 3, 3], [1, 0, 0, 5]])
    loss = built(RISDALoss, strength=0.5, drift=0.25, frequent=0.75)
    loss.measured(statistics, confusion)
    sigma, mu = statistics.covariances, statistics.means
    torch.testing.assert_close(loss.covariances[1:], sigma[1:])
    torch.testing.assert_close(loss.covariances[0], 0.25 * sigma[0] + 0.75 * sigma[1])
    with loss.observing(FeatureBatch(features[:, None], labels, K, vectors)):
        shift = loss.shift()
    moved = 0.5 * (mu[2] + mu[3]) - mu[2]
    gap = vectors[1] - vectors[2]
    torch.testing.assert_close(shift[2, 1], 0.5 / 2 * gap @ sigma[2] @ gap + 0.25 * gap @ moved)
    assert torch.equal(loss.covariances[2], sigma[2])  # training changes nothing of it


@pytest.mark.usefixtures('mmseg_registered')
def test_a_decode_head_hands_its_pixels_over() -> None:
    from mmseg.structures import SegDataSample

    torch.manual_seed(0)
    loss = dict(type='ltseg.ISDALoss', ramp=ALWAYS, strength=2.0)
    head = MODELS.build(dict(
        type='ltseg.LongTailSegHead', head_type='FCNHead', in_channels=D, channels=D, num_convs=0, num_classes=K,
        concat_input=False, dropout_ratio=0, loss_decode=[loss, dict(type='ltseg.FocalLoss')]))  # fmt: skip
    maps, labels = torch.randn(2, D, 6, 8), torch.randint(K, (2, 6, 8))
    labels[:, 0] = 255
    data = [SegDataSample(gt_sem_seg=PixelData(data=each[None])) for each in labels]
    found = head.loss((maps,), data, {})
    rows, of_rows = maps.permute(0, 2, 3, 1).flatten(0, 2), labels.flatten()
    expected = ClassCovariances.of(rows[of_rows != 255], of_rows[of_rows != 255], K)
    observed = head.losses[0]
    torch.testing.assert_close(observed.covariances, expected.covariances)
    vectors = head.conv_seg.weight.flatten(1)
    gaps = vectors - vectors[:, None]  # (K, K, D)
    shift = 2.0 / 2 * torch.einsum('yjd,yde,yje->yj', gaps, expected.covariances, gaps)
    logits = head.conv_seg(maps).permute(0, 2, 3, 1).flatten(0, 2) + shift[of_rows.where(of_rows < 255, 0)]
    torch.testing.assert_close(found['loss_isda'], F.cross_entropy(logits, of_rows, ignore_index=255))
    assert observed._observed is None


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_covariances_in_mixed_precision_are_those_of_float32(dtype: torch.dtype) -> None:
    """Sums of squares leave the range of float16."""
    torch.manual_seed(0)
    rows, labels = 60 * torch.randn(64, 1, D), torch.arange(64) % K
    plain, mixed = (ISDALoss(ramp=ALWAYS).build(K, D) for _ in range(2))
    batch = FeatureBatch(rows, labels, K, torch.eye(K, D))
    with plain.observing(batch):
        pass
    with torch.autocast('cpu', dtype), mixed.observing(batch):
        pass
    assert plain.covariances.abs().max() > 1000
    assert torch.equal(mixed.covariances, plain.covariances)


@pytest.mark.usefixtures('mmpretrain_registered')
def test_what_it_needs() -> None:
    from mmpretrain.structures import DataSample

    def head(**options: Any) -> Any:
        given = dict(type='ltseg.LongTailClsHead', num_classes=K, in_channels=D, loss=dict(type='ltseg.ISDALoss'))
        return MODELS.build({**given, **options})

    def alone(loss: Any) -> Tensor:
        return loss(torch.zeros(2, K), torch.tensor([0, 1]))

    data = [DataSample().set_gt_label(k) for k in range(K)]
    hinted('Use LongTailSegHead or LongTailClsHead, which hand the features over.', lambda: alone(ISDALoss()))
    hinted('Use LongTailSegHead or LongTailClsHead, which hand the features over.', lambda: ISDALoss().statistics)
    hinted('Leave classifier out.', lambda: head(classifier=dict(type='ltseg.CosineClassifier')))
    hinted('Leave it at (0.0, 1.0).', lambda: ISDALoss(ramp=(0.0,)))
    assert ISDALoss(ramp=(0.0, 1.0)).ramp == ISDALoss().ramp
    assert head().loss((torch.randn(K, D),), data)['loss'].isfinite()
    data[0].set_gt_label(K)
    with pytest.raises(ValueError, match=rf'expected classes 0..{K - 1} .*, got {K}'):
        head().loss((torch.randn(K, D),), data)
    soft = [DataSample().set_gt_score(torch.full((K,), 1 / K)) for _ in range(K)]
    hinted('Train without mixed labels.', lambda: head().loss((torch.randn(K, D),), soft))
