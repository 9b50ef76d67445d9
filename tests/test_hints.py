"""Each hint of the package is followed by a test, which makes the fault, does what the hint says, and sees it gone.

Such a test names the hint by :func:`hinted.hinted`. Here the hints are looked up in the source, and these calls in the
tests. A text that several functions hand on needs a call for each of them.
"""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from ltseg.core import errors

ROOT = Path(__file__).parents[1]
PLACES = {**dict.fromkeys((*errors.__all__, 'CheckpointError'), 3), 'Advice': 1, 'Finding': 4, 'Finding.of': 4}
Function = tuple[str, ast.FunctionDef | None]  # with the name of its file


def modules() -> dict[str, ast.Module]:
    paths = [*ROOT.glob('ltseg/**/*.py'), *ROOT.glob('tools/*.py')]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding='utf-8')) for path in paths}


class Hints:
    """The texts that may stand where a hint is expected, each with the function that gives it.

    A hint is an argument of an error, or of a function that calls it ``hint``, and what is assigned to this name.
    """

    def __init__(self) -> None:
        self.places = dict(PLACES)
        self.functions: dict[str, list[Function]] = defaultdict(list)
        self.constants: dict[tuple[str, str], list[ast.expr]] = defaultdict(list)
        self.attributes: dict[str, list[tuple[str, ast.expr]]] = defaultdict(list)
        self.given: set[tuple[str, str]] = set()
        self.seen: set[tuple[ast.AST, ast.FunctionDef | None]] = set()
        found = modules()
        for file, tree in found.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    self.functions[node.name].append((file, node))
                    names = [each.arg for each in node.args.args if each.arg != 'self']
                    if 'hint' in names:
                        self.places[node.name] = names.index('hint')
                if isinstance(node, ast.ClassDef):
                    for name, value in assignments(node.body):
                        self.attributes[name].append((file, value))
            for name, value in assignments(tree.body):
                self.constants[file, name] = [value]
        for file, tree in found.items():
            for node in tree.body:
                if isinstance(node, ast.ImportFrom):
                    source = f'{node.module}.py'.replace('.', '/', node.module.count('.'))
                    for each in node.names:
                        self.constants[file, each.name] += self.constants.get((source, each.name), [])
        for file, tree in found.items():
            self.look_at(tree, (file, None))

    def look_at(self, node: ast.AST, function: Function) -> None:
        if isinstance(node, ast.FunctionDef):
            function = (function[0], node)
        if isinstance(node, ast.Assign):
            for name, value in assignments([node]):
                if name == 'hint':
                    self.add(value, function)
        if isinstance(node, ast.Call):
            place = self.places.get(ast.unparse(node.func), len(node.args))
            for hint in [*node.args[place : place + 1], *(each.value for each in node.keywords if each.arg == 'hint')]:
                self.add(hint, function)
        for child in ast.iter_child_nodes(node):
            self.look_at(child, function)

    def add(self, node: ast.expr, function: Function) -> None:
        """Adds the texts of an expression, and those of the names and functions in it."""
        file, inside = function
        if (node, inside) in self.seen:
            return
        self.seen.add((node, inside))
        match node:
            case ast.Constant(value=str(text)):
                self.given.add((f'{file}, {inside.name if inside else "module"}', text))
            case ast.JoinedStr(values=values):
                text = ''.join(part.value if isinstance(part, ast.Constant) else '\0' for part in values)
                self.add(ast.Constant(text), function)
                for part in values:
                    if isinstance(part, ast.FormattedValue) and ast.unparse(part.value).isupper():
                        self.add(part.value, function)
            case ast.BoolOp() | ast.BinOp() | ast.IfExp():
                for part in ast.iter_child_nodes(node):
                    self.add(part, function)
            case ast.Attribute(attr=name):
                for source, value in self.attributes[name]:
                    self.add(value, (source, None))
            case ast.Name(id=name) if name != 'hint':
                local = [value for to, value in assignments(ast.walk(inside) if inside else ()) if to == name]
                for value in local or self.constants[file, name]:
                    self.add(value, function)
            case ast.Call(func=ast.Attribute(value=value, attr='replace' | 'format' | 'strip')):
                self.add(value, function)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                for file, made in self.functions[name]:
                    for inner in ast.walk(made):
                        if isinstance(inner, ast.Return) and inner.value is not None:
                            self.add(inner.value, (file, made))


def assignments(nodes: Iterator[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Names and what is assigned to them, alone or as one of several."""
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                several = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
                pairs = zip(target.elts, node.value.elts, strict=True) if several else [(target, node.value)]
                yield from ((to.id, value) for to, value in pairs if isinstance(to, ast.Name))


def calls_of_hinted() -> Iterator[str]:
    for path in ROOT.glob('tests/**/*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            match node:
                case ast.Call(func=ast.Name(id='hinted'), args=[text, *_]):
                    yield ast.literal_eval(text)


def test_each_hint_is_followed() -> None:
    given = {(where, text) for where, text in Hints().given if ' ' in text.strip(' \0')}
    # A part of several texts is one of the shortest.
    texts = sorted({text for _, text in given}, key=len)
    followed = Counter(next((text for text in texts if part in text), part) for part in calls_of_hinted())
    missing = [
        f'{where}: {text}' for where, text in sorted(given) if followed[text] < sum(text == each for _, each in given)
    ]
    assert not missing, '\n'.join(missing)
    assert not set(followed) - set(texts)
