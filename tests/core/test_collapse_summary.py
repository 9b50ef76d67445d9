"""All figures of neural collapse at once, against naive computations and ideal values."""

import math

import pytest
import torch

from ltseg.core.class_sample import ClassSample
from ltseg.core.class_statistics import ClassStatistics
from ltseg.core.collapse_summary import angles, collapse_summary
from ltseg.core.geometry import simplex_vectors

K, D = 5, 6
COUNTS = (40, 20, 8, 3, 1)


def summary_of(rows, labels, weight, predictions, per_class=1000, literal=False):
    cut = len(rows) // 3
    statistics = ClassStatistics.of(rows[:cut], labels[:cut], len(weight)) + ClassStatistics.of(
        rows[cut:], labels[cut:], len(weight)
    )
    sample = ClassSample.of(rows, labels, predictions, per_class)
    return collapse_summary(statistics, sample, weight, literal)


def collapsed():
    generator = torch.Generator().manual_seed(0)
    vectors = simplex_vectors(K, D, generator)
    labels = torch.cat([torch.full((n,), k) for k, n in enumerate(COUNTS)])
    return 3 * vectors[labels] + 7, labels, vectors


def noisy():
    rows, labels, vectors = collapsed()
    torch.manual_seed(1)
    weight = vectors + 0.3 * torch.randn(K, D, dtype=torch.float64)
    rows = rows - 7 + torch.randn(rows.shape, dtype=torch.float64)
    return rows, labels, weight, (rows @ weight.T).argmax(1)


@pytest.mark.parametrize('scale', [1.0, 50.0])
def test_every_figure_is_ideal_for_a_perfect_simplex(scale):
    rows, labels, vectors = collapsed()
    found = summary_of(rows, labels, scale * vectors, labels)
    least = {name: value for name, value in found.figures.items() if name.endswith('least_angle')}
    assert list(least.values()) == pytest.approx([found.optimal_angle] * 2)
    assert found.optimal_angle == pytest.approx(math.degrees(math.acos(-1 / (K - 1))))
    rest = [value for name, value in found.figures.items() if name not in least]
    assert len(rest) == 13 and rest == pytest.approx([0] * 13, abs=1e-9 * scale**2)
    off = ~torch.eye(K, dtype=torch.bool)
    for name, ideal in (('mean_angles', found.optimal_angle), ('classifier_angles', found.optimal_angle)):
        assert found.matrices[name][off].tolist() == pytest.approx([ideal] * 20)
    assert found.matrices['relative_products'][off].tolist() == pytest.approx([1 / (K - 1)] * 20)
    assert found.classes['self_duality'].tolist() == pytest.approx([1] * K)
    assert found.classes['mean_norm'].tolist() == pytest.approx([3] * K)


def test_figures_equal_naive_ones():
    rows, labels, weight, predictions = noisy()
    found = summary_of(rows, labels, weight, predictions)
    members = [rows[labels == k] for k in range(K)]
    means = torch.stack([part.mean(0) for part in members])
    scatters = [(part - mean).T @ (part - mean) for part, mean in zip(members, means, strict=True)]
    centre = means.mean(0)
    between = sum(torch.outer(mean - centre, mean - centre) for mean in means) / K
    inverse = torch.linalg.pinv(between, rtol=1e-9)
    within = sum(scatters) / len(rows)
    averaged = sum(s / n for s, n in zip(scatters, COUNTS, strict=True)) / K
    assert found.figures['nc1'] == pytest.approx((within @ inverse).trace().item() / K)
    assert found.figures['nc1_class_averaged'] == pytest.approx((averaged @ inverse).trace().item() / K)
    nearest = torch.stack([(rows - mean).norm(dim=1) for mean in means]).argmin(0)
    assert found.figures['nc4_disagreement'] == pytest.approx((nearest != predictions).double().mean().item())
    for k in range(K):
        own = labels == k
        assert found.classes['disagreement'][k] == (nearest != predictions)[own].double().mean()
        assert found.classes['self_duality'][k] == pytest.approx(
            torch.cosine_similarity(weight[k], means[k] - centre, 0).item()
        )
    seen = means - centre
    assert found.figures['nc3_self_duality'] == pytest.approx(
        (weight / weight.norm() - seen / seen.norm()).norm().item()
    )
    cosines = [torch.cosine_similarity(seen[i], seen[j], 0) for i in range(K) for j in range(K) if i != j]
    assert found.figures['nc2_means_cosine_deviation'] == pytest.approx(torch.stack(cosines).std(correction=0).item())
    assert found.figures['nc2_means_least_angle'] == pytest.approx(math.degrees(math.acos(max(cosines))))
    assert found.matrices['mean_angles'][0, 1] == pytest.approx(math.degrees(math.acos(cosines[0])))


def test_the_printed_normaliser_is_an_option():
    rows, labels, vectors = collapsed()
    found = summary_of(rows, labels, vectors, labels, literal=True)
    assert found.figures['balance_product'] == pytest.approx((K / (K - 1) ** 5) ** 0.5)


def test_a_sample_estimates_what_all_features_give():
    torch.manual_seed(2)
    labels = torch.cat([torch.zeros(4000), torch.ones(400)]).long()
    rows = torch.randn(4400, 3, dtype=torch.float64) + 2 * labels[:, None]
    weight = torch.tensor([[-1.0, -1, -1], [1, 1, 1]], dtype=torch.float64)
    predictions = (rows @ weight.T).argmax(1)  # class 0 is at the origin: half of it is on the wrong side
    whole = summary_of(rows, labels, weight, predictions, 10000).figures
    part = summary_of(rows, labels, weight, predictions, 300).figures
    assert part['nc1'] == whole['nc1'] and part['nc3_self_duality'] == whole['nc3_self_duality']
    assert part['nc4_disagreement'] == pytest.approx(whole['nc4_disagreement'], abs=0.1) and part != whole
    assert part['nc1_class_averaged'] == pytest.approx(whole['nc1_class_averaged'], rel=0.2)


def test_absent_classes_are_left_out():
    rows, labels, weight, predictions = noisy()
    kept = (labels != 1) & (labels != 4)
    found = summary_of(rows[kept], labels[kept], weight, predictions[kept])
    assert found.present.tolist() == [True, False, True, True, False]
    for values in (found.classes['mean_norm'], found.classes['disagreement'], found.matrices['mean_angles'][0]):
        assert values.isnan().tolist() == [False, True, False, False, True]
    assert all(math.isfinite(value) for value in found.figures.values())
    alone = rows[labels == 2], labels[labels == 2], weight, predictions[labels == 2]
    figures = summary_of(*alone).figures
    assert not any(name.startswith(('nc1', 'nc2_means', 'nc3', 'nc4')) for name in figures)
    assert figures['balance_angle'] > 0


def test_a_decision_for_an_absent_class_disagrees():
    rows, labels, vectors = collapsed()
    kept = labels < 4
    found = summary_of(rows[kept], labels[kept], vectors, torch.full((int(kept.sum()),), 4))
    assert found.figures['nc4_disagreement'] == pytest.approx(1)


def test_without_a_linear_classifier_figures_are_of_the_means():
    rows, labels, _ = collapsed()
    statistics, sample = ClassStatistics.of(rows, labels, K), ClassSample.of(rows, labels, labels, 9)
    found = collapse_summary(statistics, sample)
    assert set(found.figures) == {
        *('nc1', 'nc1_class_averaged', 'nc4_disagreement'),
        *(f'nc2_means_{name}' for name in ('norm_variation', 'cosine_deviation', 'simplex_gap', 'least_angle')),
    }
    assert set(found.matrices) == {'mean_angles'}


def test_angles():
    found = angles(torch.tensor([[2.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, 0.0]]))
    assert found[0].tolist()[:3] == pytest.approx([0, 90, 180]) and found[3].isnan().all()


def test_figures_of_the_classifier_are_seen_from_its_mean():
    rows, labels, vectors = collapsed()
    figures = summary_of(rows, labels, vectors + 2, labels).figures
    assert all(
        figures[f'nc2_classifier_{name}'] < 1e-12 for name in ('norm_variation', 'cosine_deviation', 'simplex_gap')
    )


def test_the_classes_that_occur_have_their_own_centre_and_average():
    rows, labels, weight, predictions = noisy()
    rows, kept = rows + 3, (labels != 1) & (labels != 4)
    found = summary_of(rows[kept], labels[kept], weight, predictions[kept])
    members = [rows[labels == k] for k in (0, 2, 3)]
    means = torch.stack([part.mean(0) for part in members])
    seen = means - means.mean(0)
    averaged = sum(part.T.cov(correction=0) for part in members) / 3
    expected = (averaged @ torch.linalg.pinv(seen.T @ seen / 3, rtol=1e-9)).trace().item() / 3
    assert found.figures['nc1_class_averaged'] == pytest.approx(expected)
    assert found.classes['mean_norm'][[0, 2, 3]].tolist() == pytest.approx(seen.norm(dim=1).tolist())
