"""Findings about confusion matrices and classifiers."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ltseg.core.collapse import centred, simplex_angle
from ltseg.core.collapse_summary import angles
from ltseg.core.confusion import ClassRates
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.diagnosis.finding import Finding, listed, named

__all__ = ['baseline_findings', 'classifier_findings', 'evaluation_findings']

OVER = 2.0  # predicted to true samples of a class that is over-predicted
FAVOURED = 1.5  # share in training over that in these results
GAP = 25.0  # points by which its recall is above its IoU
SWALLOWED = 0.5  # share of a class that becomes one other class
BETTER, WORSE = 2.0, 1.0  # points of recall gained and IoU lost against a baseline
COLLAPSED = 0.5  # angle of two class vectors in parts of the optimum

TOO_FREQUENT = (
    'These classes are more frequent in training than here, and the model expects them to be: balanced softmax, logit '
    'adjustment or ARB as the loss, or ltseg adjust on this checkpoint, which needs no training.'
)
TOO_FAR = (
    'The loss pushes these classes too far: a smaller tau, counts of the data set instead of the batch, or '
    'ltseg adjust with negative tau, which takes part of it back.'
)


def evaluation_findings(evaluation: Evaluation) -> Iterator[Finding]:
    """What a confusion matrix says.

    Args:
        evaluation: Of any split with labels.
    """
    matrix, names = evaluation.matrix, evaluation.class_names
    true, predicted = matrix.sum(1), matrix.sum(0)
    never = ((true > 0) & (predicted == 0)).nonzero().flatten().tolist()
    if never:
        parts = [f'{names[k]} ({int(true[k]):,} {evaluation.task.unit})' for k in never]
        advice = (
            'Give rare classes more weight: ARB or balanced softmax as the loss, or ltseg adjust on this checkpoint, '
            'which needs no training.'
        )
        evidence = f'Not one prediction of {listed(parts)}.'
        title = 'Classes that are never predicted'
        yield Finding('never_predicted', 'error', title, evidence, advice, named(names, never))
    yield from _over_predicted(evaluation, true, predicted)
    yield from _swallowed(evaluation, true, {*never})


def _over_predicted(evaluation: Evaluation, true: Tensor, predicted: Tensor) -> Iterator[Finding]:
    rates, names = ClassRates.of(evaluation.matrix), evaluation.class_names
    times = predicted.double() / true.clamp(min=1)
    over = (true > 0) & (times > OVER) & (rates.acc - rates.iou > GAP)
    favoured = evaluation.share / 100 > FAVOURED * true / true.sum()  # by the training set
    for expected in (True, False):  # by a model of the training set
        found = sorted((over & (favoured == expected)).nonzero().flatten().tolist(), key=lambda k: -float(times[k]))
        if found:
            parts = [
                f'{names[k]} (Acc {rates.acc[k]:.0f}, IoU {rates.iou[k]:.0f}, {times[k]:.1f} times)' for k in found
            ]
            evidence = f'Predicted more often than they occur: {listed(parts)}.'
            advice, title = TOO_FREQUENT if expected else TOO_FAR, 'Classes that are over-predicted'
            yield Finding('over_predicted', 'warning', title, evidence, advice, named(names, found))


def _swallowed(evaluation: Evaluation, true: Tensor, known: set[int]) -> Iterator[Finding]:
    names, share = evaluation.class_names, evaluation.matrix.double() / true.clamp(min=1)[:, None]
    most, into = share.fill_diagonal_(0).max(1)
    found = [k for k in (most > SWALLOWED).nonzero().flatten().tolist() if k not in known]
    if found:
        found.sort(key=lambda k: -float(most[k]))
        parts = [f'{names[k]} as {names[int(into[k])]} ({most[k]:.0%})' for k in found]
        advice = 'Look at the images: labels may be ambiguous. Otherwise as for classes that are never predicted.'
        evidence = f'More than half is taken for one other class: {listed(parts)}.'
        title = 'Classes that another one swallows'
        yield Finding('swallowed', 'warning', title, evidence, advice, named(names, found))


def baseline_findings(evaluation: Evaluation, baseline: Evaluation, name: str) -> Iterator[Finding]:
    """Classes whose recall rose and whose IoU fell against a baseline.

    Args:
        evaluation: Of the model.
        baseline: Of another model on the same split.
        name: Of the baseline.
    """
    if evaluation.class_names != baseline.class_names:
        title, evidence = f'The baseline {name} has other classes', 'The two are not compared.'
        yield Finding('baseline', 'note', title, evidence, 'Give a record of the same data set.')
        return
    ours, theirs = ClassRates.of(evaluation.matrix), ClassRates.of(baseline.matrix)
    recall, iou = ours.acc - theirs.acc, ours.iou - theirs.iou
    found = ((recall > BETTER) & (iou < -WORSE)).nonzero().flatten().tolist()
    if found:
        names = evaluation.class_names
        found.sort(key=lambda k: float(iou[k]))
        parts = [f'{names[k]} (Acc {recall[k]:+.1f}, IoU {iou[k]:+.1f})' for k in found]
        evidence = f'Against {name}: {listed(parts)}.'
        advice = (
            'What was gained in recall is lost in precision. Between the two lies a better point: a smaller tau, or '
            'ltseg adjust, which chooses it on validation.'
        )
        title = 'Acc up and IoU down: over-prediction'
        yield Finding('traded_precision', 'warning', title, evidence, advice, named(names, found))


def classifier_findings(vectors: Tensor, names: Sequence[str]) -> Iterator[Finding]:
    """What class vectors (K, D) say, seen from their mean."""
    number, dimensions = vectors.shape
    if dimensions < number - 1:
        evidence = f'{number} classes want {number - 1} dimensions to be equally far from each other, got {dimensions}.'
        advice = 'Use wider features (channels of the head) where rare classes matter.'
        yield Finding('few_dimensions', 'warning', 'Too few feature dimensions for a simplex', evidence, advice)
    found = angles(centred(vectors))
    optimum = simplex_angle(number)
    above = torch.triu(torch.ones_like(found), 1) > 0
    pairs = (above & (found < COLLAPSED * optimum)).nonzero().tolist()
    if pairs:
        pairs.sort(key=lambda pair: float(found[pair[0], pair[1]]))
        parts = [f'{names[i]} - {names[j]} ({found[i, j]:.0f})' for i, j in pairs]
        evidence = f'Angles in degrees, {optimum:.1f} being the optimum: {listed(parts)}.'
        advice = (
            'ltseg collapse shows all angles. Against minority collapse: ARB, ltseg.WeightRepulsion, '
            "ltseg.PeerToPeerRegularizer(on='classifier'), or ltseg.ETFClassifier."
        )
        classes = named(names, dict.fromkeys(k for pair in pairs for k in pair))
        yield Finding('collapsed_angles', 'warning', 'Class vectors close to each other', evidence, advice, classes)
