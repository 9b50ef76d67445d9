"""What of mmengine's output reaches the terminal; log files keep all of it."""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakMethod

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import MMLogger
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import nn

from ltseg.compat import quietly
from ltseg.core.files import atomic_write

__all__ = [
    'CalmRunner',
    'LaterStageRunner',
    'ReportingRunner',
    'build_runner',
    'calm_warnings',
    'each_warning_once',
    'silent_logger',
]

# How messages of mmengine begin that are for the log file, most of them dumps at set-up.
DUMPS = (
    '\n------',  # the environment
    'Config:\n',
    'Hooks will be executed',
    'Name of parameter - Initialization information',
    'Distributed training is not used',
    'The prefix is not set',
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
    'Checkpoints will be saved to',
    'Exp name:',
    'Reach the end of the dataloader',  # its advice is another sampler
)
# One line of what the table above it shows; of mmengine's accuracy there is no table.
PER_CLASS = re.compile(r'(Iter|Epoch)\((val|test)\).* (IoU/|accuracy/mean_class)')
PROGRESS = re.compile(r'(Iter|Epoch)\((val|test)\).* eta: ')
PATIENCE = 30  # seconds of silence after which the progress of an evaluation is shown


class CalmRunner(Runner):
    """mmengine's runner with mmengine's set-up dumps in the log file only.

    Its checkpoints are there whole or not at all, and its data loaders name a file that cannot be read.

    Attributes:
        HIDDEN: How the messages begin that do not reach the terminal.
    """

    HIDDEN: tuple[str, ...] = DUMPS
    _said = 0.0  # time of the last message on the terminal, in seconds

    def build_logger(self, *args: Any, **kwargs: Any) -> Any:
        """As mmengine's, with a filter on what writes to the terminal."""
        logger = super().build_logger(*args, **kwargs)
        shown = WeakMethod(self._is_shown)  # loggers live as long as the process, and would keep a runner's memory
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler) and handler.stream is not None:
                handler.stream.reconfigure(encoding='utf-8')  # names of classes in any letters, in any locale
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                handler.addFilter(lambda record: (method := shown()) is None or method(record))
        return logger

    def _is_shown(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        early = record.created < self._said + PATIENCE and PROGRESS.match(text)
        if early or text.startswith(self.HIDDEN) or PER_CLASS.match(text):
            return False
        self._said = record.created
        return True

    def load_checkpoint(self, *args: Any, **kwargs: Any) -> Any:
        """As mmengine's, which says it twice."""
        with quietly():
            return super().load_checkpoint(*args, **kwargs)

    @staticmethod
    def build_dataloader(dataloader: Any, seed: int | None = None, diff_rank_seed: bool = False) -> Any:
        """As mmengine's, with files named in errors."""
        from ltseg.datasets.named_files import name_files  # imports MMSegmentation, which may be broken

        loader = Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        name_files(loader.dataset)
        return loader

    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
        """As mmengine's, which leaves half a file where it is killed or the disk is full."""
        if '://' in out_dir or not is_main_process():  # a model in shards is written by all
            super().save_checkpoint(out_dir, filename, *args, **kwargs)
            return
        with atomic_write(Path(out_dir, filename)) as draft:
            super().save_checkpoint(out_dir, draft.name, *args, **kwargs)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """As mmengine's, which turns SyncBN into BN in a single process; says so where there is any."""
        if not self.distributed and any(isinstance(module, nn.SyncBatchNorm) for module in model.modules()):
            self.logger.info('One process only: SyncBN layers become BN layers.')
        return super().wrap_model(model_wrapper_cfg, model)


class ReportingRunner(CalmRunner):
    """Leaves out the metric's table too, because ltseg test prints the report."""

    HIDDEN = (*DUMPS, 'per class results')


class LaterStageRunner(CalmRunner):
    """Leaves out what an earlier stage has said of the training data that both have."""

    HIDDEN = (*DUMPS, 'CountClasses: no pixel of ')


def build_runner(config: Config, default: type[Runner] = CalmRunner) -> Runner:
    """The runner that the config asks for, or ``default``."""
    return RUNNERS.build(config) if 'runner_type' in config else default.from_cfg(config)


@contextmanager
def silent_logger() -> Iterator[None]:
    """Keeps mmengine's logger from saying what only a training run's log is for."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def calm_warnings() -> None:
    """Silences what MMSegmentation and MMPretrain and torch warn of themselves; our own warnings stay."""
    for module in ('mmengine', 'mmcv', 'mmseg', 'mmpretrain', 'torch', 'torchvision'):
        warnings.filterwarnings('ignore', module=rf'{module}(\.|$)')
    logging.getLogger('mmcv').setLevel(logging.ERROR)


@contextmanager
def each_warning_once() -> Iterator[None]:
    """Lets mmengine's current logger give no warning twice: stages share their data and most of their settings."""
    logger, said = MMLogger.get_current_instance(), set()

    def is_new(record: logging.LogRecord) -> bool:
        before = record.levelno >= logging.WARNING and record.getMessage() in said
        said.add(record.getMessage())
        return not before

    logger.addFilter(is_new)
    try:
        yield
    finally:
        logger.removeFilter(is_new)
