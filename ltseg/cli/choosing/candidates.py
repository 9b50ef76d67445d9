"""The methods of one choice: by their names, and with those that the config adds."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from mmengine.config import Config

from ltseg.cli.choosing.methods import BASELINE, Candidate
from ltseg.cli.choosing.subject import subject_of
from ltseg.cli.hook_checks import NEEDED
from ltseg.cli.labels.method import head_of
from ltseg.config_parts import parts_of, type_name
from ltseg.core.checks import check_choice
from ltseg.core.errors import UsageError

__all__ = ['candidates', 'with_method']


def candidates(names: Sequence[str] | None, config: Mapping[str, Any]) -> list[Candidate]:
    """The methods with these names, cross entropy first; all by default, and those that the config adds.

    A config adds its own by ``choose=dict(NAME=dict(loss_decode=dict(...), ...))``, keys of the decode head and
    ``sampler``; in classification the losses of the head are ``loss``.

    Raises:
        UsageError: If what the config adds is no dict of these, or needs a hook, which heads are trained without.
        ValueError: If there is no such method; names the nearest.
    """
    subject = subject_of(config)
    added = _added(config.get('choose') or {}, subject.loss)
    titles = {each.title.lower() for each in subject.methods.values()}
    if taken := [name for name in added if name == BASELINE or name.lower() in titles]:
        hint = f'Call it otherwise, e.g. my_{taken[0]}.'
        raise UsageError('choose', f'names that are not taken, as {BASELINE} is', repr(taken[0]), hint)
    known = {**subject.methods, **added}
    for name in names or ():
        check_choice('--methods', name, tuple(known))
    chosen = dict.fromkeys((BASELINE, *(names or known)))
    return [known[name] for name in chosen]


def _added(given: Any, loss: str) -> dict[str, Candidate]:
    if not isinstance(given, Mapping) or not all(_is_method(changes, loss) for changes in given.values()):
        hint = f"E.g. choose=dict(mine=dict({loss}=dict(type='ltseg.FocalLoss', gamma=3.)))."
        raise UsageError('choose', f'a dict of methods, each a dict with {loss}', repr(given), hint)
    for path, part in parts_of(given, 'choose'):
        if hook := NEEDED.get(type_name(part)):
            got = f'{part["type"]}, which needs ltseg.{hook}'
            raise UsageError(path, 'parts that need no hook', got, 'Leave the method out, and train its config whole.')
    return {name: _candidate(name, loss, dict(changes)) for name, changes in given.items()}


def _candidate(name: str, loss: str, changes: dict[str, Any]) -> Candidate:
    return Candidate(name, name, changes.pop(loss), sampler=changes.pop('sampler', None), head=changes)


def _is_method(changes: Any, loss: str) -> bool:
    losses = changes.get(loss) if isinstance(changes, Mapping) else None
    losses = [losses] if isinstance(losses, Mapping) else losses
    return isinstance(losses, list | tuple) and bool(losses) and all(isinstance(each, Mapping) for each in losses)


def with_method(config: Config, method: Candidate) -> Config:
    """The config with the head of a method; of several decode heads in a row the last. Auxiliary heads stay.

    A plain head of MMSegmentation or MMPretrain becomes that of ltseg where it has to, which is the same with
    regularizers and several losses.
    """
    changed, subject = Config(deepcopy(config._cfg_dict)), subject_of(config)
    head: Any = head_of(changed.model)
    if head['type'] != subject.head_type and (method.head or subject.always_wrapped):
        head.update(type=subject.head_type, head_type=head['type'])
    head[subject.loss] = deepcopy(method.loss)
    for key in ('regularizers', 'classifier'):
        head.pop(key, None)
    head.update(deepcopy(dict(method.head)))
    return changed
