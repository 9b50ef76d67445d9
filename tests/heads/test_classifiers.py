"""Cosine and simplex classifiers."""

import pytest
import torch
from torch.nn import functional as F

from ltseg.heads import CosineClassifier, ETFClassifier, simplex_vectors


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


@pytest.mark.parametrize(('num_classes', 'dimensions'), [(2, 1), (5, 4), (5, 5), (19, 64)])
def test_simplex(num_classes, dimensions):
    vectors = simplex_vectors(num_classes, dimensions)
    gram = torch.full((num_classes, num_classes), -1 / (num_classes - 1), dtype=torch.float64).fill_diagonal_(1)
    torch.testing.assert_close(vectors @ vectors.T, gram)
    torch.testing.assert_close(vectors.sum(0), torch.zeros(dimensions, dtype=torch.float64))


def test_too_few_dimensions_for_a_simplex():
    with pytest.raises(ValueError, match='at least 10 feature dimensions, got 8'):
        ETFClassifier(8, 19)


def test_simplex_classifier_is_fixed_and_saved():
    classifier = ETFClassifier(8, 5)
    assert {name for name, _ in classifier.named_parameters()} == {'norm.weight', 'norm.bias'}
    other = ETFClassifier(8, 5, seed=1)
    assert not torch.equal(other.vectors, classifier.vectors)
    other.load_state_dict(classifier.state_dict())
    assert torch.equal(other.vectors, classifier.vectors)
