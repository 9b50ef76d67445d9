"""Which runs are seeds of one method: those that differ in nothing else."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ltseg.core.errors import InvalidValueError
from ltseg.reports.page.phrases import shortened
from ltseg.reports.record import RunRecord
from ltseg.reports.runs import Run

__all__ = ['differences_of', 'flattened', 'identity_of', 'seeds_together', 'short_key']

MISSING = '–'
SHOWN = 2  # settings in a label, where there are so many
LONGEST = 40  # characters of a value in a label
# Records without a setup were averaged across numerical precision; new ones tell the wrappers apart.
PRECISION = frozenset({'OptimWrapper', 'AmpOptimWrapper', 'ltseg.AutocastOptimWrapper'})


def flattened(value: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """Dotted keys and values; lists of numbers or words stay whole."""
    entries: Any = value.items() if isinstance(value, Mapping) else ()
    if isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
        entries = enumerate(value)
    if not entries and path:
        yield path, value
    for key, entry in entries:
        yield from flattened(entry, f'{path}.{key}' if path else str(key))


def identity_of(record: RunRecord) -> dict[str, str]:
    """All that seeds of one method share besides its labels: dotted keys, and values as JSON.

    Records of older versions have no setup: the name of their config file and the settings that were changed on the
    command line stand for it. Of post-hoc adjustment it counts how tau is found, and tau itself where it is fixed.
    """
    if record.setup:
        known: dict[str, Any] = {'setup': 'recorded', **dict(flattened(record.setup)), **_data_of(record)}
    else:
        changed = {key: value for key, value in record.settings.items() if key != 'posthoc'}
        if changed.get('optim_wrapper.type') in PRECISION:
            del changed['optim_wrapper.type']
        file = record.config.replace('\\', '/').rpartition('/')[2]
        known = {'setup': 'not recorded', 'config': file, **dict(flattened(changed))}
    posthoc = record.settings.get('posthoc')
    if isinstance(posthoc, Mapping):
        is_fixed = str(posthoc.get('chosen_on', '')).startswith('nothing')
        left_out = {'curve'} if is_fixed else {'curve', 'tau'}
        known['posthoc'] = 'adjusted'
        known |= {f'posthoc.{key}': value for key, value in posthoc.items() if key not in left_out}
    return {key: json.dumps(value, sort_keys=True, default=str) for key, value in known.items()}


def _data_of(record: RunRecord) -> dict[str, Any]:
    """What tells other data from a folder that was moved: the labels of each class that were evaluated and counted."""
    evaluation = record.evaluation
    return {'evaluated labels': evaluation.matrix.sum(1).tolist(), 'counted labels': evaluation.counts.tolist()}


def seeds_together(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs of one method, model, data set and split that differ in their seeds only are together.

    Raises:
        ValueError: If a seed occurs twice.
    """
    groups: dict[tuple, list[Run]] = {}
    for run in runs:
        record = run.record
        key = (record.method, *record.setting, *sorted(identity_of(record).items()))
        group = groups.setdefault(key, [])
        twin = next((other.record for other in group if other.record.seed == record.seed), None)
        if twin is not None:
            hint = 'Give one of them, or another name of the method.'
            seeds = f'{twin.name} and {record.name}, both seed {record.seed}'
            raise InvalidValueError('compare', f'one record of {record.method} for each seed', seeds, hint)
        group.append(run)
    return list(groups.values())


def differences_of(records: Sequence[RunRecord]) -> list[dict[str, str]]:
    """What tells records with the same labels apart: shortened keys, the same for all, and the values of each.

    So many settings that no two records have the same, and at least ``SHOWN``; the others are counted under 'and'.
    """
    identities = [identity_of(record) for record in records]
    keys = dict.fromkeys(key for identity in identities for key in identity)
    differing = [key for key in keys if _kinds(identities, [key]) > 1]
    shown: list[str] = []
    for key in differing:
        if _kinds(identities, [*shown, key]) > _kinds(identities, shown):
            shown.append(key)
    shown += [key for key in differing if key not in shown][: max(0, SHOWN - len(shown))]
    short = [short_key(key) for key in shown]
    names = [name if short.count(name) == 1 else key for name, key in zip(short, shown, strict=True)]
    more = {'and': f'{len(differing) - len(shown)} more'} if len(differing) > len(shown) else {}
    return [
        {
            name: shortened(identity.get(key, MISSING).strip('"'), LONGEST)
            for name, key in zip(names, shown, strict=True)
        }
        | more
        for identity in identities
    ]


def _kinds(identities: Sequence[Mapping[str, str]], keys: Sequence[str]) -> int:
    """How many different records these settings tell apart."""
    return len({tuple(identity.get(key) for key in keys) for identity in identities})


def short_key(key: str) -> str:
    """The end of a dotted key, from the second name from the right on."""
    words = key.split('.')
    names = [place for place, word in enumerate(words) if not word.isdigit()]
    return '.'.join(words[names[-2] if len(names) > 1 else 0 :])
