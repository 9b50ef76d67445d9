"""Post-hoc logit adjustment of a trained segmentor: z_k - tau * log pi_k for many tau, in one pass over the data.

    python tools/adjust_logits.py CONFIG CHECKPOINT
    python tools/adjust_logits.py CONFIG CHECKPOINT --tau -1 ... 1.5 --criterion mIoU_tail --fold-into adjusted.pth

A positive tau helps rare classes; a negative one moves a model that was trained with the prior in its loss part of the
way back. Tau is chosen on one split and reported on another.
"""

import ltseg.compat  # noqa: F401  isort: skip
import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ltseg.core.posthoc import log_prior_of
from ltseg.heads.folding import check_foldable, fold_prior, save_folded
from ltseg.launch.checkpoints import check_checkpoint
from ltseg.launch.checks import check_config
from ltseg.launch.configs import add_host_arguments, load_config, register_hosts
from ltseg.launch.errors import one_message_errors
from ltseg.launch.recording import names_of
from ltseg.launch.terminal import calm_warnings
from ltseg.reports.record import RunRecord, commit_of
from ltseg.reports.tau_curve import TauCurve, parse_taus
from ltseg.reports.tau_report import adjusted_record, curve_figure, curve_points, curve_table, same_result
from ltseg.reports.trained_segmentor import SPLITS, TrainedSegmentor


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_host_arguments(parser)
    parser.add_argument('checkpoint', help='file with the weights')
    parser.add_argument('--tau', nargs='+', default=['-1', '...', '1.5'], help="numbers; '...' continues the row")
    parser.add_argument('--prior', help='counts table of the training labels (default: they are counted)')
    parser.add_argument('--floor', type=float, default=0.0, help='raise training counts below it to it')
    parser.add_argument('--select-on', choices=SPLITS, default='val', help='split that tau is chosen on')
    parser.add_argument('--report-on', choices=SPLITS, default='test', help='split that is reported')
    parser.add_argument('--criterion', default='mIoU', help='metric that chooses tau: mIoU, mIoU_tail, mAcc, IoU/car')
    parser.add_argument('--fold-into', help='write a checkpoint with the chosen tau in the bias of the classifier')
    return parser.parse_args(arguments)


def curves_of(
    segmentor: TrainedSegmentor, taus: tuple[float, ...], options: argparse.Namespace, console: Console
) -> tuple[TauCurve, TauCurve]:
    """The curves to choose from and to report."""
    selection = segmentor.curve(options.select_on, taus, options.floor)
    if options.select_on == options.report_on or segmentor.same_data(options.select_on, options.report_on):
        console.print('Note: tau is chosen and reported on the same images, which flatters it.', style='yellow')
        return selection, selection
    return selection, segmentor.curve(options.report_on, taus, options.floor)


def print_curves(selection: TauCurve, report: TauCurve, criterion: str, console: Console) -> None:
    """The tables, the groups, and what the choice changes."""
    chosen = selection.best(criterion)
    for curve in dict.fromkeys((selection, report)):
        console.print(curve_table(curve, chosen))
    evaluation, before = report.at(chosen), report.at(0.0).metrics()
    console.print(evaluation.groups.describe(evaluation.class_names), highlight=False)
    changes = (f'{key} {before[key]:.2f} -> {evaluation.metrics()[key]:.2f}' for key in ('mIoU', 'mAcc', 'mIoU_tail'))
    console.print(
        f'tau = {chosen:g} has the best {criterion} on {selection.split}. On {report.split}: ' + ', '.join(changes)
    )


def base_record(options: argparse.Namespace, folder: Path, report: TauCurve) -> RunRecord:
    """The record that tools/test.py wrote of the same results, with the curve added to the file; else a new one."""
    path = folder / f'{report.split}.json'
    if path.is_file() and same_result(RunRecord.load(path).evaluation, report.at(0.0)):
        record = replace(RunRecord.load(path), tau_curve=curve_points(report))
        record.save(path)
        return record
    names = names_of(options.config)
    commit = commit_of(Path(__file__).parent)
    return RunRecord(**names, split=report.split, evaluation=report.at(0.0), config=options.config, commit=commit)


def fold(segmentor: TrainedSegmentor, tau: float, options: argparse.Namespace) -> str:
    """Writes the checkpoint with the folded prior; returns what was changed."""
    log_prior = log_prior_of(segmentor.table.counts.samples, options.floor)
    key = fold_prior(segmentor.model, log_prior, tau, next(iter(segmentor.loader(options.select_on))))
    note = {'tau': tau, 'log_prior': log_prior.tolist(), 'checkpoint': options.checkpoint}
    save_folded(options.checkpoint, options.fold_into, key, segmentor.model.state_dict()[key], note)
    return key


def run(options: argparse.Namespace) -> None:
    console = Console()
    taus = parse_taus(options.tau)
    config = load_config(options)
    register_hosts(config)
    check_checkpoint(options.checkpoint)
    check_config(config, training=False)
    segmentor = TrainedSegmentor(config, options.checkpoint, options.prior)
    segmentor.check_criterion(options.criterion)
    if options.fold_into:
        check_foldable(segmentor.model, options.checkpoint, options.fold_into)
    selection, report = curves_of(segmentor, taus, options, console)
    chosen = selection.best(options.criterion)
    print_curves(selection, report, options.criterion, console)
    folder = Path(config.work_dir)
    picture = folder / 'reports' / f'{report.split}_tau_curve.png'
    curve_figure(list(dict.fromkeys((selection, report))), chosen, picture)
    base = base_record(options, folder / 'records', report)
    record = adjusted_record(base, selection, report, options.criterion)
    path = record.save(folder / 'records' / f'{report.split}_posthoc.json')
    console.print(f'Written: {path}, {picture}', soft_wrap=True)
    if options.fold_into:
        key = fold(segmentor, chosen, options)
        console.print(f'Written: {options.fold_into}, {key} -= {chosen:g} * log prior', soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    calm_warnings()
    with one_message_errors():
        run(options)


if __name__ == '__main__':
    main()
