"""Findings about class counts, and about what rules make of them."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from ltseg.counts.class_counts import ClassCounts
from ltseg.losses.ruled_loss import RuledLoss
from ltseg.reports.diagnosis.finding import Finding, listed, named
from ltseg.rules.rule import Rule

__all__ = ['UNUSABLE', 'count_findings', 'head_fault', 'label_fault', 'rule_findings']

UNUSABLE = ('labels', 'heads')  # kinds of findings after which nothing can be trained
SHIFT = 0.1  # total variation distance of two priors that is worth a word
SHIFT_OF_CLASS = 3.0  # and the ratio of a class's shares
BALANCED = 1.5  # most to least frequent class of a validation set that is balanced on purpose
IMBALANCED = 10.0  # most to least frequent class where a rule should do something
SATURATED = 1.05  # largest to smallest term of a rule that does nothing
EXTREME = 1000.0  # largest to smallest weight under which few samples decide
FLAT = 0.05  # factor of a logit under which it hardly depends on the features
STEEP = 12.0  # difference of two biases that logits hardly make up for

SATURATED_RULE = "Effective numbers of pixels need beta='1-1/N'; otherwise choose another scheme or a larger exponent."
EXTREME_WEIGHTS = "A root is gentler: scheme='sqrt_inverse', or 'generalized' with a rho below 1. Or use a bias (ARB)."


def label_fault(split: str, message: str) -> Finding:
    """The finding that labels cannot be counted."""
    advice = 'Mend the files or the settings that the message names; training would fail or learn wrong labels.'
    return Finding('labels', 'error', f'The {split} labels cannot be used', message, advice)


def head_fault(message: str) -> Finding:
    """The finding that heads or losses are for other classes than the data set has."""
    advice = 'Change the settings that the message names; training would stop at its first batch or never begin.'
    return Finding('heads', 'error', 'The model is for other classes than the data set has', message, advice)


def count_findings(
    train: Tensor,
    val: Tensor | None,
    names: Sequence[str],
    ignored_class: int | None = None,
    cause_of_zeros: str = '',
) -> Iterator[Finding]:
    """What the counts of the labels say.

    Args:
        train: Training samples of each class, (K,).
        val: Those of validation, (K,), or None where there is none.
        names: Of the classes.
        ignored_class: One that is the ignored label.
        cause_of_zeros: Why classes have no training samples, where it is known, and what to do then.
    """
    missing = [k for k in (train == 0).nonzero().flatten().tolist() if k != ignored_class]
    if missing:
        classes = named(names, missing)
        evidence = f'No training sample of {listed(classes)}.'
        if val is not None and (found := int(val[missing].sum())):
            evidence += f' Validation has {found:,} samples of them, all of which will be wrong.'
        advice = cause_of_zeros or 'Collect samples, or take these classes out of the data set and the head.'
        yield Finding('absent_from_training', 'error', 'Classes without training samples', evidence, advice, classes)
    if val is None or not val.sum() or not train.sum():
        return
    unseen = named(names, ((val == 0) & (train > 0)).nonzero().flatten().tolist())
    if unseen:
        evidence = f'No validation sample of {listed(unseen)}.'
        advice = 'Means leave these classes out, so nothing measures them: move some images to validation.'
        title = 'Classes that validation does not measure'
        yield Finding('absent_from_validation', 'warning', title, evidence, advice, unseen)
    yield from _shift(train.double() / train.sum(), val.double() / val.sum(), names)


def _shift(train: Tensor, val: Tensor, names: Sequence[str]) -> Iterator[Finding]:
    both = ((train > 0) & (val > 0)).nonzero().flatten()
    ratio = val[both] / train[both]
    distance = (train - val).abs().sum().item() / 2
    far = ((ratio > SHIFT_OF_CLASS) | (ratio < 1 / SHIFT_OF_CLASS)).nonzero().flatten()
    far = far[ratio[far].log().abs().argsort(descending=True)]
    if distance < SHIFT and not len(far):
        return
    balanced = bool((val > 0).all()) and bool(val.max() < BALANCED * val.min())
    shown = far if len(far) else ratio.log().abs().argsort(descending=True)[:3]
    parts = [f'{names[k]} {train[k]:.2%} -> {val[k]:.2%}' for k in both[shown].tolist()]
    evidence = f'{distance:.0%} of the samples would have to change their class. Share in training and validation: '
    evidence += f'{listed(parts)}.'
    title = 'Training and validation have different class frequencies'
    if balanced:
        advice = (
            'Meant so in long-tailed benchmarks. Losses with the training prior (balanced softmax, logit adjustment, '
            'ARB) or ltseg adjust aim at balanced classes.'
        )
        title = f'{title}: validation is balanced'
        yield Finding('prior_shift', 'note', title, evidence, advice, named(names, both[far].tolist()))
        return
    advice = (
        'Split the data at random by images, or by scenes that hold all classes; or adjust the logits to the '
        'frequencies that the model will meet (ltseg adjust).'
    )
    yield Finding('prior_shift', 'warning', title, evidence, advice, named(names, both[far].tolist()))


def rule_findings(model: nn.Module, counts: ClassCounts, names: Sequence[str]) -> Iterator[Finding]:
    """Rules of the model's losses that do nothing, or too much, with these counts.

    Args:
        model: With the losses of the config.
        counts: Of the training labels.
        names: Of the classes.
    """
    seen = set()
    for key, loss in model.named_modules():
        for rule in loss.rules if isinstance(loss, RuledLoss) else ():
            if rule.uses_counts and rule not in seen:  # auxiliary heads have the same
                seen.add(rule)
                yield from _of_rule(f'{type(rule).__name__} in {key}', rule, counts.counted_in(loss.unit), names)


def _of_rule(where: str, rule: Rule, counts: ClassCounts, names: Sequence[str]) -> Iterator[Finding]:
    known = (counts.of(rule.unit) > 0).nonzero().flatten()
    used = counts.of(rule.unit)[known].double()
    if len(known) < 2:
        return
    imbalance, adjustment = (used.max() / used.min()).item(), rule(counts)
    of = [names[k] for k in known.tolist()]
    ends = f'{of[int(used.argmax())]} and {of[int(used.argmin())]}'
    for name in ('weight', 'margin', 'scale'):
        term = getattr(adjustment, name)
        if term is None:
            continue
        term = term[known]
        ratio = (term.max() / term.min().clamp(min=torch.finfo(term.dtype).tiny)).item()
        counted = f'{ends} differ {imbalance:,.0f} : 1 in {rule.unit}'
        if imbalance > IMBALANCED and ratio < SATURATED:
            evidence = f'{counted}, their {name}s {ratio:.3f} : 1.'
            yield Finding('saturated_rule', 'warning', f'{where} changes nothing', evidence, SATURATED_RULE)
        elif name == 'weight' and ratio > EXTREME:
            evidence = f'{counted}, their weights {ratio:,.0f} : 1, so that a few samples decide each step.'
            yield Finding('extreme_rule', 'warning', f'{where} has extreme weights', evidence, EXTREME_WEIGHTS)
        elif name == 'scale' and term.min() < FLAT:
            evidence = f'The logit of {of[int(term.argmin())]} counts {term.min():.1%}: it hardly matters.'
            yield Finding('extreme_rule', 'warning', f'{where} flattens logits', evidence, 'Choose a smaller gamma.')
    if adjustment.bias is not None:
        bias = adjustment.bias[known]
        if (spread := (bias.max() - bias.min()).item()) > STEEP:
            evidence = f'{ends} get biases that differ by {spread:.1f}; logits rarely differ by as much.'
            advice = 'Choose a smaller tau, or raise small counts with a floor.'
            yield Finding('extreme_rule', 'warning', f'{where} has extreme biases', evidence, advice)
