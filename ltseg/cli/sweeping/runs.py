"""The training runs of a sweep: one for each combination of values and each seed, in a folder of its own."""

import argparse
import hashlib
import io
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ltseg.checkpoint_files.loading import trusted_files
from ltseg.cli import train
from ltseg.cli.built_datasets import BuiltDatasets
from ltseg.cli.config_files import load_config
from ltseg.cli.errors import known_message
from ltseg.cli.run_records import leaves_record
from ltseg.cli.run_setup import evaluation_setup, training_setup
from ltseg.cli.runner import each_warning_once, silent_logger
from ltseg.cli.stage_checks import check_stage
from ltseg.cli.stages import stages_of
from ltseg.cli.sweeping.axes import Axis, value_text
from ltseg.core.errors import UsageError
from ltseg.reports.settings import short_key

__all__ = ['Point', 'SweepRun', 'check_points', 'points_of', 'train_run']

LONGEST = 60  # characters of the values in the name of a folder
OF_NO_NAME = r'[^\w.,=+-]+'  # characters that folders do not have in their names


@dataclass(frozen=True)
class SweepRun:
    """A training run as ``ltseg train`` has it.

    Args:
        label: What messages call it.
        options: The command line of ``ltseg train``.
        record: The file that it leaves when it has ended.
    """

    label: str
    options: argparse.Namespace
    record: Path

    @property
    def is_done(self) -> bool:
        """Whether it has been trained before."""
        return self.record.is_file()


@dataclass(frozen=True)
class Point:
    """A combination of values, with a run for each seed.

    Args:
        values: By their dotted keys.
        stages: The config of each stage.
        setup: What decides the result beside the seed.
        runs: In the order of the seeds.
    """

    values: dict[str, Any]
    stages: Sequence[Config]
    setup: dict[str, Any]
    runs: tuple[SweepRun, ...]

    @property
    def label(self) -> str:
        """The values, as messages have them."""
        return ', '.join(f'{key}={value_text(value)}' for key, value in self.values.items())

    @property
    def short_label(self) -> str:
        """The values, as the legends of figures have them."""
        return _short_label(self.values)


def points_of(axes: Sequence[Axis], options: argparse.Namespace, seeds: int, folder: Path) -> list[Point]:
    """All combinations of the values of several options.

    The name of a run's folder has a hash of what decides its result, so that a changed config trains anew, and another
    number of workers, or data in another place, does not.

    Args:
        axes: The options with their values.
        options: The command line of ``ltseg train`` without them.
        seeds: How many runs there are of each combination.
        folder: Where the folders of the runs are.

    Raises:
        UsageError: If values do not fit the config, or two combinations train and evaluate the same.
    """
    combinations = itertools.product(*(axis.values for axis in axes))
    points = [
        _point({axis.key: value for axis, value in zip(axes, values, strict=True)}, options, seeds, folder)
        for values in combinations
    ]
    for place, point in enumerate(points):
        twin = next((other for other in points[:place] if other.setup == point.setup), None)
        if twin is not None:
            hint = 'Sweep over the option that the model, the data or the schedule is built with.'
            expected = 'values that change what is trained or evaluated'
            raise UsageError(f'--over {point.label}', expected, f'the same as with {twin.label}', hint)
    return points


def _point(values: dict[str, Any], given: argparse.Namespace, seeds: int, folder: Path) -> Point:
    options = deepcopy(given)
    options.cfg_options = {**(given.cfg_options or {}), **values}
    with silent_logger():  # it would warn for every combination again
        stages = stages_of(load_config(options, train.NEEDED, last_stage=False))
    for stage in stages:
        train.apply_flags(stage, options)
    last = stages[-1]
    if not leaves_record(last):
        hint = "Set val_evaluator=dict(type='ltseg.LongTailIoU'), or 'ltseg.LongTailAccuracy' for a classifier."
        raise UsageError('ltseg sweep', 'a config whose validation leaves a record', 'another val_evaluator', hint)
    setup = training_setup(last, stages[:-1]) | evaluation_setup(last, 'val')
    below = Path(last.work_dir).name if len(stages) > 1 else ''
    runs = tuple(_run(values, setup, options, seed, folder, below) for seed in range(seeds))
    return Point(values, stages, setup, runs)


def _run(
    values: dict[str, Any], setup: dict[str, Any], given: argparse.Namespace, seed: int, folder: Path, below: str
) -> SweepRun:
    mark = hashlib.sha256(json.dumps([setup, seed], sort_keys=True).encode()).hexdigest()[:8]
    named = ','.join(f'{short_key(key)}={value_text(value)}' for key, value in values.items())
    work_dir = folder / f'{re.sub(OF_NO_NAME, "_", named)[:LONGEST]}-seed{seed}-{mark}'
    options = argparse.Namespace(**{**vars(given), 'seed': seed, 'work_dir': str(work_dir), 'resume': 'auto'})
    return SweepRun(f'{_short_label(values)}, seed {seed}', options, work_dir / below / 'records' / 'val.json')


def _short_label(values: dict[str, Any]) -> str:
    return ', '.join(f'{short_key(key)} {value_text(value)}' for key, value in values.items())


def check_points(points: Sequence[Point]) -> None:
    """Checks the config of each combination that has something left to train.

    Raises:
        UsageError: With the faults of all of them.
    """
    faults = [*_faults([point for point in points if not all(run.is_done for run in point.runs)])]
    if faults:
        raise UsageError('\n'.join(faults))


def _faults(points: Sequence[Point]) -> Iterator[str]:
    datasets = BuiltDatasets()
    with each_warning_once():
        for point in points:
            try:
                for stage in point.stages:
                    check_stage(stage, True, datasets)
            except Exception as error:
                yield f'--over {point.label}: {known_message(error)}'


def train_run(run: SweepRun) -> None:
    """Trains a run, or what is left of it, without a word: its folder has the log."""
    silence = redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO())  # open as long as mmengine's loggers
    with silence[0], silence[1], trusted_files(run.options.trust_files):
        train.run(run.options, run.options.work_dir)
