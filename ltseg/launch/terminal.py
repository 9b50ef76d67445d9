"""What of the hosts' output reaches the terminal; log files keep all of it."""

import logging
import warnings
from typing import Any

from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import nn

__all__ = ['CalmRunner', 'build_runner', 'calm_warnings']

# How the dumps that the hosts write at set-up begin, or what they hold.
DUMPS = (
    '\n------',
    'Config:\n',
    'Hooks will be executed',
    'The value is the same before and after calling',
    'initialize ',
    'Init: mean=',
    'Init: ',
    'Distributed training is not used',
    'The prefix is not set',
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
    'Checkpoints will be saved to',
)


class _WithoutDumps(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return not any(text.startswith(dump) or (dump[0] not in '\n"' and dump in text[:400]) for dump in DUMPS)


class CalmRunner(Runner):
    """mmengine's runner with the hosts' set-up dumps in the log file only."""

    def build_logger(self, *args: Any, **kwargs: Any) -> Any:
        """As the host's, with a filter on what writes to the terminal."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                handler.addFilter(_WithoutDumps())
        return logger

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """As the host's; a single process has nobody to share the statistics of SyncBN with."""
        if not self.distributed and any(isinstance(module, nn.SyncBatchNorm) for module in model.modules()):
            self.logger.info('One process only: its SyncBN layers are BN layers.')
            model = revert_sync_batchnorm(model)
        return super().wrap_model(model_wrapper_cfg, model)


def build_runner(config: Config) -> Runner:
    """The runner that the config asks for, by default a calm one."""
    return RUNNERS.build(config) if 'runner_type' in config else CalmRunner.from_cfg(config)


def calm_warnings() -> None:
    """Silences what the hosts and torch warn of themselves; our own warnings stay."""
    for module in ('mmengine', 'mmcv', 'mmseg', 'mmpretrain', 'torch', 'torchvision'):
        warnings.filterwarnings('ignore', module=rf'{module}(\.|$)')
    logging.getLogger('mmcv').setLevel(logging.ERROR)
