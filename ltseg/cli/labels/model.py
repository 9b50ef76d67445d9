"""The label of a model: its head and its backbone."""

from collections.abc import Mapping
from typing import Any

from ltseg.cli.labels.known import BACKBONES, HEADS
from ltseg.cli.labels.method import head_of, model_of
from ltseg.cli.labels.part import plain_type

__all__ = ['model_label']

Size = tuple[int, tuple[int, ...]]  # width of the first stage, depths of all
MIT: dict[Size, str] = {
    (32, (2, 2, 2, 2)): 'B0',
    (64, (2, 2, 2, 2)): 'B1',
    (64, (3, 4, 6, 3)): 'B2',
    (64, (3, 4, 18, 3)): 'B3',
    (64, (3, 8, 27, 3)): 'B4',
    (64, (3, 6, 40, 3)): 'B5',
}
TIMM = {f'efficientnet_lite{size}': f'EfficientNet-Lite{size}' for size in range(5)}
SWIN: dict[Size, str] = {
    (96, (2, 2, 6, 2)): 'T',
    (96, (2, 2, 18, 2)): 'S',
    (128, (2, 2, 18, 2)): 'B',
    (192, (2, 2, 18, 2)): 'L',
}


def model_label(config: Mapping[str, Any]) -> str:
    """E.g. 'DeepLabv3+ R18', 'U-Net', 'SegFormer MiT-B0', 'FCNHead on ResNet-50', and of classifiers 'ResNet-32'."""
    model = model_of(config)
    backbone = model.get('backbone') or {}
    head = head_of(model)
    if 'type' not in backbone:
        return plain_type(head) if 'type' in head else plain_type(model)
    name = _backbone(backbone, short=False)
    if 'decode_head' not in model:
        return name
    kind = plain_type({'type': head.get('head_type') or head['type']})
    if plain_type(model.get('neck') or {'type': ''}) == 'UNetNeck' and kind == 'FCNHead':
        return f'U-Net {name}'
    if kind in HEADS:
        return ' '.join(dict.fromkeys((HEADS[kind], _backbone(backbone, short=True))))
    return name if name == 'U-Net' and kind == 'FCNHead' else f'{kind} on {name}'


def _backbone(backbone: Mapping[str, Any], short: bool) -> str:
    inner = backbone.get('backbone')
    if isinstance(inner, Mapping) and 'type' in inner:  # a wrapper, such as that of several experts
        return _backbone(inner, short)
    kind, depth = plain_type(backbone), backbone.get('depth')
    if kind in BACKBONES:
        long, letter = BACKBONES[kind]
        return long if depth is None else f'{letter}{depth}' if short else f'{long}-{depth}'
    if kind in ('TIMMEncoder', 'TIMMBackbone'):
        inside = str(backbone.get('model_name'))
        return TIMM.get(inside.removeprefix('tf_'), inside)
    if kind == 'UNet':
        return 'U-Net'
    if kind == 'MixVisionTransformer':
        return _sized('MiT', MIT, (backbone.get('embed_dims', 64), tuple(backbone.get('num_layers', (3, 4, 6, 3)))))
    if kind == 'SwinTransformer' and 'arch' not in backbone:
        return _sized('Swin', SWIN, (backbone.get('embed_dims', 96), tuple(backbone.get('depths', (2, 2, 6, 2)))))
    if kind == 'HRNet':
        channels = ((backbone.get('extra') or {}).get('stage4') or {}).get('num_channels')
        return f'HRNet-W{channels[0]}' if channels else 'HRNet'
    size = backbone.get('arch') if isinstance(backbone.get('arch'), str) else depth
    return kind if size is None else f'{kind}-{size}'


def _sized(family: str, sizes: Mapping[Size, str], size: Size) -> str:
    return f'{family}-{sizes[size]}' if size in sizes else f'{family} {size[0]}'
