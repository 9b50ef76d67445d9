"""Tau-normalised logits are those of the normalised weights, and tau = 0 is the model itself."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from ltseg.core.tau_norm import normalized_logits, normalized_predictions, normalized_weight, weight_norms

TAUS = (0.0, 0.3, 1.0, 2.0)


def made(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features (N, D), weight (K, D) of unequal lengths, bias (K,)."""
    generator = torch.Generator().manual_seed(0)
    features, weight, bias = (torch.randn(*s, generator=generator, dtype=dtype) for s in ((40, 6), (5, 6), (5,)))
    return features, weight * torch.tensor([4.0, 2, 1, 0.5, 0.1], dtype=dtype)[:, None], bias


@pytest.mark.parametrize('tau', TAUS[1:])
def test_logits_are_those_of_the_normalized_weights_without_bias(tau: float) -> None:
    features, weight, bias = made()
    logits = F.linear(features, weight, bias)
    expected = features @ (weight / weight.norm(dim=1, keepdim=True) ** tau).T
    assert torch.allclose(normalized_logits(logits, weight_norms(weight), bias, tau), expected)
    assert torch.allclose(features @ normalized_weight(weight, tau).T, expected)
    alone = F.linear(features, weight)
    assert torch.allclose(normalized_logits(alone, weight_norms(weight), None, tau), expected)


def test_zero_is_the_identity_with_the_bias_and_one_gives_unit_vectors() -> None:
    features, weight, bias = made()
    logits = F.linear(features, weight, bias)
    assert torch.equal(normalized_logits(logits, weight_norms(weight), bias, 0), logits)
    assert torch.equal(normalized_weight(weight, 0), weight)
    assert torch.allclose(weight_norms(normalized_weight(weight, 1)), torch.ones(5, dtype=torch.float64))


@given(st.floats(0.1, 10), st.sampled_from(TAUS))
def test_a_common_length_changes_no_prediction(length: float, tau: float) -> None:
    features, weight, _ = made()
    equal = F.normalize(weight) * length
    logits = features @ equal.T
    (predicted,) = normalized_predictions(logits, weight_norms(equal), None, [tau])
    assert torch.equal(predicted, logits.argmax(1))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_maps_of_any_precision(dtype: torch.dtype) -> None:
    """A 1x1 convolution, upsampled: dropping the bias and scaling commute with the interpolation."""
    features, weight, bias = made(torch.float32)
    maps = features[:36].T.reshape(1, 6, 6, 6)
    logits = F.interpolate(F.conv2d(maps, weight[..., None, None], bias), scale_factor=3, mode='bilinear')
    expected = F.interpolate(
        F.conv2d(maps, normalized_weight(weight[..., None, None], 1.5)), scale_factor=3, mode='bilinear'
    )
    found = normalized_logits(logits.to(dtype), weight_norms(weight), bias, 1.5)
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected, atol=0.2 if dtype != torch.float32 else 1e-4)
    predicted = list(normalized_predictions(logits, weight_norms(weight), bias, TAUS))
    assert torch.equal(predicted[0], logits.argmax(1)) and not torch.equal(predicted[0], predicted[-1])


@pytest.mark.parametrize('broken', [0.0, torch.nan, torch.inf])
def test_a_class_vector_without_length_is_named(broken: float) -> None:
    weight = made()[1]
    weight[3] = broken
    with pytest.raises(ValueError, match='lengths above 0.*for class 3'):
        normalized_weight(weight, 1)


def test_norms_of_another_classifier_are_refused() -> None:
    with pytest.raises(ValueError, match='norms: expected 4 classes'):
        normalized_logits(torch.zeros(2, 4), torch.ones(5, dtype=torch.float64), None, 1)
