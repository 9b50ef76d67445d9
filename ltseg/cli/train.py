"""Trains a model from a config.

    ltseg train configs/deeplabv3plus_arb_cityscapes.py
    ltseg train CONFIG --resume
    ltseg train CONFIG --cfg-options train_dataloader.batch_size=4 model.pretrained=None

Logs, checkpoints and the record of the run are in WORK_DIR. A config that lists stages trains them one after the other,
each in WORK_DIR/STAGE from the last checkpoint of the one before; --resume goes on in the stage that was interrupted.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from ltseg.checkpoint_files.loading import trusted_files
from ltseg.cli.built_datasets import BuiltDatasets
from ltseg.cli.checkpoint_space import check_space
from ltseg.cli.checkpoints import check_resumable, newest_checkpoint
from ltseg.cli.config_files import add_common_arguments, load_config, register_modules
from ltseg.cli.errors import one_message_errors
from ltseg.cli.parser import command_parser
from ltseg.cli.recording import LostValidation, RunRecorder
from ltseg.cli.run_records import RunSource
from ltseg.cli.runner import CalmRunner, LaterStageRunner, build_runner, calm_warnings, each_warning_once
from ltseg.cli.stage_checks import check_stage, is_first_process, settle_stage
from ltseg.cli.stages import stages_of, stages_to_train
from ltseg.cli.trust import add_trust_argument
from ltseg.cli.work_dir_lock import locked
from ltseg.core.errors import UsageError
from ltseg.core.files import check_writable, naming_folder
from ltseg.hooks.last_batch import CheckLastBatch
from ltseg.hooks.sync_statistics import SyncRunningStatistics
from ltseg.nested_datasets import dataset_config
from ltseg.trained.weights import check_weights

NEEDED = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')  # of the parts of a config


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = command_parser(__doc__)
    add_common_arguments(parser)
    add_trust_argument(parser)
    parser.add_argument(
        '--resume', nargs='?', const='auto', help='go on from the newest checkpoint in the work dir, or from this one'
    )
    parser.add_argument('--dry-run', action='store_true', help='check the config and one image of each split, and stop')
    parser.add_argument('--amp', action='store_true', help='mixed precision, on a GPU')
    parser.add_argument('--seed', type=int, help='seed of the training run (default: that of the config)')
    parser.add_argument('--name', help='name of the run in reports')
    parser.add_argument('--method', help='name of the method in reports')
    return parser.parse_args(arguments)


def apply_flags(config: Config, options: argparse.Namespace) -> None:
    """Puts the flags for every stage into its config."""
    if options.amp:
        wrapper = config.optim_wrapper.get('type', 'OptimWrapper')
        if wrapper not in ('OptimWrapper', 'AmpOptimWrapper'):
            hint = 'Its loss scaler leaves batches without a finite gradient out by itself.'
            raise UsageError('--amp', "optim_wrapper.type='OptimWrapper'", repr(wrapper), hint)
        config.optim_wrapper.update(type='AmpOptimWrapper', loss_scale='dynamic')
    if options.seed is not None:
        config.randomness = {**(config.get('randomness') or {}), 'seed': options.seed}


def apply_resume(config: Config, resume: str | None) -> None:
    """Puts the checkpoint to go on from into the config: that named by ``resume``, or the newest for 'auto'."""
    if resume is None:
        return
    path = newest_checkpoint(config.work_dir) if resume == 'auto' else resume
    config.resume, config.load_from = path is not None, path or config.get('load_from')
    if path is not None:
        check_resumable(path, config)


def check_stages(stages: Sequence[Config], is_first: bool) -> None:
    """Checks all stages before the first one trains; other processes than the first wait for it to begin training."""
    datasets = BuiltDatasets()  # gone before training
    with each_warning_once():
        for stage in stages:
            if is_first:
                check_stage(stage, True, datasets)
            else:
                settle_stage(stage, datasets)


def train(config: Config, source: RunSource, kind: type[CalmRunner] = CalmRunner) -> None:
    """Trains one stage, or the only one."""
    runner = build_runner(config, kind)
    runner.register_hook(RunRecorder(source))
    runner.register_hook(LostValidation())
    runner.register_hook(SyncRunningStatistics())
    runner.register_hook(CheckLastBatch())
    check_space(runner.model, config)
    if config.get('resume'):
        check_weights(runner.model, config.load_from)
    with naming_folder(config.work_dir):
        runner.train()


def train_stages(stages: Sequence[Config], options: argparse.Namespace) -> None:
    """Trains what is left of the stages, one after the other."""
    given = {'name': options.name, 'method': options.method, 'settings': options.cfg_options}
    learned: list[dict | None] = []  # data sets of the stages that this process has trained
    for stage, resume in stages_to_train(stages, options.resume):
        index = next(index for index, each in enumerate(stages) if each is stage)
        source = RunSource.of_training(options.config, stages, index, given)
        apply_resume(stage, resume)
        dataset = dataset_config(stage, 'train')
        train(stage, source, LaterStageRunner if dataset in learned else CalmRunner)
        learned.append(dataset)


def run(options: argparse.Namespace, experiment: str | None = None) -> None:
    """Trains as the command line says.

    Args:
        options: The command line.
        experiment: What mmengine calls the run, whose runs of the same name in one process share what they log. None:
            what the config says, or the time.
    """
    config = load_config(options, NEEDED, last_stage=False)
    config.experiment_name = experiment or config.get('experiment_name')
    register_modules(config)
    stages = stages_of(config)
    if not options.dry_run:
        check_writable(Path(config.work_dir) / 'records')
    for stage in stages:
        apply_flags(stage, options)
    is_first = is_first_process(options.launcher)
    check_stages(stages, is_first)
    if options.dry_run:
        if is_first:
            print('No fault found. Nothing was trained.')
        return
    with locked(config.work_dir, options.launcher):
        train_stages(stages, options)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    os.environ.setdefault('LOCAL_RANK', str(options.local_rank))
    calm_warnings()
    with one_message_errors(), trusted_files(options.trust_files):
        run(options)
