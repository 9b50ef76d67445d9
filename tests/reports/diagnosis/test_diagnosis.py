"""Each finding comes where it should, with its evidence, and nowhere else."""

import io
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
import torch
from hinted import hinted
from rich.console import Console
from torch import nn

from ltseg.core.confusion import confusion_matrix
from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import simplex_vectors
from ltseg.core.posthoc import log_prior_of, posthoc_logits
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.groups import ClassGroups
from ltseg.heads import ETFClassifier
from ltseg.losses import LongTailLoss
from ltseg.metrics.evaluation import Evaluation
from ltseg.regularizers import PeerToPeerRegularizer, WeightRepulsion
from ltseg.reports.diagnosis.data import count_findings, label_fault, rule_findings
from ltseg.reports.diagnosis.finding import Finding, plain, print_findings, sorted_findings
from ltseg.reports.diagnosis.results import baseline_findings, classifier_findings, evaluation_findings

NAMES = ('road', 'car', 'sky', 'bus')
COUNTS = torch.tensor([100000, 20000, 5000, 100])


def evaluation_of(*rows: list[int], names: tuple[str, ...] = NAMES) -> Evaluation:
    return Evaluation(torch.tensor(rows), names, ClassGroups.tertiles(COUNTS), COUNTS, 'the training labels')


GOOD = evaluation_of([900, 50, 10, 5], [20, 300, 5, 2], [10, 5, 200, 1], [2, 3, 1, 50])


def kinds(findings) -> dict[str, Finding]:
    found = list(findings)
    assert len({each.kind for each in found}) == len(found)
    return {each.kind: each for each in found}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert not kinds(count_findings(COUNTS, COUNTS // 3, NAMES))
    assert not kinds(evaluation_findings(GOOD)) and not kinds(baseline_findings(GOOD, GOOD, 'itself'))
    assert not kinds(classifier_findings(simplex_vectors(4, 6), NAMES))


def test_absent_classes() -> None:
    train, val = torch.tensor([900, 80, 30, 0]), torch.tensor([900, 80, 0, 7])
    found = kinds(count_findings(train, val, NAMES))
    assert found['absent_from_training'].classes == ('bus',) and found['absent_from_training'].severity == 'error'
    assert '7 samples of them' in found['absent_from_training'].evidence
    assert found['absent_from_validation'].classes == ('sky',)
    assert kinds(count_findings(train, None, NAMES)).keys() == {'absent_from_training'}


def test_prior_shift() -> None:
    train = torch.tensor([700, 200, 90, 10])
    (found,) = count_findings(train, torch.tensor([700, 190, 60, 50]), NAMES)
    assert (found.kind, found.severity, found.classes) == ('prior_shift', 'warning', ('bus',))
    assert 'bus 1.00% -> 5.00%' in found.evidence and found.evidence.startswith('4% of the samples')
    (balanced,) = count_findings(train, torch.tensor([100, 100, 100, 100]), NAMES)
    assert balanced.severity == 'note' and 'balanced' in balanced.title
    assert not list(count_findings(train, torch.tensor([690, 205, 93, 12]), NAMES))


@pytest.mark.parametrize(
    ('rule', 'kind', 'text'),
    [
        (
            dict(type='ltseg.Weighting', scheme='effective_number', beta=0.9),
            'saturated_rule',
            'their weights 1.000 : 1',
        ),
        (dict(type='ltseg.Weighting', scheme='generalized', rho=0.01), None, ''),
        (
            dict(type='ltseg.Weighting', scheme='generalized', rho=0.001),
            'saturated_rule',
            'road and bus differ 1,000 : 1',
        ),
        (dict(type='ltseg.Weighting', scheme='generalized', rho=1.5), 'extreme_rule', 'their weights 31,623 : 1'),
        (dict(type='ltseg.Weighting', scheme='effective_number', beta='1-1/N'), None, ''),
        (dict(type='ltseg.Temperature', gamma=1.0), 'extreme_rule', 'The logit of bus counts 0.1%'),
        (dict(type='ltseg.Temperature', gamma=0.3), None, ''),
        (dict(type='ltseg.PriorBias', tau=2.0), 'extreme_rule', 'differ by 13.8'),
        (dict(type='ltseg.PriorBias', tau=1.0), None, ''),
        (dict(type='ltseg.Margin'), None, ''),
    ],
)
@pytest.mark.filterwarnings('ignore:Weighting')
def test_rules(rule: dict, kind: str | None, text: str) -> None:
    counts = ClassCounts(COUNTS)
    model = nn.ModuleDict({'head': LongTailLoss([rule]), 'auxiliary': LongTailLoss([rule])})
    found = list(rule_findings(model, counts, NAMES))
    assert [each.kind for each in found] == ([kind] if kind else [])
    assert not kind or (text in found[0].evidence and 'in head' in found[0].title)


def test_rules_of_absent_classes_are_judged_by_the_others() -> None:
    model = LongTailLoss([dict(type='ltseg.PriorBias', floor=1)])
    assert not list(rule_findings(model, ClassCounts(torch.tensor([900, 80, 30, 0])), NAMES))


def test_classes_that_are_never_predicted() -> None:
    (found,) = evaluation_findings(evaluation_of([900, 5, 0, 0], [9, 80, 0, 0], [1, 1, 9, 0], [7, 0, 0, 0]))
    assert (found.kind, found.classes) == ('never_predicted', ('bus',)) and 'bus (7 pixels)' in found.evidence
    absent = evaluation_of([900, 5, 0, 0], [9, 80, 0, 0], [1, 1, 9, 0], [0, 0, 0, 0])
    assert not list(evaluation_findings(absent))


def test_over_predicted_and_swallowed_classes() -> None:
    found = kinds(evaluation_findings(evaluation_of([800, 0, 0, 100], [0, 80, 0, 0], [8, 12, 0, 0], [3, 0, 1, 40])))
    assert (
        found['over_predicted'].classes == ('bus',)
        and 'bus (Acc 91, IoU 28, 3.2 times)' in found['over_predicted'].evidence
    )
    assert 'negative tau' in found['over_predicted'].advice
    assert found['swallowed'].classes == ('sky',) and 'sky as car (60%)' in found['swallowed'].evidence


def test_classes_that_are_over_predicted_as_they_were_frequent_in_training() -> None:
    balanced = evaluation_of([96, 4, 0, 0], [40, 60, 0, 0], [45, 5, 50, 0], [50, 0, 0, 50])
    (found,) = evaluation_findings(balanced)
    assert (found.kind, found.classes) == ('over_predicted', ('road',))
    assert 'more frequent in training' in found.advice and 'negative tau' not in found.advice


def test_precision_traded_for_recall() -> None:
    worse = evaluation_of([850, 50, 10, 55], [10, 300, 5, 12], [10, 5, 200, 1], [0, 1, 1, 54])
    (found,) = baseline_findings(worse, GOOD, 'CE')
    assert (found.kind, found.classes) == ('traded_precision', ('bus',))
    assert found.evidence == 'Against CE: bus (Acc +7.1, IoU -34.6).'
    (other,) = baseline_findings(worse, evaluation_of(*GOOD.matrix.tolist(), names=('a', 'b', 'c', 'd')), 'CE')
    assert other.severity == 'note' and 'other classes' in other.title


def test_collapsed_angles_and_few_dimensions() -> None:
    vectors = simplex_vectors(4, 6, torch.Generator().manual_seed(0))
    vectors[3] = vectors[2] + 0.1 * vectors[0]
    (found,) = classifier_findings(vectors, NAMES)
    assert found.kind == 'collapsed_angles' and found.classes == ('sky', 'bus') and 'sky - bus' in found.evidence
    narrow = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    assert kinds(classifier_findings(narrow, NAMES)).keys() == {'few_dimensions'}


def test_the_worst_comes_first_in_text_and_json() -> None:
    findings = sorted_findings(
        [*count_findings(COUNTS, torch.ones(4), NAMES), label_fault('train', 'File [a] is broken.')]
    )
    assert [each.severity for each in findings] == ['error', 'note']
    stream = io.StringIO()
    print_findings(findings, ['the labels'], Console(file=stream, width=100))
    text = stream.getvalue()
    assert 'error: The train labels cannot be used' in text and 'File [a] is broken.' in text and 'Try: ' in text
    content = plain(findings, ['the labels'])
    assert content['findings'][0]['kind'] == 'labels' and content['looked_at'] == ['the labels']
    print_findings([], ['the labels'], Console(file=stream))
    assert 'Nothing found' in stream.getvalue()


def test_long_lists_are_cut() -> None:
    names = [f'class {k}' for k in range(12)]
    (found,) = count_findings(torch.tensor([5, *[0] * 11]), None, names)
    assert 'and 5 more' in found.evidence and len(found.classes) == 11


def test_prior_shift_towards_frequent_classes_and_of_all_classes_a_little() -> None:
    train = torch.tensor([700, 200, 90, 10])
    (rarer,) = count_findings(train, torch.tensor([700, 190, 108, 2]), NAMES)
    assert rarer.classes == ('bus',) and 'bus 1.00% -> 0.20%' in rarer.evidence
    (several,) = count_findings(train, torch.tensor([300, 200, 290, 210]), NAMES)
    assert several.classes == ('bus', 'sky')  # the furthest first
    (broad,) = count_findings(torch.tensor([500, 300, 150, 50]), torch.tensor([350, 400, 180, 70]), NAMES)
    assert broad.classes == () and broad.evidence.startswith('15% of the samples') and 'bus 5.00%' in broad.evidence


def test_rules_are_judged_by_the_counts_that_they_use() -> None:
    model = LongTailLoss([dict(type='ltseg.Weighting', scheme='generalized', rho=0.001, unit='images')])
    counts = ClassCounts(torch.tensor([1000, 1000, 1000, 1000]), torch.tensor([1000, 100, 50, 1]))
    (found,) = rule_findings(model, counts, NAMES)
    assert 'road and bus differ 1,000 : 1 in images' in found.evidence


def test_a_floor_of_absent_classes_makes_no_bias_extreme() -> None:
    model = LongTailLoss([dict(type='ltseg.PriorBias', floor=1)])
    assert not list(rule_findings(model, ClassCounts(torch.tensor([200_000, 80, 30, 0])), NAMES))


def test_the_worst_classes_and_pairs_come_first() -> None:
    found = kinds(evaluation_findings(evaluation_of([800, 0, 60, 60], [0, 80, 0, 0], [0, 0, 50, 0], [0, 0, 0, 10])))
    assert found['over_predicted'].classes == ('bus', 'sky')
    vectors = simplex_vectors(4, 6, torch.Generator().manual_seed(0))
    vectors[1], vectors[3] = vectors[0] + 0.4 * vectors[1], vectors[2] + 0.1 * vectors[3]
    (close,) = classifier_findings(vectors, NAMES)
    assert close.classes == ('sky', 'bus', 'road', 'car')


def test_a_simplex_needs_one_dimension_less_than_classes() -> None:
    assert not kinds(classifier_findings(simplex_vectors(4, 3), NAMES))


def advice(findings: Iterable[Finding]) -> list[str]:
    return [each.advice for each in findings]


def test_what_to_try_about_counts_leaves_no_finding() -> None:
    def of(train: list[int], val: list[int] | None = None, names: Sequence[str] = NAMES) -> list[str]:
        return advice(count_findings(torch.tensor(train), None if val is None else torch.tensor(val), names))

    train = [700, 200, 90, 10]
    hinted('Collect samples, or take these classes out of the data set and the head.', lambda: of([700, 200, 90, 0]))
    assert not of(train) and not of([700, 200, 90], names=NAMES[:3])
    hinted('so nothing measures them: move some images to validation.', lambda: of(train, [70, 20, 9, 0]))
    assert not of([693, 198, 89, 9], [70, 20, 9, 1])
    hinted('Split the data at random by images, or by scenes', lambda: of(train, [500, 200, 90, 210]))
    images = torch.tensor(train) + torch.tensor([500, 200, 90, 210])
    assert not of((images // 2).tolist(), (images - images // 2).tolist())


@pytest.mark.parametrize('bias', [True, False])
def test_losses_and_adjustment_with_the_training_prior_aim_at_balanced_classes(bias: bool) -> None:
    """Samples whose likelihood says the class, and a posterior under the long tail that says the frequent one."""
    hinted('Meant so in long-tailed benchmarks.', lambda: advice(count_findings(COUNTS, torch.ones(4), NAMES)))
    likelihood = 3 * torch.eye(4, dtype=torch.float64)
    model = likelihood + log_prior_of(COUNTS)
    assert not torch.equal(model.argmax(1), torch.arange(4))
    if bias:  # the loss adds the prior itself
        model = model - LongTailLoss([dict(type='ltseg.PriorBias')]).rules[0](ClassCounts(COUNTS)).bias
    else:
        model = posthoc_logits(model, log_prior_of(COUNTS), 1.0)
    assert torch.equal(model.argmax(1), torch.arange(4))


@pytest.mark.filterwarnings('ignore:Weighting')
def test_what_to_try_about_rules_leaves_no_finding() -> None:
    def of(kind: str, **settings: Any) -> list[str]:
        return advice(rule_findings(LongTailLoss([dict(type=f'ltseg.{kind}', **settings)]), ClassCounts(COUNTS), NAMES))

    effective = dict(scheme='effective_number')
    hinted("Effective numbers of pixels need beta='1-1/N'", lambda: of('Weighting', **effective, beta=0.9))
    assert not of('Weighting', **effective, beta='1-1/N') and not of('Weighting', scheme='sqrt_inverse')
    hinted(
        'otherwise choose another scheme or a larger exponent.',
        lambda: of('Weighting', scheme='generalized', rho=0.001),
    )
    assert not of('Weighting', scheme='generalized', rho=0.5)
    hinted("A root is gentler: scheme='sqrt_inverse'", lambda: of('Weighting', scheme='generalized', rho=1.5))
    assert not of('PriorBias')
    hinted('Choose a smaller gamma.', lambda: of('Temperature', gamma=1.0))
    assert not of('Temperature', gamma=0.3)
    hinted('Choose a smaller tau, or raise small counts with a floor.', lambda: of('PriorBias', tau=2.0))
    assert not of('PriorBias', tau=1.0) and not of('PriorBias', tau=2.0, floor=500)


def predictions(tau: float, sharpness: float = 3.0) -> Evaluation:
    """Of samples between their class and the next, under a model with the prior of training, adjusted with tau."""
    rows = torch.arange(4).repeat(200) % 4
    noise = torch.randn(len(rows), 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    logits = noise + sharpness * torch.eye(4, dtype=torch.float64)[rows] + log_prior_of(COUNTS)
    predicted = posthoc_logits(logits, log_prior_of(COUNTS), tau).argmax(1)
    return evaluation_of(*confusion_matrix(predicted, rows, 4).tolist())


def test_adjustment_on_the_checkpoint_leaves_no_finding() -> None:
    hinted(
        'Give rare classes more weight: ARB or balanced softmax', lambda: advice(evaluation_findings(predictions(0)))
    )
    hinted('These classes are more frequent in training than here', lambda: advice(evaluation_findings(predictions(0))))
    swallowed = lambda tau: advice(evaluation_findings(predictions(tau, sharpness=5)))  # noqa: E731
    hinted('Look at the images: labels may be ambiguous. Otherwise as for', lambda: swallowed(0))
    assert not advice(evaluation_findings(predictions(1))) and not swallowed(1)
    hinted('The loss pushes these classes too far: a smaller tau', lambda: advice(evaluation_findings(predictions(2))))


def test_a_smaller_tau_gives_precision_back() -> None:
    far, plain = predictions(1.6), predictions(1)
    hinted('What was gained in recall is lost in precision.', lambda: advice(baseline_findings(far, plain, 'CE')))
    assert not advice(baseline_findings(predictions(1.05), plain, 'CE'))
    other = evaluation_of(*GOOD.matrix.tolist(), names=('a', 'b', 'c', 'd'))
    hinted('Give a record of the same data set.', lambda: advice(baseline_findings(GOOD, other, 'CE')))
    assert not advice(baseline_findings(GOOD, GOOD, 'CE'))


def test_what_to_try_about_classifiers_leaves_no_finding() -> None:
    vectors = simplex_vectors(4, 6, torch.Generator().manual_seed(0))
    vectors[3] = vectors[2] + 0.1 * vectors[0]
    hinted('Against minority collapse: ARB, ltseg.WeightRepulsion', lambda: advice(classifier_findings(vectors, NAMES)))
    assert not advice(classifier_findings(ETFClassifier(6, 4).class_vectors, NAMES))
    for term in (WeightRepulsion(schedule=None), PeerToPeerRegularizer(on='classifier')):
        learned = vectors.clone().requires_grad_()
        step = torch.optim.SGD([learned], 0.5)
        for _ in range(100):
            step.zero_grad()
            term(FeatureBatch(torch.zeros(0, 1, 6), torch.zeros(0, dtype=torch.int64), 4, learned)).backward()
            step.step()
        assert not advice(classifier_findings(learned.detach(), NAMES)), term
    narrow = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    hinted('Use wider features (channels of the head) where', lambda: advice(classifier_findings(narrow, NAMES)))
    assert not advice(classifier_findings(simplex_vectors(4, 3), NAMES))
