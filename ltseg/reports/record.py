"""The record of one evaluated run: a small JSON file from which every table is made."""

import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ltseg.core.errors import InvalidValueError, MissingFileError
from ltseg.core.files import atomic_write
from ltseg.core.json_files import read_json
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.evaluation_fields import evaluation_from, fields_of
from ltseg.reports.record_checks import check_known_fields

__all__ = ['Point', 'RunRecord', 'commit_of', 'find_records', 'installed_versions', 'record_files']

KIND = 'ltseg run record'
PACKAGES = ('torch', 'mmengine', 'mmcv', 'mmseg', 'ltseg', 'mmpretrain')
Point = Mapping[str, float]


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages in use, which decide a result.

    Nothing is imported for its version: what a run does without may be broken, such as MMSegmentation in
    classification.
    """
    versions = {name: getattr(sys.modules.get(name), '__version__', None) for name in PACKAGES}
    return {'python': platform.python_version(), **{name: found for name, found in versions.items() if found}}


def commit_of(folder: str | os.PathLike = '.') -> str | None:
    """The git commit that ``folder`` is at, with '-modified' where files differ from it; None outside of git."""
    command = ('git', '-C', str(folder), 'describe', '--always', '--abbrev=40', '--exclude=*', '--dirty=-modified')
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec='seconds')


@dataclass(frozen=True, eq=False, kw_only=True)
class RunRecord:
    """One evaluated run. ltseg's own metrics are not stored: all are computed from the confusion matrix.

    Args:
        name: Of this run, e.g. 'camvid-deeplabv3plus-arb-seed1'.
        method: As tables show it, e.g. 'ARB (batch)'.
        model: E.g. 'DeepLabv3+ R18'.
        dataset: E.g. 'CamVid'.
        split: 'train', 'val' or 'test'.
        evaluation: The confusion matrix with classes, groups and counts.
        seed: Of the run.
        config: Path of the config file.
        settings: What differs from the config file, and what a reader needs to know, as plain JSON values.
        setup: What decides the result besides the seed: the resolved config of training and evaluation without what is
            of one machine, as plain JSON values. Records of older versions have none.
        other_metrics: What other metrics of the evaluator measured, by name and as they gave it.
        iterations: Training iterations.
        curves: Metrics over training by the name of the split: points with 'iteration' and metrics in percent.
        tau_curve: Metrics over the strength of post-hoc logit adjustment: points with 'tau' and metrics in percent.
        versions: Of Python and the packages; by default those that are installed.
        commit: Git commit of the code.
        date: By default now, in UTC.

    Raises:
        ValueError: If a point of a curve has no 'iteration' or 'tau'.

    Example:
        >>> import torch
        >>> from ltseg.counts.groups import ClassGroups
        >>> from ltseg.metrics.evaluation import Evaluation
        >>> from ltseg.reports.record import RunRecord
        >>> matrix, groups = torch.tensor([[8, 0, 0], [0, 4, 0], [0, 1, 3]]), ClassGroups((0,), (1,), (2,), 'as listed')
        >>> evaluation = Evaluation(matrix, ('road', 'car', 'pole'), groups, matrix.sum(1), 'the evaluated labels')
        >>> about = dict(method='ARB', model='U-Net', dataset='CamVid', split='test', seed=0)
        >>> RunRecord(name='camvid-unet-arb-seed0', evaluation=evaluation, **about).metrics()['mIoU_tail']
        75.0
    """

    name: str
    method: str
    model: str
    dataset: str
    split: str
    evaluation: Evaluation
    seed: int | None = None
    config: str = ''
    settings: Mapping[str, Any] = field(default_factory=dict)
    setup: Mapping[str, Any] = field(default_factory=dict)
    other_metrics: Mapping[str, float] = field(default_factory=dict)
    iterations: int | None = None
    curves: Mapping[str, Sequence[Point]] = field(default_factory=dict)
    tau_curve: Sequence[Point] = ()
    versions: Mapping[str, str] = field(default_factory=installed_versions)
    commit: str | None = None
    date: str = field(default_factory=_now)

    def __post_init__(self) -> None:
        for name in ('name', 'method', 'model', 'dataset', 'split'):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise InvalidValueError(f'RunRecord.{name}', 'a text that is not empty', repr(getattr(self, name)))
        points = [('iteration', point) for curve in self.curves.values() for point in curve]
        for key, point in (*points, *(('tau', point) for point in self.tau_curve)):
            if key not in point or not all(isinstance(value, int | float) for value in point.values()):
                raise InvalidValueError('RunRecord', f'curve points of numbers with {key!r}', repr(dict(point)))

    @property
    def setting(self) -> tuple[str, str, str]:
        """Model, data set and split."""
        return self.model, self.dataset, self.split

    def metrics(self) -> dict[str, float]:
        """Every metric by its key, see ``Evaluation.metrics``; those of other metrics come last."""
        return {**self.evaluation.metrics(), **self.other_metrics}

    def save(self, path: str | os.PathLike) -> Path:
        """Writes the record."""
        content = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != 'evaluation'}
        text = _layout(_finite({'kind': KIND, **content, **fields_of(self.evaluation)}))
        with atomic_write(path) as draft:
            draft.write_text(f'{text}\n', encoding='utf-8')
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike) -> 'RunRecord':
        """Reads a record.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is not a record, or lacks a field, or its parts do not fit each other.
        """
        where = f'run record {str(path)!r}'
        content = read_json(path, where)
        if not isinstance(content, dict) or content.pop('kind', None) != KIND:
            raise InvalidValueError(where, 'a record that ltseg test wrote', 'a JSON file of another kind')
        try:
            check_known_fields(content)
            return cls(evaluation=evaluation_from(content), **content)
        except KeyError as error:
            raise InvalidValueError(where, f'the field {error}', 'a record without it') from error
        except (TypeError, ValueError, IndexError, RuntimeError, AttributeError) as error:
            raise InvalidValueError(f'{where}: {error}') from error


def _finite(value: Any) -> Any:
    """The same with nan left out of points: JSON has none, and a reader takes what is missing for it."""
    if isinstance(value, Mapping):
        entries = ((key, _finite(entry)) for key, entry in value.items())
        return {key: entry for key, entry in entries if not (isinstance(entry, float) and math.isnan(entry))}
    return [_finite(entry) for entry in value] if isinstance(value, list | tuple) else value


def _layout(value: Any, indent: str = '') -> str:
    """JSON with one line for each key and for each row of a matrix or point of a curve."""
    deeper = indent + '  '
    if isinstance(value, Mapping) and (not indent or any(isinstance(v, list | Mapping) for v in value.values())):
        lines = [f'{deeper}{json.dumps(key)}: {_layout(entry, deeper)}' for key, entry in value.items()]
        return '{\n' + ',\n'.join(lines) + f'\n{indent}}}'
    if isinstance(value, list) and any(isinstance(entry, list | Mapping) for entry in value):
        return '[\n' + ',\n'.join(deeper + json.dumps(entry) for entry in value) + f'\n{indent}]'
    return json.dumps(value, allow_nan=False)


def find_records(paths: Sequence[str | os.PathLike]) -> list[RunRecord]:
    """The records of files, and of folders with all records in and below them, sorted by path.

    Raises:
        FileNotFoundError: If a path does not exist, or a folder holds no record.
        ValueError: If a file is not a record.
    """
    return [RunRecord.load(path) for path in record_files(paths)]


def record_files(paths: Sequence[str | os.PathLike]) -> list[Path]:
    """The files of :func:`find_records`."""
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        inside = sorted(p for p in path.rglob('*.json') if _is_record(p)) if path.is_dir() else [path]
        if not inside:
            raise MissingFileError(f'folder {str(path)!r}', 'records (*.json) that ltseg test wrote', 'none')
        found |= dict.fromkeys(inside)
    return list(found)


def _is_record(path: Path) -> bool:
    with path.open(encoding='utf-8', errors='replace') as stream:
        return f'"kind": "{KIND}"' in stream.read(200)
