"""Which loss for these data? Trains many heads on features that a frozen backbone computes once, and compares them.

    ltseg choose configs/segformer-lite0_ce_camvid.py
    ltseg choose CONFIG --minutes 5 --images 100 --methods sqrt arb la
    ltseg choose CONFIG CHECKPOINT --seeds 5
    ltseg choose configs/classification/resnet50_ce_imagenetlt.py CHECKPOINT

CONFIG is of a segmentor whose backbone has weights, or CHECKPOINT gives them; neck and heads start anew. Of an image
classifier, backbone and neck are frozen and the head starts anew. Features of augmented training images and of the
validation images are kept in WORK_DIR/choose, and so is every run: the command goes on where it was killed. A method is
called better only if its whole curve over post-hoc adjustment lies above that of cross entropy by more than chance.
Short runs favour losses that weight rare classes, so cross entropy is trained once three times as long, and the answer
says whether that gains as much. It ends with a sentence, a table, a page, and a config to train.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from rich.console import Console

from ltseg.checkpoint_files.loading import trusted_files
from ltseg.cli.built_datasets import BuiltDatasets
from ltseg.cli.choosing.candidates import candidates, with_method
from ltseg.cli.choosing.feature_config import HeadTraining, on_features
from ltseg.cli.choosing.methods import BASELINE, Candidate
from ltseg.cli.choosing.outcome import settings_of, write_config, write_results
from ltseg.cli.choosing.schedule import cores, process_pool, run_jobs
from ltseg.cli.choosing.subject import Subject, check_subject, classes_of_images, subject_of
from ltseg.cli.choosing.verdict import verdict_of
from ltseg.cli.choosing.work import Job, is_done, load_counts
from ltseg.cli.config_files import add_common_arguments, load_config, register_modules
from ltseg.cli.errors import one_message_errors
from ltseg.cli.ignored import counted_label
from ltseg.cli.labels.run_labels import labels_of
from ltseg.cli.parser import command_parser
from ltseg.cli.runner import calm_warnings, silent_logger
from ltseg.cli.split_counts import count_split
from ltseg.cli.stage_checks import check_stage
from ltseg.cli.trust import add_trust_argument
from ltseg.cli.work_dir_lock import locked
from ltseg.config_parts import parts_of
from ltseg.core.checks import check_integer, check_positive
from ltseg.core.errors import UsageError
from ltseg.counts.image_counts import images_with_all_classes
from ltseg.counts.table import CountsTable
from ltseg.reports.record import RunRecord
from ltseg.trained.feature_caching import FeaturePlan, cache_features
from ltseg.trained.frozen_features import frozen_features_of
from ltseg.trained.model import build_model
from ltseg.trained.tau_curve import parse_taus
from ltseg.trained.weights import load_weights

__all__ = ['main']

WEIGHTS = ('pretrained', 'weights', 'checkpoint')  # keys under which a backbone names them


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = command_parser(__doc__)
    add_common_arguments(parser)
    add_trust_argument(parser)
    parser.add_argument('checkpoint', nargs='?', help='weights of the backbone (default: those that the config names)')
    parser.add_argument('--methods', nargs='+', metavar='NAME', help='beside cross entropy (default: all)')
    parser.add_argument('--seeds', type=int, default=3, help='training runs of each method (default: 3)')
    parser.add_argument('--minutes', type=float, default=30.0, help='that it may take (default: 30)')
    parser.add_argument('--images', type=int, help='training images, such that no class is lost (default: all)')
    parser.add_argument('--variants', type=int, default=4, help='draws of the augmentation of each (default: 4)')
    parser.add_argument('--iterations', type=int, help='of each head (default: 600; of a classifier 2,000)')
    parser.add_argument(
        '--longer', type=int, default=3, help='cross entropy is once trained so many times as long; 1: not (default: 3)'
    )
    parser.add_argument('--batch-size', type=int, help='features in a batch (default: 8; of a classifier 128)')
    parser.add_argument('--lr', type=float, default=3e-3, help='highest learning rate of AdamW (default: 0.003)')
    parser.add_argument('--tau', nargs='+', default=['-1', '...', '1.5'], help='of post-hoc adjustment')
    parser.add_argument('--workers', type=int, help='training runs at a time (default: one for each core)')
    return parser.parse_args(arguments)


def check_numbers(options: argparse.Namespace) -> None:
    for name in ('seeds', 'variants', 'iterations', 'longer', 'batch_size', 'images', 'workers'):
        if getattr(options, name) is not None:
            check_integer(f'--{name.replace("_", "-")}', getattr(options, name), 1)
    for name in ('minutes', 'lr'):
        check_positive(f'--{name}', getattr(options, name))


def fill_defaults(options: argparse.Namespace, subject: Subject) -> None:
    """Gives the options that depend on the model their defaults."""
    for name in ('iterations', 'batch_size'):
        if getattr(options, name) is None:
            setattr(options, name, getattr(subject, name))


def has_weights(config: Config, checkpoint: str | None) -> bool:
    """Whether the backbone begins with weights that have learned something."""
    if checkpoint or config.get('load_from') or isinstance(config.model.get('pretrained'), str):
        return True
    parts = parts_of(config.model.backbone, 'backbone')
    return any(isinstance(value := part.get(key), str) or value is True for _, part in parts for key in WEIGHTS)


def loaded_model(config: Config, checkpoint: str | None) -> Any:
    """The model with the weights of what is frozen."""
    torch.manual_seed(0)  # what has no weights is drawn alike when the command goes on
    with silent_logger():
        model = build_model(config)
        source, frozen = checkpoint or config.get('load_from'), frozen_features_of(config).modules(model)
        if source:
            load_weights(torch.nn.ModuleDict(frozen), source)  # the head in it may be for other classes
        else:
            check_neck(frozen.get('neck'))
            model.init_weights()
    return model.to('cuda' if torch.cuda.is_available() else 'cpu')


def check_neck(neck: torch.nn.Module | None) -> None:
    """Raises UsageError if a neck that is frozen, and that no checkpoint is of, has weights."""
    if neck is not None and next(neck.parameters(), None) is not None:
        hint = 'Give a CHECKPOINT that has them, or set a neck without weights.'
        raise UsageError('ltseg choose', 'trained weights of the neck, which is frozen', 'none', hint)


def warn_of_unseen(table: CountsTable, validation: CountsTable, console: Console, unit: str = 'pixels') -> None:
    """Names classes of the training data that validation cannot judge; ``unit`` is what a sample is."""
    samples = enumerate(validation.counts.samples.tolist())
    unseen = [table.class_names[index] for index, number in samples if not number and index != table.ignored_class]
    if unseen:
        console.print(
            f'No {unit.removesuffix("s")} of {", ".join(unseen)} in validation: nothing is said of them.',
            style='yellow',
        )


def features_of(
    config: Config, options: argparse.Namespace, dataset: Any, num_classes: int, root: Path
) -> dict[str, str]:
    """The folders of the features of both splits; ``dataset`` is that of training."""
    model = loaded_model(config, options.checkpoint)
    images = None
    if options.images is not None:
        images = images_with_all_classes(classes_of_images(config, dataset, num_classes), options.images)
    plans = (
        FeaturePlan('train', images, options.variants, batch_size=options.batch_size),
        FeaturePlan('val', batch_size=options.batch_size if subject_of(config).of_one_size else 1),
    )
    return {plan.split: str(cache_features(model, config, plan, root)) for plan in plans}


def job_of(
    method: Candidate, seed: int, config: Config, folders: Mapping[str, str], table: Path, root: Path,
    training: HeadTraining, options: argparse.Namespace,
) -> Job:  # fmt: skip
    """The training run of a method, whose folder has a hash of all its settings."""
    changed = with_method(config, method)
    values = on_features(changed, folders, str(table), training, seed, method.sampler).to_dict()
    taus = parse_taus(options.tau)
    mark = hashlib.sha256(json.dumps([values, taus], sort_keys=True, default=str).encode()).hexdigest()[:8]
    labels = labels_of([changed])
    return Job(
        method.name, method.title, values, str(root / f'{method.name}-seed{seed}-{mark}'), seed, taus,
        counted_label(config, 'val'), str(table), labels['model'], labels['dataset'], options.trust_files,
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    begin, console = time.monotonic(), Console()
    check_numbers(options)
    config = load_config(options, ('model', 'train_dataloader', 'val_dataloader', 'val_evaluator'))
    register_modules(config)
    check_subject(config)
    subject = subject_of(config)
    fill_defaults(options, subject)
    methods = candidates(options.methods, config)
    datasets = BuiltDatasets()
    check_stage(config, True, datasets)
    if not has_weights(config, options.checkpoint):
        text = 'The backbone has no pretrained weights: features of a random network say nothing about the data.'
        console.print(text, style='yellow')
    folder = Path(config.work_dir) / 'choose'
    with locked(str(folder)):
        dataset = datasets.readable(config, 'train')
        table = count_split(config, 'train', dataset)
        path = folder / 'class_counts.json'
        table.save(path)
        validation = count_split(config, 'val', datasets.readable(config, 'val'))
        warn_of_unseen(table, validation, console, subject.task.unit)
        folders = features_of(config, options, dataset, len(table.class_names), folder / 'features')

        def run_of(method: Candidate, seed: int, iterations: int = options.iterations) -> Job:
            training = HeadTraining(iterations, options.batch_size, options.lr)
            return job_of(method, seed, config, folders, path, folder / 'runs', training, options)

        jobs = [run_of(method, seed) for seed in range(options.seeds) for method in methods]
        if options.longer > 1:  # behind two seeds of each method, with which there is an answer
            jobs.insert(2 * len(methods), run_of(methods[0], 0, options.longer * options.iterations))
        left, failed = train_all(jobs, options, begin, console)
        done = [job for job in jobs if is_done(job.work_dir)]
        settings = settings_of(options, subject.head)
        finish(methods, done, options.iterations, config, settings, folder, console)
        if left:
            names = ', '.join(job.label for job in left)
            console.print(f'Left out for want of time: {names}. The same command goes on with them.', style='yellow')
        for run_dir, message in failed.items():
            console.print(f'Failed: {Path(run_dir).name}: {message}', style='yellow')


def train_all(
    jobs: Sequence[Job], options: argparse.Namespace, begin: float, console: Console
) -> tuple[list[Job], dict[str, str]]:
    """Trains what is not done; returns what there was no time for, and what failed with the reasons."""
    waiting, failed = [job for job in jobs if not is_done(job.work_dir)], {}
    workers = options.workers or (1 if torch.cuda.is_available() else cores())

    def report(job: Job, seconds: float, message: str) -> None:
        if message:
            failed[job.work_dir] = message
        console.print(f'{job.label}: {message or f"{seconds:.0f} s"}', highlight=False)

    left = 60 * options.minutes - (time.monotonic() - begin)
    if not waiting:
        return [], failed
    workers = min(workers, len(waiting))
    with process_pool(workers) as pool:
        return run_jobs(waiting, pool, workers, left, report), failed


def finish(
    methods: Sequence[Candidate], done: Sequence[Job], iterations: int, config: Config, settings: str, folder: Path,
    console: Console,
) -> None:  # fmt: skip
    """Compares what is done, prints and writes it; a run longer than ``iterations`` is no seed of its method."""
    longer = [job for job in done if job.iterations != iterations]
    done = [job for job in done if job.iterations == iterations]
    runs = {each.name: [load_counts(job.work_dir) for job in done if job.method == each.name] for each in methods}
    if not runs[BASELINE]:
        raise UsageError('ltseg choose', 'a run of cross entropy', 'none that ended', 'Mend what its line says.')
    titles = {method.name: method.title for method in methods}
    long_runs = [load_counts(job.work_dir) for job in longer]
    title = f'{titles[BASELINE]}, {longer[0].iterations:,} iterations' if longer else ''
    groups = dict(RunRecord.load(done[0].record).evaluation.groups.items())
    axes = subject_of(config).axes
    verdict = verdict_of(titles, runs, BASELINE, done[0].taus, (title, long_runs), axes, groups)
    chosen = next(method for method in methods if method.name == next(iter(verdict.better), BASELINE))
    target = folder / 'chosen.py'
    tau = verdict.winner.best_tau(verdict.taus)
    write_config(target, config, settings, chosen, verdict.sentence(), tau)
    written = (*write_results(verdict, done, folder), target)
    verdict.table().print(console)
    console.print(verdict.sentence(), style='bold', highlight=False)
    console.print(f'Written: {", ".join(map(str, written))}', soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    calm_warnings()
    with one_message_errors(), trusted_files(options.trust_files):
        run(options)
