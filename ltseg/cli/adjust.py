"""Post-hoc adjustment of a trained segmentor or image classifier for many tau, in one pass over the data.

    ltseg adjust CONFIG CHECKPOINT
    ltseg adjust CONFIG CHECKPOINT --tau -1 ... 1.5 --criterion mIoU_tail --fold-into adjusted.pth
    ltseg adjust CONFIG CHECKPOINT --by norm

--by prior is logit adjustment, z_k - tau * log pi_k. A positive tau helps rare classes; a negative one moves a model
that was trained with the prior in its loss part of the way back. --by norm is tau-normalisation, which divides the
class vectors by |w_k|^tau and leaves the bias out; tau = 0 is the model as it is, bias included. Tau is chosen on one
split and reported on another, or fixed in advance with --fixed 1, as for data sets without a validation split.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from ltseg.checkpoint_files.loading import trusted_files
from ltseg.cli.checkpoints import check_checkpoint
from ltseg.cli.checks import check_config
from ltseg.cli.config_files import add_common_arguments, load_config, register_modules
from ltseg.cli.errors import one_message_errors
from ltseg.cli.ignored import settle_ignored
from ltseg.cli.label_faults import trained_classes
from ltseg.cli.parser import command_parser
from ltseg.cli.run_records import RunSource, record_of, training_of
from ltseg.cli.runner import calm_warnings
from ltseg.cli.stages import stages_of
from ltseg.cli.trust import add_trust_argument
from ltseg.core.checks import check_range
from ltseg.core.files import check_writable
from ltseg.core.posthoc import log_prior_of
from ltseg.heads.folding import check_foldable, fold_norm, fold_prior, save_folded
from ltseg.reports.figures.renderer import save_figure
from ltseg.reports.record import RunRecord
from ltseg.reports.tau_report import adjusted_record, curve_figure, curve_points, curve_table, same_result
from ltseg.trained.model import SPLITS, TrainedModel
from ltseg.trained.tasks import trained_model
from ltseg.trained.tau_curve import LARGEST_TAU, WAYS, TauCurve, parse_taus

TAUS = {'prior': ('-1', '...', '1.5'), 'norm': ('0', '0.1', '...', '2')}
FILES = {'prior': ('posthoc', 'tau_curve'), 'norm': ('tau_norm', 'tau_norm_curve')}  # record and picture
MOST_SAMPLES = 2**53  # up to which floats count exactly


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = command_parser(__doc__)
    add_common_arguments(parser)
    add_trust_argument(parser)
    parser.add_argument('checkpoint', help='file with the weights')
    parser.add_argument('--by', choices=tuple(WAYS), default='prior', help='logit adjustment or tau-normalisation')
    parser.add_argument(
        '--tau', nargs='+', help="numbers; '...' continues the row (default: -1 ... 1.5; --by norm: 0 0.1 ... 2)"
    )
    parser.add_argument('--fixed', type=float, metavar='TAU', help='report this tau and choose none')
    parser.add_argument('--prior', help='counts table of the training labels (default: they are counted)')
    parser.add_argument('--floor', type=float, default=0.0, help='raise training counts below it to it')
    parser.add_argument('--select-on', choices=SPLITS, default='val', help='split that tau is chosen on')
    parser.add_argument('--report-on', choices=SPLITS, default='test', help='split that is reported')
    metrics = 'metric that chooses tau: mIoU (default), mIoU_tail, mAcc, IoU/car; accuracy/top1 (default), accuracy/few'
    parser.add_argument('--criterion', help=metrics)
    parser.add_argument('--fold-into', help='write a checkpoint with the chosen tau in the weights of the classifier')
    return parser.parse_args(arguments)


def curves_of(model: TrainedModel, taus: tuple[float, ...], options: argparse.Namespace) -> tuple[TauCurve, TauCurve]:
    """The curves to choose from and to report; the same where nothing is chosen."""
    if options.fixed is not None:
        curve = model.curve(options.report_on, taus, options.floor, options.by)
        return curve, curve
    selection = model.curve(options.select_on, taus, options.floor, options.by)
    if options.select_on == options.report_on or model.same_data(options.select_on, options.report_on):
        return selection, selection
    return selection, model.curve(options.report_on, taus, options.floor, options.by)


def print_curves(
    selection: TauCurve, report: TauCurve, chosen: float, criterion: str, options: argparse.Namespace, console: Console
) -> None:
    """The tables, the groups, and what the choice changes."""
    if selection is report and options.fixed is None:
        console.print('Note: tau is chosen and reported on the same images, which flatters it.', style='yellow')
    for curve in dict.fromkeys((selection, report)):
        curve_table(curve, chosen, options.by).print(console)
    evaluation, before = report.at(chosen), report.at(0.0).means()
    console.print(evaluation.groups.describe(evaluation.class_names), highlight=False)
    after = evaluation.means()
    known = (key for key in evaluation.task.headline if not math.isnan(after[key]))
    changes = ', '.join(f'{key} {before[key]:.2f} -> {after[key]:.2f}' for key in known)
    why = f'has the best {criterion} on {selection.split}' if options.fixed is None else 'is fixed'
    console.print(f'tau = {chosen:g} {why}. On {report.split}: {changes}')


def base_record(
    options: argparse.Namespace, folder: Path, report: TauCurve, source: RunSource, meta: Mapping[str, Any]
) -> RunRecord:
    """The record that ltseg test wrote of the same results, else a new one.

    A curve of logit adjustment is added to the file of that record.
    """
    path = folder / f'{report.split}.json'
    if path.is_file() and same_result(RunRecord.load(path).evaluation, report.at(0.0)):
        record = RunRecord.load(path)
        if options.by == 'prior':
            record = replace(record, tau_curve=curve_points(report))
            record.save(path)
        return record
    return record_of(report.at(0.0), report.split, source, training_of(meta, folder, source.stages))


def fold(model: TrainedModel, tau: float, options: argparse.Namespace) -> str:
    """Writes the checkpoint with the adjusted classifier; returns what was changed."""
    batch, note = next(iter(model.loader(options.select_on))), {'tau': tau, 'checkpoint': options.checkpoint}
    if options.by == 'prior':
        log_prior = log_prior_of(model.table.learned.samples, options.floor)
        keys = [fold_prior(model.model, log_prior, tau, batch)]
        note['log_prior'], change = log_prior.tolist(), f'{keys[0]} -= {tau:g} * log prior'
    else:
        keys = fold_norm(model.model, tau, batch)
        note['adjustment'], change = 'norm', f'{keys[0]} /= norm ** {tau:g}' + (', bias 0' if tau and keys[1:] else '')
    state = model.model.state_dict()
    save_folded(options.checkpoint, options.fold_into, {key: state[key] for key in keys}, note)
    return change


def run(options: argparse.Namespace) -> None:
    console = Console()
    taus = parse_taus(options.tau or TAUS[options.by])
    check_range('--floor', options.floor, 0, MOST_SAMPLES)
    if options.fixed is not None:
        check_range('--fixed', options.fixed, -LARGEST_TAU, LARGEST_TAU)
        taus = tuple(sorted({*taus, options.fixed}))
    whole = load_config(options, last_stage=False)
    register_modules(whole)
    stages = stages_of(whole)
    config, source = stages[-1], RunSource.of_test(options.config, stages, options.report_on, {})
    meta = check_checkpoint(options.checkpoint)
    settle_ignored(config, training=False)
    check_config(config, training=False, trained=trained_classes(meta))
    check_writable(Path(config.work_dir) / 'records' / 'any', *([options.fold_into] if options.fold_into else []))
    model = trained_model(config, options.checkpoint, options.prior)
    criterion = options.criterion or model.task.axes[0]
    model.check_criterion(criterion)
    if options.fold_into:
        check_foldable(model.model, options.checkpoint, options.fold_into, options.by)
    selection, report = curves_of(model, taus, options)
    chosen = selection.best(criterion) if options.fixed is None else options.fixed
    folder, (ending, picture_name) = Path(config.work_dir), FILES[options.by]
    picture = folder / 'reports' / f'{report.split}_{picture_name}.png'
    save_figure(curve_figure(list(dict.fromkeys((selection, report))), chosen, options.by), picture)
    base = base_record(options, folder / 'records', report, source, meta)
    record = adjusted_record(base, selection, report, criterion, options.by, options.fixed)
    path = record.save(folder / 'records' / f'{report.split}_{ending}.json')
    change = fold(model, chosen, options) if options.fold_into else None
    print_curves(selection, report, chosen, criterion, options, console)
    console.print(f'Written: {path}, {picture}', soft_wrap=True)
    if change:
        console.print(f'Written: {options.fold_into}, {change}', soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    calm_warnings()
    with one_message_errors(), trusted_files(options.trust_files):
        run(options)
