"""Modulated attention: its formula, its start, and the maps that it is for."""

import pytest
import torch
from hinted import hinted
from torch import Tensor

from ltseg.models import ModulatedAttentionNeck

C, SIZE = 4, 3


def made(trained: bool = True) -> ModulatedAttentionNeck:
    torch.manual_seed(0)
    neck = ModulatedAttentionNeck(C, SIZE)
    if trained:
        torch.nn.init.normal_(neck.out.weight)
    return neck.double()


def maps(seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, C, SIZE, SIZE, generator=generator, dtype=torch.float64)


def test_by_the_formula() -> None:
    """Each place in turn, after the 1 x 1 convolutions as products."""
    neck, given = made(), maps()
    (found,) = neck((given,))
    for image, result in zip(given, found, strict=True):
        places = image.flatten(1).T  # (P, C)
        theta, phi, g = (places @ layer.weight.flatten(1).T + layer.bias for layer in (neck.theta, neck.phi, neck.g))
        where = (neck.places.weight @ image.flatten() + neck.places.bias).softmax(0)
        for p in range(SIZE**2):
            shares = torch.stack([theta[p] @ phi[q] for q in range(SIZE**2)]).softmax(0)
            attended = neck.out.weight.flatten(1) @ sum(share * g[q] for q, share in enumerate(shares))
            expected = places[p] + where[p] * attended
            torch.testing.assert_close(result[:, p // SIZE, p % SIZE], expected)


def test_begins_as_the_identity_and_learns() -> None:
    neck, given = made(trained=False), maps()
    first = torch.zeros(2, C, 2 * SIZE, 2 * SIZE)
    (found,) = neck((first, given))  # of the last map
    assert torch.equal(found, given)
    neck.init_weights()  # as a Runner does
    (found,) = neck((given,))
    assert torch.equal(found, given)
    found.square().sum().backward()
    assert neck.out.weight.grad.abs().min() > 0


def test_gradient() -> None:
    neck = made()
    assert torch.autograd.gradcheck(lambda given: neck((given,)), maps().requires_grad_())


def test_constant_maps_attend_to_all_places_alike() -> None:
    """Then W g(f) is the same in every place, and the weights of MA share it out."""
    neck, given = made(), torch.ones(1, C, SIZE, SIZE, dtype=torch.float64)
    added = neck((given,))[0] - given
    expected = neck.out(neck.g(given[:, :, :1, :1]))
    torch.testing.assert_close(added.sum((2, 3), keepdim=True), expected)


def test_faults_are_named() -> None:
    hinted(
        'Set map_size to the height and width of the map, and test with images of the size of training.',
        lambda: made()((torch.zeros(1, C, 4, 4),)),
    )
    assert ModulatedAttentionNeck(C, map_size=4)((torch.zeros(1, C, 4, 4),))[0].shape == (1, C, 4, 4)
    with pytest.raises(ValueError, match=r'ModulatedAttentionNeck\.in_channels: expected a multiple of 2, got 5'):
        ModulatedAttentionNeck(5)
    with pytest.raises(ValueError, match=r'ModulatedAttentionNeck\.map_size'):
        ModulatedAttentionNeck(C, 0)
