"""Evaluates a checkpoint and reports every class.

    ltseg test configs/deeplabv3plus_arb_cityscapes.py work_dirs/deeplabv3plus_arb_cityscapes/iter_80000.pth
    ltseg test configs/classification/resnet32_ce_cifar10lt100.py CHECKPOINT --nearest-mean cl2n

Prints the table and writes it as CSV, JSON and Markdown to WORK_DIR/reports/, and the record of the run, with the
confusion matrix, to WORK_DIR/records/; with --tta to the same folders in WORK_DIR/tta/, with --nearest-mean FORM in
WORK_DIR/nearest_mean_FORM/.

--nearest-mean puts the nearest class mean in place of an image classifier's last layer: the means of the features of
the training images as they are (un), with length 1 (l2n), or with length 1 after their mean was subtracted (cl2n).
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.runner import Runner
from rich.console import Console

from ltseg.checkpoint_files.loading import trusted_files
from ltseg.cli.built_datasets import BuiltDatasets
from ltseg.cli.checkpoints import check_checkpoint
from ltseg.cli.checks import check_config
from ltseg.cli.config_files import add_common_arguments, load_config, register_modules, training_images
from ltseg.cli.dry_run import dry_run
from ltseg.cli.errors import one_message_errors
from ltseg.cli.ignored import settle_ignored
from ltseg.cli.label_faults import trained_classes
from ltseg.cli.monitored import give_any_rule
from ltseg.cli.nearest_mean import ClassifyByNearestMean
from ltseg.cli.parser import command_parser
from ltseg.cli.pictures import NumberedPictures, check_prediction_names, number_pictures
from ltseg.cli.run_records import RunSource, evaluation_of, record_of, training_of
from ltseg.cli.runner import ReportingRunner, build_runner, calm_warnings
from ltseg.cli.stages import stages_of
from ltseg.cli.trust import add_trust_argument
from ltseg.core.errors import UsageError
from ltseg.core.files import check_writable, naming_folder
from ltseg.core.nearest_mean import FEATURE_FORMS
from ltseg.metrics.task import CLASSIFICATION, task_of
from ltseg.nested_datasets import innermost_configs, innermost_datasets
from ltseg.reports.class_table import render, write_report
from ltseg.trained.weights import check_weights

VISUALIZER = {'type': 'SegLocalVisualizer', 'vis_backends': [{'type': 'LocalVisBackend'}], 'name': 'visualizer'}


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = command_parser(__doc__)
    add_common_arguments(parser)
    add_trust_argument(parser)
    parser.add_argument('checkpoint', help='file with the weights')
    parser.add_argument('--split', choices=['train', 'val', 'test'], default='test', help='default: test')
    parser.add_argument('--out', help='folder for the predictions as PNG files, or of a classifier as CSV')
    parser.add_argument('--show', action='store_true', help='show the predictions')
    parser.add_argument('--show-dir', help='folder for pictures of the predictions')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds between two shown images')
    parser.add_argument('--tta', action='store_true', help='test-time augmentation, as the config has it')
    parser.add_argument('--nearest-mean', choices=FEATURE_FORMS, metavar='FORM', help='un, l2n or cl2n, see above')
    parser.add_argument('--name', help='name of the run in reports')
    parser.add_argument('--method', help='name of the method in reports')
    return parser.parse_args(arguments)


def apply_options(config: Config, options: argparse.Namespace) -> None:
    """Puts the flags into the config."""
    if options.split != 'test':
        config.test_dataloader, config.test_evaluator = config.val_dataloader, config.val_evaluator
    if options.split == 'train':
        config.test_dataloader.dataset = training_images(config)
    if options.out:
        metrics = config.test_evaluator if isinstance(config.test_evaluator, list) else [config.test_evaluator]
        for metric in metrics:
            metric.output_dir = options.out
    is_classifier = task_of(config) is CLASSIFICATION
    if (options.show or options.show_dir) and not is_classifier:
        kind = ConfigDict(type='SegVisualizationHook')
        hook = config.setdefault('default_hooks', ConfigDict()).setdefault('visualization', kind)
        hook.update(draw=True, interval=1, show=options.show, wait_time=options.wait_time)
        if options.show_dir:
            config.setdefault('visualizer', ConfigDict(VISUALIZER))
            config.visualizer.save_dir = options.show_dir
    if options.tta:
        if not config.get('tta_pipeline') or not config.get('tta_model'):
            raise UsageError('--tta', 'tta_pipeline and tta_model in the config', 'none', 'Leave --tta out.')
        for dataset in innermost_configs(config.test_dataloader.dataset):
            dataset['pipeline'] = config.tta_pipeline
        config.tta_model.module = config.model
        config.model = config.tta_model
    if options.nearest_mean and not is_classifier:
        raise UsageError('--nearest-mean', "an image classifier (default_scope = 'mmpretrain')", 'a segmentor')
    config.load_from = options.checkpoint


def drawing_options(config: Config, options: argparse.Namespace) -> dict[str, Any]:
    """How an image classifier's predictions are drawn: as the config's own hook would, but for the flags."""
    own = (config.get('default_hooks') or {}).get('visualization') or {}
    kept = {key: value for key, value in own.items() if key not in ('type', 'enable', 'interval')}
    return {**kept, 'show': options.show, 'wait_time': options.wait_time, 'out_dir': options.show_dir}


def source_of(stages: Sequence[Config], options: argparse.Namespace) -> RunSource:
    """What the record says of the run, as far as the config and the command line know."""
    how = {key: value for key, value in (('tta', options.tta), ('nearest_mean', options.nearest_mean)) if value}
    settings = {**(options.cfg_options or {}), **how}
    given = {'name': options.name, 'method': options.method, 'settings': settings}
    return RunSource.of_test(options.config, stages, options.split, given, **how)


def check_evaluation(config: Config, meta: dict[str, Any], options: argparse.Namespace) -> None:
    """Checks the config with the flags in it, and the classes that the checkpoint says it was trained with."""
    datasets = BuiltDatasets()  # gone before the evaluation
    check_config(config, training=False, trained=trained_classes(meta), datasets=datasets)
    if not options.tta:  # whose pipelines give several images for one
        dry_run(config, training=False, datasets=datasets)


def keep_folders(runner: Runner) -> None:
    """Lets predictions be written to the folders of their images."""
    parts = innermost_datasets(runner.test_dataloader.dataset)
    roots = [(getattr(part, 'data_prefix', None) or {}).get('img_path') for part in parts]
    for metric in runner.test_evaluator.metrics:
        if hasattr(metric, 'image_root') and all(roots):
            metric.image_root = os.path.commonpath(map(str, roots))


def report(
    runner: Runner, options: argparse.Namespace, meta: dict[str, Any], source: RunSource, metrics: dict[str, Any]
) -> None:
    """Writes the files, then prints the table."""
    console, evaluation = Console(), evaluation_of(runner.test_loop)
    predictions = [metric for metric in runner.test_evaluator.metrics if getattr(metric, 'format_only', False)]
    if evaluation is None and predictions:
        console.print(f'No report, because of format_only: the predictions are in {predictions[0].output_dir}.')
        return
    if evaluation is None:
        metric = 'LongTailAccuracy' if task_of(runner.cfg) is CLASSIFICATION else 'LongTailIoU'
        console.print(f"No report: the evaluator is no dict(type='ltseg.{metric}').")
        return
    folder = Path(runner.work_dir)
    record = record_of(evaluation, options.split, source, training_of(meta, folder / 'records', source.stages), metrics)
    if options.tta:
        folder, record = folder / 'tta', replace(record, method=f'{record.method} + TTA')
    if options.nearest_mean:
        form = options.nearest_mean
        folder, record = folder / f'nearest_mean_{form}', replace(record, method=f'{record.method} + NCM ({form})')
    paths = [*write_report(record, folder / 'reports'), record.save(folder / 'records' / f'{options.split}.json')]
    render(record, console)
    console.print('Written: ' + ', '.join(str(path) for path in paths), soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    os.environ.setdefault('LOCAL_RANK', str(options.local_rank))
    calm_warnings()
    with one_message_errors(), trusted_files(options.trust_files):
        like = 'test' if options.split == 'test' else 'val'
        parts = ['test_cfg', f'{options.split}_dataloader', f'{like}_dataloader', f'{like}_evaluator']
        parts += ['train_dataloader', 'val_dataloader'] if options.nearest_mean else []
        whole = load_config(options, needs=('model', *dict.fromkeys(parts)), last_stage=False)
        register_modules(whole)
        stages = stages_of(whole)
        config, source = stages[-1], source_of(stages, options)  # before flags change the config
        meta = check_checkpoint(options.checkpoint)
        apply_options(config, options)
        settle_ignored(config, training=False)
        check_evaluation(config, meta, options)
        give_any_rule(config)
        folders = (Path(config.work_dir) / 'records', options.out, options.show_dir)
        check_writable(*(Path(folder) / 'any' for folder in folders if folder))
        runner = build_runner(config, ReportingRunner)
        check_weights(runner.model, options.checkpoint)
        keep_folders(runner)
        if options.out:
            check_prediction_names(runner)
        if (options.show or options.show_dir) and task_of(config) is CLASSIFICATION:
            runner.register_hook(NumberedPictures(**drawing_options(config, options)))
        if options.show_dir and task_of(config) is not CLASSIFICATION:
            number_pictures(runner)
        if options.nearest_mean:
            loader = {**config.test_dataloader, 'dataset': training_images(config)}
            runner.register_hook(ClassifyByNearestMean(loader, options.nearest_mean))
        with naming_folder(config.work_dir):
            metrics = runner.test()
        if runner.rank == 0:
            report(runner, options, meta, source, metrics)
