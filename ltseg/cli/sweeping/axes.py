"""The options that a sweep varies, with their values."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mmengine.registry
from mmengine.config import Config
from mmengine.registry import Registry

from ltseg.cli.labels.part import is_part, parameters_of, type_of
from ltseg.compat import quietly
from ltseg.core.checks import near
from ltseg.core.errors import UsageError, describe
from ltseg.metrics.task import task_of

__all__ = ['Axis', 'axis_faults', 'parse_axes', 'value_text']

WORDS = {'true': True, 'false': False, 'none': None}
TYPES = ('type', 'head_type')  # keys of what is built with the other keys
# The kinds of values: what messages call them, and the words of annotations that accept them.
KINDS: tuple[tuple[tuple[type, ...], str, frozenset[str]], ...] = (
    ((bool,), 'True or False', frozenset({'bool'})),
    ((int, float), 'a number', frozenset({'int', 'float'})),
    ((str,), 'a text', frozenset({'str', 'Literal'})),
    ((list, tuple), 'a list', frozenset({'list', 'tuple', 'Sequence'})),
    ((Mapping,), 'a dict', frozenset({'dict', 'Mapping'})),
)


@dataclass(frozen=True)
class Axis:
    """An option and the values that it is trained with.

    Args:
        key: Its dotted path in the config.
        values: All different.
    """

    key: str
    values: tuple[Any, ...]


def value_text(value: Any) -> str:
    """A value as tables and names of folders have it."""
    return f'{value:g}' if isinstance(value, float) else str(value)


def parse_axes(texts: Sequence[str]) -> list[Axis]:
    """The options of ``KEY=VALUE,VALUE,...``, in which a comma inside brackets is part of a value.

    Raises:
        UsageError: If a text is of another form, or a key or a value occurs twice.
    """
    axes = [_parse_axis(text) for text in texts]
    keys = [axis.key for axis in axes]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        hint = 'List all of its values behind one --over.'
        raise UsageError('--over', 'options that are all different', f'{twice!r} twice', hint)
    return axes


def _parse_axis(text: str) -> Axis:
    key, _, listed = text.partition('=')
    found = _split(listed)
    if not key or not all(found):
        hint = 'E.g. --over model.decode_head.loss_decode.tau=0,0.5,1.'
        raise UsageError('--over', 'KEY=VALUE,VALUE,...', repr(text), hint)
    values = tuple(map(_parse_value, found))
    for place, value in enumerate(values):
        if any(_is_same(value, other) for other in values[:place]):
            raise UsageError(f'--over {key}', 'values that are all different', f'{value_text(value)} twice')
    return Axis(key, values)


def _split(text: str) -> list[str]:
    depth, parts = 0, ['']
    for letter in text:
        depth += (letter in '[({') - (letter in '])}')
        if letter == ',' and not depth:
            parts.append('')
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _parse_value(text: str) -> Any:
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):  # a text without quotes
        return text


def _is_same(one: Any, other: Any) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def axis_faults(config: Config, axis: Axis) -> Iterator[str]:
    """What is wrong with an option, a message each: the config has no such option, or its values are of another type.

    An option is there where the config names it, or the type that a part is built with takes it as an argument.
    """
    part: Any = config
    words = axis.key.split('.')
    for place, word in enumerate(words):
        options = _options(part, task_of(config).scope)
        if word not in options:
            where = '.'.join(words[:place]) or 'the config'
            yield describe(f'--over {axis.key}', f'an option of {where}', repr(word), near(word, options))
            return
        holder, part = part, options[word]
    for value in axis.values:
        expected, got = _kind(part), _kind(value)
        if expected and got and expected != got and not _accepts(holder, words[-1], got, task_of(config).scope):
            yield describe(f'--over {axis.key}', f'{expected}, like {part!r}', repr(value))


def _options(part: Any, scope: str) -> dict[str, Any]:
    """The options of a part of a config by their names, with their values or defaults."""
    if isinstance(part, list | tuple):
        return {str(index): entry for index, entry in enumerate(part)}
    if not isinstance(part, Mapping | Config):
        return {}
    arguments = (argument for kind in _built_with(part, scope) for argument in parameters_of(kind).values())
    defaults = {each.name: None if each.default is each.empty else each.default for each in arguments}
    return {**defaults, **dict(part.items())}


def _built_with(part: Any, scope: str) -> list[Any]:
    named = ({**part, 'type': part[key]} for key in TYPES if is_part(part) and part.get(key))
    kinds = (type_of(each, scope) or _of_mmengine(each['type']) for each in named)
    return [kind for kind in kinds if kind is not None]


def _of_mmengine(name: str) -> Any:
    """The class of an optimizer, a schedule or a loop; None where mmengine has none of this name."""
    registries = (each for each in vars(mmengine.registry).values() if isinstance(each, Registry))
    with quietly():
        return next((found for each in registries if (found := each.get(name)) is not None), None)


def _kind(value: Any) -> str:
    """What messages call the kind of a value; empty for None."""
    return next((name for types, name, _ in KINDS if isinstance(value, types)), '')


def _accepts(holder: Any, name: str, kind: str, scope: str) -> bool:
    """Whether an argument is annotated for values of a kind beside that which it has."""
    words = next(words for _, called, words in KINDS if called == kind)
    arguments = (parameters_of(each).get(name) for each in _built_with(holder, scope))
    annotated = (str(argument.annotation) for argument in arguments if argument is not None)
    return any(words & set(re.findall(r'\w+', text)) for text in annotated)
