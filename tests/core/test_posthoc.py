import pytest
import torch
from hinted import hinted
from hypothesis import given
from hypothesis import strategies as st

from ltseg.core.posthoc import check_logits, log_prior_of, posthoc_logits, predictions_over_tau

TAUS = (-1.0, -0.25, 0.0, 0.5, 1.0, 1.5)


def maps(classes: int = 5, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(2, classes, 6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


def counts(classes: int = 5) -> torch.Tensor:
    return torch.tensor([10.0**k for k in range(classes)], dtype=torch.float64)


def test_tau_one_returns_the_balanced_posterior() -> None:
    """If p(y|x) is proportional to pi_y f_y, then tau = 1 predicts argmax f_y and keeps nothing of the prior."""
    likelihood = torch.rand(2, 5, 6, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    prior = log_prior_of(counts())
    logits = likelihood.log() + prior.view(-1, 1, 1)
    assert torch.equal(next(predictions_over_tau(logits, prior, [1.0])), likelihood.argmax(dim=1))
    assert torch.allclose(posthoc_logits(logits, prior, 1.0).softmax(1), likelihood / likelihood.sum(1, keepdim=True))


def test_prior_rebalancing_is_the_adjustment() -> None:
    """UNO-IC: p^(1 - lambda) r^lambda, normalised, with r the rebalanced posterior p / pi, is tau = lambda."""
    logits, prior, strength = maps(dtype=torch.float64), log_prior_of(counts()), 1.3
    given = logits.softmax(1)
    rebalanced = given / prior.exp().view(-1, 1, 1)
    rebalanced = rebalanced / rebalanced.sum(1, keepdim=True)
    mixed = given ** (1 - strength) * rebalanced**strength
    torch.testing.assert_close(posthoc_logits(logits, prior, strength).softmax(1), mixed / mixed.sum(1, keepdim=True))


def test_negative_tau_undoes_the_prior_of_the_loss() -> None:
    """A model trained with z + log pi in its loss has z = log f; tau = -1 gives the posterior under the prior."""
    prior = log_prior_of(counts())
    likelihood = maps(dtype=torch.float64)
    expected = (likelihood + prior.view(-1, 1, 1)).argmax(dim=1)
    assert torch.equal(next(predictions_over_tau(likelihood, prior, [-1.0])), expected)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_all_taus_equal_one_at_a_time(dtype: torch.dtype) -> None:
    logits, prior = maps(dtype=dtype), log_prior_of(counts())
    kept = logits.clone()
    for tau, predicted in zip(TAUS, predictions_over_tau(logits, prior, TAUS), strict=True):
        naive = logits.double() - tau * (counts() / counts().sum()).log().view(-1, 1, 1)
        assert torch.equal(predicted, naive.argmax(dim=1))
        assert torch.equal(posthoc_logits(logits, prior, tau).argmax(dim=1), predicted)
    assert torch.equal(logits, kept)


def test_works_on_rows_and_leaves_zero_tau_and_equal_counts_alone() -> None:
    rows = maps()[:, :, 0, 0]  # (N, K): classification
    assert torch.equal(posthoc_logits(rows, log_prior_of(counts()), 0.0), rows)
    for predicted in predictions_over_tau(rows, log_prior_of(torch.full((5,), 7)), TAUS):
        assert torch.equal(predicted, rows.argmax(dim=1))


@given(st.lists(st.integers(1, 10**12), min_size=2, max_size=8), st.integers(2, 1000))
def test_log_prior_depends_on_shares_only(samples: list[int], factor: int) -> None:
    prior = log_prior_of(torch.tensor(samples))
    assert torch.allclose(prior.exp().sum(), torch.ones((), dtype=torch.float64))
    assert torch.allclose(prior, log_prior_of(torch.tensor(samples) * factor), rtol=1e-12, atol=1e-12)


def test_the_share_of_the_rare_class_grows_with_tau() -> None:
    rare = [int((predicted == 0).sum()) for predicted in predictions_over_tau(maps(), log_prior_of(counts()), TAUS)]
    assert rare == sorted(rare) and rare[0] < rare[-1]


def test_absent_class_needs_a_floor() -> None:
    with pytest.raises(ValueError, match='0 for class 1.*floor'):
        log_prior_of(torch.tensor([3, 0, 5]))
    with pytest.raises(ValueError, match='0 for class car, rider'):
        log_prior_of(torch.tensor([3, 0, 0]), class_names=('road', 'car', 'rider'))
    hinted('Give a floor (1: as if each such class had one sample).', lambda: log_prior_of(torch.tensor([3, 0, 5])))
    assert torch.equal(log_prior_of(torch.tensor([3, 0, 5]), floor=1), log_prior_of(torch.tensor([3, 1, 5])))


def test_probabilities_and_sigmoid_outputs_are_refused() -> None:
    check_logits(maps())
    check_logits(maps().relu())
    with pytest.raises(ValueError, match='probabilities'):
        check_logits(maps().softmax(dim=1))
    with pytest.raises(ValueError, match='two or more classes'):
        check_logits(maps(1))
    averaged = (maps().softmax(1) + maps().flip(-1).softmax(1).flip(-1)) / 2  # what test-time augmentation returns
    hinted(
        'Evaluate without test-time augmentation, and with a model that returns logits.', lambda: check_logits(averaged)
    )
    check_logits(maps())


def test_prior_of_another_number_of_classes_is_named() -> None:
    with pytest.raises(ValueError, match='expected 5 classes'):
        posthoc_logits(maps(), log_prior_of(counts(4)), 1.0)
    hinted(
        'Give the prior of the data set that the model was trained on.',
        lambda: posthoc_logits(maps(), log_prior_of(counts(4)), 1.0),
    )
    assert posthoc_logits(maps(), log_prior_of(counts()), 1.0).shape == maps().shape


def rows_summing_to(*sums: float) -> torch.Tensor:
    """Rows of five numbers of at least 0 with these sums."""
    return torch.tensor(sums, dtype=torch.float64)[:, None] * torch.tensor([0.5, 0.25, 0.125, 0.125, 0])


@pytest.mark.parametrize('off', [9.9e-4, -9.9e-4, 0.0])
def test_sums_within_the_tolerance_are_those_of_probabilities(off: float) -> None:
    with pytest.raises(ValueError, match='expected logits, got probabilities'):
        check_logits(rows_summing_to(1 + off, 1))


@pytest.mark.parametrize('off', [1.01e-3, -1.01e-3])
def test_one_row_beyond_the_tolerance_makes_them_logits(off: float) -> None:
    check_logits(rows_summing_to(1, 1 + off))


def test_one_number_below_zero_makes_them_logits() -> None:
    check_logits(torch.tensor([[0.5, 0.6, -0.1], [0.2, 0.3, 0.5]]))
    with pytest.raises(ValueError, match='probabilities'):
        check_logits(torch.tensor([[1.0, 0, 0], [0.2, 0.3, 0.5]]))  # 0 is no number below 0


def test_classes_are_the_second_axis() -> None:
    """Maps whose rows of pixels sum to 1, as no probabilities of classes do."""
    check_logits(maps(2).softmax(dim=3))
    check_logits(maps(2).softmax(dim=0))


def test_counts_below_the_floor_are_raised_and_others_are_not() -> None:
    found = log_prior_of(torch.tensor([0.5, 2, 4]), floor=2)
    torch.testing.assert_close(found.exp(), torch.tensor([0.25, 0.25, 0.5], dtype=torch.float64))
