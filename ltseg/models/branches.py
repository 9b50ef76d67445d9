"""Parts of a network in several copies with weights of their own."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from ltseg.core.errors import InvalidValueError

__all__ = ['Branches', 'branch_off']


class Branches(nn.Module):
    """Takes the place of a module by B copies of it, which start from different weights.

    Args:
        module: The first copy. The others are drawn anew where their layers can draw themselves.
        number: B.
        forks: Whether each of N rows passes through all copies: N -> N * B rows, those of a sample one after the other.
            Otherwise the rows come from such a fork, and row i passes through copy i mod B.

    Attributes:
        chosen: Number of the copy that all rows pass through instead, as long as it is not None.

    Example:
        >>> import torch
        >>> from ltseg.models.branches import Branches
        >>> fork = Branches(torch.nn.Linear(4, 8), number=3)
        >>> last = Branches(torch.nn.Linear(8, 2), number=3, forks=False)
        >>> tuple(last(fork(torch.zeros(5, 4))).shape)
        (15, 2)
        >>> fork.chosen = last.chosen = 0
        >>> tuple(last(fork(torch.zeros(5, 4))).shape)
        (5, 2)
    """

    def __init__(self, module: nn.Module, number: int, forks: bool = True) -> None:
        super().__init__()
        self.copies = nn.ModuleList([module, *(deepcopy(module) for _ in range(number - 1))])
        self.forks = forks
        self.chosen: int | None = None
        for copied in self.copies[1:]:
            for layer in copied.modules():
                reset = getattr(layer, 'reset_parameters', None)
                if callable(reset):
                    reset()

    def forward(self, rows: Tensor) -> Tensor:
        if self.chosen is not None:
            return self.copies[self.chosen](rows)
        number = len(self.copies)
        parts = [rows] * number if self.forks else [rows[start::number] for start in range(number)]
        return torch.stack([own(part) for own, part in zip(self.copies, parts, strict=True)], 1).flatten(0, 1)


def branch_off(network: nn.Module, name: str, number: int, forks: bool = True) -> Branches:
    """Puts :class:`Branches` in the place of a module of ``network``.

    Args:
        network: The network.
        name: Name of the module; of a sequence, its last block is 'NAME.-1'.
        number: Of copies.
        forks: As for :class:`Branches`.

    Raises:
        ValueError: If the network has no such module.
    """
    owner, _, last = name.rpartition('.')
    try:
        parent = network.get_submodule(owner)
        if last == '-1':
            last = [key for key, _ in parent.named_children()][-1]
        branches = Branches(parent.get_submodule(last), number, forks)
    except (AttributeError, IndexError) as error:
        parts = ', '.join(key for key, _ in network.named_children())
        raise InvalidValueError('branches', f'a module of {type(network).__name__} ({parts})', repr(name)) from error
    setattr(parent, last, branches)
    return branches
