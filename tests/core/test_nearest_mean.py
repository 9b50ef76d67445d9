"""The nearest class mean against distances, and the processes against one."""

from pathlib import Path

import pytest
import torch
from two_processes import in_two_processes

from ltseg.core.nearest_mean import FEATURE_FORMS, NearestMean

K = 4
every_form = pytest.mark.parametrize('form', FEATURE_FORMS)


def features(number: int = 40, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows far from the origin, where distances are small beside lengths; no sample of class 2."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, K - 1, (number,), generator=generator)
    labels[labels == 2] = 3
    return 1000 + torch.randn(number, 6, generator=generator) + labels[:, None] * torch.eye(6)[0], labels


def formed(rows: torch.Tensor, center: torch.Tensor, form: str) -> torch.Tensor:
    rows = rows.double() - (center if form == 'cl2n' else 0)
    return rows if form == 'un' else rows / rows.norm(dim=1, keepdim=True)


@every_form
def test_predicts_the_nearest_mean_and_no_empty_class(form: str) -> None:
    (rows, labels), (new, _) = features(), features(200, seed=1)
    center = rows.double().mean(0)
    seen, others = formed(rows, center, form), formed(new, center, form)
    means = torch.stack(
        [seen[labels == k].mean(0) if (labels == k).any() else torch.full((6,), torch.inf) for k in range(K)]
    )
    nearest = (others[:, None] - means).norm(dim=2).argmin(1)
    predicted = NearestMean(rows, labels, K, form)(new).argmax(1)
    assert torch.equal(predicted, nearest)
    assert 2 not in predicted and len(predicted.unique()) == K - 1


def test_is_the_linear_classifier_of_the_means() -> None:
    rows, labels = features()
    classifier = NearestMean(rows, labels, K)
    for k in (0, 1, 3):
        mean = rows.double()[labels == k].mean(0)
        assert torch.allclose(classifier.weight[k], 2 * mean)
        assert torch.allclose(classifier.bias[k], -mean.square().sum())
    scores = classifier(rows)
    squared = rows.double().square().sum(1)[:, None] - scores
    assert squared[0, 0].item() == pytest.approx((rows[0].double() - classifier.weight[0] / 2).square().sum().item())


@every_form
def test_a_separate_training_set_is_learned(form: str) -> None:
    rows = torch.eye(6)[:K].repeat(5, 1) + torch.arange(20)[:, None] * 1e-3
    labels = torch.arange(K).repeat(5)
    assert torch.equal(NearestMean(rows, labels, K, form)(rows).argmax(1), labels)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match='NearestMean.form'):
        NearestMean(*features(), K, 'l2')
    with pytest.raises(ValueError, match='samples of at least one class'):
        NearestMean(torch.zeros(0, 6), torch.zeros(0, dtype=torch.int64), K)


def run_rank(rank: int, form: str, folder: str) -> None:
    rows, labels = features()
    mine = slice(0, 7) if rank else slice(7, None)
    torch.save(NearestMean(rows[mine], labels[mine], K, form, sync=True).state_dict(), f'{folder}/{rank}.pth')


@every_form
def test_two_processes_equal_one(tmp_path: Path, form: str) -> None:
    in_two_processes(run_rank, form, str(tmp_path))
    alone = NearestMean(*features(), K, form).state_dict()
    for rank in range(2):
        for key, value in torch.load(tmp_path / f'{rank}.pth').items():
            assert torch.allclose(value, alone[key], rtol=1e-9)


def test_one_sample_makes_a_class() -> None:
    rows = torch.tensor([[0.0, 0], [0, 1], [9, 9]])
    classifier = NearestMean(rows, torch.tensor([0, 0, 1]), 3)
    assert classifier(torch.tensor([[8.0, 9], [1, 1]])).argmax(1).tolist() == [1, 0]
    assert classifier.bias.isinf().tolist() == [False, False, True]
