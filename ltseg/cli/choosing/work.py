"""One training run of ltseg choose: a head on features, and what it predicts of validation images at each tau."""

import ltseg.compat  # noqa: F401  isort: skip (a process of its own starts here)
import multiprocessing
import os
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.utils import import_modules_from_strings
from torch import Tensor

from ltseg.checkpoint_files.loading import trusted_files
from ltseg.cli.choosing.predictions import load_predictions, predictions_of, save_predictions
from ltseg.cli.config_files import register_modules
from ltseg.cli.runner import build_runner, calm_warnings
from ltseg.core.classified_images import ClassifiedImages
from ltseg.core.curve_comparison import CurveCounts
from ltseg.reports.record import RunRecord
from ltseg.reports.tau_report import curve_points
from ltseg.trained.model import TrainedModel
from ltseg.trained.tasks import trained_model

__all__ = ['Job', 'is_done', 'load_counts', 'prepare_process', 'train_and_evaluate']

COUNTS = 'counts.pt'


@dataclass(frozen=True)
class Job:
    """A training run.

    Args:
        method: Its name on the command line.
        title: Its name in tables.
        config: From :func:`ltseg.cli.choosing.feature_config.on_features`, as plain values.
        work_dir: Its folder.
        seed: Its seed.
        taus: Strengths of post-hoc adjustment.
        ignored: Label that is not evaluated; None in classification.
        table: Class counts of the training labels.
        model, dataset: Labels for reports.
        trusted: Whether files that it loads may run code.
    """

    method: str
    title: str
    config: dict[str, Any]
    work_dir: str
    seed: int
    taus: tuple[float, ...]
    ignored: int | None
    table: str
    model: str
    dataset: str
    trusted: bool = False

    @property
    def iterations(self) -> int:
        """Of the training run."""
        return self.config['train_cfg']['max_iters']

    @property
    def record(self) -> Path:
        """Its run record."""
        return Path(self.work_dir, 'records', 'val.json')

    @property
    def label(self) -> str:
        """What messages call it."""
        return f'{self.title} seed {self.seed} ({self.iterations:,} iterations)'


def prepare_process(threads: int) -> None:
    """Sets up a process that trains beside others, and ends with the one that has started it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    os.environ['OMP_NUM_THREADS'] = str(threads)
    calm_warnings()
    warnings.filterwarnings('ignore')


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # it was killed, and the next command trains the same runs


def is_done(work_dir: str | os.PathLike) -> bool:
    """Whether a run has been trained and evaluated before."""
    return Path(work_dir, COUNTS).is_file()


def load_counts(work_dir: str | os.PathLike) -> CurveCounts | ClassifiedImages:
    """What a run predicts, see :func:`ltseg.cli.choosing.predictions.predictions_of`."""
    return load_predictions(Path(work_dir, COUNTS))


def train_and_evaluate(job: Job) -> str:
    """Trains and evaluates, unless that has been done before; returns the folder."""
    if not is_done(job.work_dir):
        with trusted_files(job.trusted):
            _train_and_evaluate(job)
    return job.work_dir


def _train_and_evaluate(job: Job) -> None:
    config = Config(job.config)
    config.work_dir, config.launcher = job.work_dir, 'none'
    register_modules(config)
    if config.get('custom_imports'):  # which mmengine imports where it reads a file only
        import_modules_from_strings(**config.custom_imports)
    training = Config({**config.to_dict(), 'val_dataloader': None, 'val_cfg': None, 'val_evaluator': None})
    runner = build_runner(training)
    runner.train()
    checkpoint = Path(job.work_dir, f'iter_{job.iterations}.pth')
    model = trained_model(config, checkpoint, job.table)
    predictions, matrices = predictions_of(model, job.taus, job.ignored)
    _record(job, model, matrices).save(job.record)
    save_predictions(Path(job.work_dir, COUNTS), predictions)  # last: it says that the run is done


def _record(job: Job, model: TrainedModel, matrices: Tensor) -> RunRecord:
    curve = model.curve_of('val', job.taus, matrices)
    return RunRecord(
        name=Path(job.work_dir).name,
        method=job.title,
        model=job.model,
        dataset=job.dataset,
        split='val',
        evaluation=curve.at(0.0),
        seed=job.seed,
        settings={'backbone': 'frozen'},
        iterations=job.iterations,
        tau_curve=curve_points(curve),
    )
