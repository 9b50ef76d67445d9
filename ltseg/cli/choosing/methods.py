"""The methods that ltseg choose compares, as changes of the head."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ['BASELINE', 'CLASSIFIER_METHODS', 'METHODS', 'Candidate']

BASELINE = 'ce'  # with post-hoc adjustment, it is what a method has to beat


@dataclass(frozen=True)
class Candidate:
    """A method.

    Args:
        name: On the command line.
        title: In tables.
        loss: The config of the head's loss, or of several that it adds up.
        head: What else it sets in the head.
        sampler: The config of the sampler of training images; None draws all alike.
    """

    name: str
    title: str
    loss: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    head: Mapping[str, Any] = field(default_factory=dict)
    sampler: Mapping[str, Any] | None = None


def _p2p(on: str) -> dict[str, str]:
    return dict(type='ltseg.PeerToPeerRegularizer', on=on)


# Of a segmentor. In this order they are left out where time is short, the last first.
METHODS = {
    each.name: each
    for each in (
        Candidate(BASELINE, 'cross entropy', dict(type='ltseg.CrossEntropyLoss')),
        Candidate('sqrt', 'square-root weights', dict(type='ltseg.ReweightedLoss', scheme='sqrt_inverse')),
        Candidate(
            'jaccard', '0.25 × cross entropy + 0.75 × Jaccard',
            [dict(type='ltseg.CrossEntropyLoss', loss_weight=0.25), dict(type='ltseg.JaccardLoss', loss_weight=0.75)],
        ),
        Candidate('arb', 'ARB (batch)', dict(type='ltseg.ARBLoss')),
        Candidate('la', 'logit adjusted (tau 0.5)', dict(type='ltseg.LogitAdjustedLoss', tau=0.5)),
        Candidate('cb', 'class-balanced', dict(type='ltseg.ClassBalancedLoss', beta='1-1/N')),
        Candidate('bs', 'balanced softmax', dict(type='ltseg.BalancedSoftmaxLoss')),
        Candidate('seesaw', 'Seesaw', dict(type='ltseg.SeesawLoss')),
        Candidate('focal', 'focal', dict(type='ltseg.FocalLoss')),
        Candidate('las', 'label-aware smoothing', dict(type='ltseg.LabelAwareSmoothingLoss')),
        Candidate(
            'rare', 'cross entropy, rare class sampling', dict(type='ltseg.CrossEntropyLoss'),
            sampler=dict(type='ltseg.RareClassSampler'),
        ),
        Candidate(
            'la+bcl',
            'logit adjusted (tau 0.5), BCL',
            dict(type='ltseg.LogitAdjustedLoss', tau=0.5),
            dict(regularizers=[dict(type='ltseg.BalancedContrastiveLoss', temperature=0.1, loss_weight=0.3)]),
        ),
        Candidate(
            'arb+p2p', 'ARB (batch), P2P', dict(type='ltseg.ARBLoss'),
            dict(regularizers=[_p2p('means'), _p2p('classifier')]),
        ),
    )
}  # fmt: skip

# Without regularizers, which change features, and these are frozen; and without LDAM, whose logits are cosines, so that
# tau has another unit there.
CLASSIFIER_METHODS = {
    each.name: each
    for each in (
        Candidate(BASELINE, 'cross entropy', dict(type='ltseg.CrossEntropyLoss')),
        Candidate('bs', 'balanced softmax', dict(type='ltseg.BalancedSoftmaxLoss')),
        Candidate(
            'cas', 'cross entropy, class-aware sampling', dict(type='ltseg.CrossEntropyLoss'),
            sampler=dict(type='ltseg.ClassAwareSampler'),
        ),
        Candidate('la', 'logit adjusted (tau 0.5)', dict(type='ltseg.LogitAdjustedLoss', tau=0.5)),
        Candidate('sqrt', 'square-root weights', dict(type='ltseg.ReweightedLoss', scheme='sqrt_inverse')),
        Candidate('arb', 'ARB (batch)', dict(type='ltseg.ARBLoss')),
        Candidate('cb', 'class-balanced', dict(type='ltseg.ClassBalancedLoss')),
        Candidate('seesaw', 'Seesaw', dict(type='ltseg.SeesawLoss')),
        Candidate('las', 'label-aware smoothing', dict(type='ltseg.LabelAwareSmoothingLoss')),
        Candidate('focal', 'focal', dict(type='ltseg.FocalLoss')),
    )
}  # fmt: skip
