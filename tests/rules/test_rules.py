"""Every rule against its formula, and the properties that rules share."""

import dataclasses
import math
import warnings

import pytest
import torch
from hinted import hinted

from ltseg.core.adjustment import Adjustment
from ltseg.counts.class_counts import ClassCounts
from ltseg.registry import MODELS
from ltseg.rules import ClassWeights, LabelSmoothing, Margin, MissRateWeighting, PriorBias, Rule, Temperature, Weighting
from ltseg.rules.weighting import SCHEMES, effective_number

N = [1000, 100, 10, 1]
COUNTS = ClassCounts(
    torch.tensor(N),
    torch.tensor([50, 40, 5, 1]),
    torch.tensor([1111, 1100, 600, 300]),
    right=torch.tensor([900, 30, 0, 6]),
    missed=torch.tensor([100, 10, 5, 0]),
)
EQUAL = ClassCounts(torch.full((4,), 77), torch.full((4,), 5), torch.full((4,), 200))
RULES = [
    PriorBias(),
    PriorBias(tau=0.5),
    PriorBias(tau=-0.5),
    Margin(),
    Margin(scale=30.0),
    Temperature(),
    *[Weighting(scheme=scheme) for scheme in SCHEMES],
    Weighting(scheme='effective_number', beta='1-1/N'),
    Weighting(scheme='generalized', rho=0.3),
    ClassWeights(weights=(1, 2, 3, 4)),
    LabelSmoothing(),
    MissRateWeighting(),
    MissRateWeighting(tau='dynamic', normalised=True),
]


def terms(adjustment: Adjustment) -> dict:
    pairs = ((field.name, getattr(adjustment, field.name)) for field in dataclasses.fields(adjustment))
    return {name: term for name, term in pairs if term is not None}


def test_every_registered_rule_is_listed():
    registered = {c for c in MODELS.module_dict.values() if isinstance(c, type) and issubclass(c, Rule)}
    assert registered == {type(rule) for rule in RULES}


@pytest.mark.parametrize('rule', RULES, ids=repr)
def test_terms_are_float64_and_finite(rule):
    for term in terms(rule(COUNTS)).values():
        assert term.dtype == torch.float64 and term.shape == (4,) and term.isfinite().all()


@pytest.mark.parametrize('rule', [r for r in RULES if 'effective_number' not in repr(r)], ids=repr)
def test_only_ratios_of_counts_matter(rule):
    times_7 = dataclasses.replace(COUNTS, samples=COUNTS.samples * 7, samples_of_images=COUNTS.samples_of_images * 7)
    for name, term in terms(rule(COUNTS)).items():
        torch.testing.assert_close(getattr(rule(times_7), name), term)


def test_equal_counts_leave_cross_entropy_alone():
    assert (PriorBias()(EQUAL).bias == 0).all()
    assert (Temperature()(EQUAL).scale == 1).all()
    for scheme in SCHEMES:
        assert torch.allclose(Weighting(scheme=scheme)(EQUAL).weight, torch.ones(4, dtype=torch.float64))
    assert (Margin(max_margin=0.4)(EQUAL).margin == 0.4).all()  # not cross entropy: a margin for every class


def test_prior_bias():
    bias = PriorBias(tau=0.7)(COUNTS).bias
    torch.testing.assert_close(bias - bias[3], 0.7 * torch.tensor(N, dtype=torch.float64).log())


@pytest.mark.parametrize('tau', [1.0, 0.0, -1.0])
def test_prior_bias_of_absent_classes(tau):
    bias = PriorBias(tau=tau)(ClassCounts(torch.tensor([4, 0, 2]))).bias
    assert bias[1] == (0 if tau == 0 else -torch.inf) and bias[[0, 2]].isfinite().all()
    assert (PriorBias(tau=tau)(ClassCounts(torch.zeros(3, dtype=torch.int64))).bias == 0).all()
    assert PriorBias(tau=tau, smoothing=1)(ClassCounts(torch.tensor([4, 0, 2]))).bias.isfinite().all()


def test_margin():
    margin = Margin(max_margin=0.5, scale=30.0)(COUNTS)
    torch.testing.assert_close(margin.margin, 15 * torch.tensor(N, dtype=torch.float64) ** -0.25)
    assert (margin.scale == 30).all()


def test_temperature():
    torch.testing.assert_close(Temperature(gamma=0.3)(COUNTS).scale, (torch.tensor(N) / 1000).double() ** 0.3)


@pytest.mark.parametrize(
    ('scheme', 'weights'),
    [
        ('inverse', [1 / n for n in N]),
        ('sqrt_inverse', [n**-0.5 for n in N]),
        ('generalized', [n**-1.2 for n in N]),
        ('median_frequency', [s / n for n, s in zip(N, [1111, 1100, 600, 300], strict=True)]),
        ('enet', [1 / math.log(1.02 + n / 1111) for n in N]),
        ('effective_number', [(1 - 0.9999) / (1 - 0.9999**n) for n in N]),
    ],
)
def test_weights(scheme, weights):
    expected = torch.tensor(weights, dtype=torch.float64)
    weight = Weighting(scheme=scheme, rho=1.2)(COUNTS).weight
    torch.testing.assert_close(weight, expected * 4 / expected.sum())


def test_effective_number():
    n = torch.tensor([1.0, 2.0, 1e4, 6e9], dtype=torch.float64)
    assert torch.equal(effective_number(n, 1.0), torch.ones(4, dtype=torch.float64))
    assert torch.equal(effective_number(n, 0.0), n)
    geometric = torch.stack([sum(0.9 ** torch.arange(int(k), dtype=torch.float64)) for k in (1, 2, 50)])
    torch.testing.assert_close(effective_number(torch.tensor([1.0, 2, 50], dtype=torch.float64), 0.1), geometric)
    # Where 1 - beta is lost in beta itself: E = n (1 - n (1 - beta) / 2 + ...)
    torch.testing.assert_close(effective_number(n[:3], 1e-17), n[:3])


def test_absent_classes():
    absent = ClassCounts(torch.tensor([5, 0]), torch.tensor([1, 0]), torch.tensor([5, 0]))
    assert (Weighting(scheme='effective_number')(absent).weight > 0).all()  # E of none is that of one
    for rule in (Margin(), Temperature(), Weighting(scheme='inverse'), PriorBias()):
        with pytest.raises(ValueError, match='0 for class bus'):
            rule.check_constant(absent, ('car', 'bus'))
        hinted('a floor (floor=1), or remove these classes.', lambda rule=rule: rule.check_constant(absent))
        rule.check_constant(ClassCounts.from_list([5, 1]))
        dataclasses.replace(rule, floor=1).check_constant(absent)
    for rule in (Margin(), Temperature(), Weighting(scheme='inverse')):
        hinted("a floor (floor=1), or use counts='dataset'.", lambda rule=rule: rule.check_varying('batch'))
        rule.check_constant(COUNTS)  # those of the data set
        dataclasses.replace(rule, floor=1).check_varying('batch')
        assert all(t.isfinite().all() for t in terms(dataclasses.replace(rule, floor=1)(absent)).values())


def test_saturated_effective_numbers_warn():
    pixels = ClassCounts(torch.tensor([10_000_000, 200_000]))
    with pytest.warns(UserWarning, match="50 : 1.*beta='1-1/N'") as record:
        Weighting(scheme='effective_number').check_constant(pixels)
    hinted("Use beta='1-1/N'.", str(record[0].message))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        Weighting(scheme='effective_number', beta='1-1/N').check_constant(pixels)


@pytest.mark.parametrize('shape', ['concave', 'linear', 'convex', 'exponential'])
def test_label_smoothing_runs_from_tail_to_head(shape):
    smoothing = LabelSmoothing(head=0.4, tail=0.1, shape=shape)(COUNTS).smoothing
    torch.testing.assert_close(smoothing[[0, 3]], torch.tensor([0.4, 0.1], dtype=torch.float64))
    assert (smoothing.diff() <= 0).all()
    assert (LabelSmoothing(head=0.4, tail=0.1, shape=shape)(EQUAL).smoothing == 0.4).all()


def test_label_smoothing_values():
    u = 99 / 999
    assert LabelSmoothing()(COUNTS).smoothing[1].item() == pytest.approx(0.1 + 0.3 * math.sin(math.pi * u / 2))
    convex = LabelSmoothing(shape='convex')(COUNTS).smoothing[1].item()
    assert convex == pytest.approx(0.4 + 0.3 * math.sin(1.5 * math.pi + math.pi * u / 2))
    assert LabelSmoothing(exclude_true=True)(COUNTS).smoothing[0].item() == pytest.approx(0.4 * 4 / 3)


def test_unit_images():
    torch.testing.assert_close(PriorBias(unit='images')(COUNTS).bias, (COUNTS.images.double() / 50).log())
    with pytest.raises(ValueError, match='ltseg count'):
        PriorBias(unit='images')(ClassCounts(torch.tensor([1, 2])))


@pytest.mark.parametrize(
    'config',
    [
        dict(type='ltseg.PriorBias', tau=float('nan')),
        dict(type='ltseg.Margin', scale=0),
        dict(type='ltseg.Temperature', gamma=-1),
        dict(type='ltseg.Weighting', scheme='inverse_sqrt'),
        dict(type='ltseg.Weighting', beta=1.5),
        dict(type='ltseg.LabelSmoothing', head=2),
        dict(type='ltseg.PriorBias', unit='pixels'),
        dict(type='ltseg.PriorBias', floor=-1),
        dict(type='ltseg.PriorBias', smoothing=-1),
        dict(type='ltseg.Weighting', rho=-1),
        dict(type='ltseg.ClassWeights', weights=(1, -0.5)),
        dict(type='ltseg.ClassWeights'),
        dict(type='ltseg.MissRateWeighting', tau=-1),
        dict(type='ltseg.MissRateWeighting', tau='adaptive'),
    ],
    ids=str,
)
def test_bad_fields(config):
    with pytest.raises(ValueError, match='expected'):
        MODELS.build(config)


def test_beta_by_name_follows_all_samples():
    by_value = Weighting(beta=1 - 1 / sum(N))(COUNTS).weight
    torch.testing.assert_close(Weighting(beta='1-1/N')(COUNTS).weight, by_value)


@pytest.mark.parametrize('samples', [[10_000_000, 2_000_000], [400_000, 30_000]], ids=['counts', 'weights'])
def test_counts_that_are_close_and_weights_that_differ_do_not_warn(samples):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        Weighting(scheme='effective_number').check_constant(ClassCounts(torch.tensor(samples)))


def test_a_floor_is_one_of_the_samples_of_images_too():
    absent = ClassCounts(torch.tensor([500, 0]), torch.tensor([5, 0]), torch.tensor([1000, 0]))
    weight = Weighting(scheme='median_frequency', floor=100)(absent).weight  # frequencies 500 / 1000 and 100 / 100
    torch.testing.assert_close(weight, torch.tensor([4 / 3, 2 / 3], dtype=torch.float64))


def test_power_of_exponential_smoothing():
    smoothing = LabelSmoothing(shape='exponential', power=2.0)(COUNTS).smoothing
    assert smoothing[1].item() == pytest.approx(0.1 + 0.3 * (99 / 999) ** 2)


def test_smoothing_of_the_prior_adds_samples_to_every_class():
    more = ClassCounts(COUNTS.samples + 5)
    torch.testing.assert_close(PriorBias(smoothing=5)(COUNTS).bias, PriorBias()(more).bias)


def test_given_weights_may_be_zero_and_are_one_for_each_class():
    weight = ClassWeights(weights=(0, 2, 1, 0.5))(COUNTS).weight
    assert weight.tolist() == [0, 2, 1, 0.5]
    for weights in ((1, 2, 3), (1, 2, 3, 4, 5)):
        with pytest.raises(ValueError, match=f'class_weight: expected 4 weights, as the logits, got {len(weights)}'):
            ClassWeights(weights=weights)(COUNTS)


def test_equal_smoothing_needs_no_counts():
    assert not LabelSmoothing(head=0.1, tail=0.1).uses_counts and LabelSmoothing(head=0.1, tail=0.2).uses_counts


@pytest.mark.parametrize('scheme', ['effective_number', 'enet'])
def test_schemes_that_are_defined_at_zero_take_absent_classes(scheme):
    rule, absent = Weighting(scheme=scheme), ClassCounts(torch.tensor([5, 0]))
    rule.check_varying('batch')
    rule.check_constant(absent, ('car', 'bus'))
    assert rule(absent).weight.isfinite().all()
    assert rule(ClassCounts(torch.zeros(2, dtype=torch.int64))).weight.tolist() == [1, 1]


def test_images_without_samples_count_as_one_sample_below_a_floor_of_one():
    absent = ClassCounts(torch.tensor([500, 0]), torch.tensor([5, 0]), torch.tensor([1000, 0]))
    assert Weighting(scheme='median_frequency', floor=0.5)(absent).weight.tolist() == [1, 1]  # 500 / 1000 and 0.5 / 1


def test_a_table_of_images_has_what_median_frequencies_need():
    rule = Weighting(scheme='median_frequency')
    hinted(
        'Use pixel counts of a table made by ltseg count, or another scheme.', lambda: rule(ClassCounts(COUNTS.samples))
    )
    assert rule(COUNTS).weight.isfinite().all()


MISSED = torch.tensor([100 / 1000, 10 / 40, 5 / 5, 1 / 6], dtype=torch.float64)  # at least 1, of 6 that are right


@pytest.mark.parametrize('tau', [0.0, 1.0, 1.7])
def test_weights_of_what_is_missed(tau):
    weight = MissRateWeighting(tau=tau)(COUNTS).weight
    torch.testing.assert_close(weight, MISSED**tau)
    of_sum = MissRateWeighting(tau=tau, normalised=True)(COUNTS).weight
    torch.testing.assert_close(of_sum, 4 * weight / weight.sum())


def test_the_dynamic_exponent_grows_with_the_gap_between_recalls():
    def exponent(right, missed):
        counts = ClassCounts(torch.tensor([0, 0]), right=torch.tensor(right), missed=torch.tensor(missed))
        weight = MissRateWeighting(tau='dynamic')(counts).weight
        rates = torch.tensor(missed) / (torch.tensor(right) + torch.tensor(missed))
        return (weight.log() / rates.log()).tolist()

    highest, lowest = 0.9, 0.5
    expected = 2 / (1 + math.exp(1 - highest / (lowest + 0.01)))
    assert exponent([9, 5], [1, 5]) == pytest.approx([expected] * 2)
    assert exponent([5, 5], [5, 5])[0] < 1 < exponent([9, 5], [1, 5])[0] < exponent([9, 1], [1, 9])[0] < 2


@pytest.mark.parametrize('rule', [MissRateWeighting(), MissRateWeighting(tau='dynamic', normalised=True)], ids=repr)
def test_classes_that_were_not_seen_weigh_as_those_of_which_all_is_missed(rule):
    none = torch.zeros(3, dtype=torch.int64)
    assert rule(ClassCounts(none, right=none, missed=none)).weight.tolist() == [1, 1, 1]
    weight = rule(ClassCounts(none, right=torch.tensor([0, 0, 5]), missed=torch.tensor([0, 8, 5]))).weight
    assert weight[0] == weight[1] > weight[2]
