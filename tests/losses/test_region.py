"""Losses on regions: what they measure, their optima, and their options by naive computation."""

import pytest
import torch
from hinted import hinted
from losses_under_test import COUNTS, K, batch
from mmengine.structures import PixelData
from torch.nn import functional as F

from ltseg.core.confusion import ClassRates, confusion_matrix
from ltseg.losses import DiceLoss, JaccardLoss, LongTailLoss, TverskyLoss
from ltseg.registry import MODELS
from ltseg.rules import LabelSmoothing, PriorBias, Temperature, Weighting


def of_255(loss, logits, labels, **arguments):
    return loss(logits, labels, ignore_index=255, **arguments)


def value_and_gradient(loss, logits, labels, **arguments):
    logits = logits.detach().clone().requires_grad_()
    value = of_255(loss, logits, labels, **arguments)
    return value.detach(), torch.autograd.grad(value, logits)[0]


@pytest.mark.parametrize('absent', [False, True])
def test_hard_predictions_give_the_rates_of_the_confusion_matrix(absent):
    logits, labels = batch(2, 8, 8)
    labels = labels.where(labels != 3, 1) if absent else labels  # class 3 is still predicted
    matrix = confusion_matrix(logits.argmax(1), labels, K, ignore_index=255)
    rates = ClassRates.of(matrix)
    f1 = 2 * rates.precision * rates.acc / (rates.precision + rates.acc)
    hard = 1e4 * F.one_hot(logits.argmax(1), K).double().movedim(-1, 1)
    assert (rates.precision > 0).sum() == (rates.acc > 0).sum() == K - absent
    for kind, rate in ((JaccardLoss, rates.iou), (DiceLoss, f1)):
        torch.testing.assert_close(of_255(kind(smooth=0.0), hard, labels), 1 - rate.nanmean() / 100)


def naive(logits, labels, alpha, beta, smooth, exponent, weights=None, average='count'):
    """By loops over classes and pixels, of rows (N, K) and labels (N,), or (N, K)."""
    kept = torch.ones(len(logits), dtype=torch.bool) if labels.is_floating_point() else labels != 255
    probability = logits.softmax(1)[kept]
    target = labels if labels.is_floating_point() else F.one_hot(labels[kept], K).double()
    weights = torch.ones(K) if weights is None else weights
    terms = []
    for k in range(K):
        p, y = probability[:, k], target[:, k]
        if not y.sum() > 0:
            continue
        tp = sum((a + b - abs(a - b)) / 2 for a, b in zip(p, y, strict=True))
        fp, fn = p.sum() - tp, y.sum() - tp
        index = (tp + smooth) / (tp + alpha * fp + beta * fn + smooth)
        terms.append((weights[k], weights[k] * (1 - index) ** exponent))
    divisor = sum(w for w, _ in terms) if average == 'weight' else len(terms)
    return sum(term for _, term in terms) / divisor


OPTIONS = {
    'plain': {},
    'smooth': dict(smooth=2.0),
    'steep': dict(exponent=0.5),
    'flat': dict(exponent=2.0),
    'recall': dict(alpha=0.0, beta=1.0),
}


@pytest.mark.parametrize('options', OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize('soft', [False, True], ids=['indices', 'probabilities'])
def test_by_the_formula(options, soft):
    logits, labels = batch(30)
    labels = torch.rand(30, K, dtype=torch.float64).softmax(1) if soft else labels.where(labels != 2, 4)
    settings = dict(alpha=0.3, beta=0.7, smooth=1e-3, exponent=1.0) | options
    torch.testing.assert_close(of_255(TverskyLoss(**options), logits, labels), naive(logits, labels, **settings))


@pytest.mark.parametrize('average', ['count', 'weight'])
def test_class_weights_and_rules_by_the_formula(average):
    logits, labels = batch(30)
    labels = labels.where(labels != 2, 4)
    rules = [PriorBias(tau=0.5), Temperature(gamma=0.2)]
    loss = TverskyLoss(class_weight='inverse', rules=rules, counts=COUNTS, average=average)
    counts = torch.tensor(COUNTS, dtype=torch.float64)
    adjusted = logits * (counts / counts.max()) ** 0.2 + 0.5 * counts.log()
    weights = K / counts / (1 / counts).sum()
    expected = naive(adjusted, labels, 0.3, 0.7, 1e-3, 1.0, weights, average)
    torch.testing.assert_close(of_255(loss, logits, labels), expected)


def test_hard_labels_are_soft_ones_of_0_and_1():
    logits, labels = batch(2, 6, 5, ignored=False)
    hot = F.one_hot(labels, K).double().movedim(-1, 1)
    for config in (dict(), dict(per='image'), dict(class_weight='inverse', counts=COUNTS)):
        loss = TverskyLoss(**config)
        torch.testing.assert_close(value_and_gradient(loss, logits, labels), value_and_gradient(loss, logits, hot))


@pytest.mark.parametrize('kind', [JaccardLoss, DiceLoss, TverskyLoss])
@pytest.mark.parametrize('exponent', [0.5, 1.0, 1.5])
def test_soft_labels_have_their_minimum_where_they_are_met(kind, exponent):
    logits, _ = batch(2, 4, 4)
    labels = logits.softmax(1)
    loss = kind(exponent=exponent, smooth=0.0)
    value, gradient = value_and_gradient(loss, logits, labels)
    assert value < 1e-12 and (gradient == 0).all()
    for _ in range(20):
        assert loss(logits + 0.1 * torch.randn_like(logits), labels) > 1e-3


def test_absent_classes_leave_no_trace():
    """Their weight changes nothing, and the loss is the mean of the others' terms."""
    logits, labels = batch(2, 4, 4)
    labels = labels.where(labels != 3, 1)
    light, heavy = (JaccardLoss(class_weight=[1.0, 2.0, 3.0, w, 5.0], average='weight') for w in (0.0, 9.0))
    found = value_and_gradient(light, logits, labels)
    torch.testing.assert_close(value_and_gradient(heavy, logits, labels), found)
    terms = [JaccardLoss(class_weight=F.one_hot(torch.tensor(k), K).tolist(), average='weight') for k in (0, 1, 2, 4)]
    alone = torch.stack([of_255(term, logits, labels) for term in terms])
    torch.testing.assert_close(of_255(JaccardLoss(), logits, labels), alone.mean())


def test_a_loss_of_images_is_the_mean_of_theirs():
    logits, labels = batch(4, 6, 5)
    labels[1] = labels[1].where(labels[1] == 255, 2)  # one class
    labels[2] = 255  # no pixel
    loss = TverskyLoss(per='image', class_weight='inverse', counts=COUNTS, exponent=0.75)
    single = [of_255(loss, logits[i : i + 1], labels[i : i + 1]) for i in (0, 1, 3)]
    torch.testing.assert_close(of_255(loss, logits, labels), torch.stack(single).mean())
    per_batch = TverskyLoss(class_weight='inverse', counts=COUNTS, exponent=0.75)
    torch.testing.assert_close(single[0], of_255(per_batch, logits[:1], labels[:1]))
    assert (of_255(per_batch, logits, labels) - of_255(loss, logits, labels)).abs() > 1e-3


def test_a_sample_weight_is_that_of_the_pixel():
    logits, labels = batch(2, 4, 4)
    kept = torch.rand(2, 4, 4) < 0.5
    loss = JaccardLoss()
    expected = value_and_gradient(loss, logits, labels.where(kept, 255))
    torch.testing.assert_close(value_and_gradient(loss, logits, labels, weight=kept.float()), expected)
    torch.testing.assert_close(
        value_and_gradient(JaccardLoss(smooth=0.0), logits, labels, weight=torch.full((2, 4, 4), 3.0)),
        value_and_gradient(JaccardLoss(smooth=0.0), logits, labels),
    )


def test_jaccard_and_dice_are_functions_of_each_other():
    logits, labels = batch(2, 4, 4)
    for k in range(K):
        own = dict(class_weight=F.one_hot(torch.tensor(k), K).tolist(), average='weight', smooth=0.0)
        jaccard, dice = (1 - of_255(kind(**own), logits, labels) for kind in (JaccardLoss, DiceLoss))
        torch.testing.assert_close(dice, 2 * jaccard / (1 + jaccard))


def test_perfect_logits_have_a_finite_gradient_for_every_exponent():
    _, labels = batch(2, 4, 4, ignored=False)
    logits = 1e4 * F.one_hot(labels, K).double().movedim(-1, 1)
    for exponent in (0.1, 0.75, 1.0, 3.0):
        value, gradient = value_and_gradient(TverskyLoss(exponent=exponent, smooth=0.0), logits, labels)
        assert value < 1e-12 and (gradient == 0).all()


def test_many_pixels_of_an_absent_class_do_not_overflow():
    labels = torch.zeros(1, 200, 200, dtype=torch.int64)
    logits = torch.tensor([0.0, 9.0]).view(1, 2, 1, 1).expand(1, 2, 200, 200)  # 40,000 false positives, to the 10th
    value, gradient = value_and_gradient(TverskyLoss(exponent=10.0), logits, labels)
    assert 0 < value < 1 and gradient.isfinite().all()


def test_ignored_logits_may_be_anything():
    logits, labels = batch(2, 4, 4)
    expected = value_and_gradient(DiceLoss(), logits, labels)
    ignored = (labels == 255).unsqueeze(1)
    for value in (torch.nan, torch.inf, -torch.inf):
        torch.testing.assert_close(value_and_gradient(DiceLoss(), logits.masked_fill(ignored, value), labels), expected)


def test_rules_may_be_added_during_training():
    logits, labels = batch(2, 4, 4)
    loss = JaccardLoss(counts=COUNTS)
    loss.add_rules([Weighting(scheme='inverse')])
    expected = of_255(JaccardLoss(class_weight='inverse', counts=COUNTS), logits, labels)
    torch.testing.assert_close(of_255(loss, logits, labels), expected)


def test_what_has_no_meaning_is_refused():
    logits, labels = batch(2, 4, 4)
    hint = "Leave reduction at 'mean', and give OHEMPixelSampler a thresh."
    hinted("Leave reduction at 'mean', and give OHEMPixelSampler a thresh.", lambda: DiceLoss(reduction='sum'))
    with pytest.raises(ValueError, match=hint):
        of_255(DiceLoss(), logits, labels, reduction_override='none')
    assert of_255(DiceLoss(reduction='mean'), logits, labels).isfinite()
    smoothing = [LabelSmoothing(head=0.1, tail=0.1)]
    smoothed = JaccardLoss(rules=smoothing, counts=COUNTS)
    hinted('Remove the rule that smooths labels.', lambda: of_255(smoothed, logits, labels))
    assert of_255(JaccardLoss(counts=COUNTS), logits, labels).isfinite()
    for wrong in (dict(alpha=-1), dict(beta=0), dict(smooth=-1), dict(exponent=0), dict(per='pixel')):
        with pytest.raises(ValueError, match=f'TverskyLoss.{next(iter(wrong))}: expected'):
            TverskyLoss(**wrong)
    for kind in (JaccardLoss, DiceLoss):
        with pytest.raises(TypeError, match='alpha'):
            kind(alpha=0.3)


HEAD = dict(
    type='ltseg.LongTailSegHead', head_type='FCNHead', in_channels=8, channels=8, num_classes=K, num_convs=1,
    concat_input=False, dropout_ratio=0,
)  # fmt: skip
MIX = [dict(type='ltseg.CrossEntropyLoss', loss_weight=0.25), dict(type='ltseg.JaccardLoss', loss_weight=0.75)]


def head_losses(**options):
    from mmseg.structures import SegDataSample

    torch.manual_seed(0)
    head = MODELS.build({**HEAD, **options})
    labels = torch.randint(0, K, (2, 1, 19, 22))
    labels[:, :, :3] = 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=image)) for image in labels]
    features = torch.randn(2, 8, 5, 6)
    logits = F.interpolate(head([features]), (19, 22), mode='bilinear', align_corners=False)
    return head.loss([features], samples, {}), logits, labels.squeeze(1)


@pytest.mark.usefixtures('mmseg_registered')
def test_a_pixel_sampler_with_a_threshold_chooses_the_pixels_of_the_regions():
    sampler = dict(type='OHEMPixelSampler', thresh=0.2, min_kept=20)
    found, logits, labels = head_losses(loss_decode=MIX[1], sampler=sampler)
    own = logits.softmax(1).gather(1, labels.where(labels != 255, 0).unsqueeze(1)).squeeze(1)
    limit = max(own[labels != 255].sort().values[40].item(), 0.2)
    assert 40 < ((own < limit) & (labels != 255)).sum() < (labels != 255).sum()
    expected = of_255(MODELS.build(MIX[1]), logits, labels.where(own < limit, 255))
    torch.testing.assert_close(found['loss_jaccard'], expected)


def test_training_on_it_raises_the_index_that_it_measures():
    """Of a linear model of two overlapping classes, 95 to 5: beyond what cross entropy gives it."""
    torch.manual_seed(0)
    labels = (torch.rand(2000) < 0.05).long()
    inputs = torch.randn(2000, 1) + 1.5 * labels.unsqueeze(1)

    def mean_iou(loss):
        model = torch.nn.Linear(1, 2)
        torch.nn.init.zeros_(model.weight)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        for _ in range(200):
            optimizer.zero_grad()
            loss(model(inputs), labels).backward()
            optimizer.step()
        return ClassRates.of(confusion_matrix(model(inputs).argmax(1), labels, 2)).iou.mean()

    assert mean_iou(JaccardLoss()) > mean_iou(LongTailLoss()) + 1
