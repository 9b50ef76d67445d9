"""Records of runs, and what lies beside them in a work dir."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.config.config import RESERVED_KEYS  # which Config refuses

from ltseg.core.checks import check_choice
from ltseg.core.json_files import parse_json
from ltseg.core.literals import literal_settings
from ltseg.reports.record import RunRecord, record_files

__all__ = ['Run', 'find_runs', 'logged_points']

PREFERRED = ('test', 'val', 'train')


@dataclass(frozen=True, eq=False)
class Run:
    """A record and the files of its training, as far as there are any.

    Args:
        record: The record.
        path: Its file; None for a record that was not read from one.

    Example:
        >>> from pathlib import Path
        >>> from unittest.mock import Mock
        >>> from ltseg.reports.runs import Run
        >>> Run(Mock(), Path('work_dirs/unet_arb_camvid/records/test.json')).work_dir.name
        'unet_arb_camvid'
    """

    record: RunRecord
    path: Path | None = None

    @cached_property
    def work_dir(self) -> Path | None:
        """The folder in which the run was trained; None for a record that was moved away from it."""
        if self.path is None or self.path.parent.name != 'records':
            return None
        near = self.path.resolve().parents[1:3]  # records of test-time augmentation lie one folder deeper
        return next((folder for folder in near if any(folder.glob('*/vis_data'))), near[0])

    @cached_property
    def scalars(self) -> list[dict[str, Any]]:
        """What the training run logged, by step; where it was resumed, the later log counts."""
        points: dict[int, dict[str, Any]] = {}
        for path in self._logs:
            for point in logged_points(path):
                points[point['step']] = points.get(point['step'], {}) | point
        return [points[step] for step in sorted(points)]

    @cached_property
    def config(self) -> Config | None:
        """The settings of the config that the run was trained with, as far as they are literals.

        Nothing in the copy in the work dir is run, and the path in the record is not followed: both may come from
        people whom the reader does not know.
        """
        for log in reversed(self._logs):
            found = literal_settings(_text_of(log.with_name('config.py')))
            settings = {key: value for key, value in found.items() if key not in RESERVED_KEYS}
            if settings:
                return Config(settings)
        return None

    @property
    def _logs(self) -> list[Path]:
        return sorted(self.work_dir.glob('*/vis_data/scalars.json')) if self.work_dir else []


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8')
    except (OSError, ValueError):  # none, or no text
        return ''


def logged_points(path: Path) -> Iterator[dict[str, Any]]:
    """The points in a log, without a last line that was cut off."""
    with path.open(encoding='utf-8', errors='replace') as stream:
        for line in stream:
            try:
                point = parse_json(line, nan=True)
            except ValueError:
                continue
            if isinstance(point, dict) and isinstance(point.get('step'), int):
                yield point


def find_runs(paths: Sequence[str | os.PathLike], split: str | None = None) -> list[Run]:
    """The runs in record files, and in folders with records in and below them.

    Args:
        paths: Files and folders.
        split: Of the records; by default 'test' where there is such a record, else 'val', else 'train'.

    Raises:
        FileNotFoundError: If a path does not exist, or a folder holds no record.
        ValueError: If a file is not a record, or none is of the split.
    """
    runs = [Run(RunRecord.load(file), file) for file in record_files(paths)]
    splits = sorted({run.record.split for run in runs}, key=_preference)
    if split is not None:
        check_choice('--split', split, splits)
    return [run for run in runs if run.record.split == (split or splits[0])]


def _preference(split: str) -> tuple[int, str]:
    return (PREFERRED.index(split) if split in PREFERRED else len(PREFERRED)), split
