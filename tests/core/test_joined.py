"""Classes made while a program runs."""

import copy
import pickle

import torch
from torch import nn

from ltseg.core.joined import joined


class Louder:
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(values)  # type: ignore[misc]


def test_the_same_bases_give_the_same_class() -> None:
    made = joined('LouderLinear', Louder, nn.Linear)
    assert made is joined('LouderLinear', Louder, nn.Linear)
    assert made.__name__ == 'LouderLinear' and made.__bases__[-1] is nn.Linear
    assert made is not joined('LouderBilinear', Louder, nn.Bilinear)


def test_objects_are_copied_and_pickled() -> None:
    module = joined('LouderLinear', Louder, nn.Linear)(2, 3)
    values = torch.ones(1, 2)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert type(other) is type(module) and other.weight is not module.weight
        assert torch.equal(other(values), 2 * nn.functional.linear(values, module.weight, module.bias))
