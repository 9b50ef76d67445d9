"""The classifier of causal inference: its two formulas, the mean direction, and what it has in common with cosines."""

import copy
from pathlib import Path

import pytest
import torch
from hinted import hinted
from torch.nn import functional as F
from two_processes import in_two_processes

from ltseg.heads import CausalNormClassifier, CosineClassifier

K, D = 5, 8


def built(**options):
    torch.manual_seed(0)
    return CausalNormClassifier(D, K, **{'spatial_dims': 0, **options}).double()


def rows(number=6, seed=1):
    return torch.randn(number, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 1


def observed(classifier, *batches):
    """The classifier in tests, after batches of training."""
    for batch in batches:
        classifier.train()(batch)
    return classifier.eval()


@pytest.mark.parametrize('heads', [1, 2, 4])
def test_both_formulas(heads):
    classifier, given = built(heads=heads, alpha=1.5), rows()
    trained, tested = classifier(given).detach(), classifier.eval()(given).detach()
    d = given.mean(0)
    for found, alpha in ((trained, 0.0), (tested, 1.5)):
        for i, k in ((0, 0), (3, 2), (5, 4)):
            expected = 0.0
            for m in range(heads):
                part = slice(m * D // heads, (m + 1) * D // heads)
                h, w, mean = given[i, part], classifier.weight[k, part].detach(), d[part] / d[part].norm()
                cosine = h @ mean / h.norm()
                scores = w @ h / h.norm() - alpha * cosine * (w @ mean)
                expected += 16 / heads * scores / (w.norm() + 1 / 32)
            torch.testing.assert_close(found[i, k], expected, rtol=1e-6, atol=1e-6)  # the average is float32


def test_with_one_head_and_no_gamma_training_is_a_cosine_classifier():
    classifier, cosines = built(heads=1, gamma=0.0), CosineClassifier(D, K, scale=16.0, spatial_dims=0).double()
    cosines.load_state_dict({'weight': classifier.weight.detach()})
    torch.testing.assert_close(classifier(rows()), cosines(rows()))
    classifier.weight.data[1] = 0
    assert (classifier(rows())[:, 1] == 0).all()


def test_longer_class_vectors_have_larger_logits_and_longer_features_have_not():
    classifier = built()
    before = classifier(rows())
    torch.testing.assert_close(classifier(7 * rows()), before)
    classifier.weight.data[2] *= 3
    after = classifier(rows())
    assert (after[:, 2].abs() > before[:, 2].abs()).all() and torch.equal(after[:, :2], before[:, :2])


def test_without_effect_or_before_the_first_batch_tests_are_as_training():
    for classifier in (built().eval(), observed(built(alpha=0.0), rows())):
        tested = classifier(rows(seed=3))
        torch.testing.assert_close(tested, classifier.train()(rows(seed=3)))


def test_alpha_of_one_takes_the_mean_direction_away():
    """Of a feature along it nothing is left, and of another the logits of its orthogonal part, times the sine."""
    classifier = observed(built(heads=1, alpha=1.0), rows())
    mean, given = F.normalize(classifier.mean_feature.double(), dim=0), F.normalize(rows(seed=3))
    assert classifier(3 * mean[None]).abs().max() < 1e-12
    orthogonal = given - (given @ mean)[:, None] * mean
    sine = orthogonal.norm(dim=1, keepdim=True)
    torch.testing.assert_close(classifier(given), sine * classifier(orthogonal))
    stronger = copy.deepcopy(classifier)
    stronger.alpha = 2.0  # for a trained model
    expected = 2 * classifier(given) - classifier.train()(given)
    torch.testing.assert_close(stronger(given), expected)


def test_the_mean_direction_is_that_of_the_paper():
    """mu x + mean, of which the direction only counts."""
    batches = [rows(seed=seed) for seed in (1, 2, 3)]
    classifier, expected = observed(built(momentum=0.75), *batches), torch.zeros(D, dtype=torch.float64)
    for batch in batches:
        expected = 0.75 * expected + batch.mean(0)
    found = F.normalize(classifier.mean_feature.double(), dim=0)
    torch.testing.assert_close(found, F.normalize(expected, dim=0), rtol=1e-5, atol=1e-6)


def test_only_training_moves_it_and_it_is_saved():
    classifier = observed(built(), rows())
    before = classifier.mean_feature.clone()
    classifier(rows(seed=2))
    with torch.no_grad():
        classifier.train()(rows(seed=2))
    classifier.train()(rows(seed=2) * torch.inf)
    assert torch.equal(classifier.mean_feature, before)
    other = built()
    other.load_state_dict(classifier.state_dict())
    assert torch.equal(other.eval()(rows(seed=2)), classifier.eval()(rows(seed=2)))


@pytest.mark.parametrize('training', [True, False])
def test_half_precision_is_computed_in_float32(training):
    classifier = observed(built().float(), rows().float()).train(training)
    given = rows(seed=2).bfloat16()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        logits = classifier(given)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, copy.deepcopy(classifier)(given.float()))
    assert classifier.bfloat16()(given).isfinite().all()


def of_process(rank: int, folder: str) -> None:
    classifier = observed(built(), rows(9)[[slice(0, 2), slice(2, 9)][rank]])
    torch.save(classifier.mean_feature, f'{folder}/{rank}.pth')


def test_two_processes_have_the_mean_of_both(tmp_path: Path) -> None:
    in_two_processes(of_process, str(tmp_path))
    expected = observed(built(), rows(9)).mean_feature
    for rank in range(2):
        torch.testing.assert_close(torch.load(tmp_path / f'{rank}.pth'), expected)


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match='heads: expected a divisor of the 8 channels, got 3'):
        built(heads=3)
    hinted('Set heads=1.', lambda: built(heads=3))
    assert built(heads=1)(rows()).isfinite().all()
    for option, value in (('scale', 0), ('gamma', -1), ('alpha', -1), ('momentum', 2), ('heads', 0)):
        with pytest.raises(ValueError, match=rf'CausalNormClassifier.{option}: expected'):
            built(**{option: value})
