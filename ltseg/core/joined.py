"""Classes that are made while a program runs, of mixins and of a class that is known only then."""

from functools import cache
from typing import Any

__all__ = ['joined']


@cache
def joined(name: str, *bases: type) -> Any:
    """A class of this name with these bases, the same one each time, whose objects can be copied and pickled."""
    return type(name, (_Picklable, *bases), {})


class _Picklable:
    def __reduce__(self) -> tuple:  # pickle would look for the class by its name
        return _empty, (type(self).__name__, *type(self).__bases__[1:]), self.__dict__


def _empty(name: str, *bases: type) -> Any:
    made = joined(name, *bases)
    return made.__new__(made)
