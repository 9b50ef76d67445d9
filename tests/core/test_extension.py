"""Classes that extend a class which is chosen when an object is made."""

import copy
import pickle
from typing import Any

import torch
from torch import nn

from ltseg.core.extension import Extension, make_mixin_class


class Louder(Extension):
    @classmethod
    def base_class(cls, *sizes: int, kind: type = nn.Linear) -> type:
        return kind

    def __init__(self, *sizes: int, kind: Any = None) -> None:
        super().__init__(*sizes)  # type: ignore[call-arg]

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(*values)  # type: ignore[misc]


def test_objects_are_of_both_classes() -> None:
    first, second, other = Louder(2, 3), Louder(4, 5), Louder(2, 2, 3, kind=nn.Bilinear)
    assert type(first) is type(second) is make_mixin_class(Louder, nn.Linear)
    assert isinstance(first, Louder) and isinstance(first, nn.Linear) and not isinstance(first, nn.Bilinear)
    assert isinstance(other, Louder) and isinstance(other, nn.Bilinear)
    assert first.extends is nn.Linear and other.extends is nn.Bilinear and Louder.extends is None
    assert first.state_dict().keys() == nn.Linear(2, 3).state_dict().keys()


def test_objects_are_copied_and_pickled() -> None:
    module = Louder(2, 3)
    values = torch.ones(1, 2)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert type(other) is type(module) and other.weight is not module.weight
        assert torch.equal(other(values), 2 * nn.functional.linear(values, module.weight, module.bias))
