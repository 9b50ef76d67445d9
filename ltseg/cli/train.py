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
from ltseg.cli.checkpoint_space import check_space
from ltseg.cli.checkpoints import check_resumable, newest_checkpoint
from ltseg.cli.checks import check_config
from ltseg.cli.config_files import add_common_arguments, load_config, register_modules
from ltseg.cli.dry_model import dry_model
from ltseg.cli.dry_run import dry_run
from ltseg.cli.errors import one_message_errors
from ltseg.cli.ignored import settle_ignored
from ltseg.cli.monitored import infer_rules
from ltseg.cli.recording import RunRecorder
from ltseg.cli.run_records import RunSource
from ltseg.cli.runner import build_runner, calm_warnings
from ltseg.cli.stages import stages_of, stages_to_train
from ltseg.cli.trust import add_trust_argument
from ltseg.cli.work_dir_lock import locked
from ltseg.core.errors import UsageError
from ltseg.core.files import check_writable, naming_folder
from ltseg.hooks.last_batch import CheckLastBatch
from ltseg.hooks.sync_statistics import SyncRunningStatistics
from ltseg.trained.weights import check_weights


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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


def train(config: Config, source: RunSource) -> None:
    """Trains one stage, or the only one."""
    runner = build_runner(config)
    runner.register_hook(RunRecorder(source))
    runner.register_hook(SyncRunningStatistics())
    runner.register_hook(CheckLastBatch())
    check_space(runner.model, config)
    if config.get('resume'):
        check_weights(runner.model, config.load_from)
    with naming_folder(config.work_dir):
        runner.train()


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    os.environ.setdefault('LOCAL_RANK', str(options.local_rank))
    calm_warnings()
    with one_message_errors(), trusted_files(options.trust_files):
        needs = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')
        config = load_config(options, needs, last_stage=False)
        register_modules(config)
        stages = stages_of(config)
        if not options.dry_run:
            check_writable(Path(config.work_dir) / 'records')
        for stage in stages:
            apply_flags(stage, options)
            settle_ignored(stage, training=True)
            check_config(stage, training=True)
            infer_rules(stage, dry_run(stage).rules)
            if os.environ['LOCAL_RANK'] == '0':  # other processes wait for this one to begin training
                dry_model(stage)
        if options.dry_run:
            print('No fault found. Nothing was trained.')
            return
        given = {'name': options.name, 'method': options.method, 'settings': options.cfg_options}
        with locked(config.work_dir, options.launcher):
            for stage, resume in stages_to_train(stages, options.resume):
                index = next(index for index, each in enumerate(stages) if each is stage)
                source = RunSource.of_training(options.config, stages, index, given)
                apply_resume(stage, resume)
                train(stage, source)
