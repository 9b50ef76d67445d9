"""Python files read as values: nothing in them is run."""

import ast
from collections.abc import Hashable
from typing import Any

__all__ = ['literal_settings']

LONGEST = 2**22  # characters; configs have some thousand
COLLECTIONS = {ast.List: list, ast.Tuple: tuple}
NO_NUMBERS = {name: float(name) for name in ('inf', 'nan')}  # whose repr, which mmengine dumps, is a name


class _NoLiteralError(Exception):
    """An expression that would have to be run."""


def literal_settings(text: Any) -> dict[str, Any]:
    """The settings in the text of a config, as far as they are literals: what mmengine dumps is.

    Numbers, inf and nan, texts, lists, tuples, sets, dicts and calls of ``dict`` are. A setting that is none is left
    out, with the smallest dict entry around it alone; of a text that is no Python nothing is left.

    Example:
        >>> from ltseg.core.literals import literal_settings
        >>> literal_settings("a = dict(b=[1, -2], c=open('x'))\\nimport os\\nd = 3")
        {'a': {'b': [1, -2]}, 'd': 3}
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        return {}
    try:
        body = ast.parse(text).body
        found: dict[str, Any] = {}
        for node in body:
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                found |= _entries([(node.targets[0].id, node.value)])
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # what ast.parse raises for texts that are no config
        return {}
    return found


def _entries(pairs: list[tuple[Any, ast.expr]]) -> dict[Any, Any]:
    """The entries of a dict whose values are literals."""
    found = {}
    for key, node in pairs:
        try:
            found[key] = _value(node)
        except _NoLiteralError:
            continue
    return found


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Dict):
        keyed = [(_keys(key), value) for key, value in zip(node.keys, node.values, strict=True)]
        return _entries([(key, value) for keys, value in keyed for key in keys])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        if len(node.args) == 1 and isinstance(node.args[0], ast.Dict) and not node.keywords:
            return _value(node.args[0])  # how mmengine writes keys that are no names
        if node.args:
            raise _NoLiteralError
        return _entries([(each.arg, each.value) for each in node.keywords if each.arg is not None])
    if isinstance(node, ast.List | ast.Tuple):
        return COLLECTIONS[type(node)](_value(each) for each in node.elts)
    if isinstance(node, ast.Name) and node.id in NO_NUMBERS:
        return NO_NUMBERS[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Name):
        return -_value(node.operand)  # of inf and nan
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError) as error:
        raise _NoLiteralError from error


def _keys(node: ast.expr | None) -> list[Hashable]:
    """The key of an entry, alone in a list; none where it is no literal, or nothing that a dict can hold."""
    if node is None:  # what two asterisks unpack
        return []
    try:
        key = _value(node)
        hash(key)
    except (_NoLiteralError, TypeError):
        return []
    return [key]
