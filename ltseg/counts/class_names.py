"""Names of classes as people give them: checked before anything is built on them."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ltseg.core.errors import InvalidValueError

__all__ = ['check_class_order', 'check_classes', 'check_classes_key']


def check_classes(where: str, classes: Any) -> None:
    """Raises InvalidValueError, which calls the setting ``where``, unless ``classes`` are names, or None.

    mmengine reads names from the file that a string names, and takes the string for the names where there is none:
    'water' would be the classes w, a, t, e and r.
    """
    if classes is None:
        return
    expected = 'a list of names, or the path of a text file with a name in each line'
    if isinstance(classes, str):
        like_a_file = os.sep in classes or os.path.splitext(classes)[1]
        hint = f'One name needs a comma: classes=({classes!r},).'
        if like_a_file:
            hint = f'There is no such file in {os.getcwd()}: correct the path, or list the names.'
        raise InvalidValueError(where, expected, repr(classes), hint)
    for index, name in enumerate(classes):
        if not isinstance(name, str):
            hint = f"Write names in quotes, e.g. '{name}'." if name is not None else 'Give each class a name.'
            raise InvalidValueError(where, expected, f'{name!r} for class {index}', hint)


def check_classes_key(where: str, metainfo: Mapping[str, Any]) -> None:
    """Raises InvalidValueError where the names are under a key that nobody reads: 'CLASSES', as in older versions."""
    others = [key for key in metainfo if isinstance(key, str) and key.lower() == 'classes' and key != 'classes']
    if others and not metainfo.get('classes'):
        expected, hint = "the names of the classes as 'classes'", 'Write the key in lower case.'
        raise InvalidValueError(where, expected, repr(others[0]), hint)


def check_class_order(where: str, names: Sequence[str], of_training: Sequence[str]) -> None:
    """Raises InvalidValueError where ``where`` names classes of training, but with other indices."""
    places = {name: index for index, name in reversed([*enumerate(of_training)])}
    for index, name in enumerate(names):
        if name in places and not (index < len(of_training) and of_training[index] == name):
            expected = f'the order of the training classes, where {name!r} is class {places[name]}'
            hint = 'Give all data sets the same classes in the same order: metainfo=dict(classes=(...)).'
            raise InvalidValueError(where, expected, f'{name!r} as class {index}', hint)
