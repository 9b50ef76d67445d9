"""Classes that extend a class of another package, which is imported or chosen only when an object is made."""

from functools import cache
from typing import Any, ClassVar

__all__ = ['Extension', 'make_mixin_class']


class Extension:
    """``Sub(...)`` makes an object of ``make_mixin_class(Sub, Sub.base_class(...))``: an instance of both classes.

    Its checkpoint keys are those of the base class and what ``Sub`` adds. Objects can be copied and pickled.

    Example:
        >>> from torch import nn
        >>> from ltseg.core.extension import Extension
        >>> class Doubled(Extension):
        ...     @classmethod
        ...     def base_class(cls, *sizes: int) -> type:
        ...         return nn.Linear
        ...     def forward(self, values):
        ...         return 2 * super().forward(values)
        >>> module = Doubled(2, 3)
        >>> isinstance(module, Doubled), isinstance(module, nn.Linear), type(module).__name__
        (True, True, 'Doubled[Linear]')
    """

    #: The class that is extended; None in the class itself, before an object of it is made.
    extends: ClassVar[Any] = None

    @classmethod
    def base_class(cls, *args: Any, **kwargs: Any) -> type:
        """The class to extend, from the arguments of the constructor."""
        raise NotImplementedError

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls.extends is None:
            cls = make_mixin_class(cls, cls.base_class(*args, **kwargs))  # type: ignore[arg-type]
        return super().__new__(cls)

    def __reduce__(self) -> tuple:  # pickle would look for the class by its name
        return _empty, type(self).__bases__, self.__dict__


@cache
def make_mixin_class(mixin: type, base: type) -> Any:
    """The class with the bases (mixin, base), the same one each time."""
    content = {'extends': base, '__module__': mixin.__module__}
    return type(f'{mixin.__name__}[{base.__name__}]', (mixin, base), content)


def _empty(mixin: type, base: type) -> Any:
    made = make_mixin_class(mixin, base)
    return made.__new__(made)
