"""ImageNet encoders of timm for dense prediction."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ltseg import compat  # noqa: F401  (timm imports torchvision)
from ltseg.checkpoint_files.loading import load_checkpoint_file
from ltseg.core.errors import InvalidValueError, MissingFileError
from ltseg.core.missing_packages import missing_package
from ltseg.registry import MODELS

__all__ = ['TIMMEncoder', 'timm_model']


def timm_model(name: str, **settings: Any) -> nn.Module:
    """A model of timm with random weights.

    Raises:
        MissingPackageError: If timm is not installed.
        ValueError: If timm has no model of this name, or refuses a setting.
    """
    try:
        import timm
    except ModuleNotFoundError as error:
        if error.name != 'timm':
            raise
        raise missing_package('ltseg.TIMMEncoder', 'timm') from error
    try:
        return timm.create_model(name, pretrained=False, **settings)
    except (RuntimeError, TypeError, AssertionError, IndexError, NotImplementedError) as error:
        where, expected = 'TIMMEncoder', f'a model of timm {timm.__version__} and settings that it takes'
        raise InvalidValueError(where, expected, f'{name!r} with {settings} ({error})') from error


@MODELS.register_module()
class TIMMEncoder(BaseModule):
    """A convolutional or hierarchical model of timm as the backbone of a segmentor, with its maps at several strides.

    MMSegmentation's ``TIMMBackbone`` downloads weights, or takes none. This one takes them from a file, and downloads
    timm's where there is no such file, so that one config serves machines with and without a network. And it computes
    in the channels-last layout, in which depthwise convolutions are many times as fast on a CPU.

    Args:
        model_name: In timm, e.g. 'tf_efficientnet_lite0'.
        weights: File with weights under timm's names, which ``ltseg weights`` writes for some models. Where there is no
            such file, timm's own are downloaded. None leaves the weights random.
        out_indices: Which maps to return, by their place in timm's list, the finest first; by default all.
        output_stride: Least resolution of a map: 8, 16 or 32. Later stages are dilated.
        settings: Further arguments of ``timm.create_model``, e.g. ``dict(drop_path_rate=0.1)``.
        frozen: Whether the weights, and the statistics of normalisation layers, stay as they are.
        channels_last: Whether to compute in the channels-last layout.
        init_cfg: Of mmengine; the weights above are loaded without it.

    Shapes: images (N, 3, H, W) -> a tuple of maps (N, C_i, ceil(H / s_i), ceil(W / s_i)), with s_i the strides.

    Attributes:
        channels: Channels of each map.
        strides: Stride of each map.

    Raises:
        ValueError: If timm has no such model, or the weights are of another one.
        FileNotFoundError: If there are no weights in the file and none can be downloaded.

    Example:
        >>> import torch
        >>> from ltseg.models import TIMMEncoder
        >>> encoder = TIMMEncoder('tf_efficientnet_lite0', weights=None, out_indices=(2, 3, 4))
        >>> [tuple(each.shape) for each in encoder(torch.rand(1, 3, 64, 96))]
        [(1, 40, 8, 12), (1, 112, 4, 6), (1, 320, 2, 3)]
    """

    def __init__(
        self,
        model_name: str,
        weights: str | None,
        out_indices: Sequence[int] | None = None,
        output_stride: int = 32,
        settings: dict | None = None,
        frozen: bool = False,
        channels_last: bool = True,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        chosen: dict[str, Any] = {} if out_indices is None else {'out_indices': tuple(out_indices)}
        chosen |= dict(features_only=True, output_stride=output_stride, **(settings or {}))
        self.timm_model = timm_model(model_name, **chosen)
        described = self.timm_model.feature_info  # type: ignore[union-attr]
        self.channels, self.strides = tuple(described.channels()), tuple(described.reduction())  # type: ignore
        self.frozen, self.layout = frozen, torch.channels_last if channels_last else torch.contiguous_format
        if weights is not None:
            _load(self.timm_model, model_name, weights)
            self.timm_model.is_init = True  # type: ignore[assignment]  # HRNet's init_weights would draw them anew
        self.timm_model.to(memory_format=self.layout)  # type: ignore[call-overload]
        if frozen:
            self.requires_grad_(False)

    def train(self, mode: bool = True) -> 'TIMMEncoder':
        """As torch's; normalisation of a frozen encoder stays in evaluation mode."""
        super().train(mode)
        for module in self.modules() if self.frozen else ():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.timm_model(images.contiguous(memory_format=self.layout)))


def _load(model: nn.Module, name: str, weights: str) -> None:
    """Loads what the feature maps need: a file for the whole classifier has more."""
    path = Path(weights).expanduser()
    if path.is_file():
        found, origin = load_checkpoint_file(path), str(path)
    else:
        found, origin = _downloaded(name, weights), 'timm'
    state = found.get('state_dict', found) if isinstance(found, Mapping) else {}
    needed = model.state_dict()
    unfit = [key for key, value in needed.items() if getattr(state.get(key), 'shape', None) != value.shape]
    if unfit:
        got = f'a file that lacks {len(unfit)} of {len(needed)} tensors or has others, the first {unfit[0]!r}'
        hint = f"Take weights of {name} under timm's names; ltseg weights --help lists what it can write."
        raise InvalidValueError(f'weights {origin!r}', f'those of {name}', got, hint)
    model.load_state_dict({key: state[key] for key in needed})
    print_log(f'Weights of {name} are from {origin}.', logger='current')


def _downloaded(name: str, weights: str) -> Mapping[str, Tensor]:
    import timm

    try:
        return timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # of huggingface_hub, httpx, urllib, or timm itself
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        hint = (
            f'ltseg weights {name} --out {weights} writes it for some models, or copy it there; '
            'weights=None starts from scratch.'
        )
        got = f'none, and timm cannot download its own ({reason})'
        raise MissingFileError('TIMMEncoder.weights', f'the file {weights!r}', got, hint) from error
