"""The label of one part of a config: the short name of its type, and the arguments that depart from the defaults."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import Any

from ltseg import registry
from ltseg.cli.labels.known import NAMES, USUAL_ARGUMENTS
from ltseg.compat import quietly

__all__ = ['defaults_of', 'has_label', 'is_part', 'parameters_of', 'part_label', 'plain_type', 'type_of']

REGISTRIES = [getattr(registry, name) for name in registry.__all__]
# Arguments that are no part of a method, or whose value depends on the length of training.
UNTOLD = frozenset({
    'type', '_scope_', '_delete_', 'init_cfg', 'num_classes', 'in_channels', 'feature_dim',
    'loss_name', 'loss_weight', 'reduction', 'average', 'ignore_index', 'avg_non_ignore', 'sync', 'momentum',
    'assigner', 'views', 'hidden_channels', 'out_channels', 'max_samples', 'learning_rate',
    'seed', 'length', 'epochs', 'shuffle', 'begin', 'by_epoch', 'target', 'priority', 'probs', 'begin_iter',
    'begin_epoch', 'parameters', 'classifier', 'freeze_statistics', 'pipeline', 'data_root', 'data_prefix', 'ann_file',
    'metainfo', 'split', 'generate', 'reduce_zero_label', 'img_suffix', 'seg_map_suffix', 'test_mode', 'indices',
    'crop_size', 'cat_max_ratio',
})  # fmt: skip
SUFFIXES = ('Loss', 'Regularizer', 'Classifier', 'Sampler', 'Hook', 'Dataset')


def is_part(value: Any) -> bool:
    """Whether a value of a config is built into something: ``dict(type=...)``."""
    return isinstance(value, Mapping) and 'type' in value


def plain_type(part: Mapping[str, Any]) -> str:
    """The name of a part's type, without the scope."""
    kind = part['type']
    return kind.rpartition('.')[2] if isinstance(kind, str) else str(getattr(kind, '__name__', kind))


def type_of(part: Mapping[str, Any], scope: str) -> Any:
    """The class or function that a part is built with; None where no registry has it."""
    kind = part['type']
    if not isinstance(kind, str):
        return kind
    key = kind if '.' in kind else f'{part.get("_scope_", scope)}.{kind}'
    with quietly():
        return next((found for found in (entry.get(key) for entry in REGISTRIES) if found is not None), None)


def parameters_of(kind: Any) -> dict[str, inspect.Parameter]:
    """The arguments of a class or a function; of a class also those that it hands on to its bases."""
    found: dict[str, inspect.Parameter] = {}
    for each in reversed(inspect.getmro(kind)) if inspect.isclass(kind) else (kind,):
        made = vars(each).get('__init__') if inspect.isclass(each) else each
        for name, parameter in inspect.signature(made).parameters.items() if inspect.isfunction(made) else ():
            found.pop(name, None)
            if name != 'self' and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                found[name] = parameter
    return found


def defaults_of(kind: Any) -> dict[str, Any]:
    """Defaults of the arguments of :func:`parameters_of`, as far as they have any."""
    found = parameters_of(kind).items()
    return {name: parameter.default for name, parameter in found if parameter.default is not parameter.empty}


def has_label(part: Mapping[str, Any], scope: str) -> bool:
    """Whether a type says what to call it; most hooks have no part in a method."""
    return plain_type(part) in NAMES or _own_name(type_of(part, scope)) is not None


def part_label(part: Mapping[str, Any], scope: str) -> str:
    """What reports call a part, e.g. 'logit adjusted (tau 0.5)'.

    The class says its ``short_name``, with arguments in braces that are always told: ``'ARB ({counts})'``. Other
    arguments are told where they are not the default. Types of MMSegmentation and MMPretrain are in ``known``; any
    other has the name of its class.
    """
    kind, name = type_of(part, scope), plain_type(part)
    known = {**({} if kind is None else defaults_of(kind)), **USUAL_ARGUMENTS.get(name, {})}
    template = _own_name(kind)
    if template is None:
        template = NAMES.get(name) or _without_suffix(name)
    told = {
        field: _text({**known, **part}.get(field), scope) for _, field, _, _ in Formatter().parse(template) if field
    }
    label = template.format(**told).strip()
    departures = ', '.join(_departures(part, known, told, scope))
    if not departures:
        return label
    return f'{label[:-1]}, {departures})' if label.endswith(')') else f'{label} ({departures})'


def _own_name(kind: Any) -> str | None:
    """The short name that a class has itself: one that it inherits is of another method."""
    return vars(kind).get('short_name') if inspect.isclass(kind) else None


def _without_suffix(name: str) -> str:
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix) and name != suffix), name)


def _departures(
    part: Mapping[str, Any], known: Mapping[str, Any], told: Mapping[str, str], scope: str
) -> Iterator[str]:
    for key, value in part.items():
        default = known.get(key)
        if key in UNTOLD or key in told or _plain(value) == _plain(default):
            continue
        words = key.replace('_', ' ')
        if isinstance(value, bool) or value is None:
            if key in known or value:
                yield words if value else f'no {words}'
        elif isinstance(value, str) and isinstance(default, str):
            yield _text(value, scope)
        elif isinstance(value, str | int | float):
            yield f'{words} {_text(value, scope)}'
        else:
            yield _text(value, scope) if any(map(is_part, value)) else words


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


def _text(value: Any, scope: str) -> str:
    if is_part(value):
        return part_label(value, scope)
    if isinstance(value, Sequence) and not isinstance(value, str):
        parts = [part_label(each, scope) for each in value if is_part(each)]
        words = parts or [each for each in value if isinstance(each, str)]
        return ' and '.join(words) or f'{len(value)} numbers'
    if value is None or isinstance(value, bool):
        return '' if value is None else str(value)
    if isinstance(value, int | float):
        return f'{value:g}'
    return Path(value).name if str(value).endswith('.json') else str(value).replace('_', ' ')
