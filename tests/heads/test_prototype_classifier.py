"""Distances from prototypes: their formula, one for maps and vectors, and the means they begin with."""

import torch

from ltseg.core.class_covariances import ClassCovariances
from ltseg.heads import PrototypeClassifier

K, D = 4, 3


def made(spatial_dims: int = 0) -> PrototypeClassifier:
    torch.manual_seed(0)
    classifier = PrototypeClassifier(D, K, spatial_dims).double()
    classifier.weight.data.normal_()
    classifier.temperature.data.uniform_(0.5, 2)
    return classifier


def test_by_the_formula_and_its_gradient() -> None:
    classifier, features = made(), torch.randn(6, D, dtype=torch.float64)
    scaled = (features[:, None] - classifier.weight) / classifier.temperature
    torch.testing.assert_close(classifier(features), -scaled.square().sum(2).sqrt() / 2)
    assert torch.autograd.gradcheck(classifier, features.requires_grad_())


def test_a_prototype_itself_has_a_finite_gradient() -> None:
    classifier = made()
    value = classifier(classifier.weight.detach()[:1])
    assert value[0, 0].abs() < 1e-6
    value.sum().backward()
    assert classifier.weight.grad.isfinite().all()


def test_maps_are_classified_pixel_by_pixel() -> None:
    vectors, maps = made(), made(spatial_dims=2)
    features = torch.randn(2, D, 3, 5, dtype=torch.float64)
    rows = vectors(features.permute(0, 2, 3, 1).flatten(0, 2))
    torch.testing.assert_close(maps(features).permute(0, 2, 3, 1).flatten(0, 2), rows)


def test_begins_as_the_nearest_class_mean() -> None:
    classifier, labels = made(), torch.arange(20) % (K - 1)
    classifier.temperature.data.fill_(1)
    features = torch.randn(20, D, dtype=torch.float64) + labels[:, None]
    before = classifier.weight.detach().clone()
    statistics = ClassCovariances.of(features, labels, K, diagonal=True)
    classifier.measured(statistics, torch.zeros(K, K))
    torch.testing.assert_close(classifier.weight[:-1], statistics.means[:-1])
    assert torch.equal(classifier.weight[-1], before[-1])  # without samples
    nearest = torch.cdist(features, classifier.weight).argmin(1)
    assert torch.equal(classifier(features).argmax(1), nearest)
