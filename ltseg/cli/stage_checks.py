"""All checks of a config before it runs, in their order: each may rely on what those before have found sound."""

import os
from contextlib import suppress

from mmengine.config import Config

from ltseg.cli.built_datasets import BuiltDatasets
from ltseg.cli.checks import check_config
from ltseg.cli.dry_model import dry_model
from ltseg.cli.dry_run import dry_run, rules_of_validation
from ltseg.cli.ignored import settle_ignored
from ltseg.cli.monitored import infer_rules

__all__ = ['check_stage', 'is_first_process', 'settle_stage']

LOCAL_RANKS = {'slurm': 'SLURM_LOCALID', 'mpi': 'OMPI_COMM_WORLD_LOCAL_RANK'}


def is_first_process(launcher: str) -> bool:
    """Whether this is the first process of a run on its machine, or the only one."""
    return launcher == 'none' or os.environ.get(LOCAL_RANKS.get(launcher, 'LOCAL_RANK'), '0') == '0'


def check_stage(config: Config, training: bool, datasets: BuiltDatasets) -> None:
    """Checks the config of a run, or of a stage of one, and settles in it what it leaves open.

    Args:
        config: It is changed: where it names no ignored label, and no rule of a metric that a hook monitors.
        training: Whether it trains, or evaluates the test split.
        datasets: Where those of the config are built; stages share them.

    Raises:
        LtsegError: With every fault that the first check to find any has found.
    """
    settle_ignored(config, training)
    check_config(config, training, datasets=datasets)
    measured = dry_run(config, training, datasets)
    if training:
        infer_rules(config, measured.rules)
    dry_model(config, training, datasets)


def settle_stage(config: Config, datasets: BuiltDatasets) -> None:
    """Settles what :func:`check_stage` settles in a config to train, and leaves checking to the first process.

    Where there is a fault, that process says it and ends; the launcher then ends this one, which waits for it in
    mmengine's set-up.
    """
    with suppress(Exception):  # any: the first process meets it, too
        settle_ignored(config, training=True, says=False)
        infer_rules(config, rules_of_validation(config, datasets))
