"""Trains a config with several values of any of its options and several seeds, and draws the metrics over them.

    ltseg sweep CONFIG --over model.decode_head.loss_decode.tau=0,0.5,1
    ltseg sweep CONFIG --over model.head.regularizers.0.threshold=0.2,0.4,0.6 --seeds 5 --metric accuracy/few
    ltseg sweep CONFIG --over optim_wrapper.optimizer.lr=0.01,0.03 --over train_dataloader.batch_size=8,16

--over takes every option that the config names or that a type in it has as an argument, numbers, texts and lists alike;
several of them give all combinations. All is checked before anything is trained. Each run is that of
``ltseg train CONFIG --cfg-options KEY=VALUE --seed SEED`` in a folder of WORK_DIR/sweep_OPTION/runs; the command goes
on where it was killed, and takes further values or seeds. It writes the table, a picture of each metric, every metric
as CSV, and the page of ltseg report; before training a picture of the weights that change during it in another way with
other values, such as eta of AllNC over its power. Numbers are of the validation split: report a value that was chosen
by them on another one.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from rich.console import Console

from ltseg.checkpoint_files.loading import trusted_files
from ltseg.cli import train
from ltseg.cli.built_datasets import BuiltDatasets
from ltseg.cli.choosing.schedule import process_pool, run_jobs
from ltseg.cli.config_files import add_common_arguments, load_config, register_modules
from ltseg.cli.dry_run import rules_of_validation
from ltseg.cli.errors import one_message_errors
from ltseg.cli.parser import command_parser
from ltseg.cli.runner import calm_warnings
from ltseg.cli.scheduled import weight_figures
from ltseg.cli.stages import stages_of
from ltseg.cli.sweeping.axes import Axis, axis_faults, parse_axes
from ltseg.cli.sweeping.results import results_of
from ltseg.cli.sweeping.runs import SweepRun, check_points, points_of, train_run
from ltseg.cli.trust import add_trust_argument
from ltseg.cli.work_dir_lock import locked
from ltseg.core.checks import check_integer, near
from ltseg.core.errors import UsageError
from ltseg.metrics.task import task_of
from ltseg.reports.figures.renderer import save_figure
from ltseg.reports.settings import short_key

__all__ = ['main']


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = command_parser(__doc__)
    add_common_arguments(parser)
    add_trust_argument(parser)
    parser.add_argument(
        '--over', action='append', required=True, metavar='KEY=VALUE,...', help='option with its values; repeatable'
    )
    parser.add_argument('--seeds', type=int, default=3, help='training runs with each value (default: 3)')
    parser.add_argument(
        '--metric', nargs='+', metavar='KEY', help='to draw (default: quality, mean accuracy, rarest group)'
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision, on a GPU')
    parser.add_argument('--workers', type=int, default=1, help='training runs at a time (default: 1)')
    return parser.parse_args(arguments)


def training_options(options: argparse.Namespace) -> argparse.Namespace:
    """The command line of ``ltseg train`` that all runs share."""
    shared = train.parse_arguments([options.config])
    for name in ('data_root', 'cfg_options', 'amp', 'trust_files', 'work_dir'):
        setattr(shared, name, getattr(options, name))
    return shared


def checked_axes(options: argparse.Namespace, config: Config) -> list[Axis]:
    """The options to vary.

    Raises:
        UsageError: With all that is wrong with them.
    """
    axes = parse_axes(options.over)
    faults = [fault for axis in axes for fault in axis_faults(config, axis)]
    if faults:
        raise UsageError('\n'.join(faults))
    return axes


def metrics_of(options: argparse.Namespace, config: Config) -> Sequence[str]:
    """The metrics to draw.

    Raises:
        UsageError: If validation has no such metric.
    """
    if not options.metric:
        return task_of(config).headline
    known = [*rules_of_validation(stages_of(config)[-1], BuiltDatasets())]
    for metric in options.metric:
        if metric not in known:
            raise UsageError('--metric', 'a metric of the validation', repr(metric), near(metric, known, 3))
    return options.metric


def train_all(runs: Sequence[SweepRun], workers: int, console: Console) -> dict[str, str]:
    """Trains what is not done; returns the messages of what failed."""
    waiting, failed = [run for run in runs if not run.is_done], dict[str, str]()
    if len(waiting) < len(runs):
        console.print(f'Trained before: {len(runs) - len(waiting)} of {len(runs)} runs.', highlight=False)

    def report(run: SweepRun, seconds: float, message: str) -> None:
        if message:
            failed[run.label] = message
        console.print(f'{run.label}: {message or f"{seconds:.0f} s"}', highlight=False)

    if waiting:
        workers = min(workers, len(waiting))
        with process_pool(workers) as pool:
            run_jobs(waiting, pool, workers, math.inf, report, train_run, lambda _: 1.0)
    return failed


def run(options: argparse.Namespace) -> None:
    console = Console()
    for name in ('seeds', 'workers'):
        check_integer(f'--{name}', getattr(options, name), 1)
    config = load_config(options, train.NEEDED, last_stage=False)
    register_modules(config)
    axes, metrics = checked_axes(options, config), metrics_of(options, config)
    folder = Path(config.work_dir) / f'sweep_{"_".join(short_key(axis.key) for axis in axes)}'
    points = points_of(axes, training_options(options), options.seeds, folder / 'runs')
    check_points(points)
    weights = weight_figures({point.short_label: point.stages for point in points})
    with locked(str(folder)):
        for figure in weights:
            save_figure(figure, folder / f'{figure.name}.png')
        by_seed = zip(*(point.runs for point in points), strict=True)  # a seed of every value comes first
        failed = train_all([each for runs in by_seed for each in runs], options.workers, console)
        results = results_of(axes, points)
        if results is not None:
            results.table().print(console)
            written = results.write(metrics, folder, weights)
            console.print(f'Written: {", ".join(map(str, written))}', soft_wrap=True)
    if failed:
        listed = '; '.join(f'{label}: {message}' for label, message in failed.items())
        raise UsageError('ltseg sweep', 'runs that end', listed, 'The same command trains what is left.')


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    calm_warnings()
    with one_message_errors(), trusted_files(options.trust_files):
        run(options)
