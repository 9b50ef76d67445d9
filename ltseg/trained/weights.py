"""The weights of a trained model."""

from typing import Any, TypeVar

from mmengine.runner.checkpoint import _load_checkpoint_to_model
from torch import Tensor, nn

from ltseg.checkpoint_files.content import check_content
from ltseg.checkpoint_files.loading import load_checkpoint_file
from ltseg.core.errors import InvalidValueError

__all__ = ['check_weights', 'load_weights']

# For predictions.
NOT_NEEDED = ('auxiliary_head', 'loss_decode', 'loss_module', 'regularizers', 'num_batches_tracked', '_extra_state')
Model = TypeVar('Model', bound=nn.Module)


def check_weights(model: nn.Module, path: str) -> None:
    """Raises ValueError unless the checkpoint ``path`` holds all weights that predictions of ``model`` need.

    mmengine would go on with random ones. What is more in the checkpoint is nobody's fault.
    """
    _check_holds(model, path, load_checkpoint_file(path))


def load_weights(model: Model, path: str) -> Model:
    """Loads the weights of a checkpoint; losses and auxiliary heads may be others than in training.

    Raises:
        ValueError: As :func:`check_weights`.
    """
    content = load_checkpoint_file(path)
    _check_holds(model, path, content)
    _load_checkpoint_to_model(model, content, strict=False, logger='silent')
    return model


def _check_holds(model: nn.Module, path: str, content: Any) -> None:
    weights = check_content(content, path).get('state_dict', content)
    state = {key.removeprefix('module.'): value for key, value in weights.items()}
    for key, value in model.state_dict().items():
        name = key.removeprefix('module.')
        if any(part in name for part in NOT_NEEDED):
            continue
        ours = state.get(name)
        if getattr(ours, 'shape', None) != value.shape:
            shape = f'{name} of shape {tuple(ours.shape)}' if isinstance(ours, Tensor) else f'{name} without numbers'
            got = shape if name in state else f'a checkpoint without {name}'
            hint = 'Give the config that it was trained with.'
            raise InvalidValueError(path, f'the weights of this model, {name} of shape {tuple(value.shape)}', got, hint)
