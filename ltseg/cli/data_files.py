"""Files of a data set that are missing or in the way, before training or testing begins."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ltseg.cli.errors import message_of
from ltseg.core.errors import UsageError, describe
from ltseg.counts.data_set_counts import build_dataset
from ltseg.nested_datasets import innermost_datasets

__all__ = ['blank_line', 'build_readable', 'file_faults', 'labelled_dataset']

KINDS = {'img_path': 'image', 'seg_map_path': 'label'}
PLACES = 'Check data_root, data_prefix and the suffixes of the data set, and that the file was copied.'
HIDDEN = 'Delete this folder; Jupyter and file managers leave copies in such.'


def build_readable(where: str, config: dict[str, Any]) -> Any:
    """Builds a data set without its pipeline.

    Raises:
        LtsegError: If its data cannot be read; where its package says why in an error of Python, with ``where`` and a
            blank line in its list of files, if there is one.
    """
    try:
        return build_dataset(config)
    except (OSError, AssertionError, RuntimeError, ValueError) as error:  # how data sets say it
        if message_of(error) is not None:
            raise
        raise UsageError(where, 'data that can be read', str(error), blank_line(config)) from error


def labelled_dataset(where: str, config: dict[str, Any]) -> Any:
    """Builds a data set whose labels are to be counted, without its pipeline.

    Raises:
        LtsegError: If its data cannot be read, or files are missing or in the way.
    """
    dataset = build_readable(where, config)
    if faults := list(file_faults(where, dataset, loads_labels=True)):
        raise UsageError('\n'.join(faults))
    return dataset


def file_faults(where: str, dataset: Any, loads_labels: bool) -> Iterator[str]:
    """What is wrong with the files of a segmentation data set, and the hidden folders of one for classification.

    Args:
        where: Name of the data set in the config.
        dataset: Built without its pipeline.
        loads_labels: Whether the pipeline loads labels.
    """
    for part in innermost_datasets(dataset):
        names = (getattr(part, 'metainfo', None) or {}).get('classes') or ()
        hidden = [name for name in names if str(name).startswith('.')]
        if hidden:
            yield describe(where, 'folders of classes', repr(hidden[0]), HIDDEN)
        if (getattr(part, 'backend_args', None) or {}).get('backend', 'local') == 'local':
            yield from _part_faults(where, part, ('img_path', 'seg_map_path') if loads_labels else ('img_path',))


def _part_faults(where: str, part: Any, keys: Iterable[str]) -> Iterator[str]:
    infos = _infos(part)
    for key in keys:
        kind, paths = KINDS[key], [str(info[key]) for info in infos if info.get(key)]
        root = str((getattr(part, 'data_prefix', None) or {}).get(key) or getattr(part, 'data_root', None) or '')
        hidden = [path for path in paths if root and _is_hidden(path.removeprefix(root).lstrip('/'))]
        if hidden:
            yield describe(where, f'no {kind}s in hidden folders', f'{kind} file {hidden[0]}', HIDDEN)
            return  # labels in a folder of the same name follow
        missing = [path for path in paths if not os.path.exists(path)]
        blank = [path for path in missing if Path(path).name in (part.img_suffix, part.seg_map_suffix)]
        if blank:
            hint = f'Take the blank line out of {part.ann_file}.'
            yield describe(f'{where}: {kind} file {blank[0]}', 'a file', 'none', hint)
            return
        if missing:
            got = 'none' if len(missing) == 1 else f'none, and {len(missing) - 1} more that are missing'
            yield describe(f'{where}: {kind} file {missing[0]}', 'a file', got, PLACES)


def blank_line(config: Any) -> str:
    """What to do about a blank line in a list of files that the config of a data set, or of one inside it, names."""
    if isinstance(config, list | tuple):
        return next(filter(None, map(blank_line, config)), '')
    if not isinstance(config, dict):
        return ''
    path = Path(str(config.get('data_root') or ''), str(config.get('ann_file') or ''))
    if config.get('ann_file') and path.suffix == '.txt' and path.is_file():
        for number, line in enumerate(path.read_text(encoding='utf-8', errors='replace').splitlines(), 1):
            if not line.strip():
                return f'Line {number} of {path} is blank: take it out.'
    return blank_line([value for key, value in config.items() if key in ('dataset', 'datasets')])


def _infos(part: Any) -> list[dict[str, Any]]:
    """The data infos of MMSegmentation's data sets; those of others may be millions, or be no files."""
    if not hasattr(part, 'get_data_info') or not len(part) or not hasattr(part, 'seg_map_suffix'):
        return []
    return [part.get_data_info(index) for index in range(len(part))]


def _is_hidden(path: str) -> bool:
    """Whether a folder of a path below its root is hidden."""
    return any(part.startswith('.') for part in Path(path).parts[:-1])
