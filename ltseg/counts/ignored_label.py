"""The ignored label of a segmentation config: one answer from the many places that name it.

What training ignores is what its losses ignore. The first of these that names a label decides: the heads and their
losses, the training data set, the other data sets; where none does, it is 255. A metric may evaluate with another label
than that. Paddings do not decide: they have to follow.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ltseg.config_parts import parts_of, type_name
from ltseg.core.errors import InvalidValueError
from ltseg.counts.ignored_pixels import MMSEG_IGNORED
from ltseg.nested_datasets import dataset_config
from ltseg.registry import DATASETS

__all__ = ['IgnoredLabelHome', 'homes_of', 'ignored_in_evaluation', 'ignored_in_training', 'settle_ignored_label']

HEADS = re.compile(r'\.(decode_head|auxiliary_head|kernel_generate_head)(\.\d+)?$')
METRICS = ('IoUMetric', 'LongTailIoU')
# Which argument of a transform, or of the data preprocessor, is the label of pixels that are no part of the image.
PADDING = {
    'SegDataPreProcessor': 'seg_pad_val',
    'RandomRotate': 'seg_pad_val',
    'RandomMosaic': 'seg_pad_val',
    'RandomCrop': 'ignore_index',  # when it looks whether one class fills the crop
    'ClassCrop': 'ignore_index',
}
FOLLOW = 'Give all of them the same, or name it in the head only: the others follow.'


@dataclass(frozen=True)
class IgnoredLabelHome:
    """A place in a config that says, or could say, which label is ignored.

    Args:
        kind: 'loss', 'data', 'metric' or 'padding'.
        part: The part of the config itself.
        key: The argument in it.
        path: Dotted path of the argument.
        label: What it says, 255 by default.
        is_named: Whether the config names it.

    Example:
        >>> from ltseg.counts.ignored_label import homes_of
        >>> head = {'num_classes': 11, 'ignore_index': 11}
        >>> config = {'model': {'decode_head': head}, 'val_evaluator': {'type': 'IoUMetric'}}
        >>> [str(home) for home in homes_of(config)]
        ['model.decode_head.ignore_index=11', 'val_evaluator.ignore_index=255 (default)']
    """

    kind: str
    part: dict
    key: str
    path: str
    label: int
    is_named: bool

    def __str__(self) -> str:
        return f'{self.path}={self.label}' + ('' if self.is_named else ' (default)')


def homes_of(config: Mapping[str, Any]) -> list[IgnoredLabelHome]:
    """All places of a segmentation config, those that decide first."""
    return [home for home in _homes(config) if isinstance(home.label, int)]  # None: a sigmoid's head ignores nothing


def _homes(config: Mapping[str, Any]) -> Iterator[IgnoredLabelHome]:
    for path, part in parts_of(config.get('model') or {}, 'model'):
        is_head = bool(HEADS.search(path)) and 'num_classes' in part and type_name(part) != 'STDCHead'
        if is_head or 'ignore_index' in part:
            yield _home('loss', part, 'ignore_index', path)
    for split in ('train', 'val', 'test'):
        for path, part in parts_of(dataset_config(config, split) or {}, f'{split}_dataloader.dataset'):
            checks = type_name(part) == 'LoadCheckedAnnotations' and 'ignore_index' in part
            if checks or _takes_ignore_index(part):
                yield _home('data', part, 'ignore_index', path)
    for split in ('val', 'test'):
        for path, part in parts_of(config.get(f'{split}_evaluator') or {}, f'{split}_evaluator'):
            if type_name(part) in METRICS:
                yield _home('metric', part, 'ignore_index', path)
    paddings = ('model', 'data_preprocessor', 'train_dataloader')
    for path, part in (found for key in paddings for found in parts_of(config.get(key) or {}, key)):
        key = PADDING.get(type_name(part), 'seg_pad_val')
        if type_name(part) in PADDING or key in part:
            yield _home('padding', part, key, path)
        elif type_name(part) == 'Pad' and isinstance(part.get('pad_val'), dict):
            yield _home('padding', part['pad_val'], 'seg', f'{path}.pad_val')


def _home(kind: str, part: dict, key: str, path: str) -> IgnoredLabelHome:
    return IgnoredLabelHome(kind, part, key, f'{path}.{key}', part.get(key, MMSEG_IGNORED), key in part)


def _takes_ignore_index(part: dict) -> bool:
    made = part.get('type')
    if isinstance(made, str):
        with DATASETS.switch_scope_and_registry(None) as registry:
            made = registry.get(made)
    return any(base.__name__ == 'BaseSegDataset' for base in getattr(made, '__mro__', ()))


def _decided(homes: Iterable[IgnoredLabelHome]) -> int:
    named = (home for kind in ('loss', 'data') for home in homes if home.kind == kind and home.is_named)
    return next((home.label for home in named), MMSEG_IGNORED)


def ignored_in_training(config: Mapping[str, Any]) -> int:
    """The label whose pixels no loss sees, and which therefore is not counted."""
    return _decided(homes_of(config))


def ignored_in_evaluation(config: Mapping[str, Any], split: str) -> int:
    """The label that is not evaluated on a split: what its metric names, else that of training."""
    homes, part = homes_of(config), 'test_evaluator' if split == 'test' else 'val_evaluator'
    named = (h for h in homes if h.kind == 'metric' and h.is_named and h.path.startswith(part))
    return next((home.label for home in named), _decided(homes))


def settle_ignored_label(config: Mapping[str, Any], training: bool) -> list[str]:
    """Gives every place that names no ignored label the one of training, in the config itself.

    Args:
        config: Of segmentation; it is changed.
        training: Whether places that contradict each other are a fault, and padding matters; else the words are about
            metrics alone.

    Returns:
        What a user should know beforehand, whole sentences.

    Raises:
        ValueError: If heads, data sets or metrics name different labels, or labels that are written as 255 are not
            ignored.
    """
    homes = homes_of(config)
    label = _decided(homes)
    if training:
        _check_named([home for home in homes if home.is_named and home.kind != 'padding'])
        _check_reduced(config, label)
    words = []
    followers = [home for home in homes if not home.is_named and label != MMSEG_IGNORED]
    for home in followers:
        home.part[home.key] = label
    if followers and training:
        decider = next(home for home in homes if home.is_named and home.label == label and home.kind != 'padding')
        paths = ', '.join(home.path for home in followers)
        words.append(f'The ignored label is {label}, from {decider.path}. These follow it: {paths}.')
    for home in homes:
        if home.is_named and home.label != label and (training or home.kind == 'metric'):
            words.append(_word(home, label))
    return words


def _check_named(homes: list[IgnoredLabelHome]) -> None:
    if len({home.label for home in homes}) > 1:
        raise InvalidValueError('ignored label', 'one for losses, data and metrics', ', '.join(map(str, homes)), FOLLOW)


def _check_reduced(config: Mapping[str, Any], label: int) -> None:
    for path, part in parts_of(dataset_config(config, 'train') or {}, 'train_dataloader.dataset'):
        if part.get('reduce_zero_label') and label < MMSEG_IGNORED:
            got = f'reduce_zero_label=True, which writes {MMSEG_IGNORED} for what it ignores'
            hint = 'Leave ignore_index at 255 in heads, data sets and metrics, or set reduce_zero_label=False.'
            raise InvalidValueError(path, f'labels that are ignored as {label}', got, hint)


def _word(home: IgnoredLabelHome, label: int) -> str:
    if home.kind == 'padding':
        hint = f'Set {home.path}={label}.'
        return f'{home}, but the ignored label is {label}: padded pixels are not ignored. {hint}'
    return f'{home}, but training ignores {label}: what is evaluated and what is learned differ.'
