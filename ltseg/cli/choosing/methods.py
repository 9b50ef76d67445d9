"""The methods that ltseg choose compares, as changes of the decode head."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from mmengine.config import Config

from ltseg.cli.labels.method import head_of
from ltseg.core.checks import check_choice
from ltseg.core.errors import UsageError

__all__ = ['BASELINE', 'METHODS', 'Candidate', 'candidates', 'with_method']

BASELINE = 'ce'  # with post-hoc adjustment, it is what a method has to beat
HEAD = 'ltseg.LongTailSegHead'


@dataclass(frozen=True)
class Candidate:
    """A method.

    Args:
        name: On the command line.
        title: In tables.
        loss: The config of the decode head's loss, or of several that it adds up.
        head: What else it sets in the decode head.
        sampler: The config of the sampler of training images; None draws all alike.
    """

    name: str
    title: str
    loss: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    head: Mapping[str, Any] = field(default_factory=dict)
    sampler: Mapping[str, Any] | None = None


def _p2p(on: str) -> dict[str, str]:
    return dict(type='ltseg.PeerToPeerRegularizer', on=on)


# In this order they are left out where time is short, the last first.
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


def candidates(names: Sequence[str] | None, config: Mapping[str, Any]) -> list[Candidate]:
    """The methods with these names, cross entropy first; all by default, and those that the config adds.

    A config adds its own by ``choose=dict(NAME=dict(loss_decode=dict(...), ...))``, keys of the decode head and
    ``sampler``.

    Raises:
        UsageError: If what the config adds is no dict of these.
        ValueError: If there is no such method; names the nearest.
    """
    known = {**METHODS, **_added(config.get('choose') or {})}
    for name in names or ():
        check_choice('--methods', name, tuple(known))
    chosen = dict.fromkeys((BASELINE, *(names or known)))
    return [known[name] for name in chosen]


def _added(given: Any) -> dict[str, Candidate]:
    if not isinstance(given, Mapping) or not all(map(_is_method, given.values())):
        hint = "E.g. choose=dict(mine=dict(loss_decode=dict(type='ltseg.FocalLoss', gamma=3.)))."
        raise UsageError('choose', 'a dict of methods, each a dict with loss_decode', repr(given), hint)
    return {name: _candidate(name, **changes) for name, changes in given.items()}


def _candidate(name: str, loss_decode: Any, sampler: Any = None, **head: Any) -> Candidate:
    return Candidate(name, name, loss_decode, head, sampler)


def _is_method(changes: Any) -> bool:
    losses = changes.get('loss_decode') if isinstance(changes, Mapping) else None
    losses = [losses] if isinstance(losses, Mapping) else losses
    return isinstance(losses, list | tuple) and bool(losses) and all(isinstance(loss, Mapping) for loss in losses)


def with_method(config: Config, method: Candidate) -> Config:
    """The config with the decode head of a method; of several heads in a row the last. Auxiliary heads stay.

    A plain head of MMSegmentation becomes that of ltseg, which is the same with less memory, and has regularizers.
    """
    changed = Config(deepcopy(config._cfg_dict))
    head: Any = head_of(changed.model)
    if head['type'] != HEAD and method.head:
        head.update(type=HEAD, head_type=head['type'])
    head['loss_decode'] = deepcopy(method.loss)
    for key in ('regularizers', 'classifier'):
        head.pop(key, None)
    head.update(deepcopy(dict(method.head)))
    return changed
