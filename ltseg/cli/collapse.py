"""Measures neural collapse of trained models: class means, classifier vectors, and how they lie to each other.

    ltseg collapse CONFIG CHECKPOINT
    ltseg collapse CONFIG work_dirs/RUN/iter_*.pth --split val --limit 500
    ltseg collapse CONFIG
    torchrun --nproc_per_node 4 -m ltseg collapse CONFIG CHECKPOINT --launcher pytorch

One pass over the images for each checkpoint, without augmentation. Writes to WORK_DIR/collapse/ all numbers as
SPLIT.json, SPLIT.csv and SPLIT_classes.csv, each figure as table and picture, and SPLIT_figures.json for
ltseg report. Several checkpoints of one training give curves; figures of classes are of the last one. What
ltseg.CollapseMonitor and ltseg.GradientMonitor logged in the work dir is drawn too. Where the weights of losses change
over training (eta of AllNC, alpha of BBN, DRW), their curves are drawn; without a checkpoint nothing else is, as
collapse/schedules_weights.png, and nothing need be trained.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
import os
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_rank, init_dist
from rich.console import Console
from torch.utils.data import Subset

from ltseg.checkpoint_files.loading import trusted_files
from ltseg.cli.checkpoints import check_checkpoint
from ltseg.cli.checks import check_config, check_parts
from ltseg.cli.config_files import add_common_arguments, load_config, register_modules, training_images
from ltseg.cli.errors import one_message_errors
from ltseg.cli.ignored import settle_ignored
from ltseg.cli.label_faults import trained_classes
from ltseg.cli.parser import command_parser
from ltseg.cli.runner import CalmRunner, calm_warnings
from ltseg.cli.scheduled import weight_figures
from ltseg.cli.split_counts import count_split
from ltseg.cli.stages import stages_of
from ltseg.cli.trust import add_trust_argument
from ltseg.core.class_sample import ClassSample
from ltseg.core.errors import UsageError
from ltseg.core.files import check_writable
from ltseg.counts.data_set_counts import build_dataset
from ltseg.counts.groups import by_frequency
from ltseg.metrics.task import task_of
from ltseg.reports.collapse.charts import CurvePoint, class_charts, curves
from ltseg.reports.collapse.contents import Classes, values_table
from ltseg.reports.collapse.monitored import COLLAPSE_LOG, gradient_charts, monitored_curves
from ltseg.reports.collapse.projection import PROJECTIONS, feature_map, projected_map
from ltseg.reports.collapse.report import CheckpointSummary, CollapseReport, write_figures
from ltseg.reports.figures.figure import Figure
from ltseg.trained.measuring import Measurement, measure
from ltseg.trained.model import build_model
from ltseg.trained.projecting import projected_samples
from ltseg.trained.weights import load_weights


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = command_parser(__doc__)
    add_common_arguments(parser)
    add_trust_argument(parser)
    parser.add_argument(
        'checkpoints',
        nargs='*',
        metavar='checkpoint',
        help='files with the weights, of one training; none: schedules only',
    )
    parser.add_argument('--split', choices=['train', 'val', 'test'], default='train', help='default: train')
    parser.add_argument('--limit', type=int, metavar='N', help='images, spread over the split (default: all)')
    parser.add_argument('--map', choices=PROJECTIONS, default='pca', help='projection of the 2-D map (default: pca)')
    parser.add_argument(
        '--formats', nargs='*', choices=['png', 'svg', 'pdf'], default=['png'], help='of pictures; or none'
    )
    parser.add_argument('--literal', action='store_true', help='B_D and B_A with the normaliser printed in the paper')
    options = parser.parse_args(arguments)
    if options.limit is not None and options.limit < 1:
        parser.error(f'--limit: expected at least 1, got {options.limit}.')
    return options


def choose_split(config: Config, split: str) -> None:
    """Makes the test data loader read the split, without augmentation."""
    if split != 'test':
        config.test_dataloader = deepcopy(config.val_dataloader)
    if split == 'train':
        config.test_dataloader.dataset = training_images(config)
    config.test_dataloader.pop('batch_sampler', None)
    config.test_dataloader.sampler = dict(type='DefaultSampler', shuffle=False, round_up=False)  # no image twice


def build_loader(config: Config, limit: int | None) -> Any:
    """The data loader of the split, or of ``limit`` images spread over it."""
    loader = CalmRunner.build_dataloader(config.test_dataloader, seed=0)
    size = len(loader.dataset)
    if limit is None or limit >= size:
        return loader
    subset = Subset(loader.dataset, [index * size // limit for index in range(limit)])
    return CalmRunner.build_dataloader({**config.test_dataloader, 'dataset': subset}, seed=0)


def classes_of(config: Config) -> Classes:
    """The classes with their training counts, which are counted or taken from ``class_counts/``."""
    table = count_split(config, 'train', build_dataset(config.train_dataloader.dataset))
    task = task_of(config)
    names, samples = task.labels(table.class_names), table.counts.samples
    return Classes(names, samples.tolist(), by_frequency(samples), task.unit)


class Measured(NamedTuple):
    """The figures of a checkpoint, what they are of, and its features behind the projections of contrastive terms."""

    figures: CheckpointSummary
    features: Measurement
    projected: dict[str, ClassSample]


def measured(model: Any, loader: Any, path: str, options: argparse.Namespace) -> Measured:
    """What a checkpoint has, whose weights the model gets."""
    meta = check_checkpoint(path)
    load_weights(model, path)
    found = measure(model, loader, Path(path).name)
    figures = CheckpointSummary(path, int(meta.get('iter') or 0), found.summary(options.literal))
    return Measured(figures, found, projected_samples(model, found.sample))


def figures_of(report: CollapseReport, measured: Measured, folder: Path, by: str) -> list[Figure]:
    """All figures; ``measured`` is the last checkpoint."""
    classes, figures, last = report.classes, class_charts(report.last, report.classes), measured.features
    points = [CurvePoint(each.iteration, each.summary.figures) for each in report.checkpoints]
    if len(points) > 1:
        figures += curves(points, report.last.optimal_angle)
    monitored = monitored_curves(folder / COLLAPSE_LOG, len(classes.names))
    pictures = [feature_map(last.sample, last.statistics.means, report.last.present, classes, by)]
    pictures += [
        projected_map(name, each, report.last.present, classes, by) for name, each in measured.projected.items()
    ]
    gradients = gradient_charts(folder / 'gradient_monitor.jsonl', classes)
    return [*figures, *filter(None, pictures), *monitored, *gradients]


def note_of(split: str, images: int, last: Measurement, classes: Classes) -> str:
    """What the figures are of."""
    note = f'{images:,} images of the {split} split, {int(last.statistics.counts.sum()):,} {classes.unit}.'
    if last.is_exact:
        return note
    return f'{note} NC4 and class-averaged NC1 are from up to {last.sample.per_class:,} random samples of each class.'


def analyze(config: Config, options: argparse.Namespace, console: Console) -> None:
    """Measures, prints and writes."""
    classes = classes_of(config)
    model = build_model(config).to(get_device())
    loader = build_loader(config, options.limit)
    found = [measured(model, loader, path, options) for path in options.checkpoints]
    if get_rank():
        return
    found.sort(key=lambda each: each.figures.iteration)
    summaries, last = [each.figures for each in found], found[-1].features
    note = note_of(options.split, len(loader.dataset), last, classes)
    samples = last.statistics.counts.tolist()
    report = CollapseReport(options.split, options.config, classes, summaries, samples, note)
    folder = Path(config.work_dir) / 'collapse'
    figures = [*figures_of(report, found[-1], folder, options.map), *weight_figures({'': [config]})]
    paths = report.write(folder, figures, options.formats)
    values_table(report.last, f'Neural collapse: {summaries[-1].checkpoint}', [note]).print(console)
    console.print(f'Written: {", ".join(map(str, paths))} and {len(figures)} figures', soft_wrap=True)


def draw_schedules(options: argparse.Namespace, console: Console) -> None:
    """Writes the curves of the weights that change over training, in each stage.

    Raises:
        UsageError: If no weight does, or the config has a fault.
    """
    config = load_config(options, needs=('model', 'train_cfg'), last_stage=False)
    register_modules(config)
    stages = stages_of(config)
    for stage in stages:
        check_parts(stage)
    figures = weight_figures({'': stages})
    if not figures:
        hint = 'Name a checkpoint.'
        raise UsageError('ltseg collapse', 'a checkpoint, or a config with weights that change', 'neither', hint)
    path = write_figures(figures, Path(config.work_dir) / 'collapse', 'schedules', options.formats)
    console.print(f'Written: {path} and {len(figures)} figures', soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    os.environ.setdefault('LOCAL_RANK', str(options.local_rank))
    calm_warnings()
    with one_message_errors(), trusted_files(options.trust_files):
        if not options.checkpoints:
            draw_schedules(options, Console())
            return
        like = 'test' if options.split == 'test' else 'val'
        config = load_config(options, needs=('model', 'train_dataloader', f'{like}_dataloader'))
        register_modules(config)
        metas = [check_checkpoint(path) for path in options.checkpoints]
        choose_split(config, options.split)
        settle_ignored(config, training=False)
        check_config(config, training=False, trained=trained_classes(metas[0]))
        check_writable(Path(config.work_dir) / 'collapse' / 'any')
        if options.launcher != 'none':
            init_dist(options.launcher)
        analyze(config, options, Console())
