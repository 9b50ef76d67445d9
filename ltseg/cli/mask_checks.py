"""What heads that classify masks need of a config and of the installation: MaskFormer, Mask2Former and SAN."""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ltseg.config_parts import type_name
from ltseg.core.errors import describe
from ltseg.core.missing_packages import MASKS, missing_package

__all__ = ['classifies_masks', 'mask_loss_faults', 'mmdet_faults']

HEADS = ('MaskFormerHead', 'Mask2FormerHead')  # of MMSegmentation, on those of MMDetection
OURS = 'ltseg.MaskClassificationLoss'


def mmdet_faults(parts: Iterable[tuple[str, dict]]) -> Iterator[str]:
    """What keeps the first part of a model that needs MMDetection from it; MMSegmentation hides what that is."""
    for path, part in parts:
        if type_name(part) in HEADS or str(part.get('type')).startswith('mmdet.'):
            try:
                importlib.import_module('mmdet.models')
            except Exception as error:  # of any: other versions of what it imports
                if getattr(error, 'name', None) == 'mmdet':
                    yield str(missing_package(path, 'mmdet'))
                else:
                    yield describe(path, 'a package mmdet that can be imported', repr(error), MASKS)
            return


def classifies_masks(path: str, loss: Mapping[str, Any]) -> bool:
    """Whether a loss is for logits of the classes and of "no object"."""
    return path.endswith('.loss_cls') or loss.get('type') == OURS or loss.get('loss_name') == 'loss_cls_ce'


def mask_loss_faults(path: str, loss: Mapping[str, Any], number: int) -> Iterator[str]:
    """What is wrong with the settings of a loss that classifies masks, for a head with a number of classes."""
    weight = loss.get('class_weight')
    needed = path.endswith('.loss_cls') or loss.get('type') == OURS  # MMDetection reads it from the config
    if (weight is None and needed) or (isinstance(weight, list | tuple) and len(weight) != number + 1):
        hint = f'Set {path}.class_weight=[1.0] * {number} + [0.1].'
        got = repr(None if weight is None else len(weight))
        yield describe(f'{path}.class_weight', f'{number} numbers and one for "no object"', got, hint)
