"""Identities between methods, and what theory says of single ones."""

import math
import warnings

import pytest
import torch
from hinted import hinted
from losses_under_test import COUNTS, K, batch
from torch.nn import functional as F

from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.sources import build_counts
from ltseg.counts.table import CountsTable
from ltseg.heads import CosineClassifier
from ltseg.registry import MODELS


def build(name, **options):
    return MODELS.build(dict(type=f'ltseg.{name}', **options))


def rules(*configs, **options):
    return build('LongTailLoss', rules=list(configs), **options)


def value_and_gradient(loss, logits, labels, **arguments):
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, labels, ignore_index=255, **arguments)
    return value, torch.autograd.grad(value, logits)[0]


EQUAL = [77] * K
BALANCED_SOFTMAX = lambda: build('BalancedSoftmaxLoss', counts=COUNTS)  # noqa: E731
CROSS_ENTROPY = lambda: build('CrossEntropyLoss')  # noqa: E731

IDENTITIES = {
    'ARB on data set counts is balanced softmax': (lambda: build('ARBLoss', counts=COUNTS), BALANCED_SOFTMAX),
    'logit adjustment at tau 1 is balanced softmax': (
        lambda: build('LogitAdjustedLoss', counts=COUNTS),
        BALANCED_SOFTMAX,
    ),
    'VS without temperature is logit adjustment': (
        lambda: build('VSLoss', gamma=0.0, tau=0.7, counts=COUNTS),
        lambda: build('LogitAdjustedLoss', tau=0.7, counts=COUNTS),
    ),
    'VS without prior is CDT': (
        lambda: build('VSLoss', gamma=0.2, tau=0.0, counts=COUNTS),
        lambda: build('CDTLoss', gamma=0.2, counts=COUNTS),
    ),
    'VS is CDT and logit adjustment': (
        lambda: build('VSLoss', counts=COUNTS),
        lambda: rules(dict(type='ltseg.PriorBias'), dict(type='ltseg.Temperature'), counts=COUNTS),
    ),
    'generalized at rho 1 is inverse': (
        lambda: build('ReweightedLoss', scheme='generalized', rho=1.0, counts=COUNTS),
        lambda: build('ReweightedLoss', scheme='inverse', counts=COUNTS),
    ),
    'effective number at beta 1 is inverse': (
        lambda: build('ClassBalancedLoss', beta=1.0, counts=COUNTS, average='weight'),
        lambda: build('ReweightedLoss', scheme='inverse', counts=COUNTS),
    ),
    'class weights as a scheme': (
        lambda: build('CrossEntropyLoss', class_weight='sqrt_inverse', counts=COUNTS),
        lambda: build('ReweightedLoss', scheme='sqrt_inverse', counts=COUNTS),
    ),
    'label-aware smoothing with equal ends is label smoothing': (
        lambda: build('LabelAwareSmoothingLoss', head=0.2, tail=0.2, counts=COUNTS),
        lambda: build('CrossEntropyLoss', label_smoothing=0.2),
    ),
    'focal class-balanced at beta 0 is focal': (
        lambda: build('ClassBalancedLoss', beta=0.0, focusing=2.0, counts=COUNTS),
        lambda: build('FocalLoss'),
    ),
    'BLV with noise at its bound is logit adjustment': (
        lambda: build('BLVLoss', sigma=1e9, counts=COUNTS),
        lambda: build('LogitAdjustedLoss', tau=-1 / math.log(sum(COUNTS) / min(COUNTS)), counts=COUNTS),
    ),
    'GCL with noise at its bound is logit adjustment': (
        lambda: build('GCLLoss', sigma=1e9, strength=0.7, scale=1.0, counts=COUNTS),
        lambda: build('LogitAdjustedLoss', tau=0.7 / math.log(max(COUNTS) / min(COUNTS)), counts=COUNTS),
    ),
}
for title, loss in {
    'no rules': lambda: rules(),
    'ARB, equal counts': lambda: build('ARBLoss', counts=EQUAL),
    'balanced softmax, equal counts': lambda: build('BalancedSoftmaxLoss', counts=EQUAL),
    'logit adjustment, equal counts': lambda: build('LogitAdjustedLoss', tau=0.3, counts=EQUAL),
    'VS, equal counts': lambda: build('VSLoss', counts=EQUAL),
    'LDAM without margin and scale': lambda: build('LDAMLoss', max_margin=0.0, scale=1.0, counts=COUNTS),
    'logit adjustment at tau 0': lambda: build('LogitAdjustedLoss', tau=0.0, counts=COUNTS),
    'VS at 0': lambda: build('VSLoss', gamma=0.0, tau=0.0, counts=COUNTS),
    'focal at 0': lambda: build('FocalLoss', gamma=0.0),
    'Seesaw at 0': lambda: build('SeesawLoss', p=0.0, q=0.0),
    'equalization at 0': lambda: build('EqualizationLoss', gamma=0.0, counts=COUNTS),
    'equalization out of training': lambda: build('EqualizationLoss', frequency_threshold=1.0, counts=COUNTS).eval(),
    'generalized at rho 0': lambda: build('ReweightedLoss', scheme='generalized', rho=0.0, counts=COUNTS),
    'class-balanced at beta 0': lambda: build('ClassBalancedLoss', beta=0.0, counts=COUNTS),
    'BLV without noise': lambda: build('BLVLoss', sigma=0.0, counts=COUNTS),
    'GCL without noise and scale': lambda: build('GCLLoss', strength=0.0, scale=1.0, counts=COUNTS),
    'label-aware smoothing at 0': lambda: build('LabelAwareSmoothingLoss', head=0.0, tail=0.0, counts=COUNTS),
    'equal class weights': lambda: build('CrossEntropyLoss', class_weight=[3.0] * K),
}.items():
    IDENTITIES[f'{title} is cross entropy'] = (loss, CROSS_ENTROPY)


@pytest.mark.parametrize('title', IDENTITIES)
def test_identity(title):
    logits, labels = batch(2, 5, 6)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # saturated weights are the point of some
        (left, left_gradient), (right, right_gradient) = (
            value_and_gradient(make(), logits, labels) for make in IDENTITIES[title]
        )
    torch.testing.assert_close(left, right, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(left_gradient, right_gradient, rtol=1e-12, atol=1e-13)


def test_cross_entropy_is_that_of_torch():
    logits, labels = batch(2, 5, 6)
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=torch.float64)
    for options, arguments in (
        ({}, {}),
        (dict(class_weight=weight.tolist()), dict(weight=weight)),
        (dict(label_smoothing=0.1), dict(label_smoothing=0.1)),
        (dict(class_weight=weight.tolist(), label_smoothing=0.1), dict(weight=weight, label_smoothing=0.1)),
    ):
        expected = F.cross_entropy(logits, labels, ignore_index=255, **arguments)
        torch.testing.assert_close(build('CrossEntropyLoss', **options)(logits, labels, ignore_index=255), expected)


def test_equal_batch_counts_are_bit_equal_to_cross_entropy():
    logits = torch.randn(4 * K, K)
    labels = torch.arange(K).repeat(4)
    assert build('ARBLoss')(logits, labels) == F.cross_entropy(logits, labels)


def test_arb_by_equation_14():
    logits, labels = batch(40)
    kept = labels != 255
    counts = torch.bincount(labels[kept], minlength=K).double()
    losses = [
        -torch.log(z[y].exp() / (counts / counts[y] * z.exp()).sum())
        for z, y in zip(logits[kept], labels[kept], strict=True)
    ]
    value = build('ARBLoss')(logits, labels, ignore_index=255)
    torch.testing.assert_close(value, torch.stack(losses).mean())


def test_arb_by_equation_14_with_soft_labels():
    logits, _ = batch(30)
    soft = torch.rand(30, K, dtype=torch.float64).softmax(1)
    counts = torch.tensor(COUNTS, dtype=torch.float64)
    terms = torch.log(logits.exp() / ((counts / counts.view(-1, 1)) @ logits.exp().T).T)
    torch.testing.assert_close(build('ARBLoss', counts=COUNTS)(logits, soft), -(soft * terms).sum(1).mean())


def test_arb_does_not_clamp_logits():
    logits = torch.tensor([[45.0, 40.0]], requires_grad=True)
    build('ARBLoss', counts=[1, 1])(logits, torch.tensor([1])).backward()
    assert logits.grad[0, 0] > 0.99


def test_arb_gradient_at_zero_is_symmetric_between_classes():
    """At z = 0 with batch counts: A_i = -n_i (1 - n_i / N), R_ik = n_k n_i / N, and the bias gradient is 0."""
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    n = torch.tensor([6.0, 3.0, 1.0], dtype=torch.float64)
    _, gradient = value_and_gradient(build('ARBLoss'), torch.zeros(10, 3, dtype=torch.float64), labels)
    blocks = torch.zeros(3, 3, dtype=torch.float64).index_add(0, labels, gradient * 10).T  # class of z, of label
    expected = torch.outer(n, n) / 10 - torch.diag(n)
    torch.testing.assert_close(blocks, expected)
    torch.testing.assert_close(blocks.sum(1), torch.zeros(3, dtype=torch.float64))


def test_arb_does_not_repel_absent_classes():
    logits, labels = batch(3, 4)
    _, gradient = value_and_gradient(build('ARBLoss'), logits, labels.where(labels != 3, 1))
    assert (gradient[:, 3] == 0).all() and (gradient[:, :3] != 0).any()


def test_arb_learns_nothing_from_one_class_and_says_so():
    logits, labels = batch(3, 4)
    one = torch.full_like(labels, 2)
    with pytest.warns(UserWarning, match='only one class') as record:
        value, gradient = value_and_gradient(build('ARBLoss'), logits, one)
    assert value == 0 and (gradient == 0).all()
    hinted("Use larger crops or batches, counts='dataset', or smoothing=1.", str(record[0].message))
    counted = build('ARBLoss')
    counted.counts = build_counts('dataset')
    counted.counts.fill(CountsTable(ClassCounts.from_list([1] * logits.shape[1]), tuple('abcde')[: logits.shape[1]]))
    for loss, right in ((build('ARBLoss', smoothing=1), one), (build('ARBLoss'), labels), (counted, one)):
        assert value_and_gradient(loss, logits, right)[0] > 0


def test_mixup_with_batch_counts_is_the_mix_of_the_losses():
    """One lambda for the batch: the soft counts are the hard counts."""
    torch.manual_seed(0)
    logits, labels = batch(40, ignored=False)
    order = torch.randperm(40)
    one_hot = F.one_hot(labels, K).double()
    mixed = build('ARBLoss')(logits, 0.3 * one_hot + 0.7 * one_hot[order])
    parts = [build('ARBLoss')(logits, labels), build('ARBLoss')(logits, labels[order])]
    torch.testing.assert_close(mixed, 0.3 * parts[0] + 0.7 * parts[1])


@pytest.mark.parametrize('name', ['CrossEntropyLoss', 'ARBLoss', 'FocalLoss', 'SeesawLoss'])
def test_gradient_of_each_sample_sums_to_zero(name):
    logits, labels = batch(20)
    options = dict(q=0.0) if name == 'SeesawLoss' else {}
    _, gradient = value_and_gradient(build(name, **options), logits, labels)
    torch.testing.assert_close(gradient.sum(1), torch.zeros(20, dtype=torch.float64))


def test_optimum_of_a_prior_loss_undoes_the_prior():
    """Minimised over constant logits, z + log n matches the label shares: z is equal for all classes."""
    labels = torch.repeat_interleave(torch.arange(K), torch.tensor(COUNTS))
    logits = torch.zeros(K, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-15)

    def closure():
        optimiser.zero_grad()
        value = build('ARBLoss')((logits + torch.linspace(0, 1e-3, K)).expand(len(labels), K), labels)
        value.backward()
        return value

    optimiser.step(closure)
    moved = logits.detach() + torch.linspace(0, 1e-3, K)
    torch.testing.assert_close(moved, moved.mean().expand(K), rtol=0, atol=1e-6)


def test_seesaw_by_its_equations():
    logits, labels = batch(30, ignored=False)
    counts = torch.bincount(labels, minlength=K).double().clamp(min=1)
    losses = []
    for z, y in zip(logits, labels, strict=True):
        p = z.softmax(0)
        mitigation = ((counts / counts[y]) ** 0.8).clamp(max=1)
        compensation = ((p / p[y].clamp(min=0.01)) ** 2).clamp(min=1)
        seesaw = (mitigation * compensation).where(torch.arange(K) != y, 1.0)
        losses.append(-torch.log(z[y].exp() / (seesaw * z.exp()).sum()))
    torch.testing.assert_close(build('SeesawLoss')(logits, labels), torch.stack(losses).mean())


def test_seesaw_accumulates():
    loss, (logits, labels) = build('SeesawLoss'), batch(30, ignored=False)
    loss(logits, torch.zeros_like(labels))
    counts = (torch.bincount(labels, minlength=K) + torch.tensor([30, 0, 0, 0, 0])).tolist()
    assert loss(logits, labels) == build('SeesawLoss', counts=counts)(logits, labels)


def test_equalization_protects_rare_classes():
    loss = build('EqualizationLoss', frequency_threshold=0.01, gamma=1.0, counts=COUNTS)  # class 4: 8 of 1368
    logits, labels = batch(50, ignored=False)
    _, gradient = value_and_gradient(loss, logits, labels)
    assert (gradient[labels != 4, 4] == 0).all() and (gradient[:, :4] != 0).all()
    assert (gradient[labels == 4, 4] < 0).all()


def test_equalization_draws_its_mask():
    loss, (logits, labels) = build('EqualizationLoss', frequency_threshold=1.0, gamma=0.5, counts=COUNTS), batch(50)
    torch.manual_seed(1)
    first, second = loss(logits, labels, ignore_index=255), loss(logits, labels, ignore_index=255)
    torch.manual_seed(1)
    assert first != second and first == loss(logits, labels, ignore_index=255)


def test_ldam_on_equal_counts_is_one_margin_for_all():
    logits, labels = batch(30, ignored=False)
    expected = F.cross_entropy(30 * (logits - 0.5 * F.one_hot(labels, K)), labels)
    torch.testing.assert_close(build('LDAMLoss', counts=EQUAL)(logits, labels), expected)


def test_ldam_warns_once_of_logits_that_are_no_cosines():
    loss, (logits, labels) = build('LDAMLoss', counts=COUNTS), batch(30)
    with pytest.warns(UserWarning, match='CosineClassifier') as record:
        loss(3 * logits, labels, ignore_index=255)
        loss(3 * logits, labels, ignore_index=255)
    assert len(record) == 1
    hinted('Use a head with a normalised classifier:', str(record[0].message))
    cosine = CosineClassifier(8, K)
    loss = build('LDAMLoss', counts=COUNTS)
    loss(cosine(torch.randn(len(labels), 8, 1, 1)).flatten(1), labels, ignore_index=255)  # a warning would be an error


def test_averages_of_weighted_losses():
    """sum w l / sum w by default; sum w l / N for the class-balanced loss."""
    logits, labels = batch(40)
    weight = (
        build('ReweightedLoss', counts=COUNTS).rules[0](build('ReweightedLoss', counts=COUNTS).counts._filled).weight
    )
    expected = F.cross_entropy(logits, labels, weight=weight, ignore_index=255)
    torch.testing.assert_close(build('ReweightedLoss', counts=COUNTS)(logits, labels, ignore_index=255), expected)
    total = F.cross_entropy(logits, labels, weight=weight, ignore_index=255, reduction='sum')
    by_count = build('ClassBalancedLoss', beta=1.0, counts=COUNTS)(logits, labels, ignore_index=255)
    torch.testing.assert_close(by_count, total / (labels != 255).sum())


def test_a_batch_of_another_number_of_classes_is_refused():
    with pytest.raises(ValueError, match='expected 3 classes'):
        build('BalancedSoftmaxLoss', counts=COUNTS)(torch.zeros(2, 3), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match='3 weights, as the logits, got 2'):
        build('CrossEntropyLoss', class_weight=[1.0, 2.0])(torch.zeros(2, 3), torch.tensor([0, 1]))


def test_zero_counts_are_refused_with_the_class():
    with pytest.raises(ValueError, match='0 for class 1'):
        build('BalancedSoftmaxLoss', counts=[5, 0, 3])(torch.zeros(2, 3), torch.tensor([0, 2]))
    loss = build('BalancedSoftmaxLoss')
    loss.counts.fill(CountsTable(ClassCounts.from_list([5, 0, 3]), ('car', 'bus', 'train')))
    with pytest.raises(ValueError, match='0 for class bus'):
        loss(torch.zeros(2, 3), torch.tensor([0, 2]))
    with pytest.raises(ValueError, match='floor=1'):
        build('ReweightedLoss', counts='batch')


def test_label_aware_smoothing_hands_its_options_on():
    options = dict(head=0.3, tail=0.2, shape='linear', exclude_true=True)
    assert build('LabelAwareSmoothingLoss', **options, counts=COUNTS).rules == [
        MODELS.build(dict(type='ltseg.LabelSmoothing', **options))
    ]


def test_the_factors_of_seesaw_send_no_gradient():
    """The gradient is q - onehot, q the softmax with factors; logits are such that labels fall below epsilon."""
    logits, labels = batch(30, ignored=False)
    logits, counts = 6 * logits, torch.tensor(COUNTS, dtype=torch.float64)
    _, gradient = value_and_gradient(build('SeesawLoss', counts=COUNTS), logits, labels)
    p = logits.softmax(1)
    own = p.gather(1, labels[:, None])
    assert (own < 0.01).any()
    mitigation = ((counts / counts[labels][:, None]) ** 0.8).clamp(max=1)
    factors = (mitigation * ((p / own.clamp(min=0.01)) ** 2).clamp(min=1)).scatter(1, labels[:, None], 1.0)
    q = factors * logits.exp() / (factors * logits.exp()).sum(1, keepdim=True)
    torch.testing.assert_close(gradient, (q - F.one_hot(labels, K)) / 30)


def test_equalization_takes_shares_of_images_where_they_are_counted():
    loss = build('EqualizationLoss', frequency_threshold=0.1, gamma=1.0)
    loss.counts.fill(ClassCounts(torch.tensor([900, 80, 20]), torch.tensor([10, 1, 9])))
    _, gradient = value_and_gradient(loss, torch.zeros(2, 3), torch.tensor([0, 0]))
    assert (gradient[:, 1] == 0).all() and (gradient[:, 2] > 0).all()


def test_equalization_does_not_protect_a_class_at_the_threshold():
    loss = build('EqualizationLoss', frequency_threshold=0.25, gamma=1.0, counts=[3, 1])
    _, gradient = value_and_gradient(loss, torch.zeros(2, 2), torch.tensor([0, 0]))
    assert (gradient[:, 1] > 0).all()


def test_equalization_draws_for_each_sample():
    loss = build('EqualizationLoss', frequency_threshold=1.0, gamma=0.5, counts=COUNTS)
    _, gradient = value_and_gradient(loss, torch.zeros(200, K), torch.zeros(200, dtype=torch.int64))
    protected = (gradient[:, 1:] == 0).double().mean(0)
    assert (protected > 0.3).all() and (protected < 0.7).all()


def test_ldam_takes_rounding_beyond_one_for_a_cosine():
    assert build('LDAMLoss', counts=COUNTS)(torch.full((2, K), 1.005), torch.tensor([0, 1])) > 0  # else it would warn


def test_constant_counts_are_checked_once():
    logits, labels = batch(30)
    with pytest.warns(UserWarning, match='equal for all classes') as record:
        loss = build('ClassBalancedLoss', counts=[10_000_000] * 4 + [200_000])
        for _ in range(2):
            loss(logits, labels, ignore_index=255)
    assert len(record) == 1


def test_added_rules_are_checked_too():
    loss = rules(dict(type='ltseg.PriorBias', floor=1), counts=[5, 0, 3])
    loss(torch.zeros(2, 3), torch.tensor([0, 2]))
    loss.add_rules([MODELS.build(dict(type='ltseg.Margin'))])
    with pytest.raises(ValueError, match='0 for class 1'):
        loss(torch.zeros(2, 3), torch.tensor([0, 2]))


def test_moving_counts_have_the_momentum_of_the_loss():
    loss = build('ARBLoss', counts='ema', momentum=0.5)
    for labels in ([0, 0], [1, 1]):
        loss.counts(torch.tensor(labels), 2)
    assert loss.counts.get_extra_state()[0].tolist() == [1, 1]


@pytest.mark.parametrize('name', ['CrossEntropyLoss', 'ARBLoss'])
def test_maps_of_probabilities_are_averaged_over_pixels(name):
    logits, labels = batch(2, 4, 5, ignored=False)
    soft = F.one_hot(labels, K).movedim(-1, 1).double()
    torch.testing.assert_close(build(name)(logits, soft), build(name)(logits, labels))
