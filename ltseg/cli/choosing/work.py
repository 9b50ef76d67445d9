"""One training run of ltseg choose: a head on features, and what it predicts of each validation image at each tau."""

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
from ltseg.cli.config_files import register_modules
from ltseg.cli.runner import build_runner, calm_warnings
from ltseg.core.confusion import confusion_matrix
from ltseg.core.curve_comparison import CurveCounts
from ltseg.core.files import atomic_write
from ltseg.core.posthoc import log_prior_of, predictions_over_tau
from ltseg.reports.record import RunRecord
from ltseg.reports.tau_report import curve_points
from ltseg.trained.model import TrainedModel
from ltseg.trained.tasks import trained_model

__all__ = ['Job', 'counts_of', 'is_done', 'load_counts', 'prepare_process', 'train_and_evaluate']

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
        ignored: Label that is not evaluated.
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
    ignored: int
    table: str
    model: str
    dataset: str
    trusted: bool = False

    @property
    def iterations(self) -> int:
        """Of the training run."""
        return self.config['train_cfg']['max_iters']

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


def load_counts(work_dir: str | os.PathLike) -> CurveCounts:
    """What a run predicts, see :func:`counts_of`."""
    content = torch.load(Path(work_dir, COUNTS), weights_only=True)
    return CurveCounts(content['right'], content['predicted'], content['true'])


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
    counts, matrices = counts_of(model, job.taus, job.ignored)
    _record(job, model, matrices).save(Path(job.work_dir, 'records', 'val.json'))
    # Last: it says that the run is done.
    with atomic_write(Path(job.work_dir, COUNTS)) as draft, draft.open('wb') as file:
        torch.save({'right': counts.right, 'predicted': counts.predicted, 'true': counts.true}, file)


def counts_of(model: TrainedModel, taus: tuple[float, ...], ignored: int) -> tuple[CurveCounts, Tensor]:
    """The predictions of a model on the validation images.

    Args:
        model: The model.
        taus: The T strengths of logit adjustment.
        ignored: Label that is not evaluated.

    Returns:
        Pixels of each of the I images, and the confusion matrices of all of them together, (T, K, K).
    """
    names, table = model.table.class_names, model.table
    log_prior = log_prior_of(table.learned.samples, 0.0, names, table.cause_of_empty_classes)
    size, images = len(names), []
    matrices = torch.zeros(len(taus), size, size, dtype=torch.int64)
    for batch in model.loader('val'):
        with torch.inference_mode():
            for logits, labels in model.logits_and_labels(batch, 'prior'):
                over_tau = predictions_over_tau(logits, log_prior, taus)
                found = torch.stack([confusion_matrix(each, labels, size, ignored).cpu() for each in over_tau])
                matrices += found
                images.append((found.diagonal(dim1=1, dim2=2), found.sum(1), found[0].sum(1)))
    right, predicted, true = (torch.stack(each) for each in zip(*images, strict=True))
    return CurveCounts(right, predicted, true), matrices


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
