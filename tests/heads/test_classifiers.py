"""Cosine and simplex classifiers."""

import copy

import pytest
import torch
from hinted import hinted
from torch.nn import functional as F

from ltseg.heads import (
    CausalNormClassifier,
    CosineClassifier,
    ETFClassifier,
    MetaEmbeddingClassifier,
    simplex_vectors,
    spread_vectors,
)


def test_cosines():
    classifier, features = CosineClassifier(8, 5, scale=3.0), torch.randn(2, 8, 3, 3)
    cosines = F.cosine_similarity(features.unsqueeze(1), classifier.weight.view(1, 5, 8, 1, 1), dim=2)
    torch.testing.assert_close(classifier(features), 3 * cosines)
    torch.testing.assert_close(classifier(features * 100), classifier(features))
    assert classifier(torch.zeros(1, 8, 1, 1)).isfinite().all()


def test_cosines_are_float32_under_autocast():
    classifier, features = CosineClassifier(8, 5), torch.randn(2, 8, 3, 3)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(classifier(features), CosineClassifier.forward(classifier, features.float()))


@pytest.mark.parametrize('shape', [(6, 8), (2, 8, 3, 3)])
@pytest.mark.parametrize('kind', [CosineClassifier, ETFClassifier, CausalNormClassifier, MetaEmbeddingClassifier])
def test_vectors_are_classified_as_maps_are(kind, shape):
    features = torch.randn(shape)
    classifier = kind(8, 5, spatial_dims=len(shape) - 2).eval()
    assert classifier.class_vectors.shape == (5, 8)
    on_maps = kind(8, 5).eval()
    on_maps.load_state_dict({k: v.view_as(on_maps.state_dict()[k]) for k, v in classifier.state_dict().items()})
    logits = classifier(features)
    torch.testing.assert_close(logits, on_maps(features.view(*shape, *[1] * (4 - len(shape)))).view_as(logits))


@pytest.mark.parametrize('spatial_dims', [0, 2])
def test_simplex_logits_are_float32_under_autocast(spatial_dims):
    classifier, features = ETFClassifier(8, 5, spatial_dims=spatial_dims), torch.randn(6, 8, *[3] * spatial_dims)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        logits = classifier(features.bfloat16())
    assert logits.dtype == classifier.feature_norm.dtype == torch.float32
    assert (logits.abs().amax(1) <= classifier.feature_norm * (1 + 1e-6)).all()


@pytest.mark.parametrize(('num_classes', 'dimensions'), [(2, 1), (5, 4), (5, 5), (19, 64)])
def test_simplex(num_classes, dimensions):
    vectors = simplex_vectors(num_classes, dimensions)
    gram = torch.full((num_classes, num_classes), -1 / (num_classes - 1), dtype=torch.float64).fill_diagonal_(1)
    torch.testing.assert_close(vectors @ vectors.T, gram)
    torch.testing.assert_close(vectors.sum(0), torch.zeros(dimensions, dtype=torch.float64))


@pytest.mark.parametrize(('num_classes', 'dimensions'), [(5, 3), (6, 3), (100, 64), (1000, 512), (19, 10)])
def test_fewer_dimensions_than_a_simplex_needs(num_classes, dimensions):
    """Then some cosine must be 0 or more; none is more here, and most are 0."""
    vectors = spread_vectors(num_classes, dimensions, torch.Generator().manual_seed(0))
    gram = vectors @ vectors.T
    torch.testing.assert_close(gram.diagonal(), torch.ones(num_classes, dtype=torch.float64))
    torch.testing.assert_close(vectors.sum(0), torch.zeros(dimensions, dtype=torch.float64))
    assert (gram - torch.eye(num_classes)).max() < 1e-12
    assert torch.linalg.matrix_rank(vectors) == dimensions


def test_enough_dimensions_give_the_simplex():
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    assert torch.equal(spread_vectors(5, 4, generators[0]), simplex_vectors(5, 4, generators[1]))


def test_few_dimensions_are_said_and_too_few_refused():
    with pytest.warns(UserWarning, match='a simplex of 100 classes needs 99 feature dimensions, got 64') as record:
        ETFClassifier(64, 100)
    hinted('Use wider features for the method of the paper.', str(record[0].message))
    ETFClassifier(99, 100)  # a warning would be an error
    with pytest.raises(ValueError, match='at least 10 feature dimensions, got 8'):
        ETFClassifier(8, 19)
    hinted('Use wider features or a learned classifier.', lambda: ETFClassifier(8, 19))
    wider, learned = ETFClassifier(18, 19), CosineClassifier(8, 19)
    assert wider(torch.zeros(2, 18, 1, 1)).shape == learned(torch.zeros(2, 8, 1, 1)).shape == (2, 19, 1, 1)


def test_simplex_classifier_is_fixed_and_saved():
    classifier = ETFClassifier(8, 5)
    assert {name for name, _ in classifier.named_parameters()} == {'norm.weight', 'norm.bias'}
    other = ETFClassifier(8, 5, seed=1)
    assert not torch.equal(other.vectors, classifier.vectors)
    other.load_state_dict(classifier.state_dict())
    assert torch.equal(other.vectors, classifier.vectors)


def test_cosines_of_half_precision_features_are_float32():
    classifier, features = CosineClassifier(8, 5), torch.randn(2, 8, 3, 3).bfloat16()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        logits = classifier(features)
    assert logits.dtype == torch.float32 and torch.equal(logits, classifier(features.float()))


def test_a_simplex_classifier_can_be_copied_in_the_middle_of_training():
    classifier = ETFClassifier(8, 5, spatial_dims=0)
    classifier(torch.randn(6, 8, requires_grad=True))
    assert torch.equal(copy.deepcopy(classifier).vectors, classifier.vectors)
